//! The command line of Artel: verbs that look at a board, whether or not a process owns it, a few
//! with which an operator acts on it, and the load generator.
//!
//! The program `artel` calls [`run()`] and nothing else; a program with types of its own calls [`run_with()`]. A verb is parsed (`args`), carried out over
//! the library `artel` (`verbs`), and told to people as text or to programs as JSON (`wire`). What
//! each prints, its exit codes and its JSON are described in `docs/cli.md`.

mod args;
mod bench;
mod config;
mod describe;
mod error;
mod json;
mod output;
mod returned;
mod run;
mod table;
mod times;
mod verbs;
mod wire;
mod words;

#[cfg(test)]
mod reference;

pub use run::{run, run_with};
