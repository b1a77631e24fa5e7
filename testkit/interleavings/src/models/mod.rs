//! The models: a few threads each, run under many schedules. Each prints how many.

mod dispatcher;
mod log;
mod logs;
mod stop;
mod tail;

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// How many schedules are tried in the order of a search of all of them: small models are done before.
const SEARCHED: usize = 5_000;
/// How many are drawn at random.
const DRAWN: usize = 2_000;
/// How many are drawn so that bugs of this depth are found with a known chance.
const PRIORITISED: usize = 2_000;
/// That depth: how many switches between threads it takes.
const DEPTH: usize = 3;

/// Runs a model under many schedules. A panic in any of them, or one in which nobody can go on, fails
/// the test and prints the schedule.
fn explore(name: &str, model: impl Fn() + Copy + Send + Sync + 'static) {
    let searched = run(DfsScheduler::new(Some(SEARCHED), false), model);
    let drawn = run(RandomScheduler::new(DRAWN), model);
    let prioritised = run(PctScheduler::new(DEPTH, PRIORITISED), model);
    let whole = if searched < SEARCHED { ", all there are" } else { "" };
    let executions = searched + drawn + prioritised;
    println!("model {name}: {executions} executions ({searched} searched{whole})");
}

fn run(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) -> usize {
    Runner::new(scheduler, Config::new()).run(model)
}
