//! Running attempts: the dispatcher, the attempt itself, the board's timers.
//!
//! Nothing here knows storage or decides anything: leases come in, reports go out through a
//! [`Runner`], and tasks are started through the core's `Spawn` port.

pub mod attempt;
pub mod dispatcher;
pub mod timers;

pub use attempt::{Ended, Stop};
pub use dispatcher::{Dispatcher, Runner};
