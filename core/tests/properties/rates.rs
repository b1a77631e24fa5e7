//! RATE-1 to RATE-4: how often attempts begin, against a list of all that began: in no stretch of time
//! more than a full bucket and what came back meanwhile, and nothing waits that this allows.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use artel_core::board::{Activation, Phase};
use artel_core::command::AttemptOutcome;
use artel_core::definition::{AgentDefinition, DependencyDefinition, Limits};
use artel_core::event::{Event, Metered};
use artel_core::ids::{ActivationId, AgentNo, DependencyNo};
use artel_core::names::DependencyName;
use artel_core::policy::{ErrorKind, Jitter, RateLimit, Retry};

use super::cases;
use super::desk::{Desk, agent, new};

/// How many attempts an agent may run at once.
const CONCURRENCY: u32 = 8;

/// So many tokens come back in a period, up to a burst.
#[derive(Clone, Copy, Debug)]
struct Rate {
    tokens: u64,
    period_ms: u64,
    burst: u64,
}

/// The rates of two agents, and of what both depend on.
#[derive(Clone, Copy, Debug)]
struct Rates {
    agents: [Option<Rate>; 2],
    service: Option<Rate>,
}

#[derive(Clone, Debug)]
enum Act {
    Publish(bool, u8),
    Done(u8),
    Fail(u8),
    Pass(u64),
    /// Until something is due, or a moment before.
    PassToDue(bool),
    ReadBack,
    Die,
}

fn rate() -> impl Strategy<Value = Rate> {
    let period = prop_oneof![1..50_u64, 50..5_000_u64];
    (1..6_u64, period, 1..7_u64).prop_map(|(tokens, period_ms, burst)| Rate {
        tokens,
        period_ms,
        burst,
    })
}

fn rates() -> impl Strategy<Value = Rates> {
    let some = || prop::option::of(rate());
    (some(), some(), some()).prop_map(|(one, two, service)| Rates { agents: [one, two], service })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (any::<bool>(), 1..9_u8).prop_map(|(which, count)| Act::Publish(which, count)),
        8 => any::<u8>().prop_map(Act::Done),
        3 => any::<u8>().prop_map(Act::Fail),
        4 => (0..2_000_u64).prop_map(Act::Pass),
        6 => any::<bool>().prop_map(Act::PassToDue),
        1 => Just(Act::ReadBack),
        1 => Just(Act::Die),
    ]
}

impl Rate {
    fn limits(one: Option<Self>) -> Limits {
        let rate = one.map(|Self { tokens, period_ms, burst }| {
            let small = |number: u64| u32::try_from(number).unwrap();
            RateLimit::per(small(tokens), Duration::from_millis(period_ms)).burst(small(burst))
        });
        Limits { rate, breaker: None }
    }

    /// The first moment from `now` on at which another attempt may begin after these: whichever of
    /// them a stretch of time begins with, it has no more than it may.
    fn allows(&self, starts: &[u64], now: u64) -> u64 {
        let since = |(index, at): (usize, &u64)| {
            let beyond = ((starts.len() - index) as u64 + 1).saturating_sub(self.burst);
            at + (beyond * self.period_ms).div_ceil(self.tokens)
        };
        starts.iter().enumerate().map(since).max().map_or(now, |at| at.max(now))
    }
}

impl Rates {
    fn of(&self, agent: AgentNo) -> [(Metered, Option<Rate>); 2] {
        let own = self.agents[agent.get() as usize];
        [(Metered::Agent(agent), own), (Metered::Dependency(DependencyNo(0)), self.service)]
    }

    fn agents(&self) -> [AgentDefinition; 2] {
        let name = DependencyName::new("service").unwrap();
        let mut both = [agent("one", "A"), agent("two", "B")];
        for (one, rate) in both.iter_mut().zip(self.agents) {
            one.limits = Rate::limits(rate);
            one.dependencies = vec![name.clone()];
            one.concurrency = CONCURRENCY;
            one.crash_loop = 1_000;
            one.retry = Retry::fixed(Duration::from_millis(300)).jitter(Jitter::None);
        }
        both
    }

    fn service(&self) -> DependencyDefinition {
        let name = DependencyName::new("service").unwrap();
        DependencyDefinition { name, limits: Rate::limits(self.service) }
    }
}

/// When attempts began that each rate counts.
type Starts = BTreeMap<Metered, Vec<u64>>;

