//! One run: a runtime of its own, and a bound on how long the board may take.

use std::time::Duration;

use tokio::runtime::Builder;

use artel_core::hash::Hash;

use super::world;

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of every event and of the last state: the same for the same seed.
    pub digest: Hash,
    /// Events of the log.
    pub events: u64,
    /// Attempts that began.
    pub attempts: u64,
    /// Processes that owned the board, one after the other.
    pub processes: u32,
    /// Artifacts that clients have a receipt for.
    pub acknowledged: u64,
}

/// How long a board may take to come to rest, in its own time.
const PATIENCE: Duration = Duration::from_hours(6);

/// Runs the simulation of this seed.
///
/// # Panics
/// When an invariant does not hold, naming it.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads can be built");
    runtime.block_on(async {
        let run = world::run(seed);
        match tokio::time::timeout(PATIENCE, run).await {
            Ok(outcome) => outcome,
            Err(_) => panic!("the board did not come to rest within {PATIENCE:?} of its own time"),
        }
    })
}
