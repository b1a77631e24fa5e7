//! One run: a runtime of its own, and a bound on how long the board may take.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;

use artel_core::hash::Hash;

use super::audit::Auditor;
use super::cases::Cases;
use super::{panics, world};

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The cases that it came to.
    pub cases: Cases,
}

/// How long a board may take to come to rest, in its own time.
const PATIENCE: Duration = Duration::from_hours(6);

/// Runs the simulation of this seed.
///
/// # Errors
/// When an invariant does not hold: which one, what was found, and the events before it.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let auditor = Auditor::new(world::bounds(seed));
    let (came, panics) = panics::during(|| catch_unwind(AssertUnwindSafe(|| one(seed, &auditor))));
    // What does not hold comes before what came of it.
    if let Some(report) = auditor.report() {
        return Err(report);
    }
    let events = || format!("\n  the last events:\n{}", auditor.look().tail());
    if let Some(panic) = panics.first() {
        return Err(format!("{panic}{}", events()));
    }
    came.map_err(|_| "it was cut off".to_owned())?.map_err(|why| format!("{why}{}", events()))
}

fn one(seed: u64, auditor: &Arc<Auditor>) -> Result<Outcome, String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads can be built");
    runtime.block_on(async {
        let run = tokio::time::timeout(PATIENCE, world::run(seed, auditor.clone()));
        tokio::select! {
            biased;
            // What comes of a violation may never end.
            () = auditor.spoiled() => Err("something does not hold".to_owned()),
            outcome = run => outcome.map_err(|_| {
                format!("I2: the board did not come to rest within {PATIENCE:?} of its own time")
            }),
        }
    })
}
