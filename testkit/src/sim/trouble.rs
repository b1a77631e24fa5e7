//! Trouble: what goes wrong in a simulation, drawn from its seed. An operator is part of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use artel::log::{OutcomeFilter, Snapshot};
use artel::{ActivationFilter, Reader, Running};
use artel_core::board::{Gate, Phase, State};
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, CorrelationId};

use super::audit::Auditor;
use super::clients::Process;
use super::world::{Living, World};
use crate::Fault;
use crate::dice::Dice;

/// What becomes of the process after some trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    GoesOn,
    /// It dies in the middle of whatever it does.
    Dies,
    /// It is shut down in order.
    ShutsDown,
}

/// Makes trouble once.
pub(super) async fn make(dice: &mut Dice, world: &mut World, living: &Living) -> Fate {
    let Living { running, log, .. } = living;
    match dice.below(12) {
        0..3 => {
            log.fail(faults(dice));
            Fate::GoesOn
        }
        3 => {
            log.away(u32::try_from(1 + dice.below(20)).unwrap_or(1));
            log.fail(faults(dice));
            Fate::GoesOn
        }
        4 => {
            log.delay(dice.up_to(400));
            Fate::GoesOn
        }
        5 => {
            let by = i64::try_from(dice.below(400_000)).unwrap_or(0) - 200_000;
            world.clock.jump(by);
            Fate::GoesOn
        }
        6 | 7 => {
            operate(dice, world, running).await;
            Fate::GoesOn
        }
        8 => Fate::ShutsDown,
        9 => {
            log.delay_reads(dice.up_to(9_000));
            Fate::GoesOn
        }
        10 => {
            snapshot(world).await;
            Fate::GoesOn
        }
        _ => {
            log.fail(faults(dice));
            Fate::Dies
        }
    }
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

/// An operator redrives, drops or cancels something, if there is anything. What is refused because
/// somebody was faster, or because the board stopped, is refused.
async fn operate(dice: &mut Dice, world: &World, running: &Running) {
    let Ok(operator) = running.operator("ann", "drawn") else { return };
    let choice = dice.below(4);
    if choice < 2 {
        let dead = dead_letters(running).await;
        let chosen: Vec<_> = dead.into_iter().filter(|_| dice.percent(50)).collect();
        if chosen.is_empty() {
            return;
        }
        let again = dice.percent(30);
        if choice == 0 {
            // Twice at once, now and then: they are tried again once.
            let redrive = || operator.redrive(&chosen);
            let (one, two) =
                tokio::join!(redrive(), async { if again { redrive().await.ok() } else { None } });
            let both = one.is_ok() && two.is_some();
            world.auditor.expect(!both, "I2: dead letters were redriven twice");
        } else {
            let _ = operator.drop_dead(&chosen[..1]).await;
        }
        return;
    }
    let open = running.look(|state| {
        state.activations().map(|(id, open)| (id, open.correlation)).collect::<Vec<_>>()
    });
    let Ok(open) = open.await else { return };
    let Some(&(id, correlation)) = pick(dice, &open) else { return };
    let _ = if choice == 2 {
        operator.cancel(correlation).await
    } else {
        operator.cancel_activations(&[id]).await
    };
}

/// How often somebody looks whether the board has come to a stop.
const ROUND: Duration = Duration::from_secs(30);

/// Somebody who looks after the board until the end: where all that is open waits for room, nobody
/// but a person can make any. I13: room is missed only where there is none.
pub(super) async fn oversee(
    process: Process,
    auditor: Arc<Auditor>,
    mut ended: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        let Some(running) = process.borrow().clone() else { continue };
        let Ok(Some(held)) = running.look(held).await else { continue };
        auditor.expect(held.is_full, format_args!("I13: {held:?} waits, and there is room"));
        if let Ok(operator) = running.operator("ann", "nothing makes room") {
            let _ = operator.cancel(held.correlation).await;
        }
    }
}

/// An activation that waits for room on a board where nothing else goes on.
#[derive(Debug)]
struct Held {
    correlation: CorrelationId,
    is_full: bool,
}

fn held(state: &State) -> Option<Held> {
    let waiting = state.activations().filter_map(|(id, activation)| match activation.phase {
        Phase::Full { since, room } => Some((room.agent, since, id, activation, room)),
        Phase::Waiting { .. } | Phase::Running(_) => None,
    });
    let at_gate = waiting.filter(|(_, _, id, ..)| state.gate(*id) == Some(Gate::Room));
    // First come, first served: only the first of an agenda may run when there is room.
    let first = at_gate.min_by_key(|&(agent, since, id, ..)| (agent, since, id));
    let (.., activation, room) = first.filter(|_| state.is_idle())?;
    let bounds = state.bounds();
    let (open, limit) = match room.agent {
        None => (state.activations().count(), bounds.agenda_len),
        Some(agent) => {
            let of_agent = state.activations().filter(|(_, open)| open.agent == agent);
            (of_agent.count(), bounds.agent_agenda_len)
        }
    };
    let is_full = open + room.activations as usize > 2 * limit;
    Some(Held { correlation: activation.correlation, is_full })
}

fn pick<'a>(
    dice: &mut Dice,
    open: &'a [(ActivationId, CorrelationId)],
) -> Option<&'a (ActivationId, CorrelationId)> {
    let len = open.len() as u64;
    if len == 0 { None } else { open.get(usize::try_from(dice.below(len)).unwrap_or(0)) }
}

async fn dead_letters(running: &Running) -> Vec<ActivationId> {
    let Ok(reader) = Reader::of(running.log()).await else { return Vec::new() };
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let Ok(found) = reader.activations(&filter).await else { return Vec::new() };
    found.activations.iter().map(|view| view.id).collect()
}
