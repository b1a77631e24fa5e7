//! BREAKER-1 to BREAKER-7, BREAKER-9 to BREAKER-11: when a breaker turns and what it lets through,
//! against a list of all that ended and the rules of the reference, asked anew at each decision.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use artel_core::board::CircuitPhase;
use artel_core::command::{AttemptOutcome, Request};
use artel_core::definition::AgentDefinition;
use artel_core::event::{AttemptEnd, Event, Mended, Metered, Tripped};
use artel_core::ids::{ActivationId, AgentNo};
use artel_core::policy::{Breaker, ErrorKind, Retry};
use artel_core::time::Elapsed;

use super::cases;
use super::desk::{Desk, agent, new};

/// How many attempts of the agent may run at once.
const SLOTS: u32 = 5;

/// After so long an attempt is a time-out, and a second later the board ends it.
const TIMEOUT_MS: u64 = 8_000;

/// A breaker in the words of the reference.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    trip: Trip,
    recovery_ms: u64,
    growth: Option<(f64, u64)>,
    probes: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Trip {
    InARow(u32),
    Share { percent: u32, calls_min: u32, twentieth_ms: u64 },
}

#[derive(Clone, Debug)]
enum Act {
    Publish(u8),
    Done(u8),
    Fail(u8, ErrorKind),
    GiveBack(u8),
    Cancel(u8),
    Pass(u64),
    /// Until something is due, or a moment before.
    PassToDue(bool),
    Open,
    Close,
    Redefine(Plan),
    /// The board is read back from its snapshot and goes on.
    ReadBack,
    /// The process dies, and another one takes over.
    Die,
}

fn plan() -> impl Strategy<Value = Plan> {
    let trip = prop_oneof![
        (1..5_u32).prop_map(Trip::InARow),
        (1..=100_u32, 1..7_u32, 1..400_u64).prop_map(|(percent, calls_min, twentieth_ms)| {
            Trip::Share { percent, calls_min, twentieth_ms }
        }),
    ];
    let growth = prop::option::of((prop_oneof![Just(1.0), Just(1.5), Just(2.0)], 0..30_000_u64));
    (trip, 0..4_000_u64, growth, 1..4_u32).prop_map(|(trip, recovery_ms, growth, probes)| Plan {
        trip,
        recovery_ms,
        growth,
        probes,
    })
}

fn kind() -> impl Strategy<Value = ErrorKind> {
    prop_oneof![
        4 => Just(ErrorKind::Transient),
        1 => Just(ErrorKind::RateLimited { retry_after_ms: None }),
        1 => Just(ErrorKind::Timeout),
        1 => Just(ErrorKind::Panic),
        1 => Just(ErrorKind::Permanent),
        1 => Just(ErrorKind::InvalidOutput),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1..6_u8).prop_map(Act::Publish),
        6 => any::<u8>().prop_map(Act::Done),
        8 => (any::<u8>(), kind()).prop_map(|(which, kind)| Act::Fail(which, kind)),
        1 => any::<u8>().prop_map(Act::GiveBack),
        1 => any::<u8>().prop_map(Act::Cancel),
        3 => (0..3_000_u64).prop_map(Act::Pass),
        4 => any::<bool>().prop_map(Act::PassToDue),
        1 => Just(Act::Open),
        1 => Just(Act::Close),
        1 => plan().prop_map(Act::Redefine),
        1 => Just(Act::ReadBack),
        1 => Just(Act::Die),
    ]
}

impl Plan {
    fn definition(&self) -> AgentDefinition {
        let ms = Duration::from_millis;
        let breaker = match self.trip {
            Trip::InARow(failures) => Breaker::consecutive(failures),
            Trip::Share { percent, calls_min, twentieth_ms } => Breaker::failure_rate(percent)
                .minimum_calls(calls_min)
                .window(ms(twentieth_ms * 20)),
        };
        let breaker = breaker.recovery(ms(self.recovery_ms)).probes(self.probes);
        let breaker = match self.growth {
            Some((factor, longest)) => breaker.recovery_backoff(factor, ms(longest)),
            None => breaker,
        };
        let mut one = agent("one", "A");
        one.limits.breaker = Some(breaker);
        one.concurrency = SLOTS;
        one.retry = Retry::never();
        one.attempt_timeout = ms(TIMEOUT_MS);
        one.crash_loop = 1_000;
        one
    }

    /// For how long it is open the `n`-th time since it was closed, in milliseconds.
    fn recovery(&self, n: u32) -> f64 {
        let first = self.recovery_ms as f64;
        let Some((factor, longest)) = self.growth else { return first };
        (first * factor.powi(n as i32 - 1)).min(first.max(longest as f64))
    }
}

/// What is known of a breaker.
#[derive(Debug)]
struct Model {
    plan: Plan,
    phase: Phase,
    /// When attempts ended while it was closed, and whether they failed.
    ends: Vec<(u64, bool)>,
    /// Whether one of them ended in the decision that is followed.
    counted: bool,
    openings: u32,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Closed,
    /// Until when; for ever without a moment.
    Open(Option<u64>),
    HalfOpen {
        probes: BTreeSet<ActivationId>,
        well: u32,
        failed: bool,
    },
}

