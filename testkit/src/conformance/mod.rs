//! The conformance suite of the log port: what `docs/specs/log.md` promises, tried on a backend.
//!
//! A backend is enrolled by one line in one of its integration tests, beside a [`LogFactory`]:
//!
//! ```text
//! artel_testkit::log_conformance!(sqlite, SqliteFactory);
//! ```
//!
//! That makes one test of each case. A case is an async function over a factory; it names the
//! clauses that it proves, and it may fail only by a panic that says what was expected.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the cases are tests, though of another crate: to panic is how they fail"
)]

pub mod append;
pub mod closed;
pub mod contents;
pub mod factory;
pub mod fencing;
pub mod look_up;
pub mod ownership;
pub mod property;
pub mod query;
pub mod read;
pub mod sketch;
pub mod snapshot;

mod macros;

pub use factory::{LogFactory, LogPlace, NewBoard};
pub use sketch::{Sample, Scribe, Sketch};
