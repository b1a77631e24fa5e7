//! What can be derived from the state and is needed fast: the agenda, the timers, the counts.
//! Never stored: it is rebuilt when a state is read back.
//!
//! The agenda has a queue for each agent, ordered by rank, and the heads of the queues of those
//! agents that may run. So a lease looks at one entry, however many activations wait behind a gate.

use std::collections::{BTreeMap, BTreeSet};

use super::activation::{Activation, Phase};
use super::elapse::OVERDUE_GRACE;
use super::held::Held;
use super::room::{OWED_FACTOR, agenda_len_max};
use crate::event::Room;
use crate::ids::{ActivationId, AgentNo, SessionId};
use crate::policy::Bounds;
use crate::policy::limits::PRIORITY_STEP_MS;
use crate::time::Elapsed;

/// The place of an activation on the agenda: ready-since less its priority's worth of waiting,
/// then seq. Lower comes first, so what waits long enough overtakes every priority.
pub(super) type Rank = (i64, ActivationId);

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    queues: Vec<Queue>,
    heads: BTreeSet<(Rank, AgentNo)>,
    delayed: BTreeSet<(Elapsed, ActivationId)>,
    pub(super) held: Held,
    deadlines: BTreeSet<(Elapsed, ActivationId)>,
    open: usize,
    /// What is on the agenda of agents that a program runs.
    ready: usize,
    /// Those of these agents of which as many attempts run as may, each once, in no order.
    full: Vec<AgentNo>,
    /// The agents of which attempts ended lately, each once, in no order.
    moving: Vec<AgentNo>,
    pub(super) running: u32,
    sessions: BTreeMap<SessionId, u32>,
    pub(super) touched: Vec<crate::ids::CorrelationId>,
    /// Not derived, and kept when the rest is: decisions ask for them, folding does not.
    pub(super) bounds: Bounds,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    ready: BTreeSet<Rank>,
    open: usize,
    running: u32,
    concurrency: u32,
    registered: bool,
    head: Option<Rank>,
    full: bool,
    /// How many of its attempts ended lately; halved with each append.
    ended: u32,
}

/// The part of an agent's running attempts that ends with an append where its handlers are faster
/// than appends: one in so many, at least.
const ENDING: u32 = 4;

impl Queue {
    /// Whether its attempts end about as often as the board appends, so that what is behind them
    /// waits for the board and not for its handlers.
    const fn moves(&self) -> bool {
        self.ended.saturating_mul(ENDING) >= self.running
    }
}

/// When the board itself ends an activation. The deadline of an attempt is never after that of its
/// activation, and its executor is given the same grace for either.
fn due(activation: &Activation, total_deadline: Elapsed) -> Elapsed {
    match &activation.phase {
        Phase::Waiting { .. } | Phase::Full { .. } => total_deadline,
        Phase::Running(running) => running.deadline.after(OVERDUE_GRACE),
    }
}

pub(super) fn rank(id: ActivationId, since: Elapsed, priority: u8) -> Rank {
    let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    (since.saturating_sub(i64::from(priority) * PRIORITY_STEP_MS), id)
}

/// What the index needs to know of an activation that the activation does not hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) priority: u8,
    pub(super) total_deadline: Elapsed,
}

impl Index {
    /// An index of nothing, for decisions within these bounds.
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    fn queue(&mut self, agent: AgentNo) -> &mut Queue {
        let index = agent.get() as usize;
        if self.queues.len() <= index {
            self.queues.resize_with(index + 1, Queue::default);
        }
        &mut self.queues[index]
    }

    /// Says what an agent may do now.
    pub(super) fn set_agent(&mut self, agent: AgentNo, registered: bool, concurrency: u32) {
        let queue = self.queue(agent);
        queue.registered = registered;
        queue.concurrency = concurrency;
        self.refresh_head(agent);
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
        self.queue(agent).open += 1;
        match &activation.phase {
            Phase::Waiting { since } if *since > now => {
                self.delayed.insert((*since, id));
            }
            Phase::Waiting { since } => {
                self.make_ready(agent, rank(id, *since, facts.priority));
            }
            // No program runs it, so no room is promised to it either.
            Phase::Full { since, .. } if !self.queue(agent).registered => {
                self.make_ready(agent, rank(id, *since, facts.priority));
            }
            Phase::Full { since, room } => self.held.insert(id, *since, *room),
            Phase::Running(running) => {
                self.running += 1;
                *self.sessions.entry(running.session).or_default() += 1;
                self.queue(agent).running += 1;
                self.refresh_head(agent);
            }
        }
    }

