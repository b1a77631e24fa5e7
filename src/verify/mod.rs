//! The full check of a board: the log from its first batch on, and everything that lies beside it.

mod found;
mod listed;
mod log;
mod part;
mod store;

pub use found::{Verified, VerifiedStore, VerifyError};
