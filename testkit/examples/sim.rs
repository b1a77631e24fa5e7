//! Runs simulations: `dev/sim --seeds N --from S`. Each seed runs twice, and both runs have to give
//! the same log; `--once` and `--until-failed` are for looking for a seed that fails. A seed that does
//! not end within `--seed-seconds` has failed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::process::ExitCode;
use std::time::Instant;

use artel_testkit::sim::{self, Case, Seeds};

const USAGE: &str =
    "usage: dev/sim [--seeds N] [--from S] [--once] [--until-failed] [--seed-seconds N] [--cases]";

struct Options {
    seeds: Seeds,
    cases: bool,
}

fn options() -> Option<Options> {
    let seconds_max = sim::SEED_SECONDS_MAX;
    let mut seeds = Seeds { from: 0, count: 200, twice: true, until_failed: false, seconds_max };
    let mut cases = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--once" => seeds.twice = false,
            "--until-failed" => seeds.until_failed = true,
            "--seeds" => seeds.count = arguments.next()?.parse().ok()?,
            "--seed-seconds" => seeds.seconds_max = arguments.next()?.parse().ok()?,
            "--cases" => cases = true,
            "--from" => seeds.from = arguments.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some(Options { seeds, cases })
}

fn main() -> ExitCode {
    let Some(Options { seeds, cases }) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    #[expect(clippy::disallowed_methods, reason = "how long it took, for people")]
    let began = Instant::now();
    let failed = |seed, why: &str| {
        println!("seed {seed} failed: {why}\n  dev/sim --seeds 1 --from {seed}");
    };
    let done = |done: u64| {
        if done.is_multiple_of(500) {
            eprintln!("{done} of {} seeds", seeds.count);
        }
    };
    let report = sim::run_seeds(seeds, failed, done);
    if cases {
        for case in Case::ALL {
            println!("{:>10} {case:?}", report.cases.of(case));
        }
    }
    println!(
        "{} seeds, each {}, in {:.0} s: {} events, {} attempts, {} processes, {} artifacts \
         acknowledged; the longest took {:.3} s; {} seeds failed",
        report.seeds,
        if seeds.twice { "twice" } else { "once" },
        began.elapsed().as_secs_f64(),
        report.events,
        report.attempts,
        report.processes,
        report.acknowledged,
        report.longest.as_secs_f64(),
        report.failed.len(),
    );
    if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