/// Takes up what began in the decisions of the log from one of them on.
fn follow(
    desk: &Desk,
    from: usize,
    rates: &Rates,
    (starts, whose): (&mut Starts, &mut BTreeMap<ActivationId, AgentNo>),
) -> Result<(), TestCaseError> {
    whose.extend(desk.state.activations().map(|(id, one)| (id, one.agent)));
    for decision in &desk.log[from..] {
        let now = decision.elapsed.as_millis();
        for event in &decision.events {
            let Event::AttemptStarted { attempt, .. } = event else { continue };
            // RATE-2, RATE-3: each attempt takes a token of each.
            for (of, rate) in rates.of(whose[&attempt.activation]) {
                let Some(rate) = rate else { continue };
                let starts = starts.entry(of).or_default();
                let allowed = rate.allows(starts, now);
                prop_assert_eq!(allowed, now, "{:?} by {:?}: {:?}", of, rate, starts);
                starts.push(now);
            }
        }
    }
    Ok(())
}

/// Nothing waits that might begin, and the board wakes by itself when something may.
fn nothing_waits(desk: &Desk, rates: &Rates, starts: &Starts) -> Result<(), TestCaseError> {
    let now = desk.now.elapsed;
    let ready = |one: &Activation| match one.phase {
        // What ran when a process died waits for others of its kind too.
        Phase::Waiting { since } => since <= now && one.suspect.is_none(),
        Phase::Full { .. } | Phase::Running(_) => false,
    };
    for agent in [AgentNo(0), AgentNo(1)] {
        let waits = desk.state.activations().any(|(_, one)| one.agent == agent && ready(one));
        if !waits || desk.state.load(agent).1 >= CONCURRENCY {
            continue;
        }
        let may = |(of, rate): (Metered, Option<Rate>)| {
            let starts = starts.get(&of).map_or(&[][..], |starts| starts);
            rate.map_or(now.as_millis(), |rate| rate.allows(starts, now.as_millis()))
        };
        let first = rates.of(agent).map(may).into_iter().max().unwrap();
        prop_assert!(first > now.as_millis(), "agent {agent} waits for nothing at {now}");
        let due = desk.state.next_due().map(|due| due.as_millis());
        prop_assert!(due.is_some_and(|due| due <= first), "{due:?} for {first}");
    }
    Ok(())
}

fn perform(desk: &mut Desk, act: &Act) {
    let pick = |desk: &Desk, which: u8| {
        let index = usize::from(which).checked_rem(desk.leases.len())?;
        Some(desk.leases[index].clone())
    };
    match *act {
        Act::Publish(one, count) => {
            let of = if one { "A" } else { "B" };
            desk.publish_new(&vec![new(of); usize::from(count)]).unwrap();
        }
        Act::Done(which) => {
            let Some(lease) = pick(desk, which) else { return };
            desk.done(&lease, &[]).unwrap();
        }
        Act::Fail(which) => {
            let Some(lease) = pick(desk, which) else { return };
            desk.finish(&lease, AttemptOutcome::Failed(ErrorKind::Transient)).unwrap();
        }
        Act::Pass(ms) => desk.pass(ms),
        Act::PassToDue(short) => {
            let Some(due) = desk.state.next_due() else { return };
            let ms = due.as_millis().saturating_sub(desk.now.elapsed.as_millis());
            desk.pass(ms.saturating_sub(u64::from(short)));
        }
        Act::ReadBack => desk.read_back(),
        Act::Die => desk.die(CONCURRENCY * 3),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn attempts_begin_as_often_as_they_may_and_no_more(
        rates in rates(),
        acts in prop::collection::vec(act(), 1..100),
    ) {
        let mut desk = Desk::with(&[], CONCURRENCY * 3);
        desk.register_on(&rates.agents(), rates.service());
        let (mut starts, mut whose) = (Starts::new(), BTreeMap::new());
        for act in &acts {
            let before = desk.log.len();
            perform(&mut desk, act);
            // Executors let go of what was stopped, and the board looks again.
            desk.release_stopped();
            desk.pass(0);
            follow(&desk, before, &rates, (&mut starts, &mut whose))?;
            nothing_waits(&desk, &rates, &starts)?;
        }
        // RATE-4: every fold of the log has the same tokens.
        desk.check_fold();
    }
}
