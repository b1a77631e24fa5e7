//! From the command line to the exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tokio::runtime::Builder;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

use artel::TypeDescriptor;

use crate::args::{Cli, Noun};
use crate::config::{self, Config};
use crate::error::{Error, exit};
use crate::output::{Output, Paint, clean_line, painted};
use crate::verbs;
use crate::wire;

/// Carries out the command line of `artel`, the program's name first, and says how it ended.
///
/// The answer goes to the standard output, errors and diagnostics to the error output. What the exit
/// code means stands in `docs/cli.md`.
pub fn run(args: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
    run_with(args, &[])
}

/// Carries out the command line of a program that has types of its own, so that the verbs that need
/// them, such as `types check`, can read payloads as the program does, with its upcasters:
///
/// ```no_run
/// # use artel::Artifact;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, JsonSchema, Artifact)] struct Review { title: String }
/// # fn main() -> std::process::ExitCode {
/// artel_cli::run_with(std::env::args_os(), &[artel::descriptor::<Review>()])
/// # }
/// ```
///
/// [`Board::types`](artel::Board::types) has those of a board's declarations.
pub fn run_with(
    args: impl IntoIterator<Item = impl Into<OsString>>,
    types: &[TypeDescriptor],
) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return misused(&args, &error),
    };
    let config = Config::resolve(&cli.global);
    show_diagnostics(&cli.noun);
    let mut out = Output::standard(&config);
    let runtime = match &cli.noun {
        // It makes a program's load with a program's threads.
        Noun::Bench(bench) => {
            let mut threads = Builder::new_multi_thread();
            if let Some(count) = bench.threads {
                threads.worker_threads(count.into());
            }
            threads.enable_all().build()
        }
        _ => Builder::new_current_thread().enable_all().build(),
    };
    let ended = runtime
        .map_err(Error::Runtime)
        .and_then(|runtime| runtime.block_on(verbs::carry_out(cli.noun, types, &config, &mut out)));
    match ended.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // What was answered so far comes first; a reader who has left changes nothing.
            let _ = out.flush();
            tell(&error, &config);
            ExitCode::from(error.exit())
        }
    }
}

/// Shows warnings, or what RUST_LOG asks for, on the error output. A program that has set up its own
/// keeps it. A bench keeps the spans of attempts as a program does that is watched at level info:
/// they are a part of what work costs.
fn show_diagnostics(noun: &Noun) {
    let asked = config::diagnostics();
    let _ = match (noun, asked) {
        (Noun::Bench(_), None) => tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("info"))
            .with_writer(std::io::stderr.with_max_level(Level::WARN))
            .try_init(),
        (_, asked) => tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(asked.as_deref().unwrap_or("warn")))
            .with_writer(std::io::stderr)
            .try_init(),
    };
}

/// Tells an error: one line with its causes, and one with the next step; or as JSON.
fn tell(error: &Error, config: &Config) {
    let mut text = if config.json {
        serde_json::to_string(&error.wire()).unwrap_or_default()
    } else {
        let label = painted(config.color.err, Paint::Red, "error:");
        let mut text = format!("{label} {}", clean_line(&error.chain().join(": ")));
        if let Some(hint) = error.hint() {
            let label = painted(config.color.err, Paint::Bold, "hint:");
            text.push_str(&format!("\n{label} {hint}"));
        }
        text
    };
    text.push('\n');
    // Nobody is left to be told that nobody can be told.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// A command line that cannot be carried out, or asks for help.
fn misused(args: &[OsString], error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked || !args.iter().any(|arg| arg == "--json") {
        let _ = error.print();
    } else {
        let rendered = error.render().to_string();
        let lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
        // What follows is for people: how the command line is made up, and where to read on.
        let ends = |line: &str| line.starts_with("Usage:") || line.starts_with("For more");
        let said: Vec<&str> = lines.take_while(|line| !ends(line)).collect();
        let message = said.join(" ").trim_start_matches("error: ").to_owned();
        let problem = wire::Problem {
            code: "usage",
            message,
            causes: Vec::new(),
            hint: Some("--help shows what may be written".to_owned()),
            exit_code: exit::USAGE,
            retryable: false,
        };
        let failure = wire::Failure { error: problem };
        let text = serde_json::to_string(&failure).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    if asked { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) }
}
