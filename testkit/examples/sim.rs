//! Runs simulations: `dev/sim --seeds N --from S`. Each seed runs twice, and both runs have to give
//! the same log.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::panic;
use std::process::ExitCode;
use std::time::Instant;

use artel_testkit::sim;

const USAGE: &str = "usage: dev/sim [--seeds N] [--from S]";

fn options() -> Option<(u64, u64)> {
    let (mut from, mut seeds) = (0, 200);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--seeds" => seeds = value,
            "--from" => from = value,
            _ => return None,
        }
    }
    Some((from, seeds))
}

fn main() -> ExitCode {
    let Some((from, seeds)) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // The agents of a simulation panic on purpose.
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("drawn") {
            others(info);
        }
    }));
    #[expect(clippy::disallowed_methods, reason = "how long it took, for people")]
    let began = Instant::now();
    let failed = |seed, why: &str| {
        println!("seed {seed} failed: {why}\n  dev/sim --seeds 1 --from {seed}");
    };
    let done = |done: u64| {
        if done.is_multiple_of(500) {
            eprintln!("{done} of {seeds} seeds");
        }
    };
    let report = sim::run_seeds(from, seeds, failed, done);
    println!(
        "{} seeds, each twice, in {:.0} s: {} events, {} attempts, {} processes, {} artifacts \
         acknowledged; {} seeds failed",
        report.seeds,
        began.elapsed().as_secs_f64(),
        report.events,
        report.attempts,
        report.processes,
        report.acknowledged,
        report.failed.len(),
    );
    if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
