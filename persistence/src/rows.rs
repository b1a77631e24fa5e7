//! The rows of an append as stores that look into them have them.

use std::collections::BTreeMap;

use artel_core::envelope::Producer;
use artel_core::ids::{ActivationId, Seq};
#[cfg(any(feature = "postgres", feature = "redis"))]
use artel_core::log::ClosedActivation;
use artel_core::log::{ArtifactRow, Outcome, Rows};

/// What the artifacts of a stretch have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StretchKind {
    OfType = 0,
    ByAgent = 1,
}

/// The number that an outcome is stored under.
pub(crate) const fn outcome_no(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::Dead(_) => 1,
        Outcome::Cancelled => 2,
        Outcome::Dropped(_) => 3,
        Outcome::Expired => 4,
    }
}

/// The number of the agent that made an artifact.
pub(crate) fn agent(row: &ArtifactRow) -> Option<u32> {
    match &row.envelope().producer {
        Producer::Agent { agent, .. } => Some(agent.get()),
        Producer::Program(_) | Producer::Operator(_) | Producer::Board => None,
    }
}

/// The part of the log, from its first to its last seq, in which a batch has artifacts of a type, or by an
/// agent: one row for each of those instead of one for each artifact.
pub(crate) fn stretches(rows: &[ArtifactRow]) -> BTreeMap<(StretchKind, u32), (Seq, Seq)> {
    let mut stretches = BTreeMap::new();
    for row in rows {
        let of_type = Some((StretchKind::OfType, row.envelope().type_no.get()));
        let by_agent = agent(row).map(|agent| (StretchKind::ByAgent, agent));
        for kind in of_type.into_iter().chain(by_agent) {
            stretches.entry(kind).or_insert((row.seq, row.seq)).1 = row.seq;
        }
    }
    stretches
}

/// What a batch closes, each as it was closed last.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) fn closed_last(rows: &Rows) -> BTreeMap<ActivationId, &ClosedActivation> {
    rows.closed.iter().map(|row| (row.activation, row)).collect()
}

/// What a batch reopens, and does not close again.
#[cfg(any(feature = "redis", feature = "sqlite"))]
pub(crate) fn reopened(rows: &Rows) -> Vec<ActivationId> {
    if rows.reopened.is_empty() {
        return Vec::new();
    }
    let again: BTreeMap<ActivationId, ()> =
        rows.closed.iter().map(|row| (row.activation, ())).collect();
    let open = |activation: &&ActivationId| !again.contains_key(*activation);
    rows.reopened.iter().filter(open).copied().collect()
}