/// BREAKER-1, BREAKER-5, BREAKER-6: whether an end tells of a failure, where it tells of anything.
fn tells(end: AttemptEnd) -> Option<bool> {
    match end {
        AttemptEnd::Failed(kind) => Some(!matches!(kind.as_str(), "permanent" | "invalid-output")),
        AttemptEnd::Done | AttemptEnd::BoardFull => Some(false),
        AttemptEnd::Lost | AttemptEnd::Released | AttemptEnd::Cancelled => None,
    }
}

impl Model {
    fn ended(&mut self, id: ActivationId, end: AttemptEnd, now: u64) {
        match &mut self.phase {
            Phase::Closed => {
                self.counted |= tells(end).is_some();
                self.ends.extend(tells(end).map(|failed| (now, failed)));
            }
            Phase::Open(_) => {}
            // BREAKER-4: what began before it opened is none of its probes.
            Phase::HalfOpen { probes, well, failed } => {
                if probes.remove(&id) {
                    *well += u32::from(tells(end) == Some(false));
                    *failed |= tells(end) == Some(true);
                }
            }
        }
    }

    fn trips(&self, now: u64) -> Option<Tripped> {
        match self.plan.trip {
            Trip::InARow(failures) => {
                let row = self.ends.iter().rev().take_while(|(_, failed)| *failed).count();
                (row >= failures as usize).then_some(Tripped::InARow)
            }
            Trip::Share { percent, calls_min, twentieth_ms } => {
                let counts = |at: &u64| now / twentieth_ms - at / twentieth_ms < 20;
                let lately: Vec<bool> =
                    self.ends.iter().filter(|(at, _)| counts(at)).map(|end| end.1).collect();
                let failures = lately.iter().filter(|failed| **failed).count();
                let reached = failures * 100 >= lately.len() * percent as usize;
                (lately.len() >= calls_min as usize && reached).then_some(Tripped::Rate)
            }
        }
    }

    fn lets_through(&self) -> bool {
        match &self.phase {
            Phase::Closed => true,
            Phase::Open(_) => false,
            Phase::HalfOpen { probes, well, failed } => {
                !failed && probes.len() + (*well as usize) < self.plan.probes as usize
            }
        }
    }

    fn open(&mut self, until: Option<u64>) {
        self.ends.clear();
        self.phase = Phase::Open(until);
    }

    fn close(&mut self) {
        self.ends.clear();
        self.openings = 0;
        self.phase = Phase::Closed;
    }

    /// Holds an opening by the board itself to the rules.
    fn opened(&mut self, why: Tripped, until: Elapsed, now: u64) -> Result<(), TestCaseError> {
        let due = match &self.phase {
            Phase::Closed => self.trips(now),
            Phase::HalfOpen { failed: true, .. } => Some(Tripped::Probe),
            Phase::HalfOpen { .. } | Phase::Open(_) => None,
        };
        prop_assert_eq!(Some(why), due, "it opens at {}: {:?}", now, self);
        self.openings += 1;
        let stays = until.as_millis() as f64 - now as f64;
        let right = self.plan.recovery(self.openings);
        // Kept to hundredths of a millisecond each time that it grows, and then cut.
        prop_assert!(stays <= right && stays > right * 0.999 - 1.0, "{stays} for {right}");
        self.open(Some(until.as_millis()));
        Ok(())
    }

    /// Whether it has to turn now.
    fn is_due(&self, now: u64) -> bool {
        match &self.phase {
            // It looks when an attempt ends, and not when others lie behind its window.
            Phase::Closed => self.counted && self.trips(now).is_some(),
            Phase::Open(until) => until.is_some_and(|until| until <= now),
            Phase::HalfOpen { failed, well, .. } => *failed || *well >= self.plan.probes,
        }
    }

    /// Holds the events of a decision to the rules, in their order.
    fn follow(&mut self, events: &[Event], now: u64) -> Result<(), TestCaseError> {
        self.counted = false;
        for event in events {
            match event {
                Event::AttemptEnded { attempt, end, .. } => {
                    self.ended(attempt.activation, *end, now);
                }
                Event::BreakerOpened { why: Tripped::Operator, until, .. } => {
                    prop_assert_eq!(*until, Elapsed::NEVER);
                    self.open(None);
                }
                Event::BreakerOpened { why, until, .. } => self.opened(*why, *until, now)?,
                Event::BreakerHalfOpened { .. } => {
                    let due = matches!(self.phase, Phase::Open(Some(until)) if until <= now);
                    prop_assert!(due, "it is half-open at {now}: {self:?}");
                    let (probes, well, failed) = (BTreeSet::new(), 0, false);
                    self.phase = Phase::HalfOpen { probes, well, failed };
                }
                Event::BreakerClosed { why: Mended::Operator, .. } => self.close(),
                Event::BreakerClosed { why: Mended::Probes, .. } => {
                    let half = matches!(self.phase, Phase::HalfOpen { failed: false, .. });
                    prop_assert!(half && self.is_due(now), "it closes at {now}: {self:?}");
                    self.close();
                }
                Event::AttemptStarted { attempt, .. } => {
                    prop_assert!(!self.is_due(now), "it was to turn at {now}: {self:?}");
                    prop_assert!(self.lets_through(), "{attempt} begins at {now}: {self:?}");
                    if let Phase::HalfOpen { probes, .. } = &mut self.phase {
                        probes.insert(attempt.activation);
                    }
                }
                _ => {}
            }
        }
        prop_assert!(!self.is_due(now), "it was to turn at {now}: {self:?}");
        Ok(())
    }

