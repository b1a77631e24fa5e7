//! How often attempts may begin.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::millis_ceil;

/// How many attempts may begin in a time: a token bucket. It is full at first and holds `burst`
/// tokens at most, as many as there are in a period unless it is set; each attempt that begins takes
/// one, and they come back evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    permits: u32,
    period_ms: u64,
    burst: u32,
}

impl RateLimit {
    /// The longest period.
    pub const PERIOD_MAX: Duration = Duration::from_hours(24 * 366);

    /// So many attempts (at least 1) in every period, which is rounded up to a millisecond and is a
    /// year at most.
    #[must_use]
    pub fn per(attempts: u32, period: Duration) -> Self {
        let permits = attempts.max(1);
        let period_ms = millis_ceil(period.min(Self::PERIOD_MAX)).max(1);
        Self { permits, period_ms, burst: permits }
    }

    /// So many attempts in every second.
    #[must_use]
    pub fn per_second(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_secs(1))
    }

    /// So many attempts in every minute.
    #[must_use]
    pub fn per_minute(attempts: u32) -> Self {
        Self::per(attempts, Duration::from_mins(1))
    }

    /// How many attempts may begin at once after a while without any, at least 1.
    #[must_use]
    pub const fn burst(mut self, attempts: u32) -> Self {
        self.burst = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// How many tokens come back in a period.
    #[must_use]
    pub const fn permits(&self) -> u32 {
        self.permits
    }

    /// The period, in milliseconds.
    #[must_use]
    pub const fn period_ms(&self) -> u64 {
        self.period_ms
    }

    /// How many tokens there are at most.
    #[must_use]
    pub const fn burst_max(&self) -> u32 {
        self.burst
    }
}
