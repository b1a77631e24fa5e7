//! Cancelling: what is open ends, what runs is stopped, and late reports are refused.

use super::*;

/// CANCEL-1: all that is open of a tree of work ends in one decision; what runs is stopped.
#[test]
fn a_correlation_is_cancelled_whole() {
    let mut board = Board::with(&[agent("one", "A")], 1);
    let receipts = board.publish(&[new("A"), new("A"), new("A")]).unwrap();
    let correlation = receipts[0].correlation;
    let lease = board.leased();
    let cancelled = board.ask(Request::CancelCorrelation(correlation)).unwrap();
    assert_eq!(cancelled, Answer::Changed(3));
    assert_eq!(board.stops, [lease.attempt]);
    assert_eq!(board.done(&lease, &[new("B")]).unwrap_err().code(), "superseded");
    assert!(board.settled[0].cancelled);
    assert!(board.closed.iter().all(|closed| closed.outcome == Outcome::Cancelled));
    let again = board.ask(Request::CancelCorrelation(correlation)).unwrap_err();
    assert_eq!(again.code(), "nothing-open");
}

/// CANCEL-2: single activations are cancelled by id; one that is not open refuses the whole command.
#[test]
fn activations_are_cancelled_by_id() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    board.publish(&[new("A"), new("A")]).unwrap();
    let ids: Vec<_> = board.state.activations().map(|(id, _)| id).collect();
    let unknown = ActivationId(Seq(1));
    let refused = board.ask(Request::CancelActivations(vec![ids[0], unknown])).unwrap_err();
    assert_eq!(refused, Rejection::NotOpen { activation: unknown });
    board.ask(Request::CancelActivations(vec![ids[0], ids[0]])).unwrap();
    assert_eq!(board.outcome(ids[0]), Some(Outcome::Cancelled));
    assert!(board.state.activation(ids[1]).is_some());
}
