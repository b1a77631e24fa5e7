//! The log in memory: the same semantics as every other, and nothing that survives the process.
//!
//! Tests and simulations hold a [`Store`] and open it again to see a restart. Everything lies under
//! one mutex, which is never held across an await; no call awaits anything, so a call that was
//! polled once has happened.

mod append;
mod handle;
mod look_up;
mod own;
mod query;
mod read;
mod segments;
mod snapshot;
mod state;

pub use state::Store;
