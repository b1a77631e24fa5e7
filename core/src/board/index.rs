//! What can be derived from the state and is needed fast: the agenda, the timers, the counts.
//! Never stored: it is rebuilt when a state is read back.

use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::activation::{Activation, Phase};
use super::agenda::{Agenda, Rank, rank};
use super::elapse::OVERDUE_GRACE;
use super::held::Held;
use super::lanes::Lanes;
use super::room::{OWED_FACTOR, agenda_len_max};
use super::slots::{KeyLimit, Slots};
use super::suspects::InTurn;
use crate::event::{Metered, Room};
use crate::ids::{
    ActivationId, AgentNo, CorrelationId, DependencyNo, Seq, SessionId, SubscriptionNo,
};
use crate::names::OrderingKey;
use crate::policy::Bounds;
use crate::time::Elapsed;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) agenda: Agenda,
    pub(super) lanes: Lanes,
    slots: Slots,
    delayed: BTreeSet<(Elapsed, ActivationId)>,
    pub(super) held: Held,
    /// Those whose tree of work is paused.
    parked: BTreeSet<ActivationId>,
    /// Those that are held until their subscription has matched more.
    early: BTreeSet<(SubscriptionNo, ActivationId)>,
    /// The newest of each subscription and key that waits until it is quiet.
    quiet: BTreeMap<SubscriptionNo, BTreeMap<Option<OrderingKey>, ActivationId>>,
    /// Those that wait until they are old enough, by tree of work.
    aged: BTreeMap<CorrelationId, BTreeSet<ActivationId>>,
    /// When those expire that wait until they are old enough, if something may be seen before.
    pub(super) reveals: BTreeSet<(Elapsed, ActivationId)>,
    deadlines: BTreeSet<(Elapsed, ActivationId)>,
    open: usize,
    pub(super) running: u32,
    /// The slots that running attempts take.
    pub(super) used: u32,
    sessions: BTreeMap<SessionId, u32>,
    pub(super) in_turn: InTurn,
    pub(super) touched: Vec<CorrelationId>,
    /// What attempts ended of that is metered there, so that its breaker may turn.
    pub(super) turning: SmallVec<[Metered; 4]>,
    /// The breakers that become half-open by themselves, and when.
    breakers: BTreeSet<(Elapsed, Metered)>,
    /// The agents that depend on each dependency.
    dependents: Vec<Vec<AgentNo>>,
    /// Whether somebody is subscribed to notices of dead letters.
    pub(super) notices_wanted: bool,
    /// Not derived, and kept when the rest is: decisions ask for them, folding does not.
    pub(super) bounds: Bounds,
}

/// When the board itself ends an activation. The deadline of an attempt is never after that of its
/// activation, and its executor is given the same grace for either.
fn due(activation: &Activation, total_deadline: Elapsed) -> Elapsed {
    match &activation.phase {
        Phase::Waiting { .. } | Phase::Full { .. } => total_deadline,
        Phase::Running(running) => running.deadline.after(OVERDUE_GRACE),
    }
}

/// What the index needs to know of an activation that the activation does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) priority: u8,
    pub(super) total_deadline: Elapsed,
    /// Its tree of work is paused.
    pub(super) parked: bool,
    /// Its subscription holds it until more has matched.
    pub(super) early: bool,
    /// It waits for an older one with its key.
    pub(super) behind: bool,
    /// Whether it waits for a time that something may come before.
    pub(super) timed: Timed,
    /// How many slots attempts of its key may take at once.
    pub(super) key_limit: Option<KeyLimit>,
}

/// Whether an activation that had no attempt yet waits for a time that something may come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    No,
    /// A further match.
    Quiet,
    /// An artifact of its tree of work.
    Aged,
}

