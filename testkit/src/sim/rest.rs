//! Rest: what a board looks like on which nothing goes on. What is open then waits for room on an agenda
//! that is full, and only a person can make some.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use artel::Running;
use artel_core::board::{CircuitPhase, Gate, Phase, State};
use artel_core::event::{Metered, Pausable};
use artel_core::ids::{ActivationId, AgentNo, CorrelationId, SubscriptionNo};
use artel_core::names::OrderingKey;
use artel_core::time::Elapsed;

use super::audit::Auditor;
use super::cases::Case;
use super::clients::Process;

/// How often somebody looks whether the board has come to a stop.
const ROUND: Duration = Duration::from_secs(30);

/// An activation that is open on a board where nothing goes on.
#[derive(Clone, Debug)]
struct Stuck {
    id: ActivationId,
    /// Its subscription and its key, where that has an order.
    lane: Option<(SubscriptionNo, OrderingKey)>,
    correlation: CorrelationId,
    gate: Option<Gate>,
    /// Whether what it returned found no room.
    full: bool,
    /// Whether it waits for room that there is, with nobody before it.
    has_room: bool,
}

/// All that is open, counted as simply as can be; none while anything goes on.
fn stuck(state: &State) -> Option<Vec<Stuck>> {
    if !state.is_idle() {
        return None;
    }
    let mut firsts: BTreeMap<Option<AgentNo>, (u64, ActivationId)> = BTreeMap::new();
    for (id, activation) in state.activations() {
        if let Phase::Full { since, room } = activation.phase
            && state.gate(id) == Some(Gate::Room)
        {
            let place = (since.as_millis(), id);
            let first = firsts.entry(room.agent).or_insert(place);
            *first = place.min(*first);
        }
    }
    let one = |(id, activation): (ActivationId, &artel_core::board::Activation)| {
        let has_room = match activation.phase {
            Phase::Full { room, .. } => {
                // First come, first served: the others wait for the first.
                let is_first = firsts.get(&room.agent).is_some_and(|(_, first)| *first == id);
                is_first && free(state, room.agent) >= room.activations as usize
            }
            Phase::Waiting { .. } | Phase::Running(_) => false,
        };
        let subscription = state.subscription(activation.subscription);
        let ordered = subscription.is_some_and(|it| it.definition.ordered.is_some());
        let key = activation.key.as_deref().cloned().filter(|_| ordered);
        let lane = key.map(|key| (activation.subscription, key));
        let full = matches!(activation.phase, Phase::Full { .. });
        Stuck {
            id,
            lane,
            full,
            correlation: activation.correlation,
            gate: state.gate(id),
            has_room,
        }
    };
    Some(state.activations().map(one).collect())
}

/// How much room an agenda has for what the board owes itself.
fn free(state: &State, agent: Option<AgentNo>) -> usize {
    let (bounds, all) = (state.bounds(), state.activations());
    let (open, limit) = match agent {
        None => (all.count(), bounds.agenda_len),
        Some(agent) => {
            (all.filter(|(_, open)| open.agent == agent).count(), bounds.agent_agenda_len)
        }
    };
    (2 * limit).saturating_sub(open)
}

