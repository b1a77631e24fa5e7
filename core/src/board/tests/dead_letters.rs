//! Dead letters: redrive, drop, and look-ups that came too late.

use super::*;

fn dead(board: &mut Board) -> ActivationId {
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Permanent).unwrap();
    lease.attempt.activation
}

/// DLQ-1: a redrive is a new chain of attempts of the same activation; numbers go on, retries begin
/// anew, and the history stays.
#[test]
fn a_redrive_goes_on_with_the_same_activation() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let id = dead(&mut board);
    let letter = board.dead_letter(id);
    board.ask(Request::Redrive(vec![letter])).unwrap();
    let lease = board.leased();
    assert_eq!((lease.attempt.activation, lease.attempt.attempt.get()), (id, 2));
    board.done(&lease, &[new("B")]).unwrap();
    assert_eq!(board.outcome(id), Some(Outcome::Done));
    let closed = board.closed.iter().find(|closed| closed.activation == id).unwrap();
    assert_eq!((closed.attempts, closed.trail.len()), (2, 5), "two attempts and the redrive");
}

/// DLQ-2, I3: never a second success: what is open, done or dropped is not redriven, and neither is
/// what was touched after the look-up.
#[test]
fn a_redrive_needs_a_dead_letter() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (id, other) = (dead(&mut board), dead(&mut board));
    let letter = board.dead_letter(id);
    board.ask(Request::Redrive(vec![letter.clone()])).unwrap();
    let refused = board.ask(Request::Redrive(vec![letter.clone()])).unwrap_err();
    assert_eq!(refused.code(), "not-dead");
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    let refused = board.ask(Request::Redrive(vec![letter])).unwrap_err();
    assert_eq!(refused.code(), "stale-look-up");
    let done = board.dead_letter(id);
    assert_eq!(board.ask(Request::Redrive(vec![done])).unwrap_err().code(), "not-dead");

    let letter = board.dead_letter(other);
    board.ask(Request::DropDead(vec![letter.clone()])).unwrap();
    assert_eq!(board.ask(Request::Redrive(vec![letter])).unwrap_err().code(), "stale-look-up");
    let dropped = board.dead_letter(other);
    assert!(matches!(dropped.closed.outcome, Outcome::Dropped(_)));
    assert_eq!(board.ask(Request::Redrive(vec![dropped])).unwrap_err().code(), "not-dead");
}

/// DLQ-2: a dead letter that is named twice in one command is refused, and nothing of it is done.
#[test]
fn a_dead_letter_is_named_once() {
    let mut board = Board::with(&[agent("one", "A")], 1);
    board.publish(&[new("A")]).unwrap();
    let id = dead(&mut board);
    let twice = || vec![board.dead_letter(id), board.dead_letter(id)];
    for request in [Request::Redrive(twice()), Request::DropDead(twice())] {
        assert_eq!(board.ask(request).unwrap_err().code(), "not-dead");
    }
    assert_eq!(board.state.subscriptions().next().unwrap().1.counters.dead, 1);
}
