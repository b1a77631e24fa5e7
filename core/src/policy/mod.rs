//! Policies as values: what happens after a failure, and the bounds of everything.

mod bounds;
mod kind;
pub mod limits;
mod retry;

pub use bounds::Bounds;
pub use kind::{ErrorKind, KindSet};
pub use retry::{Backoff, Jitter, Retry};