/// Resumes what is paused, and closes breakers that were opened by hand, as far as the board answers.
async fn let_go(running: &Running) {
    let held = running.look(|state: &State| {
        let agents = state.agents().filter(|(_, record)| record.paused);
        let agents: Vec<_> = agents.map(|(_, it)| it.definition.name.to_string()).collect();
        let trees: Vec<_> = state.paused_correlations().collect();
        let by_hand = |of| {
            let circuit = state.meter(of).and_then(|(meter, _)| meter.circuit.as_ref());
            circuit.is_some_and(|it| it.phase == CircuitPhase::Open { until: Elapsed::NEVER })
        };
        let of_agents = state.agents().filter(|(no, _)| by_hand(Metered::Agent(*no)));
        let of_agents: Vec<_> = of_agents.map(|(_, it)| it.definition.name.to_string()).collect();
        let others = state.dependencies().filter(|(no, _)| by_hand(Metered::Dependency(*no)));
        let others: Vec<_> = others.map(|(_, it)| it.definition.name.to_string()).collect();
        (state.is_paused(Pausable::Board), agents, trees, of_agents, others)
    });
    let Ok((board, agents, trees, of_agents, others)) = held.await else { return };
    let Ok(operator) = running.operator("ann", "it was held back for long enough") else { return };
    let stopped = running.look(stopped).await.unwrap_or_default();
    for id in stopped {
        let _ = operator.drop_dead(&[id]).await;
    }
    // What a board does not answer any more is let go in its next life.
    if board {
        let _ = operator.resume_board().await;
    }
    for name in agents {
        let _ = operator.resume_agent(&name).await;
    }
    for tree in trees {
        let _ = operator.resume_correlation(tree).await;
    }
    for name in of_agents {
        let _ = operator.close_agent_breaker(&name).await;
    }
    for name in others {
        let _ = operator.close_dependency_breaker(&name).await;
    }
}

/// The dead letters that stop a key of a board on which nothing goes on.
fn stopped(state: &State) -> Vec<ActivationId> {
    if !state.is_idle() {
        return Vec::new();
    }
    // What waits for a retry may be behind an older one that was redriven, and died again.
    let before = state.activations().filter_map(|(id, _)| match state.gate(id)? {
        Gate::OrderingKey(_) | Gate::NotBefore(_) => state.behind(id),
        _ => None,
    });
    let before = before.filter(|before| state.activation(*before).is_none());
    let all: std::collections::BTreeSet<_> = before.collect();
    all.into_iter().collect()
}

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
        let_go(&running).await;
        let Ok(Some(all)) = running.look(stuck).await else { continue };
        let held = all.iter().filter(|one| one.gate == Some(Gate::Room));
        for held in held.clone().filter(|held| held.has_room) {
            auditor.expect(false, format_args!("I13: {held:?} waits, and there is room"));
        }
        let early = all.iter().filter(|one| matches!(one.gate, Some(Gate::After(_))));
        let Some(first) = held.chain(early).min_by_key(|held| held.id) else { continue };
        if let Ok(operator) = running.operator("ann", "nothing makes room")
            && operator.cancel(first.correlation).await.is_ok()
            && first.gate == Some(Gate::Room)
        {
            auditor.came_to(Case::RoomMade);
        }
    }
}

/// Brings a board to rest on which nothing fails any more and every agent is there. I2: all that is
/// open when it is idle waits for room that there is not, and once a person has made room, nothing is.
pub(super) async fn come_to(running: &Running, auditor: &Auditor) {
    let operator = running.operator("ann", "nothing makes room").expect("she has a reason");
    loop {
        let_go(running).await;
        running.idle().await.expect("the board answers");
        if !running.look(stopped).await.expect("the board answers").is_empty() {
            continue;
        }
        let all = running.look(stuck).await.expect("the board answers");
        let Some(all) = all else { continue };
        for one in &all {
            let full = match one.gate {
                Some(Gate::Room) => !one.has_room,
                // Nobody publishes any more.
                Some(Gate::After(_)) => true,
                // Its time has not come either, and then the first is still before it.
                Some(Gate::NotBefore(_)) if one.full => !one.has_room,
                // It may wait for one of its key that waits for room, whose time may not have come either.
                _ => all.iter().any(|other| {
                    let waits = match other.gate {
                        Some(Gate::Room) => true,
                        Some(Gate::NotBefore(_)) => other.full,
                        _ => false,
                    };
                    one.lane.is_some() && other.lane == one.lane && waits
                }),
            };
            auditor.expect(full, format_args!("I2: the board is idle, and {one:?} is open"));
        }
        let Some(first) = all.first() else { break };
        operator.cancel(first.correlation).await.expect("something of it is open");
        if first.gate == Some(Gate::Room) {
            auditor.came_to(Case::RoomMade);
        }
    }
    let open = auditor.look().state.activations().count();
    auditor.expect(open == 0, format_args!("I2: the board is at rest, and {open} are open"));
}
