//! The log on a PostgreSQL server: one schema for all boards, one connection that writes and a few that
//! read for each log that is open.
//!
//! ```text
//!   board      a row a board: its head, which every append locks and checks
//!   owner      a row an owned board: who, and until when by the server's clock
//!   batch · artifact · closed · content · …          docs/specs/postgres.md
//! ```
//!
//! An append is one statement, a function of the schema, and so is every read, so that a caller may drop
//! any future at any time: a connection in the middle of something is closed. What is read is checked
//! against its recorded hash.

mod append;
mod boards;
mod connect;
mod error;
mod examine;
mod format;
mod handle;
mod keep;
mod look_up;
mod mark;
mod migrate;
mod open;
mod own;
mod pool;
mod query;
mod read;
mod recent;
mod remove;
mod rows;
mod settings;
mod shown;
mod snapshot;
mod target;
mod told;

pub(crate) use boards::boards;
pub(crate) use examine::examine;
pub(crate) use mark::{mark, marked};
pub(crate) use open::open;
pub(crate) use remove::{move_aside, remove};
pub(crate) use target::Target;
