//! The program `artel`.

use std::process::ExitCode;

fn main() -> ExitCode {
    artel_cli::run(std::env::args_os())
}
