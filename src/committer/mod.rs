//! The committer: the one task that changes a board. It decides commands on a speculative state,
//! appends many at a time, and lets nothing leave before its append is durable.
//!
//! It waits for nothing but its inbox and the log. Everybody else holds a [`Committer`], which is
//! cheap to clone and never shows the channel.

mod batch;
mod deliver;
mod engine;
mod handle;
mod inbox;
mod load;
mod pace;
mod payloads;
mod recover;
mod regress;
mod run;
mod waiters;

pub(crate) use deliver::{Cached, Outlets};
pub(crate) use engine::Identity;
pub(crate) use handle::{Away, Committer, Failure, Look, Pending, Status, Submission};
pub(crate) use inbox::channel;
pub use load::LoadError;
pub(crate) use load::{Loaded, fold, load, load_at};
pub(crate) use payloads::{Input, Payload};
pub use recover::TakeOverError;
pub(crate) use run::{Start, start};
