//! A board's live state and how it changes: [`State`] is the fold of the log's decisions;
//! [`decide`](State::decide) turns a command into events. Pure and synchronous throughout.
//!
//! One file per kind of command decides; `evolve.rs` alone changes the state. What can be derived
//! from the state (the agenda, timers, counts) is kept beside it in an index that is rebuilt when
//! a state is read back.

mod activation;
mod admit;
mod adopt;
mod agenda;
mod alert;
mod beside;
mod bucket;
mod cancel;
mod changes;
mod circuit;
mod correlation;
mod dead_letter;
mod debt;
mod decide;
mod doubt;
mod elapse;
mod encoding;
mod evolve;
mod evolve_work;
mod failing;
mod finish;
mod gate;
mod group;
mod held;
mod index;
mod lanes;
mod lease;
mod loops;
mod member_lines;
mod meter;
mod operate;
mod order;
mod pause;
mod publish;
mod register;
mod room;
mod session;
mod slots;
mod state;
mod step;
mod suspects;
mod take_over;
mod timed;

#[cfg(test)]
mod tests;

pub use activation::{Activation, Phase, Running, Suspect};
pub use adopt::Adoption;
pub use alert::{Alert, EndAlert};
pub use beside::{Beside, Recent};
pub use bucket::Bucket;
pub use changes::{Changes, Lease, Settled};
pub use circuit::{Circuit, CircuitPhase};
pub use correlation::{Correlation, Hour, OpenStatus};
pub use debt::{DEAD_LETTER, Debt, Pay};
pub use decide::Decided;
pub use encoding::{STATE_FORMAT, StateError};
pub use evolve::Inconsistent;
pub use failing::Failing;
pub use gate::Gate;
pub use meter::Meter;
pub use state::{
    AgentRecord, Counters, DependencyRecord, Header, SessionRecord, State, SubscriptionRecord,
    TypeRecord,
};
