//! Two programs on one board of a server: the owner and one that stands by, under load, while either of them
//! and the server are killed, the programs are stopped, and their connections go through a proxy that loses
//! them in every way. What is left is held against what they noted, as for a [`Campaign`](super::Campaign).
//!
//! ```text
//!   process-1 (owns)  ─┐
//!                      ├─► proxy ─► server ◄── the campaign looks, and audits in the end
//!   process-2 (waits) ─┘
//!   each with a ledger of its own; whichever is killed is replaced at once
//! ```

mod campaign;
mod faults;
mod live;
mod notes;
mod report;
mod stage;

pub use campaign::Pair;
pub use live::live;
pub use report::PairReport;
