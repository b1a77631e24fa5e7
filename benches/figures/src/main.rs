//! The figures that Artel is held to, for `dev/bench`: each is measured several times, every time by
//! a fresh process of this program, and the median counts. What they mean stands in
//! `docs/benchmarks.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod board;
mod child;
mod error;
mod holding;
mod list;
mod load;
mod matching;
mod moving;
mod options;
mod postgres;
mod process;
mod redis;
mod report;
mod server;
mod stall;
mod takeover;
mod waiting;

use std::ffi::OsString;
use std::process::ExitCode;

use options::{Asked, USAGE};

/// As the program `artel` does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        // The program `artel`, in a process of its own.
        Some(process::ARTEL) => return artel_cli::run(arguments),
        Some(process::CHILD) => return child::main(&arguments[1..]),
        _ => {}
    }
    let asked = match Asked::of(&arguments) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("figures: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if asked.list {
        for figure in list::FIGURES {
            println!("{:<22} {}", figure.name, figure.about);
        }
        return ExitCode::SUCCESS;
    }
    match report::all(&asked, &mut std::io::stdout(), &mut std::io::stderr()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("figures: cannot tell what was found: {error}");
            ExitCode::FAILURE
        }
    }
}
