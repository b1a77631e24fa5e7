//! Lease: a free permit takes the first activation on the agenda whose gates are open. An attempt with
//! several candidates takes a slot for each, all at once and of one session. Until there are so many it
//! waits at the head of the agenda, and nothing overtakes it, so that it does not starve; only what no
//! session is large enough for keeps nobody waiting.

use super::beside::Beside;
use super::state::State;
use crate::event::Event;
use crate::ids::{AttemptId, AttemptNo, SessionId};
use crate::seed::split_mix;
use crate::time::Elapsed;

impl State {
    /// The next lease there can be at this moment.
    pub(super) fn next_lease(&self, beside: &Beside, now: Elapsed, seed: u64) -> Option<Event> {
        if self.paused || !beside.leases() {
            return None;
        }
        let largest = self.sessions.values().map(|session| session.slots).max()?;
        let id = self.index.agenda.first_within(largest.min(self.bounds().concurrency))?;
        let activation = self.activations.get(&id)?;
        let definition = &self.agent(activation.agent)?.definition;
        let slots = definition.slots();
        if self.index.used.saturating_add(slots) > self.bounds().concurrency {
            return None;
        }
        let session = self.permit(slots, beside)?;
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
            slots,
        })
    }

    /// The session with the most free slots, if those are enough.
    fn permit(&self, slots: u32, beside: &Beside) -> Option<SessionId> {
        let free = |(&session, record): (&SessionId, &super::SessionRecord)| {
            let used = self.index.used_in(session) + beside.held_by(session);
            record.slots.checked_sub(used).filter(|&free| free >= slots).map(|free| (free, session))
        };
        self.sessions.iter().filter_map(free).max_by_key(|&(free, _)| free).map(|(_, id)| id)
    }
}
