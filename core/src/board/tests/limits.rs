//! The bounds of a board: what a tree of work may get, and how long agendas may be.

use super::attempts::next_of;
use super::*;
use crate::board::Gate;
use crate::envelope::Members;
use crate::event::{DeadReason, Next, Room};
use crate::ids::AgentNo;
use crate::policy::limits;

/// LIMIT-1: a publish that would give its tree of work too many artifacts in an hour is refused,
/// naming limit and value; an hour later there is room.
#[test]
fn a_correlation_has_an_hourly_limit() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    let correlation = Some(CorrelationId::new(uuid(5)));
    let news = vec![New { correlation, ..new("A") }; 25_000];
    for _ in 0..4 {
        board.publish(&news).unwrap();
    }
    let one = [New { correlation, ..new("A") }];
    let refused = board.publish(&one).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "artifacts per correlation and hour is 100001, the limit is 100000"
    );
    board.pass(Duration::from_hours(1));
    board.publish(&one).unwrap();
    assert_eq!(limits::CORRELATION_ARTIFACTS_PER_HOUR_MAX, 100_000);
}

/// LIMIT-2, I13: at the bound of an agent's agenda publishes from outside are refused with the
/// numbers; what is on the board already goes on.
#[test]
fn a_full_agenda_refuses_publishes() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    for _ in 0..10 {
        board.publish(&vec![new("A"); 25_000]).unwrap();
    }
    let refused = board.publish(&[new("A")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the agenda of agent `one` is full: 250000 activations are open, 1 more are wanted, \
         the limit is 250000"
    );
    assert_eq!(refused.code(), "busy");
    board.publish(&[new("B")]).unwrap();
}

/// LIMIT-1: each tree of work in a publish is counted, wherever in it its artifacts stand.
#[test]
fn every_correlation_of_a_publish_is_counted() {
    let mut board = Board::with(&[], 0);
    let tree = CorrelationId::new(uuid(5));
    let flood = vec![New { correlation: Some(tree), ..new("A") }; 100_001];
    let hidden: Vec<New> = std::iter::once(new("B")).chain(flood).collect();
    assert_eq!(board.publish(&hidden).map(drop).unwrap_err().code(), "limit");
    let (_, allowed) = hidden.split_last().unwrap();
    board.publish(allowed).unwrap();
}

/// LIMIT-1: a tree of work that settled with many artifacts has had them, whether or not something
/// of it is open. When its hour is over, or when they were few, nothing of it is kept.
#[test]
fn a_settled_correlation_keeps_its_count_for_its_hour() {
    let mut board = Board::with(&[agent("one", "B")], 0);
    let of = |n| Some(CorrelationId::new(uuid(n)));
    let artifacts = |n, count| vec![New { correlation: of(n), ..new("A") }; count];
    board.publish(&artifacts(5, 60_000)).unwrap();
    board.publish(&artifacts(6, 999)).unwrap();
    assert_eq!(board.state.settled_hours.len(), 1, "few artifacts leave nothing behind");
    assert_eq!(board.publish(&artifacts(5, 40_001)).map(drop).unwrap_err().code(), "limit");
    board.publish(&[New { correlation: of(5), ..new("B") }]).unwrap();
    assert_eq!(board.state.settled_hours.len(), 0, "what is open has its count with it");
    assert_eq!(board.publish(&artifacts(5, 40_000)).map(drop).unwrap_err().code(), "limit");
    board.ask(Request::CancelCorrelation(of(5).unwrap())).unwrap();
    assert_eq!(board.publish(&artifacts(5, 40_000)).map(drop).unwrap_err().code(), "limit");
    board.pass(Duration::from_hours(1));
    board.publish(&artifacts(5, 60_000)).unwrap();
    board.pass(Duration::from_hours(1));
    board.publish(&artifacts(7, 1_000)).unwrap();
    assert_eq!(board.state.settled_hours.len(), 1, "a count goes when its hour is over");
}

