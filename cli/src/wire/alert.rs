//! Alerts of dead letters that are not delivered yet, as JSON.

use serde::Serialize;

/// The answer of `dlq alerts`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Alerts {
    /// The alerts, by agent, the oldest first.
    pub(crate) alerts: Vec<Alert>,
}

/// An alert that is not delivered yet.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Alert {
    /// The seq of the death that made it due.
    pub(crate) alert: u64,
    /// Whose dead letters it is about.
    pub(crate) agent: String,
    /// How many dead letters it is about.
    pub(crate) deaths: u64,
    /// How many of them have other fingerprints.
    pub(crate) others: u64,
    /// Why the first of them died.
    pub(crate) reason: &'static str,
    /// What the first of them is grouped by.
    pub(crate) fingerprint: Option<String>,
    /// The first of them, at most 10.
    pub(crate) dead_letters: Vec<u64>,
    /// When the first of them died.
    pub(crate) first_at: String,
    /// When the last of them died.
    pub(crate) last_at: String,
    /// For how long it has been due; 0 while further ones are gathered.
    pub(crate) overdue_ms: u64,
}
