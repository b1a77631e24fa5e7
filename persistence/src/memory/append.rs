//! Appending in memory: first everything that can be refused, then the inserts, which cannot fail.

use artel_core::envelope::Producer;
use artel_core::ids::{ArtifactId, Seq};
use artel_core::log::{ArtifactRow, ClosedActivation, Error, Outcome, Rows};
use artel_core::record::BatchHeader;

use super::handle::PLACE;
use super::state::{Artifact, State, next_place};
use crate::check::{Checked, Flaw};

pub(super) fn append(state: &mut State, handle: u64, checked: Checked) -> Result<(), Error> {
    let header = checked.append.batch.header;
    continues(state, handle, &header)?;
    if state.head.seq > Seq(0) && checked.earliest < state.head.at {
        return Err(Flaw::Dated { at: checked.earliest.as_millis() }.into());
    }
    // Nobody looks into this memory by other means than the log's own: names and operations are for them.
    let Rows { artifacts, contents, keys, closed, reopened, cancelled, names: _, operations: _ } =
        checked.append.rows;
    reserve_ids(state, &artifacts)?;

    state.head.seq = header.last;
    state.head.hash = header.hash;
    state.head.at = header.at;
    state.batches.push(checked.append.batch);
    for row in artifacts {
        insert_artifact(state, row);
    }
    state.contents.extend(contents);
    for row in keys {
        if let Some(&place) = state.ids.get(&row.id) {
            state.keys.insert(row.key, place);
        }
    }
    for activation in reopened {
        state.reopen(activation);
    }
    for row in closed {
        insert_closed(state, row);
    }
    for correlation in cancelled {
        state.trees.entry(correlation).or_default().cancelled = true;
    }
    Ok(())
}

fn continues(state: &State, handle: u64, header: &BatchHeader) -> Result<(), Error> {
    let head = &state.head;
    if header.epoch < head.epoch {
        return Err(Error::Fenced { epoch: header.epoch, newest: head.epoch });
    }
    let owned = state.owner.as_ref().is_some_and(|held| held.handle == handle);
    if !owned || header.epoch != head.epoch {
        return Err(Error::NotOwned { place: PLACE.to_owned(), epoch: header.epoch });
    }
    let expected = header.first.get().saturating_sub(1);
    if expected != head.seq.get() || header.previous != head.hash {
        return Err(Error::Conflict { expected: Seq(expected), head: head.seq });
    }
    Ok(())
}

/// Enters the ids of all artifacts, or none of them when one is taken.
fn reserve_ids(state: &mut State, artifacts: &[ArtifactRow]) -> Result<(), Error> {
    let first = next_place(&state.artifacts);
    for (offset, (place, row)) in (first..).zip(artifacts).enumerate() {
        let id: ArtifactId = row.envelope().id;
        if let Some(taken) = state.ids.insert(id, place) {
            for entered in &artifacts[..=offset] {
                state.ids.remove(&entered.envelope().id);
            }
            if taken < first {
                state.ids.insert(id, taken);
            }
            return Err(Flaw::Taken(id).into());
        }
    }
    Ok(())
}

fn insert_artifact(state: &mut State, row: ArtifactRow) {
    let place = next_place(&state.artifacts);
    let envelope = &row.draft.envelope;
    state.types.entry(envelope.type_no).or_default().push(place);
    if let Producer::Agent { agent, .. } = &envelope.producer {
        state.agents.entry(*agent).or_default().push(place);
    }
    for tag in &envelope.tags {
        state.tags.entry(tag.clone()).or_default().push(place);
    }
    state.trees.entry(envelope.correlation).or_default().artifacts.push(place);
    let ArtifactRow { seq, at, draft, payload, value: _ } = row;
    state.artifacts.push(Artifact { seq, at, draft, payload });
}

fn insert_closed(state: &mut State, row: ClosedActivation) {
    state.reopen(row.activation);
    for &input in &row.inputs {
        let activations = state.worked_on.entry(input).or_default();
        if !activations.contains(&row.activation) {
            activations.push(row.activation);
        }
    }
    if row.outcome != Outcome::Done {
        state.not_done.insert(row.activation);
    }
    let tree = state.trees.entry(row.correlation).or_default();
    tree.closed.push(row.activation);
    if matches!(row.outcome, Outcome::Dead(_)) {
        tree.dead += 1;
    }
    state.closed.insert(row.activation, next_place(&state.closed_rows));
    state.closed_rows.push(row);
}
