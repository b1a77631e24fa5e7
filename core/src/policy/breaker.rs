//! When a circuit breaker opens, and how it closes again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ErrorKind, KindSet};
use crate::time::millis_ceil;

/// When calls are held back because what they depend on is not well, and when they are let through
/// again.
///
/// By default it opens after 5 failures in a row and stays open for 60 s. Then it is half-open and
/// lets 3 attempts through: when all of them have ended without such a failure it closes, and with
/// the first one that fails it opens again. Only kinds of errors count that tell of something
/// unhealthy: transient, rate-limited, timeout and panic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    trip: Trip,
    recovery: Duration,
    growth: Option<Growth>,
    probes: u32,
}

/// What opens a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trip {
    /// So many failures, with no success between them.
    InARow(u32),
    /// A share of failures among the attempts that ended lately.
    Rate {
        /// The share, in hundredths.
        percent: u32,
        /// How many attempts must have ended for the share to mean something.
        calls_min: u32,
        /// How far back they count.
        window: Duration,
    },
}

/// How the time for which a breaker stays open grows while it opens again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Growth {
    factor_percent: u32,
    longest: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::consecutive(Self::FAILURES)
    }
}

impl Breaker {
    /// Failures in a row that open a breaker, unless it says otherwise.
    pub const FAILURES: u32 = 5;
    /// Attempts of which a share is told, unless the breaker says otherwise.
    pub const MINIMUM_CALLS: u32 = 20;
    /// How far back they count, unless the breaker says otherwise.
    pub const WINDOW: Duration = Duration::from_mins(1);
    /// The share of failures that opens a breaker by rate, in hundredths, unless it says otherwise.
    pub const FAILURE_PERCENT: u32 = 50;
    /// How long a breaker stays open, unless it says otherwise.
    pub const RECOVERY: Duration = Duration::from_mins(1);
    /// How many attempts a half-open breaker lets through, unless it says otherwise.
    pub const PROBES: u32 = 3;
    /// How many attempts a half-open breaker may let through at most.
    pub const PROBES_MAX: u32 = 1_000;

    const fn with(trip: Trip) -> Self {
        Self { trip, recovery: Self::RECOVERY, growth: None, probes: Self::PROBES }
    }

    /// Opens after so many failures in a row, at least 1.
    #[must_use]
    pub const fn consecutive(failures: u32) -> Self {
        Self::with(Trip::InARow(if failures == 0 { 1 } else { failures }))
    }

    /// Opens when at least this share of attempts failed, in hundredths from 1 to 100: of those that
    /// ended in the last minute, and once there are 20 of them.
    #[must_use]
    pub const fn failure_rate(percent: u32) -> Self {
        let percent = if percent == 0 {
            1
        } else if percent > 100 {
            100
        } else {
            percent
        };
        Self::with(Trip::Rate { percent, calls_min: Self::MINIMUM_CALLS, window: Self::WINDOW })
    }

