//! Matches that do not wake at once: agents of some simulations wake when it is quiet, when a match is old
//! and no leaf has come, or when there were some; and the rules of that, told once more from the events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use artel::Subscribed;
use artel_core::definition::Wakes;
use artel_core::envelope::Envelope;
use artel_core::event::{Closure, Event};
use artel_core::ids::{ActivationId, CorrelationId, Seq, SubscriptionNo};
use artel_core::names::OrderingKey;
use artel_core::record::Decision;
use artel_core::visibility::Viewer;

use super::agents::{AGENTS_MAX, Leaf, Token};
use super::audit::Audit;
use super::cases::Case;
use super::secrets;
use crate::dice::Dice;

/// When an agent wakes on a match.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum When {
    #[default]
    AtOnce,
    /// When no other one came for so long.
    Quiet(Duration),
    /// When it is so old and no leaf has come to its tree of work.
    Old(Duration),
    /// When there were so many.
    After(u64),
}

/// Of each agent, by its number less one.
pub(super) fn draw(dice: &mut Dice) -> Vec<When> {
    if dice.percent(60) {
        return Vec::new();
    }
    let mut one = |_| match dice.below(6) {
        0 => When::Quiet(Duration::from_millis(100) + dice.up_to(4_000)),
        1 => When::Old(Duration::from_millis(100) + dice.up_to(8_000)),
        2 => When::After(2 + dice.below(4)),
        _ => When::AtOnce,
    };
    (0..AGENTS_MAX).map(&mut one).collect()
}

/// Says it of an agent that is being declared.
pub(super) fn say<S: Send + Sync + 'static>(
    agent: Subscribed<'_, Token, S>,
    when: When,
) -> Subscribed<'_, Token, S> {
    match when {
        When::AtOnce => agent,
        When::Quiet(time) => agent.quiet(time),
        When::Old(age) => agent.older_than(age).without::<Leaf>(),
        When::After(matches) => agent.after(matches),
    }
}

/// What was seen of matches that wait for a time or for others.
#[derive(Debug, Default)]
pub(super) struct Timed {
    waiting: BTreeMap<ActivationId, Waits>,
    /// How often each subscription was met.
    met: BTreeMap<SubscriptionNo, u64>,
}

/// A match that waits for a time, and has not been worked on.
#[derive(Clone, Debug)]
struct Waits {
    subscription: SubscriptionNo,
    key: Option<OrderingKey>,
    tree: CorrelationId,
    until: u64,
}

/// What a decision makes expire, and what it let expire.
#[derive(Default)]
struct Expiring {
    due: BTreeSet<ActivationId>,
    expired: BTreeSet<ActivationId>,
}

/// I2: before a decision is folded in: what waits for a time expires where something comes before that, in
/// the same decision, and nothing else does; and nothing begins before its time.
pub(super) fn before(audit: &mut Audit, decision: &Decision) {
    let now = decision.elapsed.as_millis();
    // What has a bad key dies at once: it waits for nothing, and nothing for it.
    let stillborn: BTreeSet<ActivationId> = decision
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ActivationClosed { activation, why: Closure::Dead(_) } => Some(*activation),
            _ => None,
        })
        .collect();
    let mut expiring = Expiring::default();
    let first = audit.state.seq().next().get();
    for (seq, event) in (first..).map(Seq).zip(&decision.events) {
        match event {
            Event::ActivationCreated {
                subscription, correlation, key, not_before, inputs, ..
            } => {
                *audit.timed.met.entry(*subscription).or_default() += 1;
                let until = not_before.map_or(0, |until| until.as_millis());
                let (subscription, tree, key) = (*subscription, *correlation, key.clone());
                let waits = Waits { subscription, key, tree, until };
                // What may be seen only later waits for that too.
                let reveal = audit.reveals.of(inputs).map_or(0, |due| due.as_millis());
                if !stillborn.contains(&ActivationId(seq)) {
                    created(audit, ActivationId(seq), waits, (now, reveal, &mut expiring));
                }
            }
            Event::ArtifactCommitted(draft) => {
                secrets::committed(audit, seq, &draft.envelope, decision);
                committed(audit, &draft.envelope, now, &mut expiring)
            }
            // What it makes room for may come behind it.
            Event::ActivationClosed { activation, why: Closure::Expired } => {
                expiring.expired.insert(*activation);
            }
            Event::ActivationClosed { activation, .. } => {
                audit.timed.waiting.remove(activation);
            }
            Event::AttemptStarted { attempt, .. } => {
                secrets::started(audit, attempt.activation, decision);
                started(audit, attempt.activation, now);
            }
            _ => {}
        }
    }
    let Expiring { due, expired } = expiring;
    if due != expired {
        audit.violated(format_args!("I2: {expired:?} expired, and {due:?} had to"));
    }
}

