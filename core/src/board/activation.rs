//! An open activation: what live state holds of a unit of work.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::envelope::{Inputs, Members};
use crate::event::Room;
use crate::ids::{AgentNo, AttemptNo, CorrelationId, Seq, SessionId, SubscriptionNo};
use crate::names::OrderingKey;
use crate::step::Step;
use crate::time::{Elapsed, Timestamp};

/// A unit of work that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The subscription that was met.
    pub subscription: SubscriptionNo,
    /// Whose subscription it is.
    pub agent: AgentNo,
    /// The artifacts to work on.
    pub inputs: Inputs,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// What it is ordered or counted by.
    pub key: Option<Box<OrderingKey>>,
    /// When it was created, or redriven.
    pub created: Elapsed,
    /// How many attempts were started.
    pub attempts: u32,
    /// How many attempts used up one of the retries.
    pub failures: u32,
    /// Whether it waits or runs.
    pub phase: Phase,
    /// The seqs of the starts and ends of its attempts, and of its redrives.
    pub trail: SmallVec<[Seq; 2]>,
    /// Its recorded steps.
    pub steps: Vec<Step>,
    /// Whether it ran when a process died, and how many died since in its own turn.
    pub suspect: Option<Suspect>,
    /// The members of the group whose subscription it is, of whom any may run it.
    pub members: Members,
}

/// What the deaths of processes say of an activation that ran when one died.
///
/// Suspects run one at a time in a session, beside other work. What runs as the suspect of its session
/// is in its own turn: if the process dies then, it has most likely died of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// How many processes died in its own turn.
    pub deaths: u32,
}

/// Whether an activation waits or runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It waits on the agenda; not before `since`, and its place is counted from then.
    Waiting {
        /// Since when it has been ready, or will be.
        since: Elapsed,
    },
    /// An attempt of it runs.
    Running(Running),
    /// What its attempt returned found no room on an agenda: it waits for that.
    Full {
        /// Not before this moment, and its place is counted from then.
        since: Elapsed,
        /// What was missing.
        room: Room,
    },
}

/// The attempt that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its number.
    pub attempt: AttemptNo,
    /// The executor.
    pub session: SessionId,
    /// What its random numbers are derived from.
    pub seed: u64,
    /// When it began.
    pub started: Elapsed,
    /// The wall clock at that moment.
    pub at: Timestamp,
    /// When it is over at the latest.
    pub deadline: Elapsed,
    /// How many slots it takes.
    pub slots: u32,
    /// The member that runs it, where it is a group's.
    pub member: Option<AgentNo>,
}

impl Activation {
    /// The agent whose attempt runs: of a group's activation, the member; none while it waits.
    #[must_use]
    pub const fn runner(&self) -> Option<AgentNo> {
        match &self.phase {
            Phase::Running(Running { member: Some(member), .. }) => Some(*member),
            Phase::Running(_) => Some(self.agent),
            Phase::Waiting { .. } | Phase::Full { .. } => None,
        }
    }

    /// The attempt that runs, if one does.
    #[must_use]
    pub const fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Running(running) => Some(running),
            Phase::Waiting { .. } | Phase::Full { .. } => None,
        }
    }
}