    /// How many attempts must have ended for their share of failures to count, at least 1. Without
    /// effect on a breaker that counts failures in a row.
    #[must_use]
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        if let Trip::Rate { calls_min, .. } = &mut self.trip {
            *calls_min = if calls == 0 { 1 } else { calls };
        }
        self
    }

    /// How far back attempts count. They are counted in twentieths of it, so what counts is between
    /// 95 and 100 % of it. Without effect on a breaker that counts failures in a row.
    #[must_use]
    pub const fn window(mut self, time: Duration) -> Self {
        if let Trip::Rate { window, .. } = &mut self.trip {
            *window = time;
        }
        self
    }

    /// How long it stays open before it lets attempts through again.
    #[must_use]
    pub const fn recovery(mut self, time: Duration) -> Self {
        self.recovery = time;
        self
    }

    /// Each time that it opens again because an attempt failed that it let through, it stays open so
    /// much longer, by a factor of 1.0 to 100.0 kept to hundredths, up to the `longest` time. Once it
    /// has closed it begins anew.
    #[must_use]
    pub fn recovery_backoff(mut self, factor: f64, longest: Duration) -> Self {
        // What is no number becomes 1.0, the first of the range.
        let percent = (factor.max(1.0) * 100.0).round().clamp(100.0, 10_000.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let factor_percent = percent as u32;
        self.growth = Some(Growth { factor_percent, longest });
        self
    }

    /// How many attempts it lets through when it is half-open, and how many must end well for it to
    /// close: 1 to 1 000.
    #[must_use]
    pub const fn probes(mut self, attempts: u32) -> Self {
        self.probes = if attempts == 0 {
            1
        } else if attempts > Self::PROBES_MAX {
            Self::PROBES_MAX
        } else {
            attempts
        };
        self
    }

    /// What opens it.
    #[must_use]
    pub const fn trip(&self) -> Trip {
        self.trip
    }

    /// How many attempts it lets through when it is half-open.
    #[must_use]
    pub const fn probes_max(&self) -> u32 {
        self.probes
    }

    /// How long it stays open when it opens for the `opening`-th time (from 1) since it was closed.
    #[must_use]
    pub fn recovery_time(&self, opening: u32) -> Duration {
        let Some(Growth { factor_percent, longest }) = self.growth else { return self.recovery };
        let longest = u128::from(millis_ceil(longest.max(self.recovery))) * 100;
        let mut ms = u128::from(millis_ceil(self.recovery)) * 100;
        for _ in 1..opening {
            if ms == 0 || ms >= longest {
                break;
            }
            ms = ms * u128::from(factor_percent) / 100;
            if factor_percent == 100 {
                break;
            }
        }
        Duration::from_millis(u64::try_from(ms.min(longest) / 100).unwrap_or(u64::MAX))
    }

    /// The kinds of errors that tell of something unhealthy. Others say that there was an answer, and
    /// count as such.
    #[must_use]
    pub fn counted() -> KindSet {
        KindSet::of(&[
            ErrorKind::Transient,
            ErrorKind::RateLimited { retry_after_ms: None },
            ErrorKind::Timeout,
            ErrorKind::Panic,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_open_grows_up_to_its_bound() {
        let second = Duration::from_secs(1);
        let plain = Breaker::default().recovery(second);
        assert_eq!([1, 2, 9].map(|n| plain.recovery_time(n)), [second; 3]);
        let grows = plain.recovery_backoff(2.0, 5 * second);
        assert_eq!([1, 2, 3, 4, 99].map(|n| grows.recovery_time(n).as_secs()), [1, 2, 4, 5, 5]);
        let short = Breaker::default().recovery(9 * second).recovery_backoff(2.0, second);
        assert_eq!(short.recovery_time(3), 9 * second, "never shorter than at first");
        let still = Breaker::default().recovery(second).recovery_backoff(f64::NAN, 9 * second);
        assert_eq!(still.recovery_time(u32::MAX), second);
    }

    #[test]
    fn numbers_out_of_range_become_the_nearest_that_means_something() {
        assert_eq!(Breaker::consecutive(0).trip(), Trip::InARow(1));
        assert_eq!(Breaker::failure_rate(0), Breaker::failure_rate(1));
        assert_eq!(Breaker::failure_rate(900), Breaker::failure_rate(100));
        assert_eq!(Breaker::default().probes(0).probes_max(), 1);
        assert_eq!(Breaker::default().probes(u32::MAX).probes_max(), Breaker::PROBES_MAX);
    }

    #[test]
    fn what_says_nothing_of_health_does_not_count() {
        let counted = Breaker::counted();
        assert!(counted.contains(ErrorKind::RateLimited { retry_after_ms: Some(5) }));
        assert!(!counted.contains(ErrorKind::Permanent));
        assert!(!counted.contains(ErrorKind::InvalidOutput));
    }
}
