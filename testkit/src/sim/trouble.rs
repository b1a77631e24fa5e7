//! Trouble: what goes wrong in a simulation, drawn from its seed. An operator is part of it.

use std::time::Duration;

use artel::log::{OutcomeFilter, Snapshot};
use artel::{
    ActivationFilter, ActivationView, OperateError, Operator, Reader, Running, Settlement,
};
use artel_core::command::Rejection;
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, CorrelationId};
use artel_core::names::StepName;
use artel_core::step::{StepRejection, open_intents};

use super::agents::AGENTS_MAX;
use super::audit::{Auditor, Operated};
use super::world::{Living, World};
use crate::dice::Dice;
use crate::{Fault, FaultyLog};

/// What becomes of the process after some trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on, unless it is to die at one of its next appends.
    GoesOn,
    /// It dies, whatever it does.
    Dies,
    /// It is shut down in order.
    ShutsDown,
}

/// Makes trouble once.
pub(super) async fn make(dice: &mut Dice, world: &mut World, living: &Living) -> Fate {
    let Living { running, log, .. } = living;
    match dice.below(14) {
        0..3 => log.fail(faults(dice)),
        3 => {
            log.away(u32::try_from(1 + dice.below(20)).unwrap_or(1));
            let faults = faults(dice);
            if dice.percent(50) {
                log.fail(faults);
            } else {
                log.fail(faults.into_iter().take(1));
                snapshot_in_outage(world, log).await;
            }
        }
        4 => log.delay(dice.up_to(400)),
        5 => {
            let by = i64::try_from(dice.below(400_000)).unwrap_or(0) - 200_000;
            world.clock.jump(by);
        }
        6 | 7 => operate(dice, &world.auditor, running).await,
        8 => return Fate::ShutsDown,
        9 => log.delay_reads(dice.up_to(9_000)),
        10 => snapshot(world).await,
        11 => return Fate::Dies,
        _ => {
            log.fail(faults(dice));
            crash(dice, log);
        }
    }
    Fate::GoesOn
}

/// The process of this log dies at one of its next appends.
pub(super) fn crash(dice: &mut Dice, log: &FaultyLog) {
    let append = u32::try_from(1 + dice.below(5)).unwrap_or(1);
    log.crash_at(append, dice.percent(50));
}

fn faults(dice: &mut Dice) -> Vec<Fault> {
    let count = 1 + dice.below(4);
    let fault = |_| match dice.below(6) {
        0 => Fault::None,
        1 => Fault::Lost,
        2 => Fault::Landed,
        3 => Fault::ComesLate,
        4 => Fault::Repeated,
        _ => Fault::LandsLate,
    };
    (0..count).map(fault).collect()
}