impl Index {
    /// An index of nothing, for decisions within these bounds.
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Takes up an activation as it is now. `now` decides whether its delay is over.
    pub(super) fn insert(
        &mut self,
        id: ActivationId,
        activation: &Activation,
        facts: Facts,
        now: Elapsed,
    ) {
        let due = due(activation, facts.total_deadline);
        if due != Elapsed::NEVER {
            self.deadlines.insert((due, id));
        }
        let agent = activation.agent;
        self.open += 1;
        self.agenda.queue(agent).open += 1;
        self.note_timed(id, activation, facts.timed);
        if activation.suspect.is_some() {
            self.agenda.suspect(id);
        }
        if facts.early && activation.running().is_none() {
            self.early.insert((activation.subscription, id));
            return;
        }
        if facts.behind {
            return;
        }
        if facts.parked && activation.running().is_none() {
            self.parked.insert(id);
            return;
        }
        match &activation.phase {
            Phase::Waiting { since } if *since > now => {
                self.delayed.insert((*since, id));
            }
            Phase::Waiting { since } => {
                self.make_ready(activation, rank(id, *since, facts.priority), &facts);
            }
            // No program runs it, so no room is promised to it either.
            Phase::Full { since, .. } if !self.agenda.is_run(agent, &activation.members) => {
                self.make_ready(activation, rank(id, *since, facts.priority), &facts);
            }
            Phase::Full { since, room } => self.held.insert(id, *since, *room),
            Phase::Running(running) => {
                let slots = running.slots;
                self.running += 1;
                self.used += slots;
                *self.sessions.entry(running.session).or_default() += slots;
                self.agenda.begin(agent, slots);
                if let Some(member) = running.member {
                    self.agenda.begin_lent(member, slots);
                }
                if activation.suspect.is_some() {
                    self.in_turn.begin(running.session, id);
                }
                if let (Some(key), Some(limit)) = (&activation.key, facts.key_limit) {
                    self.slots.begin((agent, key), limit, slots, &mut self.agenda);
                }
            }
        }
    }

    /// Forgets an activation; it must be as it was when it was taken up.
    pub(super) fn remove(&mut self, id: ActivationId, activation: &Activation, facts: Facts) {
        self.take_out(id, activation, facts);
        if activation.suspect.is_some() {
            self.agenda.clear(id);
        }
    }

    fn take_out(&mut self, id: ActivationId, activation: &Activation, facts: Facts) {
        let due = due(activation, facts.total_deadline);
        if due != Elapsed::NEVER {
            self.deadlines.remove(&(due, id));
        }
        let agent = activation.agent;
        self.open -= 1;
        self.agenda.queue(agent).open -= 1;
        self.forget_timed(id, activation, facts.timed);
        if self.early.remove(&(activation.subscription, id)) || facts.behind {
            return;
        }
        if self.parked.remove(&id) {
            return;
        }
        match &activation.phase {
            Phase::Waiting { since } => {
                if !self.delayed.remove(&(*since, id)) {
                    self.take_off(activation, rank(id, *since, facts.priority), &facts);
                }
            }
            Phase::Full { since, room } => {
                if !self.held.remove(id, *since, *room) {
                    self.take_off(activation, rank(id, *since, facts.priority), &facts);
                }
            }
            Phase::Running(running) => {
                self.held.release(id);
                let slots = running.slots;
                self.running -= 1;
                self.used -= slots;
                if let Some(count) = self.sessions.get_mut(&running.session) {
                    *count -= slots;
                }
                self.agenda.end(agent, slots);
                if let Some(member) = running.member {
                    self.agenda.end_lent(member, slots);
                }
                if activation.suspect.is_some() {
                    self.in_turn.end(running.session);
                }
                if let (Some(key), Some(_)) = (&activation.key, facts.key_limit) {
                    self.slots.end((agent, key), slots, &mut self.agenda);
                }
            }
        }
    }

    /// An activation whose delay is over at `now`, or for which there is room again, taken off the
    /// list that it was on.
    pub(super) fn take_ready(&mut self, now: Elapsed) -> Option<ActivationId> {
        if let Some((_, id)) = self.delayed.first().copied().filter(|(since, _)| *since <= now) {
            self.delayed.pop_first();
            return Some(id);
        }
        let Self { held, agenda, open, bounds, .. } = self;
        held.take(now, |agent| free(bounds, agenda, *open, agent))
    }

