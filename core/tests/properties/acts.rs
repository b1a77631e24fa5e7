//! Everything that can be asked of a board, drawn at random, for the properties that hold whatever
//! is asked.

use std::time::Duration;

use proptest::prelude::*;

use artel_core::command::{AttemptOutcome, RecordStep, Request};
use artel_core::content::Content;
use artel_core::definition::AgentDefinition;
use artel_core::hash::Salt;
use artel_core::ids::ActivationId;
use artel_core::log::Outcome;
use artel_core::names::StepName;
use artel_core::policy::{ErrorKind, Jitter, Retry};
use artel_core::step::{IntendStep, Settle, StepClass, open_intents};

use super::desk::{Desk, New, TYPES, agent, new, session};

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Publish(u8),
    Done(u8, u8),
    Fail(u8, u8),
    Released(u8),
    Step(u8, u8),
    Intend(u8, u8),
    Complete(u8, u8),
    Settle(u8, bool),
    Pass(u16),
    JumpClock(i32),
    CancelTree(u8),
    CancelSome(u8),
    Redrive(u8),
    Drop(u8),
    TakeOver,
    EndSession,
    Register(u8),
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any::<u8>().prop_map(Act::Publish),
        8 => any::<(u8, u8)>().prop_map(|(which, outputs)| Act::Done(which, outputs)),
        5 => any::<(u8, u8)>().prop_map(|(which, kind)| Act::Fail(which, kind)),
        1 => any::<u8>().prop_map(Act::Released),
        1 => any::<(u8, u8)>().prop_map(|(which, step)| Act::Step(which, step)),
        2 => any::<(u8, u8)>().prop_map(|(which, step)| Act::Intend(which, step)),
        1 => any::<(u8, u8)>().prop_map(|(which, step)| Act::Complete(which, step)),
        2 => any::<(u8, bool)>().prop_map(|(which, done)| Act::Settle(which, done)),
        3 => (0..5_000_u16).prop_map(Act::Pass),
        1 => (-200_000..200_000_i32).prop_map(Act::JumpClock),
        1 => any::<u8>().prop_map(Act::CancelTree),
        1 => any::<u8>().prop_map(Act::CancelSome),
        2 => any::<u8>().prop_map(Act::Redrive),
        1 => any::<u8>().prop_map(Act::Drop),
        1 => Just(Act::TakeOver),
        1 => Just(Act::EndSession),
        1 => any::<u8>().prop_map(Act::Register),
    ]
}

/// Agents with every policy, without one of them where `which` says so.
pub(crate) fn agents(which: u8) -> Vec<AgentDefinition> {
    let mut all = vec![agent("one", "A"), agent("two", "B"), agent("three", "A")];
    all[0].concurrency = 1 + u32::from(which % 3);
    all[0].retry = Retry::exponential(Duration::from_millis(700));
    all[1].total_timeout = Some(Duration::from_secs(3));
    all[1].candidates = 1 + u32::from(which % 2);
    all[2].subscriptions[0].priority = which % 10;
    all[2].attempt_timeout = Duration::from_secs(2);
    all[2].retry = Retry::never().jitter(Jitter::None);
    for one in &mut all {
        one.crash_loop = 2;
    }
    if which.is_multiple_of(5) {
        all.remove(usize::from(which / 5 % 3));
    }
    all
}

const fn kind(which: u8) -> ErrorKind {
    match which % 4 {
        0 => ErrorKind::Permanent,
        1 => ErrorKind::RateLimited { retry_after_ms: Some(which as u64 * 10) },
        2 => ErrorKind::Panic,
        _ => ErrorKind::Transient,
    }
}

fn irreversible(which: u8) -> StepName {
    StepName::new(format!("charge-{}", which % 2)).unwrap()
}

fn pick(which: u8, len: usize) -> Option<usize> {
    usize::from(which).checked_rem(len)
}

fn dead(desk: &Desk, which: u8) -> Option<ActivationId> {
    let dead = desk.closed.values().filter(|one| matches!(one.outcome, Outcome::Dead(_)));
    let dead: Vec<ActivationId> = dead.map(|one| one.activation).collect();
    Some(dead[pick(which, dead.len())?])
}

