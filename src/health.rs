//! Whether a running board answers, as its handle tells.

use std::sync::Arc;

use artel_core::time::Timestamp;

use crate::committer::{Away, Status};
use crate::running::Running;

/// Whether a board answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It does, as far as it knows.
    Available,
    /// It does not for now: an append failed, or its ownership ended without being renewed. It finds out by
    /// itself what its log has, and goes on once that is back; commands wait meanwhile.
    Unavailable {
        /// Since when, by the board's wall clock.
        since: Timestamp,
        /// What went wrong, from the outermost error to its first cause.
        why: Arc<str>,
    },
    /// It does not any more, and will not: it was shut down, another process owns the board, or its log
    /// cannot be used. Start it again.
    Stopped {
        /// Which of them.
        why: Arc<str>,
    },
}

impl Running {
    /// Whether the board answers, as of now. It costs nothing to ask.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::of(&self.parts.committer.status().borrow())
    }

    /// Waits until a condition holds of the board's health, and returns that; at once when it does already.
    /// A board that is stopped stays so, and is returned whatever the condition says.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn health_when(&self, holds: impl Fn(&Health) -> bool) -> Health {
        let mut status = self.parts.committer.status();
        loop {
            let health = Health::of(&status.borrow_and_update());
            if holds(&health) || matches!(health, Health::Stopped { .. }) {
                return health;
            }
            if status.changed().await.is_err() {
                return Health::Stopped { why: "its committer is gone".into() };
            }
        }
    }
}

impl Health {
    fn of(status: &Status) -> Self {
        match status {
            Status::Open => Self::Available,
            Status::Away(Away { since, why }) => {
                Self::Unavailable { since: *since, why: why.clone() }
            }
            Status::Stopped { why, .. } => Self::Stopped { why: why.clone() },
        }
    }
}
