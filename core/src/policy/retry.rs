//! When a failed activation is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ErrorKind, KindSet};
use crate::seed::split_mix;
use crate::time::millis_ceil;

/// When a failed activation is tried again, and how often.
///
/// By default: 3 attempts, exponential from 1 s with factor 2, at most 5 min, full jitter, every
/// kind of error but `permanent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    max_attempts: u32,
    backoff: Backoff,
    max_delay: Duration,
    jitter: Jitter,
    max_elapsed: Option<Duration>,
    on: KindSet,
}

/// How the delay grows from one attempt to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backoff {
    /// The same delay each time.
    Fixed(Duration),
    /// The first delay, then each time so many hundredths of the one before.
    Exponential {
        /// The delay after the first failure.
        first: Duration,
        /// By how many hundredths it grows: 200 doubles it.
        factor_percent: u32,
    },
    /// These delays, and the last one from then on.
    List(Vec<Duration>),
}

/// What chance does to a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Jitter {
    /// Nothing.
    None,
    /// The delay is drawn evenly from zero to what the policy says, so that many activations which
    /// failed together do not come back together.
    Full,
}

impl Default for Retry {
    fn default() -> Self {
        Self::exponential(Duration::from_secs(1))
    }
}

impl Retry {
    /// Attempts of a policy that does not say how many.
    pub const MAX_ATTEMPTS: u32 = 3;
    /// The longest delay of a policy that names none.
    pub const MAX_DELAY: Duration = Duration::from_mins(5);
    /// By how many hundredths an exponential delay grows unless the policy says otherwise.
    pub const FACTOR_PERCENT: u32 = 200;

    fn with(backoff: Backoff, max_attempts: u32) -> Self {
        Self {
            max_attempts,
            backoff,
            max_delay: Self::MAX_DELAY,
            jitter: Jitter::Full,
            max_elapsed: None,
            on: KindSet::of(&[ErrorKind::Permanent]).complement(),
        }
    }

    /// One attempt and no more.
    #[must_use]
    pub fn never() -> Self {
        Self::with(Backoff::Fixed(Duration::ZERO), 1)
    }

    /// The same delay after each failure; 3 attempts.
    #[must_use]
    pub fn fixed(delay: Duration) -> Self {
        Self::with(Backoff::Fixed(delay), Self::MAX_ATTEMPTS)
    }

    /// A delay that doubles with each failure; 3 attempts.
    #[must_use]
    pub fn exponential(first: Duration) -> Self {
        let factor_percent = Self::FACTOR_PERCENT;
        Self::with(Backoff::Exponential { first, factor_percent }, Self::MAX_ATTEMPTS)
    }

    /// These delays, one after each failure: one attempt more than there are delays.
    #[must_use]
    pub fn list(delays: impl Into<Vec<Duration>>) -> Self {
        let delays = delays.into();
        let attempts = u32::try_from(delays.len()).unwrap_or(u32::MAX - 1) + 1;
        Self::with(Backoff::List(delays), attempts)
    }

    /// How many attempts there are in all; at least 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// By what an exponential delay is multiplied after each failure, 1.0 to 100.0, kept to
    /// hundredths. Without effect on other policies.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        if let Backoff::Exponential { factor_percent, .. } = &mut self.backoff {
            // What is no number becomes 1.0, the first of the range.
            let percent = (factor.max(1.0) * 100.0).round().clamp(100.0, 10_000.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            {
                *factor_percent = percent as u32;
            }
        }
        self
    }

    /// No delay is longer than this, unless the other side asks for it.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// What chance does to the delays.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// No attempt begins later than this after the activation was created.
    #[must_use]
    pub const fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = Some(elapsed);
        self
    }

    /// Only these kinds of errors are retried. `permanent` never is.
    #[must_use]
    pub fn on(mut self, kinds: &[ErrorKind]) -> Self {
        self.on = KindSet::of(kinds);
        self
    }

    /// All kinds of errors are retried but these. `permanent` never is.
    #[must_use]
    pub fn not_on(mut self, kinds: &[ErrorKind]) -> Self {
        self.on = KindSet::of(kinds).complement();
        self
    }

    /// How many attempts there are in all.
    #[must_use]
    pub const fn attempts_max(&self) -> u32 {
        self.max_attempts
    }

    /// How long after its creation an activation may still be retried.
    #[must_use]
    pub const fn elapsed_max(&self) -> Option<Duration> {
        self.max_elapsed
    }

    /// Whether a failure of this kind is retried at all.
    #[must_use]
    pub fn retries(&self, kind: ErrorKind) -> bool {
        kind != ErrorKind::Permanent && self.on.contains(kind)
    }

    /// How long to wait after the `failures`-th failure (from 1), which was of this kind. `seed`
    /// decides what chance does; the same seed gives the same delay. A wait that the other side
    /// asked for wins over the policy, its longest delay and jitter included.
    #[must_use]
    pub fn delay(&self, failures: u32, kind: ErrorKind, seed: u64) -> Duration {
        if let ErrorKind::RateLimited { retry_after_ms: Some(ms) } = kind {
            return Duration::from_millis(ms);
        }
        let full = self.full_delay_ms(failures);
        let ms = match self.jitter {
            Jitter::None => full,
            Jitter::Full => {
                // The high half of a 128-bit product draws evenly from 0..=full without division.
                let draws = u128::from(full) + 1;
                let drawn = (u128::from(split_mix(seed)) * draws) >> 64;
                u64::try_from(drawn).unwrap_or(full)
            }
        };
        Duration::from_millis(ms)
    }

    fn full_delay_ms(&self, failures: u32) -> u64 {
        let index = failures.saturating_sub(1);
        let longest = millis_ceil(self.max_delay);
        let ms = match &self.backoff {
            Backoff::Fixed(delay) => millis_ceil(*delay),
            Backoff::Exponential { first, factor_percent } => {
                let mut ms = u128::from(millis_ceil(*first)) * 100;
                for _ in 0..index {
                    if ms == 0 || ms / 100 >= u128::from(longest) {
                        break;
                    }
                    ms = ms * u128::from(*factor_percent) / 100;
                }
                u64::try_from(ms / 100).unwrap_or(u64::MAX)
            }
            Backoff::List(delays) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                delays.get(index).or_else(|| delays.last()).map_or(0, |delay| millis_ceil(*delay))
            }
        };
        ms.min(longest)
    }
}

#[cfg(test)]
mod tests;
