//! A tree of work, its dead letters and the limits that it reached, as JSON.

use serde::Serialize;

use super::activation::{Activation, LimitReached};

/// The answer of `correlation show`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Correlation {
    /// Which one.
    pub(crate) id: String,
    /// `running`, `waiting`, `owed` (the board still owes it artifacts), `done`, `dead-letters` or `cancelled`.
    pub(crate) standing: &'static str,
    /// Activations of it that wait.
    pub(crate) waiting: u32,
    /// Activations of it that run.
    pub(crate) running: u32,
    /// What the oldest of its waiting activations waits for, where none runs.
    pub(crate) gate: Option<&'static str>,
    /// How many dead letters it has.
    pub(crate) dead: u32,
    /// Its dead letters and those that were dropped, oldest first.
    pub(crate) dead_letters: Vec<Activation>,
    /// Whether there are more of them than are listed.
    pub(crate) dead_letters_more: bool,
    /// The limits that attempts of those reached.
    pub(crate) limits: Vec<CorrelationLimit>,
}

/// A limit that what an attempt returned would have exceeded.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CorrelationLimit {
    /// The activation.
    pub(crate) activation: u64,
    /// The number of the attempt.
    pub(crate) attempt: u32,
    /// The agent.
    pub(crate) agent: String,
    /// Which limit, and how far.
    pub(crate) reached: LimitReached,
}
