//! KEY-1, KEY-3, KEY-4: the work of a hundred keys under failures, retries, dead letters, redrives,
//! drops, cancels and deaths of processes, against a list of what is open of each key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use artel_core::command::{AttemptOutcome, Request};
use artel_core::definition::AgentDefinition;
use artel_core::event::{AttemptEnd, Closure, Event, Next, Redriven};
use artel_core::ids::{ActivationId, Seq};
use artel_core::key::{KeyOf, OnDead};
use artel_core::log::Outcome;
use artel_core::policy::{ErrorKind, Jitter, Retry};
use artel_core::predicate::Path;

use super::cases;
use super::desk::{Desk, New, agent, new};

/// More than can ever run at once, so that nothing but its key holds anything back.
const SLOTS: u32 = 4_000;

#[derive(Clone, Debug)]
enum Act {
    Publish(Vec<u8>),
    Done(u8),
    Fail(u8, bool),
    GiveBack(u8),
    Cancel(u8),
    Redrive { which: u8, out_of_order: bool },
    Drop(u8),
    Pass(u64),
    ReadBack,
    Die,
}

fn act() -> impl Strategy<Value = Act> {
    // Some of a few keys, so that much meets there, and some of all.
    let key = prop_oneof![0..4_u8, 0..100_u8];
    let redrive = any::<(u8, bool)>();
    prop_oneof![
        8 => prop::collection::vec(key, 1..12).prop_map(Act::Publish),
        10 => any::<u8>().prop_map(Act::Done),
        10 => any::<(u8, bool)>().prop_map(|(which, forever)| Act::Fail(which, forever)),
        1 => any::<u8>().prop_map(Act::GiveBack),
        1 => any::<u8>().prop_map(Act::Cancel),
        5 => redrive.prop_map(|(which, out_of_order)| Act::Redrive { which, out_of_order }),
        2 => any::<u8>().prop_map(Act::Drop),
        5 => (0..600_u64).prop_map(Act::Pass),
        1 => Just(Act::ReadBack),
        1 => Just(Act::Die),
    ]
}

fn ordered(on_dead: OnDead) -> AgentDefinition {
    let mut one = agent("one", "A");
    let path = Path::default().then("k");
    one.subscriptions[0].key = KeyOf::Field { path, optional: false };
    one.subscriptions[0].ordered = Some(on_dead);
    one.concurrency = SLOTS;
    one.retry = Retry::fixed(Duration::from_millis(300)).jitter(Jitter::None).max_attempts(3);
    one.crash_loop = 2;
    one
}

/// A key.
#[derive(Debug, Default)]
struct Key {
    open: BTreeSet<ActivationId>,
    running: Option<ActivationId>,
    /// Dead letters, and whether a younger one of the key ran since.
    dead: BTreeMap<ActivationId, bool>,
    /// The youngest that ever ran.
    youngest: Option<ActivationId>,
    /// Those that ended well, in the order in which they did.
    done: Vec<ActivationId>,
    /// Those that were redriven out of order.
    out_of_order: BTreeSet<ActivationId>,
}

#[derive(Debug)]
struct Model {
    on_dead: OnDead,
    keys: BTreeMap<String, Key>,
    key_of: BTreeMap<ActivationId, String>,
    /// Before when the open ones are not tried again.
    not_before: BTreeMap<ActivationId, u64>,
    seq: u64,
}

impl Key {
    /// The one that is to run, if it may: the oldest, unless a dead letter stops it.
    fn first(&self, on_dead: OnDead) -> Option<ActivationId> {
        let first = *self.open.first()?;
        let stopped = on_dead == OnDead::Stop && self.dead.keys().any(|dead| *dead < first);
        (!stopped).then_some(first)
    }

    fn start(&mut self, id: ActivationId, on_dead: OnDead) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.running, None, "{} begins beside another one of its key", id);
        prop_assert_eq!(self.first(on_dead), Some(id), "another one was to begin: {:?}", self);
        self.running = Some(id);
        self.youngest = self.youngest.max(Some(id));
        for overtaken in self.dead.range_mut(..id).map(|(_, overtaken)| overtaken) {
            *overtaken = true;
        }
        Ok(())
    }

    fn redriven(&mut self, redriven: &Redriven) -> Result<(), TestCaseError> {
        let id = redriven.activation;
        let overtaken = self.dead.remove(&id);
        prop_assert!(overtaken.is_some(), "{id} is no dead letter");
        let ever = self.youngest.is_some_and(|youngest| youngest > id);
        // Whether a younger one ran since it died the last time, or before, it need not know.
        prop_assert!(redriven.out_of_order || overtaken == Some(false), "{id} is not marked");
        prop_assert!(!redriven.out_of_order || ever, "{id} is marked");
        if redriven.out_of_order {
            self.out_of_order.insert(id);
        }
        self.open.insert(id);
        Ok(())
    }
}

