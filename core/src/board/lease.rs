//! Lease: a free permit takes the first activation on the agenda whose gates are open. An attempt with
//! several candidates takes a slot for each, all at once and of one session. Until there are so many it
//! waits at the head of the agenda, and nothing overtakes it, so that it does not starve; only what no
//! session is large enough for keeps nobody waiting. A suspect needs a permit of a session in which no
//! other one runs; where there is none, others go before it. What a group was woken with, the member runs
//! that has been idle longest of those whose gates are open.

use super::agenda::Rank;
use super::beside::Beside;
use super::state::State;
use crate::event::Event;
use crate::ids::{ActivationId, AgentNo, AttemptId, AttemptNo, SessionId};
use crate::seed::split_mix;
use crate::time::Elapsed;

/// What is leased, whose attempt it becomes, and where.
struct Place {
    id: ActivationId,
    runner: AgentNo,
    session: SessionId,
}

impl State {
    /// The next lease there can be at this moment.
    pub(super) fn next_lease(&self, beside: &Beside, now: Elapsed, seed: u64) -> Option<Event> {
        if self.paused || !beside.leases() {
            return None;
        }
        let Place { id, runner, session } = self.next_place(beside)?;
        let activation = self.activations.get(&id)?;
        let definition = &self.agent(runner)?.definition;
        let total = self.agent(activation.agent)?.definition.total_timeout;
        let total = total.map_or(Elapsed::NEVER, |total| activation.created.after(total));
        let attempt = AttemptNo(activation.attempts + 1);
        let seed = split_mix(seed ^ split_mix(id.0.get() ^ u64::from(attempt.get()) << 48));
        Some(Event::AttemptStarted {
            attempt: AttemptId { activation: id, attempt },
            session,
            seed,
            deadline: now.after(definition.attempt_timeout).min(total),
            slots: definition.slots(),
            member: (runner != activation.agent).then_some(runner),
        })
    }

    /// What is leased next, and where.
    fn next_place(&self, beside: &Beside) -> Option<Place> {
        if self.index.is_quiet() {
            return None;
        }
        let largest = self.sessions.values().map(|session| session.slots).max()?;
        let largest = largest.min(self.bounds().concurrency);
        let first = self.index.agenda.first_within(largest);
        let suspect = self.index.agenda.first_suspect_within(largest);
        if let Some(rank) = suspect.filter(|rank| first.is_none_or(|first| *rank < first))
            && let Some((suspect, slots)) = self.run_by(rank, largest)
        {
            let in_turn = &self.index.in_turn;
            let place = self.place(suspect, beside, |session| in_turn.of(session).is_none());
            if place.is_some() || self.keeps_waiting(slots) {
                return place;
            }
        }
        let (first, _) = self.run_by(first?, largest)?;
        self.place(first, beside, |_| true)
    }

    /// Who runs the head of a line, whose attempts take at most so many slots, and how many they take.
    fn run_by(&self, (_, id): Rank, largest: u32) -> Option<((ActivationId, AgentNo), u32)> {
        let activation = self.activations.get(&id)?;
        let runner = match &*activation.members {
            [] => activation.agent,
            members => self.longest_idle(members, largest)?,
        };
        Some(((id, runner), self.agent(runner)?.definition.slots()))
    }

    /// Whether nothing overtakes a suspect that finds no place: it needs several slots, and a session has a
    /// turn for it, of which others would take the slots one by one.
    fn keeps_waiting(&self, slots: u32) -> bool {
        let in_turn = &self.index.in_turn;
        let mut sessions = self.sessions.iter();
        slots > 1
            && sessions.any(|(&id, session)| session.slots >= slots && in_turn.of(id).is_none())
    }

    /// Where an activation runs now that an agent is to run, of the sessions that will do.
    fn place(
        &self,
        (id, runner): (ActivationId, AgentNo),
        beside: &Beside,
        will_do: impl Fn(SessionId) -> bool,
    ) -> Option<Place> {
        let slots = self.agent(runner)?.definition.slots();
        if self.index.used.saturating_add(slots) > self.bounds().concurrency {
            return None;
        }
        let session = self.permit(slots, beside, will_do)?;
        Some(Place { id, runner, session })
    }

    /// Of the sessions that will do, the one with the most free slots, if those are enough.
    fn permit(
        &self,
        slots: u32,
        beside: &Beside,
        will_do: impl Fn(SessionId) -> bool,
    ) -> Option<SessionId> {
        let free = |(&session, record): (&SessionId, &super::SessionRecord)| {
            let used = self.index.used_in(session) + beside.held_by(session);
            let free = record.slots.checked_sub(used).filter(|&free| free >= slots)?;
            will_do(session).then_some((free, session))
        };
        self.sessions.iter().filter_map(free).max_by_key(|&(free, _)| free).map(|(_, id)| id)
    }
}
