//! The board as a whole, as JSON.

use serde::Serialize;

use super::turn::{Breaker, RateLimit};

/// The answer of `board show`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Board {
    /// What the board is called.
    pub(crate) name: String,
    /// Where it is kept.
    pub(crate) url: String,
    /// The random identity of its log.
    pub(crate) incarnation: String,
    /// The seq up to which the log went before it lost its end, where it has and was not adopted since.
    pub(crate) regressed: Option<u64>,
    /// What an acknowledged write survives: `nothing`, the death of the `process`, that of the
    /// `host`.
    pub(crate) durability: &'static str,
    /// Whether it was made in development mode.
    pub(crate) dev: bool,
    /// The process that owns it now.
    pub(crate) owner: Option<Owner>,
    /// The number of its newest ownership.
    pub(crate) epoch: u64,
    /// The program that had the newest ownership.
    pub(crate) program: Option<String>,
    /// The last program that ran agents: whose board it is, whoever operated it since.
    pub(crate) runs_with: Option<String>,
    /// The seq of the last event.
    pub(crate) seq: u64,
    /// When that was committed; null before the first.
    pub(crate) committed_at: Option<String>,
    /// Whether somebody paused it; if so, all work waits.
    pub(crate) paused: bool,
    /// How many artifacts it has had.
    pub(crate) artifacts: u64,
    /// How many activations wait.
    pub(crate) waiting: u64,
    /// How many activations run; where no process owns the board, how many did when it died.
    pub(crate) running: u64,
    /// How many dead letters there are, dropped ones not counted.
    pub(crate) dead_letters: u64,
    /// The registered types.
    pub(crate) types: Vec<Type>,
    /// The agents, those that no program names any more included.
    pub(crate) agents: Vec<Agent>,
    /// What agents depend on and attempts are held back by.
    pub(crate) dependencies: Vec<Dependency>,
    /// Predicates of those that failed, of the subscriptions that are current.
    pub(crate) failing: Vec<Failing>,
    /// Of how many trees of work something waits or runs.
    pub(crate) open_correlations: u64,
    /// The first 20 of those.
    pub(crate) correlations: Vec<OpenCorrelation>,
}

/// The process that owns a board.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Owner {
    /// What it calls itself.
    pub(crate) program: String,
    /// The operating system's number of it.
    pub(crate) pid: Option<u32>,
    /// Where it answers.
    pub(crate) endpoint: Option<String>,
}

impl From<artel::log::Owner> for Owner {
    fn from(owner: artel::log::Owner) -> Self {
        Self { program: owner.program, pid: owner.pid, endpoint: owner.endpoint }
    }
}

/// The answer of `board ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Boards {
    /// Where they are.
    pub(crate) place: String,
    /// The boards, by name.
    pub(crate) boards: Vec<BoardThere>,
}

/// A board of a place.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BoardThere {
    /// What it is found by: on a server the parameter `board` of its URL, else the path of its file.
    pub(crate) board: String,
    /// The seq of the last event.
    pub(crate) seq: u64,
    /// When that was committed; null before the first.
    pub(crate) committed_at: Option<String>,
    /// The process that owns it now.
    pub(crate) owner: Option<Owner>,
    /// Where it goes on, where it was moved away.
    pub(crate) moved_to: Option<String>,
    /// Where it comes from, where it is on its way here and not whole.
    pub(crate) comes_from: Option<String>,
    /// The seq up to which the log went before it lost its end, where it has and was not adopted since.
    pub(crate) regressed: Option<u64>,
}

/// A registered type.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Type {
    /// Its name.
    pub(crate) name: String,
    /// The version of its schema.
    pub(crate) version: u32,
}

