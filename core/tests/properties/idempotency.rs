//! I4: ids and idempotency keys stand for what they first stood for, whatever was looked up when,
//! over restarts and recoveries, against a list of everything that is on the board.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use artel_core::board::{Beside, Changes, State};
use artel_core::command::{Answer, Receipt, Rejection, Request};
use artel_core::event::Event;
use artel_core::ids::Seq;
use artel_core::log::{Existing, LookedUp};
use artel_core::record::Decision;

use super::cases;
use super::desk::{Desk, New, TYPES, agent, new};

/// A publish of a few artifacts, named by small numbers so that they meet again.
#[derive(Clone, Debug)]
struct Item {
    of: u8,
    payload: u8,
    key: Option<u8>,
    id: Option<u8>,
}

#[derive(Clone, Debug)]
enum Act {
    /// Publish, with a look-up that is this many durable decisions old.
    Publish(Vec<Item>, u8),
    /// What was decided is durable.
    Durable,
    /// A new process reads the log, or a snapshot of it that is this old and what comes after.
    Restart(u8),
    /// The append that is on its way fails; so much of it is found in the log.
    Recover(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let item = (0..2_u8, 0..2_u8, prop::option::of(0..4_u8), prop::option::of(0..4_u8))
        .prop_map(|(of, payload, key, id)| Item { of, payload, key, id });
    let items = prop::collection::vec(item, 1..4);
    prop_oneof![
        8 => (items, 0..6_u8).prop_map(|(items, age)| Act::Publish(items, age)),
        3 => Just(Act::Durable),
        1 => any::<u8>().prop_map(Act::Restart),
        1 => any::<u8>().prop_map(Act::Recover),
    ]
}

/// What is on the board, as the oracle sees it.
#[derive(Clone, Debug)]
struct Known {
    item: Item,
    receipt: Receipt,
}

/// A board, the oracle's list, and how much of the log is durable.
struct World {
    desk: Desk,
    known: Vec<Known>,
    /// How many decisions are durable.
    durable: usize,
    /// The oldest look-up that is good enough.
    horizon: Seq,
}

/// What a publish comes to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Receipts(Vec<Option<Receipt>>),
    Reused,
    Stale,
}

fn key_of(number: u8) -> String {
    format!("key-{number}")
}

const fn id_of(number: u8) -> u128 {
    77_000 + number as u128
}

fn wanted(item: &Item) -> New {
    New {
        payload: format!("{{\"n\":{}}}", item.payload),
        key: item.key.map(key_of),
        id: item.id.map(id_of),
        ..new(TYPES[usize::from(item.of)])
    }
}

impl World {
    fn new() -> Self {
        let desk = Desk::with(&[agent("one", "A")], 2);
        let (durable, horizon) = (desk.log.len(), Seq(0));
        Self { desk, known: Vec::new(), durable, horizon }
    }

    /// The seq of the last event of the first `decisions`.
    fn seq_after(&self, decisions: usize) -> Seq {
        let events = self.desk.log[..decisions].iter().map(|one| one.events.len() as u64);
        Seq(events.sum())
    }

    /// What a store that holds the first `decisions` finds of these ids and keys.
    fn look_up(&self, items: &[Item], decisions: usize) -> LookedUp {
        let as_of = self.seq_after(decisions);
        let mut looked_up = LookedUp { as_of, ..LookedUp::default() };
        let events = self.desk.log[..decisions].iter().flat_map(|one| &one.events);
        for (seq, event) in (1..).map(Seq).zip(events) {
            let Event::ArtifactCommitted(draft) = event else { continue };
            let envelope = &draft.envelope;
            let salt = artel_core::hash::Salt(
                (envelope.id.uuid().as_u128() ^ envelope.correlation.uuid().as_u128())
                    .to_le_bytes(),
            );
            let existing = Existing {
                seq,
                id: envelope.id,
                type_no: envelope.type_no,
                correlation: envelope.correlation,
                salt: Some(salt),
                hash: envelope.payload_hash,
            };
            let id = envelope.id.uuid().as_u128();
            if items.iter().any(|item| item.id.map(id_of) == Some(id)) {
                looked_up.ids.insert(envelope.id, existing);
            }
            if let Some(key) = &envelope.idempotency_key
                && items.iter().any(|item| item.key.map(key_of).as_deref() == Some(key.as_str()))
            {
                looked_up.keys.insert(key.clone(), existing);
            }
        }
        looked_up
    }

