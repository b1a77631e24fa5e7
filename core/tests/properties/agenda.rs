//! AGENDA-1, GATE-1, GATE-2, PERMIT-1, BEST-2, BEST-3, DEATH-1, DEATH-2, DEATH-3: which work is leased
//! when and where, against a list that is sorted anew for each slot, and what dies of the deaths of
//! processes.

use std::time::Duration;

use proptest::prelude::*;

use artel_core::board::Gate;
use artel_core::command::{AttemptOutcome, Request};
use artel_core::definition::AgentDefinition;
use artel_core::event::{AttemptEnd, DeadReason, Event, Next};
use artel_core::ids::{ActivationId, SessionId};
use artel_core::policy::{ErrorKind, Jitter, Retry};

use super::cases;
use super::desk::{Desk, TYPES, agent, new, session, subscription};

#[derive(Clone, Debug)]
enum Act {
    Publish(u8),
    Pass(u32),
    Done(u8),
    Fail(u8),
    Released(u8),
    CancelOne(u8),
    CancelTree(u8),
    FreeStopped,
    Register(u8),
    OpenSession(u8),
    Die,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => any::<u8>().prop_map(Act::Publish),
        3 => (0..90_000_u32).prop_map(Act::Pass),
        4 => any::<u8>().prop_map(Act::Done),
        2 => any::<u8>().prop_map(Act::Fail),
        1 => any::<u8>().prop_map(Act::Released),
        1 => any::<u8>().prop_map(Act::CancelOne),
        1 => any::<u8>().prop_map(Act::CancelTree),
        1 => Just(Act::FreeStopped),
        1 => any::<u8>().prop_map(Act::Register),
        2 => (1..4_u8).prop_map(Act::OpenSession),
        1 => Just(Act::Die),
    ]
}

/// How many processes may die of an activation.
const CRASH_LOOP: u32 = 2;

/// What the agents of a board are like.
#[derive(Clone, Debug)]
struct Plan {
    priorities: [u8; 4],
    concurrency: [u32; 3],
    /// How many slots attempts of each agent take.
    candidates: [u32; 3],
    delay_ms: u64,
    slots: u32,
}

fn plan() -> impl Strategy<Value = Plan> {
    let priorities = prop::array::uniform4(0..10_u8);
    let concurrency = prop::array::uniform3(1..4_u32);
    let candidates = prop::array::uniform3(prop_oneof![2 => Just(1_u32), 1 => 2..4_u32]);
    (priorities, concurrency, candidates, 0..120_000_u64, 0..5_u32).prop_map(
        |(priorities, concurrency, candidates, delay_ms, slots)| Plan {
            priorities,
            concurrency: [0, 1, 2].map(|one| concurrency[one].max(candidates[one])),
            candidates,
            delay_ms,
            slots,
        },
    )
}

/// Three agents, of which one has two subscriptions, without those that `mask` leaves out.
fn agents(plan: &Plan, mask: u8) -> Vec<AgentDefinition> {
    let mut all = vec![agent("one", "A"), agent("two", "B"), agent("three", "A")];
    for (index, one) in all.iter_mut().enumerate() {
        one.subscriptions[0].priority = plan.priorities[index];
        one.concurrency = plan.concurrency[index];
        one.candidates = plan.candidates[index];
        one.crash_loop = CRASH_LOOP;
        let delay = Duration::from_millis(plan.delay_ms);
        one.retry = Retry::fixed(delay).jitter(Jitter::None).max_attempts(1_000);
    }
    all[1].subscriptions.push(subscription("C", plan.priorities[3]));
    let named = |(index, _): &(usize, _)| mask & (1 << index) != 0;
    all.into_iter().enumerate().filter(named).map(|(_, one)| one).collect()
}

/// Work that waits, as the oracle sees it.
#[derive(Clone, Debug)]
struct Waiting {
    id: ActivationId,
    agent: usize,
    priority: i64,
    since: i64,
    /// How many processes died in its own turn, if one died while it ran.
    suspect: Option<u32>,
}

