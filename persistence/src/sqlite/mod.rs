//! The log in a file, by SQLite: one file in write-ahead mode, one connection that writes, one
//! that moves the write-ahead file into the file beside it, and a few that only read, each with a
//! thread of its own, so that no async thread waits for a disk.
//!
//! ```text
//!   artel.db         head (one row) · batch · artifact · closed · content · … ; docs/adr/0002
//!   artel.db-wal     what SQLite has not moved into the file yet; belongs to it
//!   artel.db-shm     shared memory of the processes that have the file open
//!   artel.db-owner   locked by the owner for as long as it lives; says who that is
//! ```
//!
//! No call leaves a transaction open: an append is one statement, and so is every read, so that a
//! caller may drop any future at any time. What is read is checked against its recorded hash.

mod append;
mod boards;
mod bulk;
mod error;
mod examine;
mod file;
mod format;
mod handle;
mod look_up;
mod mark;
mod migrate;
mod open;
mod own;
mod query;
mod read;
mod remove;
mod rows;
mod snapshot;
mod write_ahead;

pub(crate) use boards::boards;
pub(crate) use examine::examine;
pub(crate) use file::{File, Synchronous};
pub(crate) use mark::{mark, marked};
pub(crate) use open::open;
pub(crate) use remove::{move_aside, remove};
