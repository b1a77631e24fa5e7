//! The agenda: a queue for each agent, ordered by rank, and the heads of the queues of those agents
//! that may run. So a lease looks at one entry, however many activations wait behind a gate.
//!
//! Suspects stand beside the others in each queue, and their heads apart: a lease of one needs a session
//! in which none runs, and while there is none, the others go before it.
//!
//! Derived data, as the rest of the index.

use std::collections::BTreeSet;

use crate::ids::{ActivationId, AgentNo};
use crate::policy::limits::PRIORITY_STEP_MS;
use crate::time::Elapsed;

/// The place of an activation on the agenda: ready-since less its priority's worth of waiting,
/// then seq. Lower comes first, so what waits long enough overtakes every priority.
pub(super) type Rank = (i64, ActivationId);

pub(super) fn rank(id: ActivationId, since: Elapsed, priority: u8) -> Rank {
    let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    (since.saturating_sub(i64::from(priority) * PRIORITY_STEP_MS), id)
}

#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    queues: Vec<Queue>,
    heads: BTreeSet<(Rank, AgentNo)>,
    /// The first suspects of those queues.
    suspect_heads: BTreeSet<(Rank, AgentNo)>,
    /// All suspects that are open.
    suspects: BTreeSet<ActivationId>,
    /// When agents that something waits for are no longer held back by a rate limit.
    timers: BTreeSet<(Elapsed, AgentNo)>,
    /// What is on the agenda of agents that a program runs.
    ready: usize,
    /// The agents that a program runs and that may not run more at the moment, each once, in no
    /// order.
    full: Vec<AgentNo>,
    /// The agents of which attempts ended lately, each once, in no order.
    moving: Vec<AgentNo>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    ready: BTreeSet<Rank>,
    /// Suspects that are ready.
    suspects: BTreeSet<Rank>,
    pub(super) open: usize,
    pub(super) running: u32,
    /// The slots that its running attempts take.
    used: u32,
    concurrency: u32,
    /// How many slots each of its attempts takes.
    slots: u32,
    registered: bool,
    paused: bool,
    /// Until when a breaker or a rate limit holds it back.
    held_back: Option<Elapsed>,
    head: Option<Rank>,
    suspect_head: Option<Rank>,
    timer: Option<Elapsed>,
    full: bool,
    /// How many of its attempts ended lately; halved with each append.
    ended: u32,
}

/// What an agent may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) registered: bool,
    pub(super) paused: bool,
    pub(super) concurrency: u32,
    /// How many slots each of its attempts takes.
    pub(super) slots: u32,
}

/// The part of an agent's running attempts that ends with an append where its handlers are faster
/// than appends: one in so many, at least.
const ENDING: u32 = 4;

impl Queue {
    /// Whether its attempts end about as often as the board appends, so that what is behind them
    /// waits for the board and not for its handlers.
    const fn moves(&self) -> bool {
        self.ended.saturating_mul(ENDING) >= self.running
            && !self.paused
            && self.held_back.is_none()
    }

    /// Whether its bound has room for another attempt.
    pub(super) const fn has_room(&self) -> bool {
        self.used.saturating_add(self.slots) <= self.concurrency
    }

    fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.suspects.is_empty()
    }

    fn may_run(&self) -> bool {
        self.registered && !self.paused
    }
}

/// Brings an agent's entry in a set in line with what it is now.
fn replace<T: Copy + Ord>(
    set: &mut BTreeSet<(T, AgentNo)>,
    agent: AgentNo,
    before: Option<T>,
    after: Option<T>,
) {
    if before == after {
        return;
    }
    if let Some(before) = before {
        set.remove(&(before, agent));
    }
    if let Some(after) = after {
        set.insert((after, agent));
    }
}

impl Agenda {
    pub(super) fn queue(&mut self, agent: AgentNo) -> &mut Queue {
        let index = agent.get() as usize;
        if self.queues.len() <= index {
            self.queues.resize_with(index + 1, Queue::default);
        }
        &mut self.queues[index]
    }

    pub(super) fn queue_of(&self, agent: AgentNo) -> Option<&Queue> {
        self.queues.get(agent.get() as usize)
    }

    pub(super) fn is_registered(&self, agent: AgentNo) -> bool {
        self.queue_of(agent).is_some_and(|queue| queue.registered)
    }

    /// Says what an agent may do from here on. Only for agents of which nothing is on the agenda
    /// yet, or whose being registered does not change.
    pub(super) fn stand(&mut self, agent: AgentNo, standing: Standing) {
        let queue = self.queue(agent);
        queue.registered = standing.registered;
        queue.paused = standing.paused;
        queue.concurrency = standing.concurrency;
        queue.slots = standing.slots;
        self.refresh(agent);
    }

    /// Holds an agent's attempts back until a moment, or no longer.
    pub(super) fn hold_back(&mut self, agent: AgentNo, until: Option<Elapsed>) {
        self.queue(agent).held_back = until;
        self.refresh(agent);
    }

    pub(super) fn begin(&mut self, agent: AgentNo, slots: u32) {
        let queue = self.queue(agent);
        queue.running += 1;
        queue.used += slots;
        self.refresh(agent);
    }

