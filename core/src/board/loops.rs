//! Loops: what an attempt returned goes deeper, or makes its tree of work larger, than it may. The
//! attempt then makes a dead letter, and an event says which limit it was.

use super::admit::Admission;
use super::room::Full;
use super::state::State;
use crate::command::Rejection;
use crate::event::{AttemptEnd, DeadReason, Event, Next, Reached};
use crate::ids::{AttemptId, CorrelationId};
use crate::policy::ErrorKind;
use crate::time::Elapsed;

/// A limit that what an attempt returned would exceed, and that no waiting helps against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exceeded {
    limit: Reached,
    value: u64,
    bound: u64,
}

impl Exceeded {
    /// An agenda takes less than this even if it is empty.
    pub(super) const fn agenda(full: Full) -> Self {
        Self { limit: Reached::Agenda, value: full.wanted as u64, bound: full.limit as u64 }
    }

    /// How the attempt ends, and what follows.
    pub(super) const fn end(self) -> (AttemptEnd, Next) {
        let reason = match self.limit {
            Reached::Depth => DeadReason::Loop,
            Reached::CorrelationArtifacts | Reached::Agenda => DeadReason::Limit,
        };
        (AttemptEnd::Failed(ErrorKind::InvalidOutput), Next::Dead(reason))
    }

    /// What is recorded of it.
    pub(super) const fn event(self, attempt: AttemptId, correlation: CorrelationId) -> Event {
        let Self { limit, value, bound } = self;
        Event::LimitReached { attempt, correlation, limit, value, bound }
    }
}

impl State {
    /// Refuses outputs that are too deep, or too many for their tree of work in an hour.
    pub(super) fn check_outputs(
        &self,
        admission: &Admission<'_>,
        now: Elapsed,
    ) -> Result<(), Exceeded> {
        let depths = admission.fresh.iter().map(|new| new.draft.envelope.depth);
        let (deepest, bound) = (depths.max().unwrap_or(0), self.bounds().depth);
        if deepest > bound {
            let (value, bound) = (u64::from(deepest), u64::from(bound));
            return Err(Exceeded { limit: Reached::Depth, value, bound });
        }
        match self.check_correlations(&admission.growth, now) {
            Err(Rejection::Limit { value, limit: bound, .. }) => {
                Err(Exceeded { limit: Reached::CorrelationArtifacts, value, bound })
            }
            _ => Ok(()),
        }
    }
}
