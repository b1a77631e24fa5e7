//! How attempts, activations and sessions end: parts of events, and of the stored format.

use serde::{Deserialize, Serialize};

use crate::ids::AgentNo;
use crate::policy::ErrorKind;
use crate::time::Elapsed;
/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptEnd {
    /// The handler returned, and what it returned is on the board.
    Done,
    /// The handler failed.
    Failed(ErrorKind),
    /// The process that ran it is gone.
    Lost,
    /// The executor gave it back at shutdown.
    Released,
    /// Somebody cancelled it.
    Cancelled,
    /// The board had no room for what it would have caused.
    BoardFull,
}

/// What becomes of an activation when an attempt of it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// It is done or cancelled.
    Closed,
    /// It is tried again, not before this moment.
    Retry {
        /// On the board's own clock.
        not_before: Elapsed,
        /// Whether the attempt that ended used up one of the retries.
        counted: bool,
    },
    /// It is a dead letter.
    Dead(DeadReason),
    /// It is tried again when there is room, and not before this moment; the attempt that ended
    /// used up none of the retries.
    WhenRoom {
        /// On the board's own clock.
        not_before: Elapsed,
        /// What was missing.
        room: Room,
    },
}

/// Room on an agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Whose agenda; none for the board's.
    pub agent: Option<AgentNo>,
    /// For how many activations.
    pub activations: u32,
}

/// Why an activation will not be tried again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeadReason {
    /// It failed as often as the policy allows.
    AttemptsExhausted,
    /// It failed in a way that the policy does not retry.
    NotRetryable,
    /// The next attempt would begin after the policy's time for retries.
    RetryTimeElapsed,
    /// The time for the whole activation is over.
    TotalTimeout,
    /// Its outputs would be deeper than the limit: probably a loop of agents.
    Loop,
    /// Its outputs would exceed a limit of its correlation.
    Limit,
    /// Its key could not be worked out.
    BadKey,
    /// The process died too often in which it alone of those ran that had seen one die.
    CrashLoop,
    /// An attempt ended in the middle of an irreversible step: whether it was done, a person has to
    /// say.
    InDoubt,
}

impl DeadReason {
    /// The reason's name, as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AttemptsExhausted => "attempts-exhausted",
            Self::NotRetryable => "not-retryable",
            Self::RetryTimeElapsed => "retry-time-elapsed",
            Self::TotalTimeout => "total-timeout",
            Self::Loop => "loop",
            Self::Limit => "limit",
            Self::BadKey => "bad-key",
            Self::CrashLoop => "crash-loop",
            Self::InDoubt => "in-doubt",
        }
    }
}

/// Why a waiting activation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closure {
    /// Somebody cancelled it.
    Cancelled,
    /// It is a dead letter.
    Dead(DeadReason),
    /// What it waited for is no longer so: a further match came before it was quiet, or an artifact
    /// that it was to wake without.
    Expired,
}

/// Why an executor's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEnd {
    /// It said good-bye.
    Closed,
    /// Its process is gone.
    Lost,
}