/// The oracle: plain lists.
struct Oracle {
    plan: Plan,
    waiting: Vec<Waiting>,
    /// What runs: its work, and the session whose slot it has.
    running: Vec<(Waiting, SessionId)>,
    /// Slots that attempts hold which the board has ended.
    held: Vec<(SessionId, usize)>,
    sessions: Vec<(SessionId, u32)>,
    registered: [bool; 3],
    /// How many sessions there have been.
    opened: u128,
}

const NAMES: [&str; 3] = ["one", "two", "three"];

impl Oracle {
    fn used(&self, session: SessionId) -> usize {
        let running = self.running.iter().filter(|(_, at)| *at == session);
        let running: usize = running.map(|(work, _)| self.slots(work.agent)).sum();
        let held = self.held.iter().filter(|(at, _)| *at == session);
        running + held.map(|(_, slots)| slots).sum::<usize>()
    }

    /// How many slots an attempt of an agent takes.
    fn slots(&self, agent: usize) -> usize {
        self.plan.candidates[agent] as usize
    }

    /// Where a piece of work runs: in the session with the most free slots, of which the youngest; a
    /// suspect where no other one runs.
    fn place(&self, work: &Waiting) -> Option<SessionId> {
        let places = self.sessions.iter().filter_map(|&(id, slots)| {
            let free = (slots as usize).saturating_sub(self.used(id));
            let taken = work.suspect.is_some() && self.turn(id).is_some();
            (free >= self.slots(work.agent) && !taken).then_some((free, id))
        });
        places.max().map(|(_, id)| id)
    }

    /// The suspect that runs in a session.
    fn turn(&self, session: SessionId) -> Option<ActivationId> {
        let mut here = self.running.iter().filter(|(_, at)| *at == session);
        here.find(|(work, _)| work.suspect.is_some()).map(|(work, _)| work.id)
    }

    fn busy(&self, agent: usize) -> bool {
        let running = self.running.iter().filter(|(work, _)| work.agent == agent).count();
        (running + 1) * self.slots(agent) > self.plan.concurrency[agent] as usize
    }

    /// What is leased next, and where. Nothing overtakes the first but for a suspect for which no session
    /// has a turn, or only one that is full.
    fn next(&self, may: &[&Waiting]) -> Option<(Waiting, SessionId)> {
        let mut passed_over = false;
        for &one in may {
            if one.suspect.is_some() && passed_over {
                continue;
            }
            if let Some(at) = self.place(one) {
                return Some((one.clone(), at));
            }
            let slots = self.slots(one.agent);
            let turn = |&&(id, size): &&(SessionId, u32)| {
                size as usize >= slots && self.turn(id).is_none()
            };
            let waits = slots > 1 && self.sessions.iter().find(turn).is_some();
            if one.suspect.is_none() || waits {
                return None;
            }
            passed_over = true;
        }
        None
    }

    /// What has to be leased now, in order, and where.
    fn expected(&mut self, now: i64) -> Vec<(ActivationId, SessionId)> {
        let mut leased = Vec::new();
        let largest = self.sessions.iter().map(|&(_, slots)| slots as usize).max().unwrap_or(0);
        loop {
            let mut may: Vec<&Waiting> = self
                .waiting
                .iter()
                .filter(|one| one.since <= now)
                .filter(|one| self.registered[one.agent] && !self.busy(one.agent))
                .filter(|one| self.slots(one.agent) <= largest)
                .collect();
            may.sort_by_key(|one| (one.since - one.priority * 30_000, one.id));
            let Some((first, at)) = self.next(&may) else { break };
            self.waiting.retain(|one| one.id != first.id);
            leased.push((first.id, at));
            self.running.push((first, at));
        }
        leased
    }

