//! Time in tests: tokio's, which a paused runtime moves only when nothing else is left to do, and a
//! wall clock on top that a test may set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use artel_core::time::{Clock, Timestamp};

/// 2026-01-01T00:00:00Z, where every test begins.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// Both clocks of a board, driven by tokio's time. In a runtime that was built with
/// `start_paused`, they stand still while anything runs.
#[derive(Debug)]
pub struct VirtualClock {
    origin: Instant,
    ahead_ms: AtomicI64,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self { origin: Instant::now(), ahead_ms: AtomicI64::new(0) }
    }
}

impl VirtualClock {
    /// Sets the wall clock forwards, or back; the monotonic clock does not notice.
    pub fn jump(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> Timestamp {
        let passed = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(BEGIN_MS + passed + self.ahead_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}