/// An agent, and what has become of its work.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Agent {
    /// Its name.
    pub(crate) name: String,
    /// The members of a group; empty for an agent.
    pub(crate) members: Vec<String>,
    /// Whether a program names it; if none does, its work waits.
    pub(crate) registered: bool,
    /// Whether somebody paused it; if so, its work waits.
    pub(crate) paused: bool,
    /// Activations that wait.
    pub(crate) waiting: u64,
    /// Activations that run.
    pub(crate) running: u64,
    /// Activations whose outputs are on the board.
    pub(crate) done: u64,
    /// Dead letters.
    pub(crate) dead: u64,
    /// Dead letters that were given up.
    pub(crate) dropped: u64,
    /// Activations that were cancelled.
    pub(crate) cancelled: u64,
    /// Activations for which what they waited for was no longer so before they ran.
    pub(crate) expired: u64,
    /// Where its dead letters are listed.
    pub(crate) queue: String,
}

/// Something that agents depend on.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Dependency {
    /// Its name.
    pub(crate) name: String,
    /// Its circuit breaker, where it has one.
    pub(crate) breaker: Option<Breaker>,
    /// How often attempts of those that depend on it may begin, where that is limited.
    pub(crate) rate_limit: Option<RateLimit>,
}

/// A predicate that could not say yes or no.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Failing {
    /// Whose predicate.
    pub(crate) agent: String,
    /// The board's number of the subscription.
    pub(crate) subscription: u32,
    /// `filter-error`, `filter-panic` or `filter-bound`.
    pub(crate) clause: &'static str,
    /// For how many artifacts.
    pub(crate) count: u64,
    /// For how many of them since it was last told of.
    pub(crate) untold: u64,
    /// The event that last told of it.
    pub(crate) told_seq: Option<u64>,
    /// What went wrong then; null when it was not told, or erased.
    pub(crate) text: Option<String>,
}

/// A tree of work of which something waits or runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OpenCorrelation {
    /// Which one.
    pub(crate) id: String,
    /// Activations of it that wait.
    pub(crate) waiting: u64,
    /// Activations of it that run.
    pub(crate) running: u64,
    /// What the oldest of its waiting activations waits for.
    pub(crate) gate: Option<&'static str>,
}

/// The answer of `board verify` when all is well.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Verified {
    /// Always true: what is not well is an error.
    pub(crate) ok: bool,
    /// Batches that were read, each with its hash, and the chain of them.
    pub(crate) batches: u64,
    /// The seq of the last event that was folded.
    pub(crate) seq: u64,
    /// The hash of the folded state.
    pub(crate) state_hash: String,
    /// The seq of the newest snapshot, which the fold agreed with.
    pub(crate) snapshot: Option<u64>,
    /// Artifacts that the log records: each is in the store, its payload with the recorded hash, and
    /// is found by all that it can be asked for.
    pub(crate) artifacts: u64,
    /// Reports and step results that the log records, each in the store with the recorded hash.
    pub(crate) contents: u64,
    /// Closed activations that the log leaves: each is in the store as the log closed it, and is
    /// found by all that it can be asked for.
    pub(crate) closed: u64,
}

/// The answer of `board hash`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BoardHash {
    /// The seq of the last event.
    pub(crate) seq: u64,
    /// The hash of the state at it.
    pub(crate) state_hash: String,
    /// The format that the hash is over; hashes are compared within one format.
    pub(crate) state_format: u8,
}

/// The answer of `board move`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Moved {
    /// Where the board was, without user name and password.
    pub(crate) from: String,
    /// Where it goes on, without user name and password.
    pub(crate) to: String,
    /// The seq of its last event: all up to it are there.
    pub(crate) seq: u64,
    /// The seq up to which an earlier call had brought it; 0 when there was none.
    pub(crate) went_on_after: u64,
    /// How many batches this call brought.
    pub(crate) batches: u64,
    /// How many artifacts it brought, with their payloads.
    pub(crate) artifacts: u64,
    /// The hash of the last batch, the same in both logs.
    pub(crate) hash: String,
    /// The hash of the state at the last event, the same in both logs.
    pub(crate) state_hash: String,
}

/// The answer of `board adopt`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Adopted {
    /// The last event that is there of what was before.
    pub(crate) kept: u64,
    /// The last event that is known to have been durable.
    pub(crate) known: u64,
    /// The last seq that is never used again.
    pub(crate) last: u64,
    /// The identity of the log from here on.
    pub(crate) incarnation: String,
}

/// The answer of `board rm`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Removed {
    /// The board that is no more.
    pub(crate) removed: String,
}
