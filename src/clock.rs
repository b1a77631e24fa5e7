//! The machine's clocks: the only place that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use artel_core::time::{Clock, Elapsed, Now, Timestamp};

/// The machine's wall clock and monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let origin = Instant::now();
        Self { origin }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let now = SystemTime::now();
        let millis = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp(millis)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A board's two clocks, as its owner keeps them: the monotonic clock is laid onto the time that
/// the board has lived.
#[derive(Clone, Debug)]
pub(crate) struct BoardClock {
    clock: std::sync::Arc<dyn Clock>,
    lived: Elapsed,
    since: Duration,
}

impl BoardClock {
    /// A clock that goes on where a board was left: down-time since its `last` event counts, and a
    /// wall clock that went back adds nothing. A board without events begins to live.
    pub(crate) fn resume(
        clock: std::sync::Arc<dyn Clock>,
        lived: Elapsed,
        last: Option<Timestamp>,
    ) -> Self {
        let down = last.map_or(Duration::ZERO, |last| clock.wall().since(last));
        let since = clock.monotonic();
        Self { clock, lived: lived.after(down), since }
    }

    /// Both clocks, now.
    pub(crate) fn now(&self) -> Now {
        let elapsed = self.clock.monotonic().saturating_sub(self.since);
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Now { wall: self.clock.wall(), elapsed: Elapsed(self.lived.as_millis() + millis) }
    }

    /// How long it is to a moment of the board's own clock, rounded up to a millisecond.
    pub(crate) fn remaining(&self, until: Elapsed) -> Duration {
        until.since(self.now().elapsed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    struct Still(i64);

    impl Clock for Still {
        fn wall(&self) -> Timestamp {
            Timestamp(self.0)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(7)
        }
    }

    /// Down-time counts for a board that has lived for less than a millisecond, too: it has events.
    #[test]
    fn the_down_time_of_a_young_board_counts() {
        for (lived, last, now) in [
            (0, Some(Timestamp(5_000)), 4_000),
            (0, None, 0),
            (30, Some(Timestamp(5_000)), 4_030),
            (30, Some(Timestamp(9_500)), 30),
        ] {
            let clock = BoardClock::resume(Arc::new(Still(9_000)), Elapsed(lived), last);
            assert_eq!(clock.now().elapsed, Elapsed(now), "lived {lived}, last event at {last:?}");
        }
    }
}
