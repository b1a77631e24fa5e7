//! The rows of an append as the lists that the script takes, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use artel_core::ids::{CorrelationId, Seq};
use artel_core::log::{ClosedActivation, Outcome, Rows};

use super::format::{artifact_row, closed_row, content_row, packed};
use super::scripts::Arguments;
use crate::rows::{self, StretchKind, closed_last, outcome_no};

/// All rows, in the order in which the script takes them.
pub(super) fn add_all(arguments: &mut Arguments, rows: &Rows) {
    let artifacts = || rows.artifacts.iter();
    arguments.pairs(artifacts(), |to, row| {
        to.push(row.envelope().id.as_bytes());
        to.number(row.seq);
    });
    arguments.pairs(artifacts(), |to, row| {
        to.number(row.seq);
        to.put(|bytes| artifact_row(row, bytes));
    });
    arguments.pairs(artifacts(), |to, row| {
        to.number(row.seq);
        to.push(row.payload.bytes());
    });
    arguments.pairs(
        rows::stretches(&rows.artifacts).into_iter(),
        |to, ((kind, no), (first, last))| {
            to.push("0");
            let member =
                [stretches_of(kind, no), packed(last.get()).into(), packed(first.get()).into()];
            to.push(member.concat());
        },
    );
    let keys: BTreeMap<&str, Seq> =
        rows.keys.iter().map(|row| (row.key.as_str(), row.seq)).collect();
    arguments.pairs(keys.into_iter(), |to, (key, seq)| {
        to.push(key);
        to.number(seq);
    });
    arguments.pairs(rows.contents.iter(), |to, row| {
        to.number(row.seq);
        to.push(content_row(row));
    });
    let cancelled: BTreeSet<CorrelationId> = rows.cancelled.iter().copied().collect();
    arguments.list(cancelled.into_iter(), Arguments::number);
    grouped(arguments, artifacts().map(|row| (row.envelope().correlation, row.seq)));
    closed(arguments, rows);
}

fn closed(arguments: &mut Arguments, rows: &Rows) {
    arguments.list(rows::reopened(rows).into_iter(), |to, activation| to.number(activation.0));
    let closed = closed_last(rows);
    let all = || closed.values().copied();
    arguments.pairs(all(), |to, row| {
        to.number(row.activation.0);
        to.put(|bytes| closed_row(row, bytes));
    });
    let undone: Vec<_> = all().filter(|row| outcome_no(row.outcome) != 0).collect();
    let twice = |to: &mut Arguments, row: &ClosedActivation| {
        to.number(row.activation.0);
        to.number(row.activation.0);
    };
    arguments.pairs(all(), twice);
    arguments.pairs(undone.into_iter(), twice);
    let place = |row: &ClosedActivation| (row.correlation, row.activation.0);
    grouped(arguments, all().map(place));
    grouped(arguments, all().filter(|row| matches!(row.outcome, Outcome::Dead(_))).map(place));
    let mut worked_on: BTreeMap<Seq, Vec<u8>> = BTreeMap::new();
    for row in all() {
        for input in &row.inputs {
            let by = packed(row.activation.0.get());
            worked_on.entry(*input).or_default().extend_from_slice(&by);
        }
    }
    arguments.pairs(worked_on.into_iter(), |to, (input, by)| {
        to.number(input);
        to.push(by);
    });
}

/// What the members of the stretches of a type or an agent begin with.
pub(super) fn stretches_of(kind: StretchKind, no: u32) -> Vec<u8> {
    let mut member = vec![kind as u8];
    member.extend_from_slice(&no.to_be_bytes());
    member
}

/// What belongs to each correlation: how many there are, and for each a list of seqs, each twice, as what it
/// is sorted by and as what it is.
fn grouped(arguments: &mut Arguments, rows: impl Iterator<Item = (CorrelationId, Seq)>) {
    let mut groups: BTreeMap<CorrelationId, SmallVec<[Seq; 2]>> = BTreeMap::new();
    for (correlation, seq) in rows {
        groups.entry(correlation).or_default().push(seq);
    }
    arguments.number(groups.len());
    for (correlation, seqs) in groups {
        arguments.number(correlation);
        arguments.pairs(seqs.into_iter(), |to, seq| {
            to.number(seq);
            to.number(seq);
        });
    }
}
