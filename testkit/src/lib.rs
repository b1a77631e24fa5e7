//! Tools for tests of boards and of logs: time that stands still until a test moves it, random
//! bytes that are the same in every run, a log that fails when it is told to, the checks that every
//! board must pass, a simulation of whole boards, and kills of whole programs. For Artel's own tests,
//! and for those of your agents.

mod check;
mod clock;
pub mod conformance;
pub mod crash;
mod dice;
mod entropy;
mod fault;
mod faulty;
pub mod ledger;
pub mod servers;
#[expect(clippy::panic, reason = "a simulation in which something does not hold panics")]
pub mod sim;

pub use check::{Checked, check};
pub use clock::VirtualClock;
pub use entropy::SeededEntropy;
pub use fault::{Fault, Happened, Witness};
pub use faulty::FaultyLog;
