//! Taking over: what becomes of attempts of a dead owner, and what clocks that jump may do.

use std::collections::BTreeSet;

use super::*;
use crate::event::{AttemptEnd, LEVEL};

fn ends(board: &Board) -> Vec<AttemptEnd> {
    let ends = board.events().into_iter().filter_map(|(_, event)| match event {
        Event::AttemptEnded { end, .. } => Some(*end),
        _ => None,
    });
    ends.collect()
}

/// SESS-2, I6: what ran in the process of the former owner is lost at the take-over, at once, and
/// runs again without using up a retry.
#[test]
fn attempts_of_a_dead_owner_are_lost() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.take_over(2, 50);
    assert_eq!(ends(&board), [AttemptEnd::Lost]);
    assert_eq!(board.done(&lease, &[]).unwrap_err().code(), "superseded");
    board.open_session(51, 50, 9);
    let lease = board.leased();
    assert_eq!(lease.attempt.attempt.get(), 2);
    assert_eq!(board.state.activation(lease.attempt.activation).unwrap().failures, 0);
}

/// OWN-1: a new epoch of the same process leaves what it runs alone.
#[test]
fn the_same_process_keeps_its_attempts() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.take_over(2, PROCESS);
    assert!(ends(&board).is_empty());
    board.done(&lease, &[]).unwrap();
}

/// OWN-1: the slot of an attempt whose end was never appended is its own again, and the end of the attempt
/// frees it.
#[test]
fn a_slot_is_held_by_no_attempt_that_runs_on() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "A")], 1);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    let (before, decisions) = (board.state.clone(), board.log.len());
    board.ask(Request::CancelActivations(vec![lease.attempt.activation])).unwrap();
    assert!(board.leases.is_empty(), "the handler holds the slot until it is gone");
    board.state = before;
    board.log.truncate(decisions);
    board.closed.clear();
    let executing = BTreeSet::from([lease.attempt]);
    board.beside.recovered(&board.state, board.state.seq(), &executing, []);
    board.done(&lease, &[]).unwrap();
    assert_eq!(board.leases.len(), 1);
}

/// I13: the slot of an attempt that was decided and ended, and never begun, is held by nobody, whether
/// its start and its end landed or were lost.
#[test]
fn a_slot_is_held_by_no_attempt_that_never_began() {
    for landed in [false, true] {
        let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 1);
        let (before, decisions) = (board.state.clone(), board.log.len());
        board.publish(&[new("A")]).unwrap();
        let lease = board.leased();
        board.ask(Request::CancelActivations(vec![lease.attempt.activation])).unwrap();
        if !landed {
            board.state = before;
            board.log.truncate(decisions);
            board.closed.clear();
        }
        board.beside.recovered(&board.state, board.state.seq(), &BTreeSet::new(), []);
        board.publish(&[new("B")]).unwrap();
        assert_eq!(board.leases.len(), 1, "landed: {landed}");
    }
}

/// TIME-3: a wall clock that goes back never makes a commit time fall, and moves no timer; a jump
/// of more than a minute is an event.
#[test]
fn a_wall_clock_that_jumps_moves_no_timer() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    let before = board.state.header().at;
    board.now.wall = Timestamp(board.now.wall.0 - 3_600_000);
    board.publish(&[new("B")]).unwrap();
    assert_eq!(board.state.header().at, before);
    let jumps: Vec<i64> = board
        .events()
        .into_iter()
        .filter_map(|(_, event)| match event {
            Event::ClockJumped { by_ms } => Some(*by_ms),
            _ => None,
        })
        .collect();
    assert_eq!(jumps, [-3_600_000]);
    assert!(board.leases.is_empty());
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases.len(), 1, "the delay ran on the board's own clock");
    board.publish(&[new("B")]).unwrap();
    let jumps =
        board.events().iter().filter(|(_, e)| matches!(e, Event::ClockJumped { .. })).count();
    assert_eq!(jumps, 1, "a jump is recorded once");
}

/// FORMAT-3: a board of a level that this release does not read is refused, naming both, and so is
/// a stored state of it.
#[test]
fn a_later_level_is_refused() {
    let of_level = |level| {
        let mut decision = Board::created().log[0].clone();
        decision.events = vec![Event::BoardCreated {
            name: BoardName::new("test").unwrap(),
            incarnation: Incarnation::new(uuid(9)),
            level,
            dev: false,
        }];
        let mut state = State::default();
        state.apply(&decision, &mut Changes::default()).map(|()| state)
    };
    let mut state = of_level(LEVEL.next()).unwrap();
    State::decode(&state.encode()).unwrap();
    let later = LEVEL.next().next();
    let problem = "the board has level 3, this release reads levels up to 2";
    let refused = of_level(later).unwrap_err().to_string();
    assert_eq!(refused, format!("event 1 cannot be folded: {problem}"));
    state.header.level = later;
    assert_eq!(State::decode(&state.encode()).unwrap_err().to_string(), problem);
}
