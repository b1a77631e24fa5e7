//! Many seeds, on several threads, each twice: the same seed has to give the same log. A seed that
//! does not end is found by the wall clock, since the time of its board may stand still for ever.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::cases::Cases;
use super::run::{Outcome, run};

/// How long a seed may take on the wall clock, unless somebody says otherwise: a hundred times what
/// the longest takes on a machine with nothing else to do.
pub const SEED_SECONDS_MAX: u64 = 120;

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
    /// How many seconds of the wall clock a seed may take. One that takes longer has failed, and no
    /// further seed is begun, since nobody can stop its thread.
    pub seconds_max: u64,
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
    /// The cases that they came to.
    pub cases: Cases,
    /// How long the longest took on the wall clock.
    pub longest: Duration,
    /// Seeds that failed, ascending.
    pub failed: Vec<u64>,
}

/// What the threads share.
struct Desk {
    papers: Mutex<Papers>,
    news: Condvar,
}

#[derive(Default)]
struct Papers {
    /// How many seeds were begun.
    begun: u64,
    enough: bool,
    under_way: BTreeMap<u64, Instant>,
    done: VecDeque<Done>,
}

/// A seed that is done.
struct Done {
    seed: u64,
    took: Duration,
    outcome: Result<Outcome, String>,
}

/// Runs seeds on all processors. A seed that fails is told to `failed` with the reason; `done` is told
/// how many are done.
pub fn run_seeds(
    seeds: Seeds,
    mut failed: impl FnMut(u64, &str),
    mut done: impl FnMut(u64),
) -> Report {
    let desk = Arc::new(Desk { papers: Mutex::default(), news: Condvar::new() });
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    for _ in 0..threads {
        let desk = desk.clone();
        #[expect(clippy::disallowed_methods, reason = "each thread has a runtime of its own")]
        thread::spawn(move || work(&desk, seeds));
    }
    let mut report = Report::default();
    while let Some(Done { seed, took, outcome }) = desk.next(seeds) {
        if let Err(why) = &outcome {
            failed(seed, why);
        }
        report.longest = report.longest.max(took);
        report.count(seed, outcome.ok());
        done(report.seeds);
    }
    report.failed.sort_unstable();
    report
}

/// Runs one seed after the other.
fn work(desk: &Desk, seeds: Seeds) {
    loop {
        let mut papers = desk.look();
        if papers.enough || papers.begun >= seeds.count {
            return;
        }
        let seed = seeds.from + papers.begun;
        papers.begun += 1;
        // Outside of a runtime, this is the clock of the machine.
        let began = Instant::now();
        papers.under_way.insert(seed, began);
        drop(papers);
        let outcome = judge(seed, seeds.twice);
        let mut papers = desk.look();
        // One that was given up has been told of.
        if papers.under_way.remove(&seed).is_some() {
            papers.enough |= seeds.until_failed && outcome.is_err();
            papers.done.push_back(Done { seed, took: began.elapsed(), outcome });
        }
        drop(papers);
        desk.news.notify_one();
    }
}

impl Desk {
    fn look(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next seed that is done, or that does not end; none when all are.
    fn next(&self, seeds: Seeds) -> Option<Done> {
        let longest = Duration::from_secs(seeds.seconds_max);
        let mut papers = self.look();
        loop {
            if let Some(done) = papers.done.pop_front() {
                return Some(done);
            }
            let all = papers.enough || papers.begun >= seeds.count;
            if all && papers.under_way.is_empty() {
                return None;
            }
            let late = papers.under_way.iter().find(|(_, began)| began.elapsed() > longest);
            if let Some(seed) = late.map(|(&seed, _)| seed) {
                papers.under_way.remove(&seed);
                papers.enough = true;
                let why = format!("it hangs: it did not end within {longest:?} of the wall clock");
                return Some(Done { seed, took: longest, outcome: Err(why) });
            }
            let waited = self.news.wait_timeout(papers, Duration::from_millis(200));
            papers = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
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
                self.cases.add(&outcome.cases);
            }
            None => self.failed.push(seed),
        }
    }
}
