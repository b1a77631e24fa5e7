//! Logs on a Redis server or cluster. A board's keys lie in one hash slot; an append is one
//! transaction or script, which the epoch in the head fences. See docs/specs/redis.md.
//!
//! ```text
//!   PREFIX:board:NAME ──► TAG                       which keys are a board's
//!   PREFIX:{TAG}:head, log, artifact, payload, …    its keys, all in the slot of TAG
//!   PREFIX:{TAG}:owner                              gone by itself when an ownership is over
//! ```

mod append;
mod before;
mod boards;
mod closed;
mod connect;
mod error;
mod examine;
mod fence;
mod format;
mod handle;
mod keep;
mod look_up;
mod mark;
mod open;
mod own;
mod query;
mod read;
mod remove;
mod rows;
mod scripts;
mod settings;
mod snapshot;
mod target;

pub(crate) use boards::boards;
pub(crate) use examine::examine;
pub(crate) use mark::{mark, marked};
pub(crate) use open::open;
pub(crate) use remove::{move_aside, remove};
pub(crate) use target::Target;
