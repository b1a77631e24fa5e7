//! Loops: the event that says which limit was reached.

use super::*;
use crate::event::{DeadReason, Reached};
use crate::policy::Bounds;

fn reached(board: &Board) -> Vec<(Reached, u64, u64)> {
    let events = board.events().into_iter().filter_map(|(_, event)| match event {
        Event::LimitReached { limit, value, bound, .. } => Some((*limit, *value, *bound)),
        _ => None,
    });
    events.collect()
}

/// LOOP-1, LOOP-2: outputs past the depth or past what their tree of work may have make a dead letter,
/// with an event before it that names limit, value and bound, and stands in its history.
#[test]
fn a_limit_that_is_reached_is_an_event() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    let mut bounds = Bounds::default();
    (bounds.depth, bounds.correlation_artifacts, bounds.agenda_len) = (3, 4, 1);
    board.publish(&[new("A"), new("A"), new("A")]).unwrap();
    board.state.keep_to(bounds);
    let leases: Vec<Lease> = std::mem::take(&mut board.leases);
    board.done(&leases[0], &[New { depth: 3, ..new("C") }]).unwrap();
    assert!(reached(&board).is_empty(), "what is as deep as may be is not too deep");
    board.done(&leases[1], &[New { depth: 4, ..new("C") }]).unwrap();
    board.done(&leases[2], &[new("C")]).unwrap();
    let found = [(Reached::Depth, 4, 3), (Reached::CorrelationArtifacts, 5, 4)];
    assert_eq!(reached(&board), found);
    let reasons = [DeadReason::Loop, DeadReason::Limit];
    for (lease, reason) in leases[1..].iter().zip(reasons) {
        let closed = board.dead_letter(lease.attempt.activation).closed;
        assert_eq!(closed.outcome, Outcome::Dead(reason));
        let events = board.events();
        let at = |seq: Seq| events.iter().find(|(known, _)| *known == seq).unwrap().1;
        let [_, limit, end] = closed.trail[..] else { panic!("a start, a limit, an end") };
        assert!(matches!(at(limit), Event::LimitReached { correlation, .. }
            if *correlation == lease.correlation));
        assert!(matches!(at(end), Event::AttemptEnded { .. }));
    }
}

/// LOOP-2: outputs that would wake more than an agenda ever takes are told in the same way.
#[test]
fn more_than_an_agenda_takes_is_an_event() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 9);
    board.publish(&[new("A")]).unwrap();
    board.state.keep_to(Bounds { agent_agenda_len: 2, ..Bounds::default() });
    let lease = board.leased();
    board.done(&lease, &vec![new("B"); 5]).unwrap();
    assert_eq!(reached(&board), [(Reached::Agenda, 5, 4)]);
    let outcome = board.outcome(lease.attempt.activation);
    assert_eq!(outcome, Some(Outcome::Dead(DeadReason::Limit)));
}
