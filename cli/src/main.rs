//! The program `artel`: the command line, and nothing else.

use std::process::ExitCode;

/// An attempt allocates some dozens of times, and much of that is freed by another thread, which
/// this one is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    artel_cli::run(std::env::args_os())
}
