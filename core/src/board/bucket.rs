//! A token bucket. Counted in whole numbers, so that every fold of a log has the same tokens at the
//! same moment: a token is as many units as its period has milliseconds, and in each millisecond as
//! many units come back as there are tokens in a period.

use serde::{Deserialize, Serialize};

use crate::policy::RateLimit;
use crate::time::Elapsed;

/// The tokens of a rate limit at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    units: u64,
    at: Elapsed,
}

/// How many units the bucket holds.
const fn full(limit: &RateLimit) -> u64 {
    limit.period_ms().saturating_mul(limit.burst_max() as u64)
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn new(limit: &RateLimit, now: Elapsed) -> Self {
        Self { units: full(limit), at: now }
    }

    fn units_at(&self, limit: &RateLimit, now: Elapsed) -> u64 {
        let passed = now.as_millis().saturating_sub(self.at.as_millis());
        let back = passed.saturating_mul(u64::from(limit.permits()));
        self.units.saturating_add(back).min(full(limit))
    }

    /// How many whole tokens there are at a moment.
    #[must_use]
    pub fn tokens(&self, limit: &RateLimit, now: Elapsed) -> u64 {
        self.units_at(limit, now) / limit.period_ms()
    }

    /// When there is a token: not after `now` if there is one already.
    pub(super) fn next(&self, limit: &RateLimit, now: Elapsed) -> Elapsed {
        let missing = limit.period_ms().saturating_sub(self.units_at(limit, now));
        Elapsed(now.as_millis().saturating_add(missing.div_ceil(u64::from(limit.permits()))))
    }

    /// Takes a token.
    pub(super) fn take(&mut self, limit: &RateLimit, now: Elapsed) {
        self.units = self.units_at(limit, now).saturating_sub(limit.period_ms());
        self.at = now;
    }

    /// Goes on under another limit, with as many tokens as it has, and none more than that allows.
    pub(super) fn adopt(&mut self, before: &RateLimit, limit: &RateLimit, now: Elapsed) {
        let tokens = u128::from(self.units_at(before, now)) * u128::from(limit.period_ms())
            / u128::from(before.period_ms());
        self.units = u64::try_from(tokens).unwrap_or(u64::MAX).min(full(limit));
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tokens_come_back_evenly_and_are_never_lost_to_rounding() {
        let limit = RateLimit::per(7, Duration::from_secs(1)).burst(2);
        let mut bucket = Bucket::new(&limit, Elapsed(0));
        let mut now = Elapsed(0);
        let mut taken = 0;
        while now.as_millis() < 60_000 {
            now = bucket.next(&limit, now);
            bucket.take(&limit, now);
            taken += 1;
        }
        // Two at once, then seven a second.
        assert_eq!(taken, 2 + 7 * 60);
    }

    #[test]
    fn another_limit_takes_the_tokens_over() {
        let slow = RateLimit::per_minute(60).burst(10);
        let fast = RateLimit::per_second(1_000).burst(4);
        let mut bucket = Bucket::new(&slow, Elapsed(0));
        for _ in 0..8 {
            bucket.take(&slow, Elapsed(0));
        }
        assert_eq!(bucket.tokens(&slow, Elapsed(0)), 2);
        bucket.adopt(&slow, &fast, Elapsed(500));
        assert_eq!(bucket.tokens(&fast, Elapsed(500)), 2);
        bucket.adopt(&fast, &slow, Elapsed(501));
        assert_eq!(bucket.tokens(&slow, Elapsed(501)), 3, "two and a half, and one more since");
    }
}
