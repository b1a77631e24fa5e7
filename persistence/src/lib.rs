//! The backends of the log port: `memory:` always, `sqlite:`, `postgres:` and `redis:` with the features of
//! those names.
//!
//! The runtime and the tools call [`open`] with a URL and hold an `Arc<dyn Log>` from then on; what
//! a log must do stands in `docs/specs/log.md` and is proved for each backend by the conformance
//! suite. Nothing here decides what an event means, starts a task, reads the environment or asks
//! for the time.

mod boards;
mod check;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod connections;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod format;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod keeper;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod listing;
mod mark;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod measured;
pub mod memory;
mod open;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod owning;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod rows;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod server;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod sharing;
#[cfg(test)]
#[cfg(any(feature = "postgres", feature = "redis"))]
mod sharing_tests;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod spreading;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;

pub use boards::BoardThere;
pub use mark::Mark;
pub use open::{CreateBoard, OpenOptions, boards, examine, mark, marked, move_aside, open, remove};
pub use url::without_secrets;
