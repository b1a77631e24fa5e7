//! Simulation: whole boards, production code throughout, on one thread with time that stands still,
//! and everything that can go wrong drawn from a seed. The same seed gives the same log.
//!
//! A run has agents that succeed, fail, panic and hang; clients that publish until they have a
//! receipt, and repeat themselves; an operator who redrives and cancels; bounds, often small ones; and
//! trouble: appends that are lost, land unacknowledged, land late or come too late, slow and absent
//! logs, clocks that jump, processes that die and are started again. Every batch is audited at the
//! moment at which it reaches the log; at the end the trouble stops, the board comes to rest, and
//! what must always hold is checked once more over the whole log.

mod agents;
mod audit;
mod bounds;
mod cases;
mod charges;
mod clients;
mod crew;
mod deaths;
mod ends;
mod failing;
mod held_back;
mod notices;
mod ordering;
mod outputs;
mod panics;
mod placements;
mod policies;
mod probe;
mod rest;
mod rules;
mod run;
mod secrets;
mod seeds;
mod timed;
mod trouble;
mod verdict;
mod versions;
mod world;

pub use cases::{Case, Cases};
pub use run::{Outcome, run};
pub use seeds::{Report, SEED_SECONDS_MAX, Seeds, run_seeds};
