//! Many seeds, on several threads, each twice: the same seed has to give the same log.

use std::num::NonZero;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::run::{Outcome, run};

/// What many seeds came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Seeds that were run, each twice.
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

/// Runs the seeds from `from` on, `count` of them, on all processors. A seed that fails is told to
/// `failed` with the reason, if it has one beside its panic; `done` is told how many are done.
pub fn run_seeds(
    from: u64,
    count: u64,
    failed: impl Fn(u64, &str) + Sync,
    done: impl Fn(u64) + Sync,
) -> Report {
    let next = AtomicU64::new(0);
    let report = Mutex::new(Report::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let seed = from + number;
            let outcome = match catch_unwind(|| (run(seed), run(seed))) {
                Ok((first, second)) if first == second => Ok(first),
                Ok(_) => Err("its two runs gave two logs"),
                Err(_) => Err("it panicked"),
            };
            if let Err(why) = outcome {
                failed(seed, why);
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