    /// Takes up what the last command did, but for its leases.
    fn learn(&mut self, desk: &Desk) {
        let now = i64::try_from(desk.state.header().elapsed.as_millis()).unwrap();
        for (seq, event) in desk.last_events() {
            match event {
                Event::ActivationCreated { subscription, .. } => {
                    let record = desk.state.subscription(*subscription).unwrap();
                    let name = desk.state.agent(record.agent).unwrap().definition.name.to_string();
                    let agent = NAMES.iter().position(|one| *one == name).unwrap();
                    let priority = i64::from(record.definition.priority);
                    let id = ActivationId(seq);
                    self.waiting.push(Waiting { id, agent, priority, since: now, suspect: None });
                }
                Event::AttemptEnded { attempt, end, next, .. } => {
                    let which = |(work, _): &(Waiting, _)| work.id == attempt.activation;
                    let place = self.running.iter().position(which).unwrap();
                    let (mut work, at) = self.running.swap_remove(place);
                    if *end == AttemptEnd::Cancelled {
                        self.held.push((at, self.slots(work.agent)));
                    }
                    let lost = *end == AttemptEnd::Lost;
                    work.suspect = lost.then(|| work.suspect.map_or(0, |deaths| deaths + 1));
                    let crash_loop = work.suspect.is_some_and(|deaths| deaths >= CRASH_LOOP);
                    let dead = *next == Next::Dead(DeadReason::CrashLoop);
                    assert_eq!(crash_loop, dead, "{work:?}");
                    if let Next::Retry { not_before, .. } = next {
                        work.since = i64::try_from(not_before.as_millis()).unwrap();
                        self.waiting.push(work);
                    }
                }
                Event::ActivationClosed { activation, .. } => {
                    self.waiting.retain(|one| one.id != *activation);
                }
                _ => {}
            }
        }
    }

    fn gate(&self, work: &Waiting, now: i64) -> &'static str {
        if !self.registered[work.agent] {
            return "unregistered";
        }
        if work.since > now {
            return "not-before";
        }
        if self.busy(work.agent) {
            return "concurrency (agent)";
        }
        let mut turns = self.sessions.iter().map(|(id, _)| self.turn(*id));
        let none_left = !self.sessions.is_empty() && turns.all(|turn| turn.is_some());
        if work.suspect.is_some() && none_left { "suspect" } else { "permit" }
    }
}

