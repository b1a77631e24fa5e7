//! Lease: a free permit takes the first activation on the agenda whose gates are open. An attempt with
//! several candidates takes a slot for each, all at once and of one session. Until there are so many it
//! waits at the head of the agenda, and nothing overtakes it, so that it does not starve; only what no
//! session is large enough for keeps nobody waiting. A suspect needs a permit of a session in which no
//! other one runs; where there is none, others go before it. What a group was woken with, the member runs
//! that has been idle longest of those whose gates are open and for whom there is room.

use smallvec::{SmallVec, smallvec};

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
        if let Some(rank) = suspect.filter(|rank| first.is_none_or(|first| *rank < first)) {
            let in_turn = &self.index.in_turn;
            let runners = self.runners(rank, largest);
            let place =
                self.place((rank.1, &runners), beside, |session| in_turn.of(session).is_none());
            if place.is_some() || self.keeps_waiting(*runners.first()?) {
                return place;
            }
        }
        let first = first?;
        self.place((first.1, &self.runners(first, largest)), beside, |_| true)
    }

    /// Who may run the head of a line, of those whose attempts take at most so many slots: whoever should
    /// comes first.
    fn runners(&self, (_, id): Rank, largest: u32) -> SmallVec<[AgentNo; 4]> {
        let Some(activation) = self.activations.get(&id) else { return SmallVec::new() };
        match &*activation.members {
            [] => smallvec![activation.agent],
            members => self.longest_idle(activation.agent, members, largest),
        }
    }

    /// Whether nothing overtakes a suspect that finds no place: it needs several slots, and a session has a
    /// turn for it, of which others would take the slots one by one.
    fn keeps_waiting(&self, runner: AgentNo) -> bool {
        let slots = self.agent(runner).map_or(1, |record| record.definition.slots());
        let in_turn = &self.index.in_turn;
        let mut sessions = self.sessions.iter();
        slots > 1
            && sessions.any(|(&id, session)| session.slots >= slots && in_turn.of(id).is_none())
    }

    /// Where an activation runs now, of the sessions that will do, and which of several agents runs it: the
    /// first for whom there is room.
    fn place(
        &self,
        (id, runners): (ActivationId, &[AgentNo]),
        beside: &Beside,
        will_do: impl Fn(SessionId) -> bool,
    ) -> Option<Place> {
        runners.iter().find_map(|&runner| {
            let slots = self.agent(runner)?.definition.slots();
            if self.index.used.saturating_add(slots) > self.bounds().concurrency {
                return None;
            }
            let session = self.permit(slots, beside, &will_do)?;
            Some(Place { id, runner, session })
        })
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
