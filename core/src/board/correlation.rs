//! An open tree of work: counts only, so that its end is seen at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::state::State;
use crate::ids::CorrelationId;
use crate::time::Elapsed;

/// A tree of work of which something is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlation {
    /// Activations that wait or run.
    pub open: u32,
    /// Since when artifacts are counted.
    pub hour_since: Elapsed,
    /// Artifacts committed since then.
    pub hour_artifacts: u32,
}

impl Correlation {
    /// How many artifacts this hour has had at a moment; a new hour has had none.
    pub(super) fn artifacts_in_hour(&self, now: Elapsed) -> u32 {
        if now.since(self.hour_since) >= Duration::from_hours(1) { 0 } else { self.hour_artifacts }
    }

    pub(super) fn count_artifact(&mut self, now: Elapsed) {
        if now.since(self.hour_since) >= Duration::from_hours(1) {
            self.hour_since = now;
            self.hour_artifacts = 0;
        }
        self.hour_artifacts = self.hour_artifacts.saturating_add(1);
    }
}

/// What an open tree of work does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenStatus {
    /// Something of it runs.
    Running {
        /// How many attempts.
        running: u32,
        /// How many activations wait.
        waiting: u32,
    },
    /// Nothing of it runs.
    Waiting {
        /// How many activations wait.
        waiting: u32,
        /// What the oldest of them waits for.
        gate: Gate,
    },
}

impl State {
    /// What a tree of work does; none when nothing of it is open. Reads all that is open.
    #[must_use]
    pub fn open_status(&self, correlation: CorrelationId) -> Option<OpenStatus> {
        self.correlations.get(&correlation)?;
        let mine = || self.activations().filter(|(_, a)| a.correlation == correlation);
        let running = mine().filter(|(_, a)| a.running().is_some()).count();
        let waiting = mine().count() - running;
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (running, waiting) = (small(running), small(waiting));
        if running > 0 {
            return Some(OpenStatus::Running { running, waiting });
        }
        let (oldest, _) = mine().next()?;
        Some(OpenStatus::Waiting { waiting, gate: self.gate(oldest)? })
    }
}
