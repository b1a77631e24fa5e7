//! Moving a board from one log to another: `artel board move`. The batches go over as they are, with rows
//! that are made anew from their events and from what the store has beside them; both logs are owned
//! meanwhile, so that nobody writes to either.
//!
//! ```text
//!   FROM   owned ── read only for this ─────────── marked `moved` ── stays, is only read
//!                      │ batches, payloads, contents      │
//!   TO     marked `arriving`: opened by nobody else ──────┴── mark taken away: goes on
//! ```
//!
//! The mark of the source is set before that of the target goes, so that at no moment two boards of one
//! identity can be owned. Why it is so: `docs/adr/0011-a-board-is-moved-with-its-identity.md`.

mod carry;
mod error;
mod part;

pub use carry::{Moved, move_board};
pub use error::MoveError;
