//! The backends of the log port: `memory:` always, `sqlite:` and `postgres:` with the features of those
//! names.
//!
//! The runtime and the tools call [`open`] with a URL and hold an `Arc<dyn Log>` from then on; what
//! a log must do stands in `docs/specs/log.md` and is proved for each backend by the conformance
//! suite. Nothing here decides what an event means, starts a task, reads the environment or asks
//! for the time.

mod check;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod connections;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod format;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod listing;
mod mark;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod measured;
pub mod memory;
mod open;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod rows;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;

pub use mark::Mark;
pub use open::{CreateBoard, OpenOptions, examine, mark, marked, move_aside, open, remove};
pub use url::without_secrets;
