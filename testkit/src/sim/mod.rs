//! Simulation: whole boards, production code throughout, on one thread with time that stands still,
//! and everything that can go wrong drawn from a seed. The same seed gives the same log.
//!
//! A run has agents that succeed, fail, panic and hang; clients that publish until they have a
//! receipt; an operator who redrives and cancels; and trouble: appends that are lost, land
//! unacknowledged or land late, slow and absent logs, clocks that jump, processes that die and are
//! started again. At its end the trouble stops, the board comes to rest, and what must always hold
//! is checked.

mod agents;
mod clients;
mod run;
mod seeds;
mod trouble;
mod verdict;
mod world;

pub use run::{Outcome, run};
pub use seeds::{Report, run_seeds};