    /// The oracle: what a publish with a look-up as of `as_of` has to come to. `None` is a receipt
    /// of something new.
    fn expected(&self, items: &[Item], as_of: Seq) -> Verdict {
        let asked = items.iter().any(|item| item.key.is_some() || item.id.is_some());
        if asked && as_of < self.horizon {
            return Verdict::Stale;
        }
        let mut seen: Vec<(&Item, Option<Receipt>)> =
            self.known.iter().map(|known| (&known.item, Some(known.receipt))).collect();
        let mut receipts = Vec::new();
        for item in items {
            let by_key = seen.iter().find(|(one, _)| item.key.is_some() && one.key == item.key);
            let by_id = seen.iter().find(|(one, _)| item.id.is_some() && one.id == item.id);
            match by_key.or(by_id) {
                None => {
                    receipts.push(None);
                    seen.push((item, None));
                }
                Some((first, receipt)) => {
                    if (first.of, first.payload) != (item.of, item.payload) {
                        return Verdict::Reused;
                    }
                    // Of one that is new in the same publish nothing is known yet.
                    receipts.push(receipt.map(|one| Receipt { duplicate: true, ..one }));
                }
            }
        }
        Verdict::Receipts(receipts)
    }

    fn publish(&mut self, items: &[Item], age: u8) -> Result<(), TestCaseError> {
        let decisions = self.durable.saturating_sub(usize::from(age)).max(1);
        let looked_up = self.look_up(items, decisions);
        let expected = self.expected(items, looked_up.as_of);
        let news: Vec<New> = items.iter().map(wanted).collect();
        let publish = self.desk.publish(&news, looked_up);
        let before = self.desk.state.hash();
        let answer = self.desk.ask(Request::Publish(publish));
        match (answer, expected) {
            (Err(Rejection::StaleLookUp { .. }), Verdict::Stale)
            | (Err(Rejection::KeyReused { .. } | Rejection::IdReused { .. }), Verdict::Reused) => {
                prop_assert_eq!(before, self.desk.state.hash(), "a refusal changes nothing");
            }
            (Ok(Answer::Published(receipts)), Verdict::Receipts(expected)) => {
                self.compare(items, &receipts, &expected)?;
            }
            (answer, expected) => prop_assert!(false, "{answer:?} instead of {expected:?}"),
        }
        Ok(())
    }

    fn compare(
        &mut self,
        items: &[Item],
        receipts: &[Receipt],
        expected: &[Option<Receipt>],
    ) -> Result<(), TestCaseError> {
        prop_assert_eq!(receipts.len(), expected.len());
        for ((item, receipt), expected) in items.iter().zip(receipts).zip(expected) {
            if let Some(expected) = expected {
                prop_assert_eq!(receipt, expected);
            } else if receipt.duplicate {
                // Of one that is new in this publish: named by the same key or id.
                let first = self.known.iter().find(|known| known.receipt.id == receipt.id);
                let first = first.map(|known| known.item.clone());
                prop_assert!(first.is_some(), "a duplicate of nothing: {receipt:?}");
            } else {
                let fresh = self.known.iter().all(|known| known.receipt.id != receipt.id);
                prop_assert!(fresh, "{receipt:?} is new and was there");
                if let Some(id) = item.id {
                    prop_assert_eq!(receipt.id.uuid().as_u128(), id_of(id));
                }
                self.known.push(Known { item: item.clone(), receipt: *receipt });
            }
        }
        Ok(())
    }

    /// The state after the first `decisions`, from a snapshot that covers `from` of them.
    fn fold(&self, from: usize, decisions: usize) -> State {
        let apply = |state: &mut State, some: &[Decision]| {
            let mut changes = Changes::default();
            some.iter().for_each(|one| state.apply(one, &mut changes).unwrap());
        };
        let mut state = State::default();
        apply(&mut state, &self.desk.log[..from]);
        let mut state = State::decode(&state.encode()).unwrap();
        apply(&mut state, &self.desk.log[from..decisions]);
        state
    }

