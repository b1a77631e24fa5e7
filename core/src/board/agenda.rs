//! The agenda: a queue for each agent, ordered by rank, and the heads of the queues of those agents
//! that may run. So a lease looks at one entry, however many activations wait behind a gate. What any of
//! several members of a group may run stands in a line that they share.
//!
//! Suspects stand beside the others in each line, and their heads apart: a lease of one needs a session
//! in which none runs, and while there is none, the others go before it.
//!
//! Derived data, as the rest of the index.

use std::collections::BTreeSet;

use super::member_lines::{MemberLine, MemberLineNo, MemberLines};
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

/// Whose line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineOf {
    /// An agent's own.
    Agent(AgentNo),
    /// That of some members of a group.
    Members(MemberLineNo),
}

/// What is ready of an agent, or of some members of a group, by rank.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    ready: BTreeSet<Rank>,
    /// Suspects that are ready.
    suspects: BTreeSet<Rank>,
    head: Option<Rank>,
    suspect_head: Option<Rank>,
    full: bool,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.suspects.is_empty()
    }
}

/// The first of all lines whose agents may run.
#[derive(Clone, Debug, Default)]
struct Heads {
    ready: BTreeSet<(Rank, LineOf)>,
    /// The first suspects of those lines.
    suspects: BTreeSet<(Rank, LineOf)>,
    /// The lines that a program works on and of which nothing more may run at the moment, each once, in
    /// no order.
    full: Vec<LineOf>,
}

