//! Kills a program again and again and checks what is left: `dev/crash --kills N --seed S` runs it
//! on the demo. Yours goes behind `--`, with `{board}`, `{ledger}` and `{result}` in its arguments.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::path::PathBuf;
use std::process::ExitCode;

use artel_testkit::crash::{Campaign, Program, Report};
use tokio::time::Instant;

const USAGE: &str = "usage: crash --dir DIR [--kills N] [--seed S] [--keep] [--json] -- COMMAND…";

struct Options {
    campaign: Campaign,
    json: bool,
}

fn options() -> Result<Options, String> {
    let mut arguments = std::env::args().skip(1);
    let (mut dir, mut kills, mut keep, mut json) = (None, 25, false, false);
    let mut seed = u64::from(std::process::id());
    while let Some(name) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_default();
            value.parse().map_err(|_| format!("{name} needs a number, not `{value}`"))
        };
        match name.as_str() {
            "--kills" => kills = number()?,
            "--seed" => seed = number()?,
            "--dir" => dir = arguments.next().map(PathBuf::from),
            "--keep" => keep = true,
            "--json" => json = true,
            "--" => break,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    let program = Program::new(arguments).map_err(|error| error.to_string())?;
    let dir = dir.ok_or("--dir is missing")?;
    Ok(Options { campaign: Campaign { program, dir, kills, seed, keep }, json })
}

/// After how many kills every check has something to look at.
const ENOUGH: u64 = 25;

/// Whether every check had something to look at: what looks at nothing holds, and proves nothing.
fn looked(report: &Report) -> bool {
    let idle = report.idle();
    if report.kills < ENOUGH || idle.is_empty() {
        return true;
    }
    eprintln!("error: {idle:?} looked at nothing in {} kills", report.kills);
    false
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Options { campaign, json } = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (kills, seed) = (campaign.kills, campaign.seed);
    let began = Instant::now();
    let ran = campaign.run(|report| eprintln!("{} of {kills} kills", report.kills)).await;
    let seconds = began.elapsed().as_secs();
    let holds = match &ran {
        Ok(report) if json => {
            println!("{}", report.json());
            report.holds() && looked(report)
        }
        Ok(report) => {
            println!("seed {seed}, {seconds} s\n\n{report}");
            report.holds() && looked(report)
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            false
        }
    };
    if holds {
        return ExitCode::SUCCESS;
    }
    eprintln!("what is left of it is in {}", campaign.dir.display());
    eprintln!("to draw the same moments again: dev/crash --kills {kills} --seed {seed}");
    ExitCode::FAILURE
}
