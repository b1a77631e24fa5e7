//! Lease: a free permit takes the first activation on the agenda whose gates are open.

use super::beside::Beside;
use super::state::State;
use crate::event::Event;
use crate::ids::{AttemptId, AttemptNo, SessionId};
use crate::seed::split_mix;
use crate::time::Elapsed;

impl State {
    /// The next lease there can be at this moment.
    pub(super) fn next_lease(&self, beside: &Beside, now: Elapsed, seed: u64) -> Option<Event> {
        let id = self.index.first()?;
        let full = self.index.running >= self.bounds().concurrency;
        if full || self.paused || !beside.leases() {
            return None;
        }
        let session = self.permit(beside)?;
        let activation = self.activations.get(&id)?;
        let definition = &self.agent(activation.agent)?.definition;
        let total = definition
            .total_timeout
            .map_or(Elapsed::NEVER, |total| activation.created.after(total));
        let attempt = AttemptNo(activation.attempts + 1);
        let seed = split_mix(seed ^ split_mix(id.0.get() ^ u64::from(attempt.get()) << 48));
        Some(Event::AttemptStarted {
            attempt: AttemptId { activation: id, attempt },
            session,
            seed,
            deadline: now.after(definition.attempt_timeout).min(total),
        })
    }

    /// The session with the most free slots.
    fn permit(&self, beside: &Beside) -> Option<SessionId> {
        let free = |(&session, record): (&SessionId, &super::SessionRecord)| {
            let used = self.index.running_in(session) + beside.held_by(session);
            record.slots.checked_sub(used).filter(|&free| free > 0).map(|free| (free, session))
        };
        self.sessions.iter().filter_map(free).max_by_key(|&(free, _)| free).map(|(_, id)| id)
    }
}
