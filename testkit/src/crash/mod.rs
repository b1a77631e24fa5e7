//! Crashes: a program of yours, killed with SIGKILL again and again at moments drawn from its own
//! progress, and a check afterwards, in another process and by nothing that the program uses, that
//! nothing was lost and nothing done twice.
//!
//! The program keeps its board in a file and a [ledger](crate::ledger) beside it. A [`Campaign`]
//! first lets it end once undisturbed; then it kills it on board after board, each time starts it
//! again with the same command, and holds log, ledger and result against each other.
//! A [`Pair`] does the same on a server, with two processes at a time, and loses connections besides.
//! [`audit`] does the same for a log and a ledger that came about otherwise.

mod audit;
mod campaign;
mod check;
mod error;
mod executions;
mod folder;
mod history;
mod life;
mod pair;
mod plan;
mod program;
mod report;
#[cfg(test)]
mod tests;
mod trial;
mod work;

pub use audit::{Audited, Stage, audit};
pub use campaign::Campaign;
pub use check::{Check, Tally, Verdicts};
pub use error::Error;
pub use history::{History, Recorded};
pub use pair::{Pair, PairReport, live};
pub use program::{Program, Unusable};
pub use report::Report;
