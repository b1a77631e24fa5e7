//! Models of the places where threads share memory outside the committer: production sources, as they
//! are, compiled against shuttle's locks, atomics, channels and maps, so that every one of their
//! operations is a point at which another thread may go on. `dev/nightly` runs them.
//!
//! Empty without the feature `models`. Nothing of it is ever part of a program.

#![cfg(feature = "models")]
#![expect(
    unexpected_cfgs,
    reason = "the backends that the sources can be built with are not built here"
)]

// What production sources call `std`, `tokio`, `tokio_util` and `dashmap`.
extern crate self as std;
extern crate shuttle_dashmap as dashmap;
extern crate shuttle_tokio as tokio;
extern crate shuttle_tokio_util as tokio_util;
extern crate std as real_std;

pub use real_std::*;

/// The locks and atomics of shuttle under the names of the standard library.
pub mod sync {
    pub use real_std::sync::PoisonError;
    pub use shuttle::sync::*;
}

#[path = "../../../persistence/src/boards.rs"]
mod boards;
#[path = "../../../persistence/src/check.rs"]
mod check;
#[path = "../../../persistence/src/mark.rs"]
pub mod mark;
#[path = "../../../persistence/src/memory/mod.rs"]
pub mod memory;
#[path = "../../../persistence/src/open.rs"]
pub mod open;
#[path = "../../../persistence/src/url.rs"]
pub mod url;

#[path = "../../../eventbus/src/hub.rs"]
pub mod hub;
#[path = "../../../eventbus/src/tail.rs"]
pub mod tail;

#[path = "../../../scheduler/src/attempt.rs"]
pub mod attempt;
#[path = "../../../scheduler/src/dispatcher.rs"]
pub mod dispatcher;
#[path = "../../../scheduler/src/timers.rs"]
pub mod timers;

#[cfg(test)]
mod models;