fn perform(desk: &mut Desk, oracle: &mut Oracle, act: &Act) -> bool {
    let pick = |which: u8, len: usize| usize::from(which).checked_rem(len);
    match *act {
        Act::Publish(which) => {
            let count = usize::from(which / 3 % 3) + 1;
            desk.publish_new(&vec![new(TYPES[usize::from(which % 3)]); count]).unwrap();
        }
        Act::Pass(millis) => desk.pass(u64::from(millis)),
        Act::Done(which) | Act::Fail(which) | Act::Released(which) => {
            let Some(index) = pick(which, desk.leases.len()) else { return false };
            let lease = desk.leases[index].clone();
            let outcome = match act {
                Act::Fail(_) => AttemptOutcome::Failed(ErrorKind::Transient),
                Act::Released(_) => AttemptOutcome::Released,
                _ => return desk.done(&lease, &[]).is_ok(),
            };
            desk.finish(&lease, outcome).unwrap();
        }
        Act::CancelOne(which) => {
            let open: Vec<_> = desk.state.activations().map(|(id, _)| id).collect();
            let Some(index) = pick(which, open.len()) else { return false };
            desk.ask(Request::CancelActivations(vec![open[index]])).unwrap();
        }
        Act::CancelTree(which) => {
            let open: Vec<_> = desk.state.correlations().map(|(id, _)| id).collect();
            let Some(index) = pick(which, open.len()) else { return false };
            desk.ask(Request::CancelCorrelation(open[index])).unwrap();
        }
        Act::FreeStopped => {
            for (session, attempt) in std::mem::take(&mut desk.to_free) {
                desk.beside.release(session, attempt);
            }
            oracle.held.clear();
            desk.pass(0);
        }
        Act::Register(mask) => {
            for (index, registered) in oracle.registered.iter_mut().enumerate() {
                *registered = mask & (1 << index) != 0;
            }
            desk.register(&agents(&oracle.plan, mask));
        }
        Act::OpenSession(slots) => {
            oracle.opened += 1;
            let number = oracle.opened;
            desk.open_session(number, u32::from(slots));
            oracle.sessions.push((session(number), u32::from(slots)));
        }
        Act::Die => {
            // No session is of the process that takes over.
            let epoch = desk.state.header().epoch.get().max(1_000) + 1;
            desk.take_over(epoch);
            desk.to_free.clear();
            oracle.held.clear();
            oracle.sessions.clear();
        }
    }
    true
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn work_is_leased_in_the_order_of_a_list_that_is_sorted_each_time(
        plan in plan(),
        acts in prop::collection::vec(act(), 1..70),
    ) {
        let mut desk = Desk::with(&agents(&plan, 7), plan.slots);
        let mut oracle = Oracle {
            sessions: vec![(session(1), plan.slots)],
            plan,
            waiting: Vec::new(),
            running: Vec::new(),
            held: Vec::new(),
            registered: [true; 3],
            opened: 1,
        };
        for act in &acts {
            let decisions = desk.log.len();
            if !perform(&mut desk, &mut oracle, act) {
                continue;
            }
            if desk.log.len() > decisions {
                oracle.learn(&desk);
            }
            let now = i64::try_from(desk.now.elapsed.as_millis()).unwrap();
            let expected = oracle.expected(now);
            let leased = desk.leased.iter().map(|one| (one.attempt.activation, one.session));
            let leased: Vec<_> = leased.collect();
            prop_assert_eq!(leased, expected, "after {:?}", act);
            for &(id, slots) in &oracle.sessions {
                prop_assert!(oracle.used(id) <= slots as usize, "{id} has more than its slots");
            }
            // Gates are those of the last decision: time that passed without one does not count.
            let now = i64::try_from(desk.state.header().elapsed.as_millis()).unwrap();
            for work in &oracle.waiting {
                let gate = desk.state.gate(work.id).map(Gate::as_str);
                prop_assert_eq!(gate, Some(oracle.gate(work, now)), "{:?}", work);
            }
        }
    }

    /// Nothing starves: work of the lowest priority runs before everything of the highest that
    /// became ready 270 s later or more, however much of that keeps coming.
    #[test]
    fn the_lowest_priority_waits_270_s_for_the_highest_and_no_longer(
        arrivals in prop::collection::vec((0..40_000_u32, 0..3_usize), 1..60),
    ) {
        let mut low = agent("low", "A");
        let mut high = agent("high", "B");
        (low.subscriptions[0].priority, high.subscriptions[0].priority) = (0, 9);
        let mut desk = Desk::with(&[low, high], 1);
        desk.publish_new(&[new("B"), new("A")]).unwrap();
        let mut order = vec![(true, 0)];
        let mut overtakers = 1;
        for (millis, count) in arrivals {
            desk.pass(u64::from(millis));
            if count > 0 {
                desk.publish_new(&vec![new("B"); count]).unwrap();
            }
            let now = desk.now.elapsed.as_millis();
            if now < 270_000 {
                overtakers += count;
            }
            let lease = desk.leases[0].clone();
            desk.done(&lease, &[]).unwrap();
            for lease in &desk.leased {
                let high = desk.state.agent(lease.agent).unwrap().definition.name.as_str() == "high";
                order.push((high, now));
            }
            if desk.leases.is_empty() {
                break;
            }
        }
        let place = order.iter().position(|(high, _)| !high);
        let before = place.unwrap_or(order.len());
        prop_assert!(before <= overtakers, "{before} ran before it, {overtakers} may");
        let empty = desk.leases.is_empty();
        prop_assert!(place.is_some() || !empty, "it never ran although a slot was free");
    }
}
