//! Policies as values: what happens after a failure, when work is held back, and the bounds of
//! everything.

mod bounds;
mod breaker;
mod kind;
pub mod limits;
mod rate;
mod retry;

pub use bounds::Bounds;
pub use breaker::{Breaker, Trip};
pub use kind::{ErrorKind, KindSet};
pub use rate::RateLimit;
pub use retry::{Backoff, Jitter, Retry};
