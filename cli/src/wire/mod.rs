//! The answers as JSON: types of their own, so that the library's types may change without changing
//! what programs read. Field names are stable; fields may be added. `docs/cli.md` lists them all.

mod activation;
mod artifact;
mod bench;
mod board;
mod event;
mod failure;
mod turn;

pub(crate) use activation::{
    Activation, ActivationDetail, Activations, Attempt, DeadLetter, DeadLetters, Operated,
    Subscription,
};
pub(crate) use artifact::{Artifact, ArtifactDetail, Artifacts, NotWoken, Trace, Woken};
pub(crate) use bench::{Bench, Latency};
pub(crate) use board::{
    Agent, Board, BoardHash, Failing, OpenCorrelation, Owner, Removed, Type, Verified,
};
pub(crate) use event::{Actor, AgentDefinition, Event, Happened};
pub(crate) use failure::{Failure, Problem};
pub(crate) use turn::{Breaker, BreakerOptions, Breakers, Metered, RateLimit, Turned};
