//! The rules of keys, told once more from the events: one ordering key of a subscription is worked on one
//! at a time, in the order of seqs; a dead letter stops a strict key; attempts are bounded by key.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::event::{DeadReason, Event, Redriven};
use artel_core::ids::{ActivationId, AttemptId, SubscriptionNo};
use artel_core::key::OnDead;
use artel_core::log::Outcome;
use artel_core::names::OrderingKey;
use artel_core::record::Decision;

use super::audit::Audit;
use super::cases::Case;

/// A subscription and a key of it.
type Lane = (SubscriptionNo, OrderingKey);

/// What was seen of ordering keys.
#[derive(Debug, Default)]
pub(super) struct Ordering {
    /// Dead letters with an ordering key.
    dead: BTreeMap<ActivationId, Lane>,
    /// Those of them of which younger ones ran since they died.
    overtaken: BTreeSet<ActivationId>,
    /// The youngest of each key that ever ran.
    youngest: BTreeMap<Lane, ActivationId>,
}

fn on_dead(audit: &Audit, subscription: SubscriptionNo) -> Option<OnDead> {
    audit.state.subscription(subscription)?.definition.ordered
}

/// The lane of an open activation.
fn lane(audit: &Audit, id: ActivationId) -> Option<Lane> {
    let activation = audit.state.activation(id)?;
    on_dead(audit, activation.subscription)?;
    Some((activation.subscription, activation.key.as_deref().cloned()?))
}

/// Before a decision is folded in: a dead letter that is redriven is marked where it was overtaken.
pub(super) fn redriven(audit: &mut Audit, redriven: &Redriven) {
    let id = redriven.activation;
    let overtaken = audit.ordering.overtaken.remove(&id);
    let Some(lane) = audit.ordering.dead.remove(&id) else { return };
    let youngest = audit.ordering.youngest.get(&lane);
    let ever = youngest.is_some_and(|youngest| *youngest > id);
    if redriven.out_of_order {
        audit.cases.count(Case::OutOfOrder);
    }
    if redriven.out_of_order && !ever || overtaken && !redriven.out_of_order {
        audit.violated(format_args!("I5: {id} of {lane:?} is redriven: {redriven:?}"));
    }
}

/// Before a decision is folded in: a dead letter was given up.
pub(super) fn dropped(audit: &mut Audit, id: ActivationId) {
    audit.ordering.dead.remove(&id);
    audit.ordering.overtaken.remove(&id);
}

/// Once a decision is folded in.
pub(super) fn after(audit: &mut Audit, decision: &Decision) {
    for closed in std::mem::take(&mut audit.changes.rows.closed).iter() {
        let ordered = on_dead(audit, closed.subscription).is_some();
        let dies = matches!(closed.outcome, Outcome::Dead(why) if why != DeadReason::BadKey);
        if let (true, true, Some(key)) = (ordered, dies, &closed.key) {
            let lane = (closed.subscription, key.clone());
            audit.ordering.dead.insert(closed.activation, lane);
        }
        audit.changes.rows.closed.push(closed.clone());
    }
    for event in &decision.events {
        if let Event::AttemptStarted { attempt, .. } = event {
            start(audit, *attempt);
        }
    }
}

fn start(audit: &mut Audit, attempt: AttemptId) {
    let id = attempt.activation;
    by_key(audit, attempt);
    let Some(lane) = lane(audit, id) else { return };
    let (no, key) = &lane;
    let same = |(_, other): &(ActivationId, &artel_core::board::Activation)| {
        other.subscription == *no && other.key.as_deref() == Some(key)
    };
    let others = audit.state.activations().filter(same).filter(|(other, _)| *other != id);
    let others: Vec<_> = others.collect();
    let before = others.iter().filter(|(other, _)| *other < id).count();
    let running = others.iter().filter(|(_, other)| other.running().is_some()).count();
    let wrong = format!("{others:?}");
    let holds = before == 0 && running == 0;
    if !others.is_empty() {
        audit.cases.count(Case::KeyHeldBack);
    }
    if !holds {
        audit.violated(format_args!("I5: {attempt} of {lane:?} begins beside {wrong}"));
    }
    let strict = on_dead(audit, *no) == Some(OnDead::Stop);
    let ordering = &mut audit.ordering;
    let dead = ordering.dead.iter().filter(|(dead, of)| **of == lane && **dead < id);
    let dead: Vec<ActivationId> = dead.map(|(dead, _)| *dead).collect();
    ordering.overtaken.extend(dead.iter().copied());
    let youngest = ordering.youngest.entry(lane.clone()).or_insert(id);
    *youngest = id.max(*youngest);
    if strict && !dead.is_empty() {
        audit.violated(format_args!("I5: {attempt} of {lane:?} begins behind {dead:?}"));
    }
}

/// I13: no more attempts of a key run at once than their agent says.
fn by_key(audit: &mut Audit, attempt: AttemptId) {
    let Some(activation) = audit.state.activation(attempt.activation) else { return };
    let agent = audit.state.agent(activation.agent);
    let limit = agent.and_then(|agent| agent.definition.key_concurrency);
    let (Some(limit), Some(key)) = (limit, &activation.key) else { return };
    let same = audit
        .state
        .activations()
        .filter(|(_, other)| other.agent == activation.agent && other.key.as_ref() == Some(key));
    let running: u32 = same.filter_map(|(_, other)| Some(other.running()?.slots)).sum();
    if running > limit {
        audit.violated(format_args!("I13: with {attempt} there run {running} of its key"));
    }
}