    /// Whether an activation waits for room and was not let go.
    pub(super) fn is_held(&self, id: ActivationId, since: Elapsed, room: Room) -> bool {
        self.held.contains(id, since, room)
    }

    /// Whether there is room that is promised to nobody.
    pub(super) fn fits(&self, room: Room) -> bool {
        self.held.fits(room, |agent| self.free(agent))
    }

    /// When the first one may run of those for which there is room again.
    pub(super) fn next_with_room(&self) -> Option<Elapsed> {
        self.held.next(|agent| self.free(agent))
    }

    /// Puts an activation whose delay is over on the agenda.
    pub(super) fn make_ready(&mut self, activation: &Activation, rank: Rank, facts: &Facts) {
        let agent = activation.agent;
        match (&activation.key, facts.key_limit) {
            (Some(key), Some(limit)) => {
                self.slots.put((agent, key), limit, rank, &mut self.agenda);
            }
            _ => {
                let line = self.agenda.line_of(agent, &activation.members);
                self.agenda.put(line, rank);
            }
        }
    }

    fn take_off(&mut self, activation: &Activation, rank: Rank, facts: &Facts) {
        let agent = activation.agent;
        match (&activation.key, facts.key_limit) {
            (Some(key), Some(_)) => self.slots.take_off((agent, key), rank, &mut self.agenda),
            _ => {
                let line = self.agenda.line_of(agent, &activation.members);
                self.agenda.take_off(line, rank);
            }
        }
    }

    /// Whether there is no room for another attempt of its key.
    pub(super) fn key_is_full(&self, activation: &Activation) -> bool {
        let key = activation.key.as_ref();
        key.is_some_and(|key| self.slots.is_full((activation.agent, key)))
    }

    fn note_timed(&mut self, id: ActivationId, activation: &Activation, timed: Timed) {
        // What has a bad key waits for nothing, and takes nobody's place: it is closed at once.
        let waits = match activation.phase {
            Phase::Waiting { since } => since > activation.created,
            Phase::Full { .. } | Phase::Running(_) => false,
        };
        // What was redriven is to run, whatever comes: somebody wants it.
        let redriven = !activation.trail.is_empty();
        if activation.attempts > 0 || redriven || !waits {
            return;
        }
        match timed {
            Timed::No => {}
            Timed::Quiet => {
                let keys = self.quiet.entry(activation.subscription).or_default();
                let newest = keys.entry(activation.key.as_deref().cloned()).or_insert(id);
                *newest = id.max(*newest);
            }
            Timed::Aged => {
                self.aged.entry(activation.correlation).or_default().insert(id);
            }
        }
    }

    fn forget_timed(&mut self, id: ActivationId, activation: &Activation, timed: Timed) {
        match timed {
            Timed::No => {}
            Timed::Quiet => {
                let Some(keys) = self.quiet.get_mut(&activation.subscription) else { return };
                let key = activation.key.as_deref().cloned();
                if keys.get(&key) == Some(&id) {
                    keys.remove(&key);
                }
                if keys.is_empty() {
                    self.quiet.remove(&activation.subscription);
                }
            }
            Timed::Aged => {
                let Some(aged) = self.aged.get_mut(&activation.correlation) else { return };
                aged.remove(&id);
                if aged.is_empty() {
                    self.aged.remove(&activation.correlation);
                }
            }
        }
    }

    /// The newest of a subscription and a key that waits, or waited, until it is quiet.
    pub(super) fn quiet(
        &self,
        subscription: SubscriptionNo,
        key: Option<&OrderingKey>,
    ) -> Option<ActivationId> {
        self.quiet.get(&subscription)?.get(&key.cloned()).copied()
    }

    /// Those of a tree of work that wait, or waited, until they are old enough.
    pub(super) fn aged(&self, tree: CorrelationId) -> impl Iterator<Item = ActivationId> {
        self.aged.get(&tree).into_iter().flatten().copied()
    }