/// Does one of them; nothing where there is nothing to do it to.
pub(crate) fn perform(desk: &mut Desk, act: &Act) -> Option<()> {
    match *act {
        Act::Publish(which) => {
            let (of, more) = (TYPES[usize::from(which % 3)], usize::from(which / 3 % 3));
            // An artifact that wakes nobody settles its tree at once.
            let mut news = vec![new("C"); usize::from(which.is_multiple_of(7))];
            news.extend(vec![new(of); more]);
            let _ = desk.publish_new(&news);
        }
        Act::Done(which, outputs) => {
            let lease = desk.leases.get(pick(which, desk.leases.len())?)?.clone();
            let of = TYPES[usize::from(outputs / 3 % 3)];
            // Now and then so deep that it is taken for a loop.
            let depth = if outputs > 245 { 101 } else { 1 };
            desk.done(&lease, &vec![New { depth, ..new(of) }; usize::from(outputs % 3)]).unwrap();
        }
        Act::Fail(which, of) => {
            let lease = desk.leases.get(pick(which, desk.leases.len())?)?.clone();
            desk.finish(&lease, AttemptOutcome::Failed(kind(of))).unwrap();
        }
        Act::Released(which) => {
            let lease = desk.leases.get(pick(which, desk.leases.len())?)?.clone();
            desk.finish(&lease, AttemptOutcome::Released).unwrap();
        }
        Act::Step(..) | Act::Intend(..) | Act::Complete(..) | Act::Settle(..) => {
            return take_step(desk, act);
        }
        Act::Pass(millis) => desk.pass(u64::from(millis)),
        Act::JumpClock(by) => {
            desk.now.wall.0 += i64::from(by);
            desk.pass(1);
        }
        Act::CancelTree(which) => {
            let open: Vec<_> = desk.state.correlations().map(|(id, _)| id).collect();
            desk.ask(Request::CancelCorrelation(open[pick(which, open.len())?])).unwrap();
        }
        Act::CancelSome(which) => {
            let open: Vec<_> = desk.state.activations().map(|(id, _)| id).collect();
            let some = open[pick(which, open.len())?..].iter().take(2).copied().collect();
            desk.ask(Request::CancelActivations(some)).unwrap();
        }
        Act::Redrive(which) => {
            let letter = desk.letter(dead(desk, which)?);
            let doubt = open_intents(&letter.closed.steps).next().is_some();
            let redriven = desk.ask(Request::Redrive(vec![letter]));
            let refused = redriven.err().map(|rejection| rejection.code());
            assert_eq!(refused, doubt.then_some("in-doubt"));
        }
        Act::Drop(which) => {
            let letter = desk.letter(dead(desk, which)?);
            desk.ask(Request::DropDead(vec![letter])).unwrap();
        }
        Act::TakeOver => {
            let epoch = desk.state.header().epoch.next().get();
            desk.take_over(epoch);
            desk.open_session(u128::from(epoch), 3);
        }
        Act::EndSession => {
            let open = desk.state.sessions().next().map(|(id, _)| id)?;
            desk.ask(Request::EndSession(open)).unwrap();
            let epoch = u128::from(desk.state.header().epoch.get());
            if desk.state.sessions().all(|(id, _)| id != session(epoch)) {
                desk.open_session(epoch, 2);
            }
        }
        Act::Register(which) => desk.register(&agents(which)),
    }
    // Slots come back at once, so that what lies beside the fold is the same after a recovery.
    desk.release_stopped();
    Some(())
}

/// Does something with a step, or with what is in doubt about one.
fn take_step(desk: &mut Desk, act: &Act) -> Option<()> {
    match *act {
        Act::Step(which, step) => {
            let attempt = desk.leases.get(pick(which, desk.leases.len())?)?.attempt;
            let step = StepName::new(format!("step-{}", step % 4)).unwrap();
            let result = Content::new(Salt([1; 16]), bytes::Bytes::from_static(b"7"));
            let class = StepClass::Idempotent;
            let _ = desk.ask(Request::RecordStep(RecordStep { attempt, step, result, class }));
        }
        Act::Intend(which, step) => {
            let attempt = desk.leases.get(pick(which, desk.leases.len())?)?.attempt;
            let intend = IntendStep { attempt, step: irreversible(step) };
            let _ = desk.ask(Request::IntendStep(intend));
        }
        Act::Complete(which, of) => {
            let attempt = desk.leases.get(pick(which, desk.leases.len())?)?.attempt;
            let step = irreversible(of);
            let result = Content::new(Salt([1; 16]), bytes::Bytes::from_static(b"8"));
            let class = StepClass::Irreversible;
            let request = if of > 100 {
                Request::RecordStep(RecordStep { attempt, step, result, class })
            } else {
                Request::WithdrawStep(IntendStep { attempt, step })
            };
            let _ = desk.ask(request);
        }
        Act::Settle(which, done) => {
            let letter = desk.letter(dead(desk, which)?);
            let open: Vec<_> = open_intents(&letter.closed.steps).cloned().collect();
            let result = || Content::new(Salt([1; 16]), bytes::Bytes::from_static(b"9"));
            let steps = open.into_iter().map(|step| (step, done.then(result))).collect();
            desk.ask(Request::Settle(Box::new(Settle { letter, steps }))).unwrap();
        }
        _ => {}
    }
    desk.release_stopped();
    Some(())
}
