//! Time as the core sees it: values that come in with commands. The core never asks for the time.
//!
//! A board has two clocks. [`Timestamp`] is the wall clock, clamped so that it never falls; it
//! dates events. [`Elapsed`] is the time that the board has lived, counted on the owner's monotonic
//! clock and carried over restarts; durations and deadlines are measured on it, so that a wall
//! clock that is set forwards or backwards neither fires nor loses a timer.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment on the wall clock: milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A moment in the life of a board: milliseconds since it was created, on a clock that never falls.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Elapsed(pub u64);

impl Elapsed {
    /// The end of time: a deadline that is never met.
    pub const NEVER: Self = Self(u64::MAX);

    /// Milliseconds since the board was created.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment and `duration` more, rounded up to a millisecond.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_ceil(duration)))
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1000, self.0 % 1000)
    }
}

/// The milliseconds of a duration, rounded up, so that a timer never fires early.
#[must_use]
pub fn millis_ceil(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Both clocks, read at one moment by the owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// What the wall clock showed. It may have fallen; the board clamps it.
    pub wall: Timestamp,
    /// How long the board has lived.
    pub elapsed: Elapsed,
}

/// Tells the time. The only implementation that reads the machine's clocks is in the root package;
/// tests have a virtual one.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock, as it is, falls included.
    fn wall(&self) -> Timestamp;

    /// Time since some fixed moment in this process, on a clock that never falls.
    fn monotonic(&self) -> Duration;
}
