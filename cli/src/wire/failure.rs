//! Errors, as JSON on the error output.

use serde::Serialize;

/// What is written in place of an answer.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) error: Problem,
}

/// What went wrong.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Problem {
    /// A stable name of this kind of error, such as `log-owned`.
    pub(crate) code: &'static str,
    /// What was attempted.
    pub(crate) message: String,
    /// Why it failed, outermost cause first.
    pub(crate) causes: Vec<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// The exit code.
    pub(crate) exit_code: u8,
    /// Whether the same command may succeed later.
    pub(crate) retryable: bool,
}
