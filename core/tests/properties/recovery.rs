//! I10, FORMAT-2: the state is the fold of the log, from its beginning and from every snapshot, up to
//! every decision, however the decisions lie in batches; and a board that was folded decides what
//! comes next as the one that never stopped.

use proptest::prelude::*;

use artel_core::board::{Beside, Changes, State};
use artel_core::hash::Hash;
use artel_core::ids::{Epoch, Seq};
use artel_core::log::Rows;
use artel_core::record::{Batch, Decision, Encoder, Place, genesis};

use super::acts::{Act, act, agents, perform};
use super::cases;
use super::desk::{Desk, INCARNATION};

/// A history, and the encoded state after each of its decisions, the first of which is none.
struct History {
    desk: Desk,
    states: Vec<Vec<u8>>,
}

fn history(acts: &[Act]) -> History {
    let mut desk = Desk::with(&agents(1), 3);
    for act in acts {
        let _ = perform(&mut desk, act);
    }
    // The state after each decision, told by deciding the same commands once more.
    let (mut state, mut beside) = (State::default(), Beside::default());
    let mut states = vec![state.encode().to_vec()];
    for (given, decision) in desk.given.iter().zip(&desk.log) {
        let again = decide(&mut state, &mut beside, given);
        assert_eq!(again.as_ref(), Some(decision), "the same commands give the same log");
        states.push(state.encode().to_vec());
    }
    assert_eq!(states.last().unwrap(), &desk.state.encode());
    History { desk, states }
}

/// Decides a command, and frees the slots of what it stopped, as the desk does.
fn decide(state: &mut State, beside: &mut Beside, given: &super::desk::Given) -> Option<Decision> {
    let sessions: Vec<_> = state
        .activations()
        .filter_map(|(id, one)| one.running().map(|running| (id, running.session)))
        .collect();
    let mut changes = Changes::default();
    let decided = state.decide(&given.command, given.now, beside, &mut changes).unwrap();
    for stop in changes.stops {
        for (_, session) in sessions.iter().filter(|(id, _)| *id == stop.activation) {
            beside.release(*session, stop);
        }
    }
    decided.decision
}

/// Seals decisions into batches that end where `ends` says, and at the last decision.
fn batches(log: &[Decision], ends: &[usize]) -> Vec<Batch> {
    let (mut encoder, mut sealed) = (Encoder::default(), Vec::new());
    let (mut first, mut last, mut previous) = (Seq(1), Seq(0), genesis(INCARNATION));
    for (index, decision) in log.iter().enumerate() {
        encoder.push(decision);
        last = Seq(last.get() + decision.events.len() as u64);
        if ends.contains(&index) || index + 1 == log.len() {
            let place = Place { epoch: Epoch(1), first, last, at: decision.at, previous };
            let batch = Batch::seal(place, encoder.take());
            (first, previous) = (last.next(), batch.header.hash);
            sealed.push(batch);
        }
    }
    sealed
}

/// What reading them from a log gives: bytes that are known to be whole, in a chain.
fn read(batches: &[Batch]) -> Vec<Decision> {
    let mut previous = genesis(INCARNATION);
    let mut decisions = Vec::new();
    for batch in batches {
        assert_eq!(batch.header.previous, previous);
        previous = batch.header.hash;
        decisions.extend(batch.decisions().unwrap());
    }
    decisions
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_snapshot_and_every_tail_give_the_same_state(
        acts in prop::collection::vec(act(), 1..50),
        ends in prop::collection::vec(0..60_usize, 0..20),
    ) {
        let History { desk, states } = history(&acts);
        let log = read(&batches(&desk.log, &ends));
        prop_assert_eq!(&log, &desk.log);
        for (from, snapshot) in states.iter().enumerate() {
            let mut state = State::decode(snapshot).unwrap();
            prop_assert_eq!(&state.encode()[..], &snapshot[..], "a snapshot reads back as itself");
            let mut changes = Changes::default();
            for (decision, expected) in log[from..].iter().zip(&states[from + 1..]) {
                state.apply(decision, &mut changes).unwrap();
                let seq = state.seq();
                prop_assert!(state.encode() == expected[..], "from {from}, at seq {seq}");
            }
            prop_assert_eq!(state.hash(), Hash::of(states.last().unwrap()));
        }
    }

    /// What is derived from a state (the agenda, timers, loads) is rebuilt as it was: from every
    /// snapshot on, the same commands lead to the same decisions.
    #[test]
    fn a_board_that_was_read_back_decides_as_one_that_never_stopped(
        acts in prop::collection::vec(act(), 1..50),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let History { desk, states } = history(&acts);
        for pick in picks {
            let from = pick.index(states.len());
            let mut state = State::decode(&states[from]).unwrap();
            let mut beside = Beside::at(state.seq());
            for (given, expected) in desk.given[from..].iter().zip(&desk.log[from..]) {
                let decision = decide(&mut state, &mut beside, given);
                prop_assert_eq!(decision.as_ref(), Some(expected), "read back at {}", from);
            }
            prop_assert_eq!(state.hash(), desk.state.hash());
        }
    }

    /// A log tells what it changed beyond the state as the decisions told it: leases, trees that
    /// settled, rows of what closed.
    #[test]
    fn folding_tells_what_closed_as_deciding_did(acts in prop::collection::vec(act(), 1..50)) {
        let History { desk, .. } = history(&acts);
        let (mut live, mut beside) = (State::default(), Beside::default());
        let mut folded = State::default();
        for (given, decision) in desk.given.iter().zip(&desk.log) {
            let (mut told, mut heard) = (Changes::default(), Changes::default());
            live.decide(&given.command, given.now, &mut beside, &mut told).unwrap();
            told.stops.iter().for_each(|stop| {
                for number in 1..=desk.state.header().epoch.get() {
                    beside.release(super::desk::session(u128::from(number)), *stop);
                }
            });
            folded.apply(decision, &mut heard).unwrap();
            prop_assert_eq!(&told.settled, &heard.settled);
            prop_assert_eq!(told.catalogue, heard.catalogue);
            // The row of a dropped dead letter comes with its command, not from the fold.
            let dropped = |rows: &Rows| rows.closed.iter().map(|one| one.activation).collect::<Vec<_>>();
            let mut told_closed = told.rows.closed.clone();
            told_closed.retain(|one| !matches!(one.outcome, artel_core::log::Outcome::Dropped(_)));
            prop_assert_eq!(&told_closed, &heard.rows.closed, "{:?}", dropped(&told.rows));
            prop_assert_eq!(&told.rows.reopened, &heard.rows.reopened);
            prop_assert_eq!(&told.rows.cancelled, &heard.rows.cancelled);
        }
    }

    /// A batch of which one bit changed is not believed.
    #[test]
    fn a_changed_bit_is_found(
        acts in prop::collection::vec(act(), 1..10),
        at: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let History { desk, .. } = history(&acts);
        let mut batch = batches(&desk.log, &[]).pop().unwrap();
        let mut bytes = batch.bytes.to_vec();
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        batch.bytes = bytes.into();
        let damaged = matches!(batch.decisions(), Err(artel_core::record::Error::Damaged { .. }));
        prop_assert!(damaged, "byte {index}, bit {bit}");
    }
}
