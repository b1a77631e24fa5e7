//! An open tree of work: counts only, so that its end is seen at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::state::State;
use crate::envelope::Draft;
use crate::ids::CorrelationId;
use crate::time::Elapsed;

/// A tree of work of which something is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlation {
    /// Activations that wait or run, and what the board owes of it.
    pub open: u32,
    /// What it has had in its hour.
    pub hour: Hour,
}

/// The artifacts of a tree of work in an hour, which begins with the first of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Since when artifacts are counted.
    pub since: Elapsed,
    /// Artifacts committed since then.
    pub artifacts: u32,
}

/// A tree of work that settles with fewer artifacts in its hour than this one is forgotten: with
/// every small tree remembered for an hour, live state would grow with what is closed.
const KEPT_ARTIFACTS_MIN: u32 = 1_000;

/// Of how many settled trees of work the hour is kept; beyond it the oldest goes.
const KEPT_LEN_MAX: usize = 10_000;

impl Hour {
    const fn is_over(self, now: Elapsed) -> bool {
        now.since(self.since).as_secs() >= Duration::from_hours(1).as_secs()
    }

    fn count(&mut self, now: Elapsed) {
        if self.artifacts == 0 || self.is_over(now) {
            *self = Self { since: now, artifacts: 0 };
        }
        self.artifacts = self.artifacts.saturating_add(1);
    }
}

impl State {
    /// How many artifacts a tree of work has had in the hour that it is in at a moment.
    pub(super) fn artifacts_in_hour(&self, correlation: CorrelationId, now: Elapsed) -> u32 {
        let open = self.correlations.get(&correlation).map(|entry| entry.hour);
        let hour = open.or_else(|| self.settled_hours.get(&correlation).copied());
        hour.filter(|hour| !hour.is_over(now)).map_or(0, |hour| hour.artifacts)
    }

    /// The entry of a tree of work that something is added to.
    pub(super) fn entry_of(&mut self, correlation: CorrelationId) -> &mut Correlation {
        let settled = &mut self.settled_hours;
        self.correlations.entry(correlation).or_insert_with(|| {
            let hour = settled.remove(&correlation).unwrap_or_default();
            Correlation { open: 0, hour }
        })
    }

    /// Counts an artifact of its tree of work, which settles at once if nothing else is open of it
    /// and the artifact wakes nobody.
    pub(super) fn count_artifact(&mut self, draft: &Draft) {
        let now = self.header.elapsed;
        let correlation = draft.envelope.correlation;
        let entry = self.entry_of(correlation);
        entry.hour.count(now);
        let settles = entry.open == 0 && draft.verdicts.woken.is_empty();
        if settles && self.index.touched.last() != Some(&correlation) {
            self.index.touched.push(correlation);
        }
    }

    /// A tree of work leaves the live state; what it has had in its hour stays, if it is much.
    pub(super) fn keep_hour(&mut self, correlation: CorrelationId, hour: Hour) {
        let now = self.header.elapsed;
        if hour.artifacts < KEPT_ARTIFACTS_MIN || hour.is_over(now) {
            return;
        }
        // It took a thousand artifacts to come here, so that looking through all is cheap.
        self.settled_hours.retain(|_, kept| !kept.is_over(now));
        self.settled_hours.insert(correlation, hour);
        if self.settled_hours.len() > KEPT_LEN_MAX {
            let oldest = self.settled_hours.iter().min_by_key(|(_, kept)| kept.since);
            let oldest = oldest.map(|(&correlation, _)| correlation);
            oldest.map(|correlation| self.settled_hours.remove(&correlation));
        }
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
    /// Nothing of it runs or waits, and the board still owes it artifacts.
    Owed {
        /// How many.
        owed: u32,
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
        let Some((oldest, _)) = mine().next() else {
            let owed = self.debts().filter(|(_, debt)| debt.correlation() == correlation).count();
            return Some(OpenStatus::Owed { owed: small(owed) });
        };
        Some(OpenStatus::Waiting { waiting, gate: self.gate(oldest)? })
    }
}