/// Leaves a snapshot while the log is away, once an append has met its fault.
async fn snapshot_in_outage(world: &mut World, log: &FaultyLog) {
    for _ in 0..100 {
        if log.spent() {
            return snapshot(world).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody outside folds the log and leaves the fold with it, for whoever takes the board over next.
async fn snapshot(world: &mut World) {
    let log = world.store.open();
    let reader = Reader::of(log.clone()).await.expect("the log can be folded");
    let state = reader.state();
    let last = log.read(state.seq(), 1).await.expect("the log can be read");
    let Some(last) = last.first().filter(|batch| batch.header.last == state.seq()) else { return };
    let bytes = state.encode();
    let state_hash = Hash::of(&bytes);
    let (seq, batch_hash) = (state.seq(), last.header.hash);
    let snapshot = Snapshot { seq, batch_hash, state_hash, bytes };
    log.put_snapshot(snapshot.clone()).await.expect("it belongs to a batch of the log");
    world.snapshots.push(snapshot);
}

/// An operator redrives, drops or cancels something, if there is anything.
async fn operate(dice: &mut Dice, auditor: &Auditor, running: &Running) {
    let Ok(operator) = running.operator("ann", "drawn") else { return };
    if settle(dice, auditor, (running, &operator)).await {
        return;
    }
    match dice.below(8) {
        0 | 7 => redrive(dice, auditor, (running, &operator)).await,
        1 => {
            let dead = dead_letters(running).await;
            let Some(&id) = dead.iter().find(|_| dice.percent(50)) else { return };
            let before = told(auditor, &[Operated::Dropped(id)]);
            done(auditor, before, operator.drop_dead(&[id]).await);
        }
        2 => {
            let Some((_, tree)) = open(dice, running).await else { return };
            let before = told(auditor, &[Operated::TreeCancelled(tree)]);
            done(auditor, before, operator.cancel(tree).await);
        }
        4..7 => hold_back(dice, auditor, (running, &operator)).await,
        _ => {
            let Some((id, _)) = open(dice, running).await else { return };
            let before = told(auditor, &[Operated::Cancelled(id)]);
            done(auditor, before, operator.cancel_activations(&[id]).await);
        }
    }
}

/// Pauses or resumes something, or opens or closes a breaker.
async fn hold_back(
    dice: &mut Dice,
    auditor: &Auditor,
    (running, operator): (&Running, &Operator<'_>),
) {
    let agent = format!("agent-{}", 1 + dice.below(AGENTS_MAX));
    let answer = match dice.below(10) {
        0 => operator.pause_board().await,
        1 => operator.resume_board().await,
        2 => operator.pause_agent(&agent).await,
        3 => operator.resume_agent(&agent).await,
        4 | 5 => {
            let Some((_, tree)) = open(dice, running).await else { return };
            if dice.percent(70) {
                operator.pause_correlation(tree).await
            } else {
                operator.resume_correlation(tree).await
            }
        }
        6 => operator.open_agent_breaker(&agent).await,
        7 => operator.close_agent_breaker(&agent).await,
        8 => operator.open_dependency_breaker("service").await,
        _ => operator.close_dependency_breaker("service").await,
    };
    match answer {
        Ok(_)
        | Err(
            OperateError::Unknown { .. }
            | OperateError::Rejected(Rejection::NoBreaker { .. } | Rejection::NothingOpen { .. })
            | OperateError::Unavailable(_)
            | OperateError::Interrupted(_)
            | OperateError::Stopped(_),
        ) => {}
        Err(other) => auditor.expect(false, format_args!("I9: an operator is told {other:?}")),
    }
}

/// Says of what is in doubt whether it was done, now and then: the truth, for which whoever asks looks
/// outside. Says whether there was anything to say.
async fn settle(
    dice: &mut Dice,
    auditor: &Auditor,
    (running, operator): (&Running, &Operator<'_>),
) -> bool {
    let Some((id, open)) = in_doubt(running).await.filter(|_| dice.percent(60)) else {
        return false;
    };
    let mut settlement = Settlement::default();
    for step in &open {
        settlement = match auditor.look().deaths.charged(id, step) {
            Some(result) => settlement.happened(step.as_str(), &result),
            None => settlement.not_happened(step.as_str()),
        };
    }
    let before = told(auditor, &[Operated::Redriven(id)]);
    done(auditor, before, operator.settle_out_of_order(id, settlement).await);
    true
}

/// The oldest dead letter that is in doubt, and about what.
async fn in_doubt(running: &Running) -> Option<(ActivationId, Vec<StepName>)> {
    let reader = Reader::of(running.log()).await.ok()?;
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let found = reader.activations(&filter).await.ok()?;
    let open = |view: &ActivationView| open_intents(&view.steps).cloned().collect::<Vec<_>>();
    let mut doubtful = found.activations.iter().map(|view| (view.id, open(view)));
    doubtful.find(|(_, open)| !open.is_empty())
}

/// Twice at once, now and then: they are tried again once. Often so few that an agenda has room for
/// them.
async fn redrive(
    dice: &mut Dice,
    auditor: &Auditor,
    (running, operator): (&Running, &Operator<'_>),
) {
    let dead = dead_letters(running).await;
    let most = if dice.percent(70) { 1 + dice.below(4) } else { u64::MAX };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let chosen: Vec<_> = dead.into_iter().filter(|_| dice.percent(50)).take(most).collect();
    if chosen.is_empty() {
        return;
    }
    let again = dice.percent(30);
    let all: Vec<_> = chosen.iter().map(|&id| Operated::Redriven(id)).collect();
    let before = told(auditor, &all);
    let in_order = dice.percent(25);
    let redrive = async || {
        if in_order {
            operator.redrive(&chosen).await
        } else {
            operator.redrive_out_of_order(&chosen).await
        }
    };
    let second = async { if again { redrive().await.ok() } else { None } };
    let (one, two) = tokio::join!(redrive(), second);
    auditor.expect(!(one.is_ok() && two.is_some()), "I2: dead letters were redriven twice");
    done(auditor, before, one);
}

/// What an operator is about to do, and how often it was done before.
fn told(auditor: &Auditor, all: &[Operated]) -> Vec<(Operated, u32)> {
    let audit = auditor.look();
    all.iter().map(|&what| (what, audit.operated(what))).collect()
}

/// I1: what an operator was told is done is in the log. I13: what is refused for want of room has none;
/// other refusals are those of somebody who was faster, or of a board that stopped.
fn done(auditor: &Auditor, before: Vec<(Operated, u32)>, answer: Result<u32, OperateError>) {
    match answer {
        Ok(_) => {
            for (what, count) in before {
                let there = auditor.look().operated(what) > count;
                auditor.expect(there, format_args!("I1: {what:?} was told and is not durable"));
            }
        }
        Err(OperateError::Rejected(Rejection::AgendaFull { open, wanted, limit, .. })) => {
            auditor.expect(
                wanted > 0 && open + wanted > limit,
                format_args!("I13: {wanted} do not fit beside {open} of {limit}"),
            );
        }
        Err(
            OperateError::Rejected(
                Rejection::NotDead { .. }
                | Rejection::OutOfOrder { .. }
                | Rejection::NotOpen { .. }
                | Rejection::NothingOpen { .. }
                | Rejection::Step(StepRejection::InDoubt { .. } | StepRejection::NotInDoubt { .. }),
            )
            | OperateError::NoDeadLetter(_)
            | OperateError::LookUp(_)
            | OperateError::Unavailable(_)
            | OperateError::Interrupted(_)
            | OperateError::Stopped(_),
        ) => {}
        Err(other) => auditor.expect(false, format_args!("I2: an operator is told {other:?}")),
    }
}

/// Something that is open, and the tree of work that it belongs to.
async fn open(dice: &mut Dice, running: &Running) -> Option<(ActivationId, CorrelationId)> {
    let open = running.look(|state| {
        state.activations().map(|(id, open)| (id, open.correlation)).collect::<Vec<_>>()
    });
    let open = open.await.ok()?;
    if open.is_empty() {
        return None;
    }
    open.get(usize::try_from(dice.below(open.len() as u64)).unwrap_or(0)).copied()
}

async fn dead_letters(running: &Running) -> Vec<ActivationId> {
    let Ok(reader) = Reader::of(running.log()).await else { return Vec::new() };
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let Ok(found) = reader.activations(&filter).await else { return Vec::new() };
    found.activations.iter().map(|view| view.id).collect()
}
