//! Kills a program again and again and checks what is left: `dev/crash --kills N --seed S` runs it
//! on the demo. Yours goes behind `--`, with `{board}`, `{ledger}` and `{result}` in its arguments.
//! With `--log postgres` or `--log redis` it kills two processes on one board of a server instead, and the server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use artel_testkit::crash::{Campaign, Error, Pair, PairReport, Program, Report, live};
use artel_testkit::servers::Kind;
use tokio::time::Instant;

const USAGE: &str = "usage: crash --dir DIR [--kills N] [--seed S] [--keep] [--json] -- COMMAND…\n\
                     \x20      crash --dir DIR [--kills N] [--seed S] [--keep] [--json] --log postgres|redis";

/// What a process of a pair is called with, in its own folder.
const LIVE: &str = "--live";

struct Options {
    dir: PathBuf,
    kills: u64,
    seed: u64,
    keep: bool,
    json: bool,
    /// None for a pair on a server.
    program: Option<Program>,
    /// The kind of server for a pair.
    kind: Option<Kind>,
}

fn options() -> Result<Options, String> {
    let mut arguments = std::env::args().skip(1);
    let (mut dir, mut kills, mut keep, mut json, mut kind) = (None, 25, false, false, None);
    let mut seed = u64::from(std::process::id());
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        let number = |value: String| {
            value.parse().map_err(|_| format!("{name} needs a number, not `{value}`"))
        };
        match name.as_str() {
            "--kills" => kills = number(value())?,
            "--seed" => seed = number(value())?,
            "--dir" => dir = Some(PathBuf::from(value())),
            "--log" => match value().as_str() {
                "postgres" => kind = Some(Kind::Postgres),
                "redis" => kind = Some(Kind::Redis),
                "sqlite" => kind = None,
                other => return Err(format!("--log is sqlite, postgres or redis, not `{other}`")),
            },
            "--keep" => keep = true,
            "--json" => json = true,
            "--" => break,
            other => return Err(format!("there is no option `{other}`")),
        }
    }
    let dir = dir.ok_or("--dir is missing")?;
    let program = if kind.is_some() {
        None
    } else {
        Some(Program::new(arguments).map_err(|error| error.to_string())?)
    };
    Ok(Options { dir, kills, seed, keep, json, program, kind })
}

/// After how many kills every check has something to look at.
const ENOUGH: u64 = 25;

/// What either kind of campaign came to.
struct Found {
    text: String,
    json: String,
    holds: bool,
    kills: u64,
    /// The checks that had nothing to look at: what looks at nothing holds, and proves nothing.
    idle: Vec<String>,
}

impl Found {
    fn of_program(report: &Report) -> Self {
        let idle = report.idle().iter().map(|check| check.name().to_owned()).collect();
        let (text, json) = (report.to_string(), report.json().to_string());
        Self { text, json, holds: report.holds(), kills: report.kills, idle }
    }

    fn of_pair(report: &PairReport) -> Self {
        let idle = report.idle().iter().map(|check| check.name().to_owned()).collect();
        let (text, json) = (report.to_string(), report.json().to_string());
        Self { text, json, holds: report.holds(), kills: report.kills, idle }
    }

    fn proves(&self) -> bool {
        if self.kills >= ENOUGH && !self.idle.is_empty() {
            eprintln!("error: {:?} looked at nothing in {} kills", self.idle, self.kills);
            return false;
        }
        self.holds
    }
}

async fn run(options: &Options) -> Result<Found, Error> {
    let Options { dir, kills, seed, keep, program, kind, .. } = options;
    let (kills, seed, keep) = (*kills, *seed, *keep);
    if let Some(program) = program.clone() {
        let campaign = Campaign { program, dir: dir.clone(), kills, seed, keep };
        let report = campaign.run(|report| eprintln!("{} of {kills} kills", report.kills)).await;
        return report.map(|report| Found::of_program(&report));
    }
    let here = std::env::current_exe().unwrap_or_default().display().to_string();
    let dir = dir.join(format!("pair-{seed}"));
    let kind = kind.unwrap_or(Kind::Postgres);
    let command = vec![here, LIVE.to_owned()];
    let pair = Pair { command, kind, dir: dir.clone(), kills, seed };
    let ran = pair.run(|killed| eprintln!("{killed} of {kills} kills"));
    let report = Box::pin(ran).await?;
    if report.holds() && !keep {
        // What is left of it otherwise is for whoever looks.
        let _ = std::fs::remove_dir_all(dir);
    }
    Ok(Found::of_pair(&report))
}

fn tell(error: &Error) {
    eprintln!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == LIVE) {
        return match live(Path::new(".")).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tell(&error);
                ExitCode::FAILURE
            }
        };
    }
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let ran = run(&options).await;
    let seconds = began.elapsed().as_secs();
    let Options { dir, kills, seed, .. } = &options;
    let holds = match &ran {
        Ok(found) if options.json => {
            println!("{}", found.json);
            found.proves()
        }
        Ok(found) => {
            println!("seed {seed}, {seconds} s\n\n{}", found.text);
            found.proves()
        }
        Err(error) => {
            tell(error);
            false
        }
    };
    if holds {
        return ExitCode::SUCCESS;
    }
    let log = match options.kind {
        Some(Kind::Postgres) => " --log postgres",
        Some(Kind::Redis) => " --log redis",
        None => "",
    };
    eprintln!("what is left of it is in {}", dir.display());
    eprintln!("to draw the same moments again: dev/crash{log} --kills {kills} --seed {seed}");
    ExitCode::FAILURE
}