fn wakes(audit: &Audit, subscription: SubscriptionNo) -> Wakes {
    let record = audit.state.subscription(subscription);
    record.map(|record| record.definition.wakes.clone()).unwrap_or_default()
}

fn created(
    audit: &mut Audit,
    id: ActivationId,
    waits: Waits,
    (now, reveal, expiring): (u64, u64, &mut Expiring),
) {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let until = match wakes(audit, waits.subscription) {
        Wakes::AtOnce => {
            if waits.until != reveal && waits.until > now {
                audit.violated(format_args!("I2: {id} waits for a time, and for none: {waits:?}"));
            }
            return;
        }
        Wakes::Aged { age, .. } => now + ms(age),
        Wakes::Quiet(time) => {
            let same = |other: &Waits| {
                (other.subscription, &other.key) == (waits.subscription, &waits.key)
            };
            let all = audit.timed.waiting.iter();
            let before = all.filter(|(_, other)| same(other) && other.until > now);
            let before: Vec<ActivationId> = before.map(|(id, _)| *id).collect();
            for id in before {
                audit.timed.waiting.remove(&id);
                expiring.due.insert(id);
                audit.cases.count(Case::Expired { old: false });
            }
            now + ms(time)
        }
    };
    let until = until.max(reveal);
    if waits.until != until {
        audit.violated(format_args!("I2: {id} waits, and was to wait until {until}: {waits:?}"));
    }
    audit.timed.waiting.insert(id, waits);
}

/// What was to wake without such an artifact expires, where its agent may see it.
fn committed(audit: &mut Audit, envelope: &Envelope, now: u64, expiring: &mut Expiring) {
    let name = audit.state.type_record(envelope.type_no).map(|record| record.name.clone());
    let expires = |waits: &Waits| {
        let Wakes::Aged { without, .. } = wakes(audit, waits.subscription) else { return false };
        let agent = audit.state.subscription(waits.subscription).map(|record| record.agent);
        let sees = agent.and_then(|agent| audit.state.agent(agent)).is_some_and(|agent| {
            let viewer = Viewer::agent(&agent.definition.name, &agent.definition.clearance);
            envelope.visibility.admits_in_time(&viewer)
        });
        let comes = name.as_ref().is_some_and(|name| without.contains(name));
        comes && sees && waits.tree == envelope.correlation && waits.until > now
    };
    let all = audit.timed.waiting.iter();
    let due: Vec<ActivationId> =
        all.filter(|(_, waits)| expires(waits)).map(|(id, _)| *id).collect();
    for id in due {
        audit.timed.waiting.remove(&id);
        expiring.due.insert(id);
        audit.cases.count(Case::Expired { old: true });
    }
}

fn started(audit: &mut Audit, id: ActivationId, now: u64) {
    if let Some(waits) = audit.timed.waiting.remove(&id) {
        let old = matches!(wakes(audit, waits.subscription), Wakes::Aged { .. });
        audit.cases.count(Case::WokeInTime { old });
        if waits.until > now {
            audit.violated(format_args!("I2: {id} begins at {now}, too early: {waits:?}"));
        }
    }
    let Some(subscription) = audit.state.activation(id).map(|open| open.subscription) else {
        return;
    };
    let record = audit.state.subscription(subscription);
    let after = record.map_or(0, |record| record.definition.after);
    let met = audit.timed.met.get(&subscription).copied().unwrap_or(0);
    if after > 1 {
        audit.cases.count(Case::WokeAfter);
    }
    if met < after {
        audit.violated(format_args!("I2: {id} begins after {met} matches, and not {after}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_wake_is_drawn() {
        let drawn: Vec<When> = (0..200).flat_map(|seed| draw(&mut Dice::new(seed))).collect();
        assert!(drawn.iter().any(|when| matches!(when, When::Quiet(_))));
        assert!(drawn.iter().any(|when| matches!(when, When::Old(_))));
        assert!(drawn.iter().any(|when| matches!(when, When::After(_))));
    }
}