/// LIMIT-2: what a publish wakes counts for the agenda that it goes on, and for no other one.
#[test]
fn each_agenda_is_counted_by_itself() {
    let agents = [agent("one", "A"), agent("two", "A"), agent("three", "A")];
    let mut board = Board::with(&agents, 0);
    for _ in 0..2 {
        board.publish(&vec![new("A"); 100_000]).unwrap();
    }
    let refused = board.publish(&vec![new("A"); 50_001]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the agenda of agent `one` is full: 200000 activations are open, 50001 more are wanted, \
         the limit is 250000"
    );
    board.publish(&vec![new("A"); 50_000]).unwrap();
}

/// LIMIT-2, I4: what is on the board already needs no room and counts for no limit.
#[test]
fn a_duplicate_needs_no_room() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    let keyed = New { key: Some("k"), ..new("A") };
    let first = board.publish(std::slice::from_ref(&keyed)).unwrap()[0];
    board.publish(&vec![new("A"); 99_999]).unwrap();
    board.publish(&vec![new("A"); 100_000]).unwrap();
    board.publish(&vec![new("A"); 50_000]).unwrap();
    assert_eq!(board.state.activations().count(), limits::AGENT_AGENDA_LEN_MAX);
    let again = board.publish(std::slice::from_ref(&keyed)).unwrap()[0];
    assert_eq!((again.id, again.duplicate), (first.id, true));
    let within = vec![New { correlation: Some(first.correlation), ..keyed }; 100_001];
    board.publish(&within).unwrap();
}

/// LOAD-1: a redrive passes up to twice the bound of an agenda, and is refused beyond it.
#[test]
fn a_redrive_is_bounded() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 1);
    board.publish(&[new("B"), new("B")]).unwrap();
    for _ in 0..2 {
        let lease = board.leased();
        board.fail(&lease, ErrorKind::Permanent).unwrap();
    }
    board.beside.stop_leasing();
    let ids: Vec<_> = board.closed.iter().map(|closed| closed.activation).collect();
    for count in [100_000, 100_000, 100_000, 100_000, 99_999] {
        board.done_elsewhere(count);
    }
    let letters = |board: &Board| ids.iter().map(|&id| board.dead_letter(id)).collect::<Vec<_>>();
    let refused = board.ask(Request::Redrive(letters(&board))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the agenda of agent `two` is full: 499999 activations are open, 2 more are wanted, \
         the limit is 500000"
    );
    let one = letters(&board).remove(0);
    board.ask(Request::Redrive(vec![one])).unwrap();
}

/// A board whose agent `two` has as many open activations as there may be, less `free`, of which the
/// last one is of a tree of its own; and some attempts of agent `one`.
fn full_board(attempts: usize, free: usize) -> (Board, Vec<Lease>, CorrelationId) {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 16);
    board.publish(&vec![new("A"); attempts]).unwrap();
    let leases = std::mem::take(&mut board.leases);
    for _ in 0..4 {
        board.done_elsewhere(100_000);
    }
    let last = board.done_elsewhere(10);
    board.done_elsewhere(99_990 - free);
    (board, leases, last)
}

/// LOAD-1, GATE-1, I13: what the board owes itself passes up to twice the bound; beyond it an
/// attempt whose outputs would grow the agenda ends as `board full`, uses no retry, and waits until
/// there is room, however long that takes, and at least a second.
#[test]
fn a_full_board_runs_the_attempt_again_when_there_is_room() {
    let (mut board, leases, last) = full_board(2, 1);
    let held = &leases[0];
    board.beside.stop_leasing();
    board.done(held, &[new("B"), new("B")]).unwrap();
    let not_before = board.now.elapsed.after(Duration::from_secs(1));
    let room = Room { agent: Some(AgentNo(1)), activations: 2 };
    assert_eq!(next_of(&board), Next::WhenRoom { not_before, room });
    let id = held.attempt.activation;
    let activation = board.state.activation(id).unwrap();
    assert_eq!((activation.failures, activation.trail.len()), (0, 2));
    assert_eq!(board.state.gate(id), Some(Gate::Room));
    board.done(&leases[1], &[new("B")]).unwrap();
    board.pass(Duration::from_hours(1));
    assert_eq!(board.state.gate(id), Some(Gate::Room));
    assert_eq!(board.state.next_due(), None, "nothing is due before there is room");
    let read = State::decode(&board.state.encode()).unwrap();
    assert_eq!(read.gate(id), Some(Gate::Room), "a restart forgets nothing");
    board.ask(Request::CancelCorrelation(last)).unwrap();
    assert_eq!(board.state.gate(id), Some(Gate::Permit));
}

