//! The answers as JSON: types of their own, so that the library's types may change without changing
//! what programs read. Field names are stable; fields may be added. `docs/cli.md` lists them all.

mod activation;
mod alert;
mod artifact;
mod bench;
mod board;
mod correlation;
mod doctor;
mod event;
mod failure;
mod output;
mod turn;
mod types;

pub(crate) use activation::{
    Activation, ActivationDetail, Activations, Attempt, DeadLetter, DeadLetterGroup,
    DeadLetterGroups, DeadLetters, Intervention, LimitReached, Operated, Subscription,
};
pub(crate) use alert::{Alert, Alerts};
pub(crate) use artifact::{
    Artifact, ArtifactDetail, Artifacts, NotWoken, Trace, Visibility, Woken,
};
pub(crate) use bench::{Bench, Latency};
pub(crate) use board::{
    Adopted, Agent, Board, BoardHash, BoardThere, Boards, Dependency, Failing, Moved,
    OpenCorrelation, Owner, Removed, Type, Verified,
};
pub(crate) use correlation::{Correlation, CorrelationLimit};
pub(crate) use doctor::{Examined, Finding};
pub(crate) use event::{Actor, AgentDefinition, Event, Happened};
pub(crate) use failure::{Failure, Problem};
pub(crate) use output::{Candidate, KeptOutput, OutputRule, Withheld};
pub(crate) use turn::{Breaker, BreakerOptions, Breakers, Metered, RateLimit, Turned};
pub(crate) use types::{TypeFailure, TypeVersion, Types, TypesChecked, VersionChecked};