impl Model {
    fn key(&mut self, id: ActivationId) -> &mut Key {
        self.keys.get_mut(&self.key_of[&id]).unwrap()
    }

    /// Takes up the events of a decision.
    fn follow(&mut self, events: &[Event]) -> Result<(), TestCaseError> {
        let on_dead = self.on_dead;
        for event in events {
            self.seq += 1;
            match event {
                Event::ActivationCreated { key: Some(key), .. } => {
                    let id = ActivationId(Seq(self.seq));
                    self.key_of.insert(id, key.to_string());
                    self.keys.entry(key.to_string()).or_default().open.insert(id);
                }
                Event::AttemptStarted { attempt, .. } => {
                    self.key(attempt.activation).start(attempt.activation, on_dead)?;
                }
                Event::AttemptEnded { attempt, end, next, .. } => {
                    self.ended(attempt.activation, *end, *next)?;
                }
                Event::ActivationClosed { activation, why } => {
                    let key = self.key(*activation);
                    key.open.remove(activation);
                    if matches!(why, Closure::Dead(_)) {
                        key.dead.insert(*activation, false);
                    }
                }
                Event::ActivationRedriven(redriven) => {
                    self.not_before.remove(&redriven.activation);
                    self.key(redriven.activation).redriven(redriven)?;
                }
                Event::DeadLetterDropped { activation, .. } => {
                    self.key(*activation).dead.remove(activation);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn ended(
        &mut self,
        id: ActivationId,
        end: AttemptEnd,
        next: Next,
    ) -> Result<(), TestCaseError> {
        if let Next::Retry { not_before, .. } = next {
            self.not_before.insert(id, not_before.as_millis());
        }
        let key = self.key(id);
        prop_assert_eq!(key.running.take(), Some(id));
        match next {
            Next::Retry { .. } | Next::WhenRoom { .. } => return Ok(()),
            Next::Closed if end == AttemptEnd::Done => key.done.push(id),
            Next::Closed => {}
            Next::Dead(_) => drop(key.dead.insert(id, false)),
        }
        key.open.remove(&id);
        Ok(())
    }

    /// KEY-1: it holds back its key and nothing else.
    fn nothing_waits(&self, desk: &Desk) -> Result<(), TestCaseError> {
        let now = desk.now.elapsed.as_millis();
        for (name, key) in &self.keys {
            let Some(first) = key.first(self.on_dead).filter(|_| key.running.is_none()) else {
                continue;
            };
            let delayed = self.not_before.get(&first).is_some_and(|not_before| *not_before > now);
            // What ran when a process died waits for others of its kind too.
            let suspect = desk.state.activation(first).is_none_or(|one| one.suspect.is_some());
            prop_assert!(delayed || suspect, "{first} of {name} waits for nothing: {key:?}");
        }
        Ok(())
    }

    /// Those of a key end well in the order of their seqs. What was dead when younger ones ran comes
    /// later, where that was asked for.
    fn check_order(&self) -> Result<(), TestCaseError> {
        for (name, key) in &self.keys {
            let mut youngest = None;
            for id in &key.done {
                let late = youngest > Some(*id);
                prop_assert!(!late || key.out_of_order.contains(id), "{id} of {name}: {key:?}");
                prop_assert!(!late || self.on_dead == OnDead::Continue, "{name} is strict");
                youngest = youngest.max(Some(*id));
            }
        }
        Ok(())
    }
}

fn perform(desk: &mut Desk, model: &Model, act: &Act) -> Result<(), TestCaseError> {
    let pick = |desk: &Desk, which: u8| {
        let index = usize::from(which).checked_rem(desk.leases.len())?;
        Some(desk.leases[index].clone())
    };
    let dead = |desk: &Desk, which: u8| {
        let dead = desk.closed.values().filter(|one| matches!(one.outcome, Outcome::Dead(_)));
        let dead: Vec<ActivationId> = dead.map(|one| one.activation).collect();
        Some(desk.letter(dead[usize::from(which).checked_rem(dead.len())?]))
    };
    match act {
        Act::Publish(keys) => {
            let payload = |key: &u8| format!(r#"{{"k":"key-{key}"}}"#);
            let news = keys.iter().map(|key| New { payload: payload(key), ..new("A") });
            desk.publish_new(&news.collect::<Vec<_>>()).unwrap();
        }
        Act::Done(which) => {
            let Some(lease) = pick(desk, *which) else { return Ok(()) };
            desk.done(&lease, &[]).unwrap();
        }
        Act::Fail(which, forever) => {
            let Some(lease) = pick(desk, *which) else { return Ok(()) };
            let kind = if *forever { ErrorKind::Permanent } else { ErrorKind::Transient };
            desk.finish(&lease, AttemptOutcome::Failed(kind)).unwrap();
        }
        Act::GiveBack(which) => {
            let Some(lease) = pick(desk, *which) else { return Ok(()) };
            desk.finish(&lease, AttemptOutcome::Released).unwrap();
        }
        Act::Cancel(which) => {
            let open: Vec<_> = desk.state.activations().map(|(id, _)| id).collect();
            let Some(index) = usize::from(*which).checked_rem(open.len()) else { return Ok(()) };
            desk.ask(Request::CancelActivations(vec![open[index]])).unwrap();
        }
        Act::Redrive { which, out_of_order } => {
            let Some(mut letter) = dead(desk, *which) else { return Ok(()) };
            letter.out_of_order = *out_of_order;
            let id = letter.closed.activation;
            let key = &model.keys[&model.key_of[&id]];
            if let Err(refused) = desk.ask(Request::Redrive(vec![letter])) {
                // KEY-3: only what younger ones of its key overtook.
                prop_assert_eq!(refused.code(), "out-of-order");
                prop_assert!(!out_of_order && key.youngest.is_some_and(|youngest| youngest > id));
            }
        }
        Act::Drop(which) => {
            let Some(letter) = dead(desk, *which) else { return Ok(()) };
            desk.ask(Request::DropDead(vec![letter])).unwrap();
        }
        Act::Pass(ms) => desk.pass(*ms),
        Act::ReadBack => desk.read_back(),
        Act::Die => desk.die(SLOTS),
    }
    Ok(())
}

/// Lets all end well that is open and not stopped.
fn drain(desk: &mut Desk) {
    loop {
        let Some(lease) = desk.leases.first().cloned() else {
            let Some(due) = desk.state.next_due() else { return };
            desk.pass(due.as_millis().saturating_sub(desk.now.elapsed.as_millis()));
            continue;
        };
        desk.done(&lease, &[]).unwrap();
    }
}

fn run(on_dead: OnDead, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut desk = Desk::with(&[ordered(on_dead)], SLOTS);
    let (keys, key_of, not_before) = Default::default();
    let mut model = Model { on_dead, keys, key_of, not_before, seq: 0 };
    let mut followed = 0;
    let mut follow = |desk: &Desk, model: &mut Model| {
        desk.log[followed..].iter().try_for_each(|decision| model.follow(&decision.events))?;
        followed = desk.log.len();
        model.nothing_waits(desk)
    };
    for act in acts {
        perform(&mut desk, &model, act)?;
        // Executors let go of what was stopped, and the board looks again.
        desk.release_stopped();
        desk.pass(0);
        follow(&desk, &mut model)?;
    }
    drain(&mut desk);
    follow(&desk, &mut model)?;
    let stopped = |key: &Key| key.first(on_dead).is_none();
    prop_assert!(model.keys.values().all(stopped), "something is open that nothing stops");
    model.check_order()?;
    desk.check_fold();
    Ok(())
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn the_work_of_each_key_ends_in_order(acts in prop::collection::vec(act(), 1..150)) {
        run(OnDead::Continue, &acts)?;
    }

    #[test]
    fn a_dead_letter_stops_a_strict_key_and_no_other(
        acts in prop::collection::vec(act(), 1..150),
    ) {
        run(OnDead::Stop, &acts)?;
    }
}
