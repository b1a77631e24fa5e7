//! What agents say about their outputs, and what attempts returned that was not published, as JSON.

use serde::Serialize;
use serde_json::value::RawValue;

/// How many artifacts of a type were withheld by a condition.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Withheld {
    /// The name of the type.
    pub(crate) type_name: String,
    /// How many.
    pub(crate) count: u32,
}

/// What a candidate of an attempt came to, where the agent asks for the best of several.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Candidate {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// Its score, the higher the better; null when it failed.
    pub(crate) score: Option<f64>,
    /// Whether it is the one that was published.
    pub(crate) published: bool,
    /// Its error and the causes, outermost first.
    pub(crate) error: Vec<String>,
    /// What it returned and was not published because another one was better.
    pub(crate) outputs: Vec<KeptOutput>,
    /// How many more artifacts it returned, which were not kept: there was no room, or they say themselves who may see them.
    pub(crate) cut: u32,
    /// What it returned and a condition withheld.
    pub(crate) withheld: Vec<Withheld>,
}

/// An artifact that was not published, and is kept with its attempt.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KeptOutput {
    /// The name of the type.
    pub(crate) type_name: String,
    /// The payload.
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub(crate) payload: Option<Box<RawValue>>,
}

/// What an agent says about its outputs of a type.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct OutputRule {
    /// The name of the type.
    pub(crate) type_name: String,
    /// Whether a condition of its program may keep one off the board.
    pub(crate) conditional: bool,
    /// What each one has to pass.
    pub(crate) checks: Vec<String>,
    /// How many an attempt returns at least.
    pub(crate) least: Option<u32>,
    /// How many it returns at most.
    pub(crate) most: Option<u32>,
}
