//! What a decision changes beyond the state: what leaves the committer once it is durable.

use crate::envelope::Inputs;
use crate::ids::{AgentNo, AttemptId, CorrelationId, Seq, SessionId, SubscriptionNo};
use crate::log::Rows;
use crate::step::Step;
use crate::time::Elapsed;

/// What some decisions change beyond the state. Collected over a batch.
#[derive(Debug, Default)]
pub struct Changes {
    /// What is written beside the batch.
    pub rows: Rows,
    /// Attempts to start.
    pub leases: Vec<Lease>,
    /// Attempts to stop: the board ended them, not their executor.
    pub stops: Vec<AttemptId>,
    /// Trees of work of which nothing is open any more.
    pub settled: Vec<Settled>,
    /// Whether types, agents or subscriptions changed.
    pub catalogue: bool,
    /// Whether an activation was closed, so that there may be room again.
    pub room: bool,
    /// Whether the board owes itself something more.
    pub owed: bool,
}

/// An attempt to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The executor whose permit it took.
    pub session: SessionId,
    /// The agent to run: of a group's activation, the member that was chosen.
    pub agent: AgentNo,
    /// Whose activation it is: that agent's own, or its group's.
    pub owner: AgentNo,
    /// The subscription that was met.
    pub subscription: SubscriptionNo,
    /// The artifacts to work on.
    pub inputs: Inputs,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// What the attempt's random numbers and new ids are derived from.
    pub seed: u64,
    /// When the attempt began.
    pub started: Elapsed,
    /// The wall clock at that moment.
    pub at: crate::time::Timestamp,
    /// When it is over at the latest.
    pub deadline: Elapsed,
    /// The seq of the event that started it: what its reads see.
    pub seq: Seq,
    /// Its recorded steps.
    pub steps: Vec<Step>,
    /// How many slots it takes: one for each of its candidates.
    pub slots: u32,
}

/// A tree of work of which nothing is open any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which one.
    pub correlation: CorrelationId,
    /// Whether it was cancelled.
    pub cancelled: bool,
}