    fn restart(&mut self, which: u8) {
        let from = usize::from(which) % (self.durable + 1);
        self.cut(self.durable);
        self.desk.state = self.fold(from, self.durable);
        self.desk.beside = Beside::at(self.desk.state.seq());
        self.horizon = self.desk.state.seq();
    }

    fn recover(&mut self, which: u8) {
        let before = self.seq_after(self.durable);
        let flying = self.desk.log.len() - self.durable;
        let landed = self.durable + usize::from(which) % (flying + 1);
        self.cut(landed);
        self.desk.state = self.fold(0, landed);
        let mut first = before;
        let found: Vec<(Seq, &[_])> = self.desk.log[self.durable..]
            .iter()
            .map(|one| {
                let at = first.next();
                first = Seq(first.get() + one.events.len() as u64);
                (at, &one.events[..])
            })
            .collect();
        self.desk.beside.recovered(&self.desk.state, before, &BTreeSet::new(), found);
        self.horizon = self.desk.state.seq();
        self.durable = landed;
    }

    /// Only so many decisions are in the log.
    fn cut(&mut self, decisions: usize) {
        self.desk.log.truncate(decisions);
        self.desk.given.truncate(decisions);
        let end = self.seq_after(decisions);
        self.known.retain(|known| known.receipt.seq <= end);
        self.desk.leases.clear();
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn an_id_or_key_stands_for_its_first_artifact(acts in prop::collection::vec(act(), 1..50)) {
        let mut world = World::new();
        for act in &acts {
            match act {
                Act::Publish(items, age) => world.publish(items, *age)?,
                Act::Durable => world.durable = world.desk.log.len(),
                Act::Restart(which) => world.restart(*which),
                Act::Recover(which) => world.recover(*which),
            }
        }
        // Nothing is on the board twice.
        let mut committed = BTreeMap::new();
        for event in world.desk.log.iter().flat_map(|one| &one.events) {
            if let Event::ArtifactCommitted(draft) = event {
                let key = draft.envelope.idempotency_key.clone();
                prop_assert!(committed.insert(draft.envelope.id, key).is_none());
            }
        }
        let mut keys: Vec<_> = committed.values().flatten().collect();
        keys.sort();
        prop_assert!(keys.windows(2).all(|two| two[0] != two[1]), "a key was used twice: {keys:?}");
    }
}

/// How much a board is let remember here, so that more than that is quickly published.
const REMEMBERED: usize = 500;

proptest! {
    #![proptest_config(cases(64))]

    /// More is published than the board remembers by itself: an old look-up is refused, never
    /// believed.
    #[test]
    fn what_is_forgotten_is_looked_up_again(extra in 1..200_usize, probe in 0..REMEMBERED) {
        let mut desk = Desk::with(&[], 0);
        desk.beside.recent.keep(REMEMBERED);
        let key = |n: usize| New { key: Some(format!("k{n}")), ..new("A") };
        let old = LookedUp { as_of: desk.state.seq(), ..LookedUp::default() };
        let total = REMEMBERED + extra;
        let all: Vec<New> = (0..total).map(key).collect();
        for some in all.chunks(90) {
            desk.publish_new(some).unwrap();
        }
        let before = desk.log.len();
        // A look-up from before everything would find none of the keys.
        for n in [probe, total - 1] {
            let publish = desk.publish(&[key(n)], old.clone());
            match desk.ask(Request::Publish(publish)) {
                Err(Rejection::StaleLookUp { as_of, horizon }) => prop_assert!(as_of < horizon),
                other => prop_assert!(false, "{other:?}"),
            }
        }
        // With a look-up that is new enough, what is remembered is found without the store.
        let horizon = desk.beside.recent.horizon();
        let looked_up = LookedUp { as_of: horizon, ..LookedUp::default() };
        let publish = desk.publish(&[key(total - 1)], looked_up);
        let answer = desk.ask(Request::Publish(publish)).unwrap();
        let Answer::Published(receipts) = answer else { panic!("{answer:?}") };
        prop_assert!(receipts[0].duplicate, "{receipts:?}");
        prop_assert_eq!(desk.log.len(), before);
    }
}