    /// What is held until a subscription has matched more.
    pub(super) fn early(&self, subscription: SubscriptionNo) -> Vec<ActivationId> {
        let from = (subscription, ActivationId(Seq(0)));
        let all = self.early.range(from..).take_while(|(no, _)| *no == subscription);
        all.map(|(_, id)| *id).collect()
    }

    /// The agents that depend on this.
    pub(super) fn dependents_mut(&mut self, dependency: DependencyNo) -> &mut Vec<AgentNo> {
        let index = dependency.get() as usize;
        if self.dependents.len() <= index {
            self.dependents.resize_with(index + 1, Vec::new);
        }
        &mut self.dependents[index]
    }

    /// A breaker becomes half-open at another moment than before.
    pub(super) fn breaker_moves(
        &mut self,
        of: Metered,
        before: Option<Elapsed>,
        after: Option<Elapsed>,
    ) {
        if let Some(at) = before {
            self.breakers.remove(&(at, of));
        }
        if let Some(at) = after {
            self.breakers.insert((at, of));
        }
    }

    /// A breaker that becomes half-open at `now` or before.
    pub(super) fn breaker_due(&self, now: Elapsed) -> Option<Metered> {
        self.breakers.first().filter(|(at, _)| *at <= now).map(|(_, of)| *of)
    }

    /// The breakers that become half-open by themselves.
    pub(super) fn recovering(&self) -> impl Iterator<Item = Metered> {
        self.breakers.iter().map(|(_, of)| *of)
    }

    /// Whether nothing is on the agenda whose agent may run.
    pub(super) fn is_quiet(&self) -> bool {
        self.agenda.is_quiet()
    }

    /// Activations that are overdue at `now`, most overdue first.
    pub(super) fn overdue(&self, now: Elapsed) -> impl Iterator<Item = ActivationId> {
        self.deadlines.iter().take_while(move |(due, _)| *due <= now).map(|(_, id)| *id)
    }

    /// Activations that wait for a time.
    pub(super) fn delayed(&self) -> impl Iterator<Item = ActivationId> {
        self.delayed.iter().map(|(_, id)| *id)
    }

    pub(super) fn next_due(&self) -> Option<Elapsed> {
        let delayed = self.delayed.first().map(|(at, _)| *at);
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let breaker = self.breakers.first().map(|(at, _)| *at);
        let reveal = self.reveals.first().map(|(at, _)| *at);
        let timers = delayed.into_iter().chain(deadline).chain(breaker).chain(reveal);
        timers.chain(self.next_with_room()).chain(self.agenda.next_release()).min()
    }

    /// How many slots of a session running attempts take.
    pub(super) fn used_in(&self, session: SessionId) -> u32 {
        self.sessions.get(&session).copied().unwrap_or(0)
    }

    pub(super) fn forget_session(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    /// Whether an agent has no room for another attempt.
    pub(super) fn agent_is_full(&self, agent: AgentNo) -> bool {
        self.agenda.queue_of(agent).is_some_and(|queue| !queue.has_room())
    }

    pub(super) fn load(&self, agent: AgentNo) -> (usize, u32) {
        self.agenda.queue_of(agent).map_or((0, 0), |queue| {
            let own = queue.running - queue.lent;
            (queue.open - own as usize, queue.running)
        })
    }

    /// How many activations of an agent are open, or, without one, of the whole board.
    pub(super) fn open(&self, agent: Option<AgentNo>) -> usize {
        open(&self.agenda, self.open, agent)
    }

    fn free(&self, agent: Option<AgentNo>) -> usize {
        free(&self.bounds, &self.agenda, self.open, agent)
    }
}

fn open(agenda: &Agenda, all: usize, agent: Option<AgentNo>) -> usize {
    let Some(agent) = agent else { return all };
    agenda.queue_of(agent).map_or(0, |queue| queue.open)
}

/// How much room an agenda has for what the board owes itself.
fn free(bounds: &Bounds, agenda: &Agenda, all: usize, agent: Option<AgentNo>) -> usize {
    agenda_len_max(bounds, agent, OWED_FACTOR).saturating_sub(open(agenda, all, agent))
}