/// LOAD-1: as many run again as there is room for, and no more; within the second they wait for
/// its end.
#[test]
fn room_is_promised_once() {
    let (mut board, leases, last) = full_board(9, 0);
    board.beside.stop_leasing();
    for lease in &leases {
        board.done(lease, &[new("B"), new("B"), new("B")]).unwrap();
    }
    let at_gate = |board: &Board, gate: Gate| {
        let gates = leases.iter().map(|lease| board.state.gate(lease.attempt.activation));
        gates.filter(|found| *found == Some(gate)).count()
    };
    board.ask(Request::CancelCorrelation(last)).unwrap();
    let not_before = board.now.elapsed.after(Duration::from_secs(1));
    assert_eq!(at_gate(&board, Gate::NotBefore(not_before)), 9);
    assert_eq!(board.state.next_due(), Some(not_before));
    assert!(!board.state.is_idle());
    board.pass(Duration::from_secs(1));
    assert_eq!((at_gate(&board, Gate::Permit), at_gate(&board, Gate::Room)), (3, 6));
    let first = leases[0].attempt.activation;
    board.ask(Request::CancelActivations(vec![first])).unwrap();
    assert_eq!((at_gate(&board, Gate::Permit), at_gate(&board, Gate::Room)), (3, 5));
    assert!(board.state.activation(first).is_none());
}

/// LOAD-1, LIMIT-3: what would not fit an empty agenda is not tried again.
#[test]
fn what_never_has_room_is_a_dead_letter() {
    let mut many = agent("two", "B");
    many.subscriptions = vec![many.subscriptions[0].clone(); 6];
    let mut board = Board::with(&[agent("one", "A"), many], 1);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.done(&lease, &vec![new("B"); 90_000]).unwrap();
    assert_eq!(next_of(&board), Next::Dead(DeadReason::Limit));
}

impl Board {
    /// Puts work for agent `two` on the agenda as an attempt's outputs would, which passes the
    /// bound for publishes from outside.
    fn done_elsewhere(&mut self, count: usize) -> CorrelationId {
        let correlation = CorrelationId::new(uuid(self.next_id()));
        let drafts: Vec<Event> = (0..count)
            .map(|_| Event::ActivationCreated {
                members: Members::default(),
                subscription: SubscriptionNo(1),
                inputs: smallvec::smallvec![Seq(1)],
                correlation,
                key: None,
                not_before: None,
            })
            .collect();
        let decision = Decision {
            command: CommandId::new(uuid(self.next_id())),
            actor: Actor::Board,
            at: self.now.wall,
            elapsed: self.now.elapsed,
            correlation: None,
            trace: None,
            events: drafts,
        };
        self.state.apply(&decision, &mut Changes::default()).unwrap();
        self.log.push(decision);
        correlation
    }
}

/// The length that is guessed of an encoded state is near enough to choose by it how it is encoded.
#[test]
fn the_length_of_an_encoded_state_is_guessed() {
    for waiting in [0, 1, 5_000] {
        let mut board = Board::with(&[agent("one", "A")], 1);
        for _ in 0..waiting {
            board.publish(&[new("A")]).unwrap();
        }
        let (guessed, len) = (board.state.encoded_len(), board.state.encode().len());
        assert!((len / 2..=len * 2 + 2_048).contains(&guessed), "{waiting}: {guessed} for {len}");
    }
}