    pub(super) fn end(&mut self, agent: AgentNo, slots: u32) {
        let queue = self.queue(agent);
        queue.running -= 1;
        queue.used -= slots;
        let moved = queue.ended > 0;
        queue.ended = queue.ended.saturating_add(1);
        if !moved {
            self.moving.push(agent);
        }
        self.refresh(agent);
    }

    /// From here on an activation is a suspect. It is not on the agenda.
    pub(super) fn suspect(&mut self, id: ActivationId) {
        self.suspects.insert(id);
    }

    /// It is no suspect any more, and not on the agenda.
    pub(super) fn clear(&mut self, id: ActivationId) {
        self.suspects.remove(&id);
    }

    fn is_suspect(&self, (_, id): Rank) -> bool {
        !self.suspects.is_empty() && self.suspects.contains(&id)
    }

    pub(super) fn put(&mut self, agent: AgentNo, rank: Rank) {
        if self.is_suspect(rank) {
            self.queue(agent).suspects.insert(rank);
            return self.refresh(agent);
        }
        let queue = self.queue(agent);
        let counted = queue.ready.insert(rank) && queue.registered;
        self.ready += usize::from(counted);
        self.refresh(agent);
    }

    pub(super) fn take_off(&mut self, agent: AgentNo, rank: Rank) {
        if self.is_suspect(rank) {
            self.queue(agent).suspects.remove(&rank);
            return self.refresh(agent);
        }
        let queue = self.queue(agent);
        let counted = queue.ready.remove(&rank) && queue.registered;
        self.ready -= usize::from(counted);
        self.refresh(agent);
    }

    /// Brings the agent's entries among the heads and the timers in line with its queue and its
    /// gates.
    fn refresh(&mut self, agent: AgentNo) {
        let queue = self.queue(agent);
        let free = queue.has_room();
        let open = queue.may_run() && free && queue.held_back.is_none();
        let first = |set: &BTreeSet<Rank>| if open { set.first().copied() } else { None };
        let (head, suspect) = (first(&queue.ready), first(&queue.suspects));
        let waits = queue.may_run() && free && queue.has_ready();
        let timer = queue.held_back.filter(|until| waits && *until != Elapsed::NEVER);
        let full = queue.registered && !open;
        let was_full = std::mem::replace(&mut queue.full, full);
        let before = std::mem::replace(&mut queue.head, head);
        let suspect_before = std::mem::replace(&mut queue.suspect_head, suspect);
        let timer_before = std::mem::replace(&mut queue.timer, timer);
        if full && !was_full {
            self.full.push(agent);
        } else if was_full && !full {
            self.full.retain(|other| *other != agent);
        }
        replace(&mut self.heads, agent, before, head);
        replace(&mut self.suspect_heads, agent, suspect_before, suspect);
        replace(&mut self.timers, agent, timer_before, timer);
    }

    /// An agent that a rate limit held back until `now` or before.
    pub(super) fn released(&self, now: Elapsed) -> Option<AgentNo> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, agent)| *agent)
    }

    /// When an agent that something waits for is no longer held back by a rate limit.
    pub(super) fn next_release(&self) -> Option<Elapsed> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Whether something of an agent is ready that a program runs and nobody paused.
    pub(super) fn waits(&self, agent: AgentNo) -> bool {
        self.queue_of(agent).is_some_and(|queue| queue.may_run() && queue.has_ready())
    }

    /// Whether nothing is on it whose agent may run.
    pub(super) fn is_quiet(&self) -> bool {
        self.heads.is_empty() && self.suspect_heads.is_empty()
    }

    /// The first whose agent may run and whose attempts take at most so many slots, suspects left out.
    pub(super) fn first_within(&self, slots: u32) -> Option<Rank> {
        self.find_within(&self.heads, slots)
    }

    /// The first such suspect.
    pub(super) fn first_suspect_within(&self, slots: u32) -> Option<Rank> {
        self.find_within(&self.suspect_heads, slots)
    }

    fn find_within(&self, heads: &BTreeSet<(Rank, AgentNo)>, slots: u32) -> Option<Rank> {
        let fits = |agent| self.queue_of(agent).is_some_and(|queue| queue.slots <= slots);
        heads.iter().find(|(_, agent)| fits(*agent)).map(|(rank, _)| *rank)
    }

    /// How many activations only wait for a free slot, or for attempts of their agent that the board
    /// ends as fast as it appends. What is behind slow handlers of an agent, or held back, waits for
    /// those, and suspects wait for each other.
    pub(super) fn backlog(&self) -> usize {
        let queues = self.full.iter().filter_map(|agent| self.queue_of(*agent));
        let slow: usize =
            queues.filter(|queue| !queue.moves()).map(|queue| queue.ready.len()).sum();
        self.ready - slow
    }

    /// What ended lately ended an append longer ago.
    pub(super) fn appended(&mut self) {
        let queues = &mut self.queues;
        self.moving.retain(|agent| {
            let queue = &mut queues[agent.get() as usize];
            queue.ended /= 2;
            queue.ended > 0
        });
    }
}
