//! The baseline of a board in memory: one loop, in one task, that puts the same batches, rows and
//! payloads into the same kinds of lists and maps as the log in memory has. Nothing is copied, and
//! nothing is checked.

use std::collections::BTreeMap;

use artel::envelope::Producer;
use artel::ids::{ActivationId, AgentNo, ArtifactId, CorrelationId, Seq, TypeNo};
use artel::log::{ClosedActivation, Log, StoredArtifact};
use artel::names::Tag;
use artel::record::Batch;

use super::Baseline;
use super::source::{Chunk, Part, Source, Watch};
use crate::bench::Progress;
use crate::bench::error::Error;

/// What the loop fills.
#[derive(Default)]
struct Store {
    batches: Vec<Batch>,
    artifacts: Vec<StoredArtifact>,
    ids: BTreeMap<ArtifactId, usize>,
    types: BTreeMap<TypeNo, Vec<usize>>,
    agents: BTreeMap<AgentNo, Vec<usize>>,
    tags: BTreeMap<Tag, Vec<usize>>,
    trees: BTreeMap<CorrelationId, Tree>,
    closed_rows: Vec<ClosedActivation>,
    closed: BTreeMap<ActivationId, usize>,
    worked_on: BTreeMap<Seq, Vec<ActivationId>>,
}

#[derive(Default)]
struct Tree {
    artifacts: Vec<usize>,
    closed: Vec<ActivationId>,
}

/// Writes a log's rows, and says what those of the part took.
pub(crate) async fn write(
    log: &dyn Log,
    part: Part,
    progress: &dyn Progress,
) -> Result<Baseline, Error> {
    progress.begin("baseline", log.head().await?.seq.get());
    let mut store = Store::default();
    let mut source = Source::new(log, true);
    let mut watch = Watch::default();
    while let Some(chunk) = source.next().await? {
        store.write(chunk, part, &mut watch);
        progress.reach(store.batches.last().map_or(0, |batch| batch.header.last.get()));
    }
    let rows = store.compare(log).await?;
    Ok(Baseline { took: watch.took, batches: watch.batches, rows })
}

impl Store {
    fn write(&mut self, chunk: Chunk, part: Part, watch: &mut Watch) {
        let mut artifacts = chunk.artifacts.into_iter().peekable();
        let mut closed = chunk.closed.into_iter().peekable();
        for batch in chunk.batches {
            let last = batch.header.last;
            watch.batch(part, last);
            self.batches.push(batch);
            while let Some(row) = artifacts.next_if(|row| row.seq <= last) {
                self.artifact(row);
            }
            while let Some(row) = closed.next_if(|row| row.ended <= last) {
                self.closed(row);
            }
        }
        watch.pause();
    }

    fn artifact(&mut self, row: StoredArtifact) {
        let place = self.artifacts.len();
        let envelope = &row.envelope;
        self.ids.insert(envelope.id, place);
        self.types.entry(envelope.type_no).or_default().push(place);
        if let Producer::Agent { agent, .. } = &envelope.producer {
            self.agents.entry(*agent).or_default().push(place);
        }
        for tag in &envelope.tags {
            self.tags.entry(tag.clone()).or_default().push(place);
        }
        self.trees.entry(envelope.correlation).or_default().artifacts.push(place);
        self.artifacts.push(row);
    }

    fn closed(&mut self, row: ClosedActivation) {
        for &input in &row.inputs {
            self.worked_on.entry(input).or_default().push(row.activation);
        }
        self.trees.entry(row.correlation).or_default().closed.push(row.activation);
        self.closed.insert(row.activation, self.closed_rows.len());
        self.closed_rows.push(row);
    }

    /// Compares what was written with the log, row by row, found by id as a query would.
    async fn compare(&self, log: &dyn Log) -> Result<u64, Error> {
        let differs = |problem: String| Err(Error::Differs { problem });
        let (mut batches, mut artifacts, mut closed) = (0, 0, 0);
        let mut source = Source::new(log, true);
        while let Some(chunk) = source.next().await? {
            for batch in &chunk.batches {
                if self.batches.get(batches) != Some(batch) {
                    return differs(format!("the batch up to seq {}", batch.header.last));
                }
                batches += 1;
            }
            for row in &chunk.artifacts {
                let place = self.ids.get(&row.envelope.id);
                if place.and_then(|&place| self.artifacts.get(place)) != Some(row) {
                    return differs(format!("the artifact with seq {}", row.seq));
                }
                artifacts += 1;
            }
            for row in &chunk.closed {
                let place = self.closed.get(&row.activation);
                if place.and_then(|&place| self.closed_rows.get(place)) != Some(row) {
                    return differs(format!("activation {}", row.activation));
                }
                closed += 1;
            }
        }
        let found = (self.batches.len(), self.artifacts.len(), self.closed_rows.len());
        if found != (batches, artifacts, closed) {
            return differs(format!(
                "{found:?} rows, the log has {:?}",
                (batches, artifacts, closed)
            ));
        }
        Ok((batches + artifacts + closed) as u64)
    }
}
