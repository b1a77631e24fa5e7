//! Many seeds, on several threads, each twice: the same seed has to give the same log.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::run::{Outcome, run};

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first one.
    pub from: u64,
    /// How many.
    pub count: u64,
    /// Whether each runs twice, and both logs have to be the same.
    pub twice: bool,
    /// Whether no further seed is begun after one that failed.
    pub until_failed: bool,
}

/// What many seeds came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: u64,
    /// Events of their logs.
    pub events: u64,
    /// Attempts that began.
    pub attempts: u64,
    /// Processes that owned the boards.
    pub processes: u64,
    /// Artifacts that clients had a receipt for.
    pub acknowledged: u64,
    /// Seeds that failed, ascending.
    pub failed: Vec<u64>,
}

/// Runs seeds on all processors. A seed that fails is told to `failed` with the reason; `done` is told
/// how many are done.
pub fn run_seeds(
    seeds: Seeds,
    failed: impl Fn(u64, &str) + Sync,
    done: impl Fn(u64) + Sync,
) -> Report {
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let work = || {
        while !enough.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds.count {
                return;
            }
            let seed = seeds.from + number;
            let outcome = judge(seed, seeds.twice);
            if let Err(why) = &outcome {
                failed(seed, why);
                enough.store(seeds.until_failed, Ordering::Relaxed);
            }
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.count(seed, outcome.ok());
            done(report.seeds);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    #[expect(clippy::disallowed_methods, reason = "each thread has a runtime of its own")]
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.failed.sort_unstable();
    report
}

fn judge(seed: u64, twice: bool) -> Result<Outcome, String> {
    let first = run(seed)?;
    if twice && run(seed)? != first {
        return Err("I10: its two runs gave two logs".to_owned());
    }
    Ok(first)
}

impl Report {
    fn count(&mut self, seed: u64, outcome: Option<Outcome>) {
        self.seeds += 1;
        match outcome {
            Some(outcome) => {
                self.events += outcome.events;
                self.attempts += outcome.attempts;
                self.processes += u64::from(outcome.processes);
                self.acknowledged += outcome.acknowledged;
            }
            None => self.failed.push(seed),
        }
    }
}
