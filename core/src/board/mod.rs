//! A board's live state and how it changes: [`State`] is the fold of the log's decisions;
//! [`decide`](State::decide) turns a command into events. Pure and synchronous throughout.
//!
//! One file per kind of command decides; `evolve.rs` alone changes the state. What can be derived
//! from the state (the agenda, timers, counts) is kept beside it in an index that is rebuilt when
//! a state is read back.

mod activation;
mod admit;
mod beside;
mod cancel;
mod changes;
mod correlation;
mod dead_letter;
mod decide;
mod elapse;
mod encoding;
mod evolve;
mod evolve_work;
mod finish;
mod gate;
mod held;
mod index;
mod lease;
mod publish;
mod register;
mod room;
mod session;
mod state;
mod step;
mod take_over;

#[cfg(test)]
mod tests;

pub use activation::{Activation, Phase, Running};
pub use beside::{Beside, Recent};
pub use changes::{Changes, Lease, Settled};
pub use correlation::{Correlation, Hour, OpenStatus};
pub use decide::Decided;
pub use encoding::{STATE_FORMAT, StateError};
pub use evolve::Inconsistent;
pub use gate::Gate;
pub use state::{
    AgentRecord, Counters, Header, SessionRecord, State, SubscriptionRecord, TypeRecord,
};