    /// Forgets an activation; it must be as it was when it was taken up.
    pub(super) fn remove(&mut self, id: ActivationId, activation: &Activation, facts: Facts) {
        let due = due(activation, facts.total_deadline);
        if due != Elapsed::NEVER {
            self.deadlines.remove(&(due, id));
        }
        let agent = activation.agent;
        self.open -= 1;
        self.queue(agent).open -= 1;
        match &activation.phase {
            Phase::Waiting { since } => {
                if !self.delayed.remove(&(*since, id)) {
                    self.take_off(agent, rank(id, *since, facts.priority));
                }
            }
            Phase::Full { since, room } => {
                if !self.held.remove(id, *since, *room) {
                    self.take_off(agent, rank(id, *since, facts.priority));
                }
            }
            Phase::Running(running) => {
                self.held.release(id);
                self.running -= 1;
                if let Some(count) = self.sessions.get_mut(&running.session) {
                    *count -= 1;
                }
                let queue = self.queue(agent);
                queue.running -= 1;
                let moved = queue.ended > 0;
                queue.ended = queue.ended.saturating_add(1);
                if !moved {
                    self.moving.push(agent);
                }
                self.refresh_head(agent);
            }
        }
    }

    /// Brings the agent's entry among the heads in line with its queue and its gates.
    fn refresh_head(&mut self, agent: AgentNo) {
        let queue = self.queue(agent);
        let open = queue.registered && queue.running < queue.concurrency;
        let head = if open { queue.ready.first().copied() } else { None };
        let full = queue.registered && !open;
        if full != queue.full {
            queue.full = full;
            if full {
                self.full.push(agent);
            } else {
                self.full.retain(|other| *other != agent);
            }
        }
        let queue = self.queue(agent);
        if head == queue.head {
            return;
        }
        let before = std::mem::replace(&mut queue.head, head);
        if let Some(rank) = before {
            self.heads.remove(&(rank, agent));
        }
        if let Some(rank) = head {
            self.heads.insert((rank, agent));
        }
    }

    /// An activation whose delay is over at `now`, or for which there is room again, taken off the
    /// list that it was on.
    pub(super) fn take_ready(&mut self, now: Elapsed) -> Option<ActivationId> {
        if let Some((_, id)) = self.delayed.first().copied().filter(|(since, _)| *since <= now) {
            self.delayed.pop_first();
            return Some(id);
        }
        let Self { held, queues, open, bounds, .. } = self;
        held.take(now, |agent| free(bounds, queues, *open, agent))
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
    pub(super) fn make_ready(&mut self, agent: AgentNo, rank: Rank) {
        let queue = self.queue(agent);
        let counted = queue.ready.insert(rank) && queue.registered;
        self.ready += usize::from(counted);
        self.refresh_head(agent);
    }

    fn take_off(&mut self, agent: AgentNo, rank: Rank) {
        let queue = self.queue(agent);
        let counted = queue.ready.remove(&rank) && queue.registered;
        self.ready -= usize::from(counted);
        self.refresh_head(agent);
    }

    /// How many activations only wait for a free slot, or for attempts of their agent that the board
    /// ends as fast as it appends. What is behind slow handlers of an agent waits for those.
    pub(super) fn backlog(&self) -> usize {
        let queues = self.full.iter().filter_map(|agent| self.queues.get(agent.get() as usize));
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

    /// The first activation on the agenda whose agent may run.
    pub(super) fn first(&self) -> Option<ActivationId> {
        self.heads.first().map(|((_, id), _)| *id)
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
        delayed.into_iter().chain(deadline).chain(self.next_with_room()).min()
    }

    pub(super) fn running_in(&self, session: SessionId) -> u32 {
        self.sessions.get(&session).copied().unwrap_or(0)
    }

    pub(super) fn forget_session(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    pub(super) fn load(&self, agent: AgentNo) -> (usize, u32) {
        self.queues
            .get(agent.get() as usize)
            .map_or((0, 0), |queue| (queue.open - queue.running as usize, queue.running))
    }

    /// How many activations of an agent are open, or, without one, of the whole board.
    pub(super) fn open(&self, agent: Option<AgentNo>) -> usize {
        open(&self.queues, self.open, agent)
    }

    fn free(&self, agent: Option<AgentNo>) -> usize {
        free(&self.bounds, &self.queues, self.open, agent)
    }
}

fn open(queues: &[Queue], all: usize, agent: Option<AgentNo>) -> usize {
    let Some(agent) = agent else { return all };
    queues.get(agent.get() as usize).map_or(0, |queue| queue.open)
}

/// How much room an agenda has for what the board owes itself.
fn free(bounds: &Bounds, queues: &[Queue], all: usize, agent: Option<AgentNo>) -> usize {
    agenda_len_max(bounds, agent, OWED_FACTOR).saturating_sub(open(queues, all, agent))
}