impl Heads {
    /// Brings a line's entries in line with what is in it, and with whether somebody may run it.
    fn settle(&mut self, of: LineOf, line: &mut Line, open: bool, full: bool) {
        let first = |set: &BTreeSet<Rank>| if open { set.first().copied() } else { None };
        let (head, suspect) = (first(&line.ready), first(&line.suspects));
        let before = std::mem::replace(&mut line.head, head);
        let suspect_before = std::mem::replace(&mut line.suspect_head, suspect);
        let was_full = std::mem::replace(&mut line.full, full);
        if full && !was_full {
            self.full.push(of);
        } else if was_full && !full {
            self.full.retain(|other| *other != of);
        }
        replace(&mut self.ready, of, before, head);
        replace(&mut self.suspects, of, suspect_before, suspect);
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    queues: Vec<Queue>,
    member_lines: MemberLines,
    /// Each group with each agent that is a member of it now.
    memberships: BTreeSet<(AgentNo, AgentNo)>,
    heads: Heads,
    /// All suspects that are open.
    suspects: BTreeSet<ActivationId>,
    /// When agents that something waits for are no longer held back by a rate limit.
    timers: BTreeSet<(Elapsed, AgentNo)>,
    /// What is on the agenda of agents that a program runs.
    ready: usize,
    /// The agents of which attempts ended lately, each once, in no order.
    moving: Vec<AgentNo>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    line: Line,
    /// The lines that it shares with other members of its groups, and in how many of them something is.
    shares: Vec<MemberLineNo>,
    called: usize,
    pub(super) open: usize,
    pub(super) running: u32,
    /// How many of those are of activations of its groups.
    pub(super) lent: u32,
    /// The slots that its running attempts take.
    used: u32,
    concurrency: u32,
    /// How many slots each of its attempts takes.
    pub(super) slots: u32,
    registered: bool,
    paused: bool,
    /// Until when a breaker or a rate limit holds it back.
    held_back: Option<Elapsed>,
    timer: Option<Elapsed>,
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

    /// Whether something waits for it, or for it among others.
    fn is_called(&self) -> bool {
        self.called > 0 || !self.line.is_empty()
    }

    const fn may_run(&self) -> bool {
        self.registered && !self.paused
    }

    /// Whether another attempt of it may begin.
    pub(super) const fn is_open(&self) -> bool {
        self.may_run() && self.has_room() && self.held_back.is_none()
    }
}

/// Brings an entry in a set in line with what it is now.
fn replace<T: Copy + Ord, O: Copy + Ord>(
    set: &mut BTreeSet<(T, O)>,
    of: O,
    before: Option<T>,
    after: Option<T>,
) {
    if before == after {
        return;
    }
    if let Some(before) = before {
        set.remove(&(before, of));
    }
    if let Some(after) = after {
        set.insert((after, of));
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

    /// Whether a program runs what is an agent's, or, of a group, one of these members'.
    pub(super) fn is_run(&self, agent: AgentNo, members: &[AgentNo]) -> bool {
        let registered = |agent| self.queue_of(agent).is_some_and(|queue| queue.registered);
        let runs = |member| self.is_member(agent, member) && registered(member);
        registered(agent) && (members.is_empty() || members.iter().copied().any(runs))
    }

    /// From here on, until all is derived anew, an agent is a member of a group.
    pub(super) fn join(&mut self, group: AgentNo, member: AgentNo) {
        self.memberships.insert((group, member));
    }

    /// Whether an agent is a member of a group now. One that was recorded may have left.
    pub(super) fn is_member(&self, group: AgentNo, member: AgentNo) -> bool {
        self.memberships.contains(&(group, member))
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

    /// An attempt of an activation of its group begins.
    pub(super) fn begin_lent(&mut self, agent: AgentNo, slots: u32) {
        self.queue(agent).lent += 1;
        self.begin(agent, slots);
    }

    pub(super) fn end_lent(&mut self, agent: AgentNo, slots: u32) {
        self.queue(agent).lent -= 1;
        self.end(agent, slots);
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

    /// The line of an agent's activations, or of those that these members of its group may run.
    pub(super) fn line_of(&mut self, agent: AgentNo, members: &[AgentNo]) -> LineOf {
        if members.is_empty() {
            return LineOf::Agent(agent);
        }
        let (no, forgotten) = self.member_lines.intern(agent, members);
        for (gone, mut shared) in forgotten {
            for &member in &*shared.members {
                self.queue(member).shares.retain(|no| *no != gone);
            }
            self.heads.settle(LineOf::Members(gone), &mut shared.line, false, false);
        }
        if self.queue(members[0]).shares.contains(&no) {
            return LineOf::Members(no);
        }
        for &member in members {
            self.queue(member).shares.push(no);
        }
        LineOf::Members(no)
    }

    pub(super) fn put(&mut self, of: LineOf, rank: Rank) {
        self.change(of, rank, |set| set.insert(rank), true);
    }

    pub(super) fn take_off(&mut self, of: LineOf, rank: Rank) {
        self.change(of, rank, |set| set.remove(&rank), false);
    }

    /// How many lines there are that members of groups share, and how many lines of all are full.
    #[cfg(test)]
    pub(super) fn lines_len(&self) -> (usize, usize) {
        (self.member_lines.len(), self.heads.full.len())
    }

    /// Puts something in a line, or takes it out, and says so to whom the line calls.
    fn change(
        &mut self,
        of: LineOf,
        rank: Rank,
        change: impl FnOnce(&mut BTreeSet<Rank>) -> bool,
        more: bool,
    ) {
        let is_suspect = !self.suspects.is_empty() && self.suspects.contains(&rank.1);
        let runs = match of {
            LineOf::Agent(agent) => self.is_run(agent, &[]),
            LineOf::Members(no) => {
                self.member_lines.get(no).is_some_and(|line| self.is_run(line.group, &line.members))
            }
        };
        let line = match of {
            LineOf::Agent(agent) => &mut self.queue(agent).line,
            LineOf::Members(no) => match self.member_lines.get_mut(no) {
                Some(shared) => &mut shared.line,
                None => return,
            },
        };
        let was_empty = line.is_empty();
        let changed = change(if is_suspect { &mut line.suspects } else { &mut line.ready });
        let is_empty = line.is_empty();
        if changed && runs && !is_suspect {
            self.ready = if more { self.ready + 1 } else { self.ready - 1 };
        }
        match of {
            LineOf::Agent(agent) => self.refresh(agent),
            LineOf::Members(no) if was_empty == is_empty => self.refresh_members(no),
            LineOf::Members(no) => self.call(no, !is_empty),
        }
    }

    /// Something is in a line that was empty, or nothing any more: its members know.
    fn call(&mut self, no: MemberLineNo, called: bool) {
        let Some(line) = self.member_lines.get(no) else { return };
        let members = line.members.clone();
        for &member in &*members {
            let queue = self.queue(member);
            queue.called = if called { queue.called + 1 } else { queue.called - 1 };
            self.refresh(member);
        }
    }

    /// Brings the agent's entries among the heads and the timers in line with its queue and its
    /// gates.
    fn refresh(&mut self, agent: AgentNo) {
        self.queue(agent);
        let Self { queues, heads, timers, .. } = self;
        let queue = &mut queues[agent.get() as usize];
        let open = queue.is_open();
        let waits = queue.may_run() && queue.has_room() && queue.is_called();
        let timer = queue.held_back.filter(|until| waits && *until != Elapsed::NEVER);
        let timer_before = std::mem::replace(&mut queue.timer, timer);
        replace(timers, agent, timer_before, timer);
        let full = queue.registered && !open;
        heads.settle(LineOf::Agent(agent), &mut queue.line, open, full);
        for index in 0..queue.shares.len() {
            let no = self.queues[agent.get() as usize].shares[index];
            self.refresh_members(no);
        }
    }

    /// Brings the entries of a line in line with whether one of those may run who share it.
    fn refresh_members(&mut self, no: MemberLineNo) {
        let Some(MemberLine { group, members, .. }) = self.member_lines.get(no) else { return };
        let open = |agent| self.queue_of(agent).is_some_and(Queue::is_open);
        let is_open = open(*group) && self.open_within(*group, members, u32::MAX).next().is_some();
        let full = !is_open && self.is_run(*group, members);
        let Some(MemberLine { line, .. }) = self.member_lines.get_mut(no) else { return };
        self.heads.settle(LineOf::Members(no), line, is_open, full);
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
        self.queue_of(agent).is_some_and(|queue| queue.may_run() && queue.is_called())
    }

    /// Whether nothing is on it whose agent may run.
    pub(super) fn is_quiet(&self) -> bool {
        self.heads.ready.is_empty() && self.heads.suspects.is_empty()
    }

    /// The first whose agent may run and whose attempts take at most so many slots, suspects left out.
    pub(super) fn first_within(&self, slots: u32) -> Option<Rank> {
        self.find_within(&self.heads.ready, slots)
    }

    /// The first such suspect.
    pub(super) fn first_suspect_within(&self, slots: u32) -> Option<Rank> {
        self.find_within(&self.heads.suspects, slots)
    }

    fn find_within(&self, heads: &BTreeSet<(Rank, LineOf)>, slots: u32) -> Option<Rank> {
        let fits = |of| match of {
            LineOf::Agent(agent) => self.queue_of(agent).is_some_and(|queue| queue.slots <= slots),
            LineOf::Members(no) => {
                let line = self.member_lines.get(no);
                line.is_some_and(|line| {
                    self.open_within(line.group, &line.members, slots).next().is_some()
                })
            }
        };
        heads.iter().find(|(_, of)| fits(*of)).map(|(rank, _)| *rank)
    }

    /// Those who are still members of a group, of whom another attempt may begin that takes at most so many
    /// slots.
    pub(super) fn open_within(
        &self,
        group: AgentNo,
        members: &[AgentNo],
        slots: u32,
    ) -> impl Iterator<Item = AgentNo> {
        let queue = |agent: &AgentNo| self.queue_of(*agent);
        let fits = move |agent: &AgentNo| {
            self.is_member(group, *agent)
                && queue(agent).is_some_and(|queue| queue.is_open() && queue.slots <= slots)
        };
        members.iter().copied().filter(fits)
    }

    /// How many activations only wait for a free slot, or for attempts of their agent that the board
    /// ends as fast as it appends. What is behind slow handlers of an agent, or held back, waits for
    /// those, and suspects wait for each other.
    pub(super) fn backlog(&self) -> usize {
        let moves = |agent| self.queue_of(agent).is_some_and(Queue::moves);
        let slow = self.heads.full.iter().map(|of| {
            let (moving, line) = match *of {
                LineOf::Agent(agent) => {
                    (moves(agent), self.queue_of(agent).map(|queue| &queue.line))
                }
                LineOf::Members(no) => {
                    let Some(MemberLine { group, members, line }) = self.member_lines.get(no)
                    else {
                        return 0;
                    };
                    let may_run = self.queue_of(*group).is_some_and(Queue::may_run);
                    let moves = |&member: &AgentNo| self.is_member(*group, member) && moves(member);
                    (may_run && members.iter().any(moves), Some(line))
                }
            };
            if moving { 0 } else { line.map_or(0, |line| line.ready.len()) }
        });
        let slow: usize = slow.sum();
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