    /// The board knows the same, holds nothing back that may run, and wakes by itself.
    fn compare(&self, desk: &Desk) -> Result<(), TestCaseError> {
        let (meter, _) = desk.state.meter(Metered::Agent(AgentNo(0))).unwrap();
        let phase = match meter.circuit.as_ref().unwrap().phase.clone() {
            CircuitPhase::Closed => Phase::Closed,
            CircuitPhase::Open { until: Elapsed::NEVER } => Phase::Open(None),
            CircuitPhase::Open { until } => Phase::Open(Some(until.as_millis())),
            CircuitPhase::HalfOpen { probes, succeeded: well, failed } => {
                Phase::HalfOpen { probes, well, failed }
            }
        };
        prop_assert_eq!(&phase, &self.phase);
        // Suspects wait for each other too.
        let waits =
            |one: &artel_core::board::Activation| one.running().is_none() && one.suspect.is_none();
        let waiting = desk.state.activations().filter(|(_, one)| waits(one)).count();
        if waiting > 0 && desk.state.running() < SLOTS {
            prop_assert!(!self.lets_through(), "{waiting} wait for nothing: {self:?}");
        }
        if let Phase::Open(Some(until)) = phase {
            let due = desk.state.next_due();
            prop_assert!(due.is_some_and(|due| due.as_millis() <= until), "{due:?}");
        }
        Ok(())
    }
}

fn perform(desk: &mut Desk, model: &mut Model, act: &Act) {
    let pick = |desk: &Desk, which: u8| {
        let index = usize::from(which).checked_rem(desk.leases.len())?;
        Some(desk.leases[index].clone())
    };
    let of = Metered::Agent(AgentNo(0));
    match act {
        Act::Publish(count) => {
            desk.publish_new(&vec![new("A"); usize::from(*count)]).unwrap();
        }
        Act::Done(which) => {
            let Some(lease) = pick(desk, *which) else { return };
            desk.done(&lease, &[]).unwrap();
        }
        Act::Fail(which, kind) => {
            let Some(lease) = pick(desk, *which) else { return };
            desk.finish(&lease, AttemptOutcome::Failed(*kind)).unwrap();
        }
        Act::GiveBack(which) => {
            let Some(lease) = pick(desk, *which) else { return };
            desk.finish(&lease, AttemptOutcome::Released).unwrap();
        }
        Act::Cancel(which) => {
            let Some(lease) = pick(desk, *which) else { return };
            desk.ask(Request::CancelActivations(vec![lease.attempt.activation])).unwrap();
        }
        Act::Pass(ms) => desk.pass(*ms),
        Act::PassToDue(short) => {
            let Some(due) = desk.state.next_due() else { return };
            let ms = due.as_millis().saturating_sub(desk.now.elapsed.as_millis());
            desk.pass(ms.saturating_sub(u64::from(*short)));
        }
        Act::Open => drop(desk.ask(Request::OpenBreaker(of)).unwrap()),
        Act::Close => drop(desk.ask(Request::CloseBreaker(of)).unwrap()),
        Act::Redefine(plan) => {
            // BREAKER-10: what it has counted is forgotten.
            if *plan != model.plan {
                model.ends.clear();
            }
            model.plan = plan.clone();
            desk.register(&[plan.definition()]);
        }
        Act::ReadBack => desk.read_back(),
        Act::Die => desk.die(SLOTS * 2),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_breaker_turns_when_the_reference_says_so_and_lets_through_what_it_may(
        plan in plan(),
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let mut desk = Desk::with(&[plan.definition()], SLOTS * 2);
        let mut model = Model { plan, phase: Phase::Closed, ends: Vec::new(), counted: false, openings: 0 };
        for act in &acts {
            let before = desk.log.len();
            perform(&mut desk, &mut model, act);
            // Executors let go of what was stopped, and the board looks again.
            desk.release_stopped();
            desk.pass(0);
            for decision in &desk.log[before..] {
                model.follow(&decision.events, decision.elapsed.as_millis())?;
            }
            model.compare(&desk)?;
        }
        desk.check_fold();
    }
}
