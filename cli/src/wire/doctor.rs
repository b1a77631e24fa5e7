//! What was found in an examination, as JSON.

use serde::Serialize;

/// The answer of `doctor`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Examined {
    /// The board that was examined, without user name and password.
    pub(crate) url: String,
    /// How many of the findings are problems; if any, the exit code is 1.
    pub(crate) problems: u64,
    /// How many of them are warnings.
    pub(crate) warnings: u64,
    /// What was looked at, and how it is.
    pub(crate) findings: Vec<Finding>,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Finding {
    /// A stable name of what was looked at, such as `commit-latency`; `docs/reference/doctor.md` lists them.
    pub(crate) code: &'static str,
    /// `ok`, `warning` or `problem`.
    pub(crate) severity: &'static str,
    /// How it is.
    pub(crate) found: String,
    /// What to do about it; null when nothing is to be done.
    pub(crate) advice: Option<String>,
}
