//! Circuit breakers, and what was held back or let go by hand, as JSON.

use serde::Serialize;

/// What has a circuit breaker.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Metered {
    /// `agent` or `dependency`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: String,
}

/// The answer of `breaker ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Breakers {
    /// The breakers, those of agents first.
    pub(crate) breakers: Vec<Breaker>,
}

/// A circuit breaker.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Breaker {
    /// Whose it is.
    pub(crate) of: Metered,
    /// `closed`, `open` or `half-open`.
    pub(crate) phase: &'static str,
    /// When an open one lets attempts through again; null until it is closed by hand.
    pub(crate) until: Option<String>,
    /// Attempts that a half-open one let through and that run.
    pub(crate) probes_running: u64,
    /// Attempts that a half-open one let through and that ended well.
    pub(crate) probes_succeeded: u32,
    /// How often it opened since it was last closed.
    pub(crate) openings: u32,
    /// The failures that a closed one has counted; null otherwise. The event that says that it opened has
    /// what it had counted by then.
    pub(crate) failures: Option<u32>,
    /// Of how many attempts; null where it is not closed.
    pub(crate) calls: Option<u32>,
    /// How it is set.
    pub(crate) options: BreakerOptions,
}

/// How a circuit breaker is set.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BreakerOptions {
    /// Failures in a row that open it; null where it goes by their share.
    pub(crate) consecutive_failures: Option<u32>,
    /// The share of failures that opens it, in hundredths; null where it goes by failures in a row.
    pub(crate) failure_percent: Option<u32>,
    /// How many attempts must have ended for the share to count.
    pub(crate) minimum_calls: Option<u32>,
    /// How far back they count.
    pub(crate) window_ms: Option<u64>,
    /// How long it stays open at first.
    pub(crate) recovery_ms: u64,
    /// How many attempts it lets through when it is half-open.
    pub(crate) probes: u32,
}

/// A rate limit.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RateLimit {
    /// How many attempts may begin in a period.
    pub(crate) attempts: u32,
    /// The period.
    pub(crate) period_ms: u64,
    /// How many may begin at once after a while without any.
    pub(crate) burst: u32,
}

/// The answer of `pause` and `resume`, and of `breaker open` and `breaker close`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Turned {
    /// `pause`, `resume`, `open` or `close`.
    pub(crate) action: &'static str,
    /// What was meant, such as `agent licence`.
    pub(crate) what: String,
    /// Whether it was not so before.
    pub(crate) changed: bool,
}
