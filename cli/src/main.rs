//! The program `artel`: the command line, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    artel_cli::run(std::env::args_os())
}
