//! Kinds of errors: what a failure means for the next attempt.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ErrorKind {
    /// It may work next time.
    Transient,
    /// It will never work: not retried, whatever the policy says.
    Permanent,
    /// The other side asks to wait.
    RateLimited {
        /// For how many milliseconds; none when it did not say.
        retry_after_ms: Option<u64>,
    },
    /// The attempt's time was over.
    Timeout,
    /// The handler panicked.
    Panic,
    /// What the handler returned is not what its agent declares.
    InvalidOutput,
}

impl ErrorKind {
    /// The kind's name, as people and policies write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::RateLimited { .. } => "rate-limited",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::InvalidOutput => "invalid-output",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Transient => 1,
            Self::Permanent => 1 << 1,
            Self::RateLimited { .. } => 1 << 2,
            Self::Timeout => 1 << 3,
            Self::Panic => 1 << 4,
            Self::InvalidOutput => 1 << 5,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of error kinds; how long a rate limit asks to wait plays no part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KindSet(u8);

impl KindSet {
    /// The set of these kinds.
    #[must_use]
    pub fn of(kinds: &[ErrorKind]) -> Self {
        Self(kinds.iter().fold(0, |set, kind| set | kind.bit()))
    }

    /// Whether the kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: ErrorKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The set of all kinds that are not in this one.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0 & 0b11_1111)
    }
}
