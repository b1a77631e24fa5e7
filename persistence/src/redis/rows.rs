//! The rows of an append as the lists that the script takes, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::ids::{ActivationId, CorrelationId};
use artel_core::log::{ArtifactRow, ClosedActivation, Outcome, Rows};

use super::format::{artifact_row, closed_row, content_row, packed, text};
use super::scripts::Arguments;
use crate::rows::{self, StretchKind, closed_last, outcome_no};

/// All rows, in the order in which the script takes them.
pub(super) fn add_all(arguments: &mut Arguments, rows: &Rows) {
    let artifacts = &rows.artifacts;
    let seq = |row: &ArtifactRow| text(row.seq.get());
    arguments.list(pairs(artifacts, |row| (row.envelope().id.as_bytes().to_vec(), seq(row))));
    arguments.list(pairs(artifacts, |row| (seq(row), artifact_row(row))));
    arguments.list(pairs(artifacts, |row| (seq(row), row.payload.bytes().to_vec())));
    arguments.list(pairs(rows::stretches(artifacts), |((kind, no), (first, last))| {
        let mut member = stretches_of(kind, no);
        member.extend_from_slice(&packed(last.get()));
        member.extend_from_slice(&packed(first.get()));
        (b"0".to_vec(), member)
    }));
    let keys: BTreeMap<&str, u64> =
        rows.keys.iter().map(|row| (row.key.as_str(), row.seq.get())).collect();
    arguments.list(pairs(keys, |(key, seq)| (key.as_bytes().to_vec(), text(seq))));
    arguments.list(pairs(&rows.contents, |row| (text(row.seq.get()), content_row(row))));
    let cancelled: BTreeSet<CorrelationId> = rows.cancelled.iter().copied().collect();
    arguments.list(cancelled.into_iter().map(|one| one.to_string().into_bytes()).collect());
    let of_artifact = |row: &ArtifactRow| (row.envelope().correlation, row.seq.get());
    grouped(arguments, artifacts.iter().map(of_artifact));
    closed(arguments, rows);
}

fn closed(arguments: &mut Arguments, rows: &Rows) {
    let id = |activation: ActivationId| text(activation.0.get());
    arguments.list(rows::reopened(rows).into_iter().map(id).collect());
    let closed = closed_last(rows);
    let closed: Vec<&ClosedActivation> = closed.values().copied().collect();
    let twice = |row: &&ClosedActivation| (id(row.activation), id(row.activation));
    let undone = closed.iter().filter(|row| outcome_no(row.outcome) != 0);
    arguments.list(pairs(&closed, |row| (id(row.activation), closed_row(row))));
    arguments.list(pairs(&closed, twice));
    arguments.list(pairs(undone, twice));
    let place = |row: &&ClosedActivation| (row.correlation, row.activation.0.get());
    let dead = closed.iter().filter(|row| matches!(row.outcome, Outcome::Dead(_)));
    grouped(arguments, closed.iter().map(place));
    grouped(arguments, dead.map(place));
    let mut worked_on: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for row in &closed {
        for input in &row.inputs {
            let by = packed(row.activation.0.get());
            worked_on.entry(input.get()).or_default().extend_from_slice(&by);
        }
    }
    arguments.list(pairs(worked_on, |(input, by)| (text(input), by)));
}

/// What the members of the stretches of a type or an agent begin with.
pub(super) fn stretches_of(kind: StretchKind, no: u32) -> Vec<u8> {
    let mut member = vec![kind as u8];
    member.extend_from_slice(&no.to_be_bytes());
    member
}

/// Two values for each row, one behind the other.
fn pairs<R>(
    rows: impl IntoIterator<Item = R>,
    pair: impl Fn(R) -> (Vec<u8>, Vec<u8>),
) -> Vec<Vec<u8>> {
    rows.into_iter().map(pair).flat_map(|(one, other)| [one, other]).collect()
}

/// What belongs to each correlation: how many there are, and for each a list of seqs, each twice, as what it
/// is sorted by and as what it is.
fn grouped(arguments: &mut Arguments, rows: impl Iterator<Item = (CorrelationId, u64)>) {
    let mut groups: BTreeMap<CorrelationId, Vec<Vec<u8>>> = BTreeMap::new();
    for (correlation, seq) in rows {
        groups.entry(correlation).or_default().extend([text(seq), text(seq)]);
    }
    arguments.number(groups.len());
    for (correlation, seqs) in groups {
        arguments.push(correlation.to_string());
        arguments.list(seqs);
    }
}
