//! Attempts with several candidates: the slots that they take and give back.

use super::*;
use crate::board::Gate;
use crate::policy::Bounds;

fn best_of(candidates: u32, concurrency: u32) -> AgentDefinition {
    AgentDefinition { candidates, concurrency, ..agent("best", "A") }
}

/// How the attempt of a lease may end.
#[derive(Clone, Copy, Debug)]
enum End {
    Done,
    Failed,
    Released,
    Cancelled,
    Lost,
}

/// BEST-2: an attempt takes a slot for each candidate, of its session, of its agent and of the board, all
/// at once, and gives all of them back, however it ends; also when the state was read back meanwhile.
#[test]
fn an_attempt_takes_and_gives_back_a_slot_for_each_candidate() {
    for end in [End::Done, End::Failed, End::Released, End::Cancelled, End::Lost] {
        for (slots, concurrency, board_wide, gate) in [
            (7, 100, 100, Gate::Permit),
            (100, 7, 100, Gate::AgentConcurrency),
            (100, 100, 7, Gate::BoardConcurrency),
        ] {
            let mut board = Board::created();
            let bounds = Bounds { concurrency: board_wide, ..Bounds::default() };
            board.state.keep_to(bounds);
            board.register(&[best_of(3, concurrency)]).unwrap();
            board.open_session(SESSION, PROCESS, slots);
            board.publish(&[new("A"), new("A"), new("A")]).unwrap();
            let (first, second) = (board.leased(), board.leased());
            assert_eq!((first.slots, second.slots), (3, 3));
            assert_eq!(board.leases, [], "7 slots are for two attempts of 3");
            let waiting = board.state.activations().last().unwrap().0;
            assert_eq!(board.state.gate(waiting), Some(gate), "{end:?}");
            board.state = State::decode(&board.state.encode()).unwrap();
            board.state.keep_to(bounds);
            assert_eq!(board.state.gate(waiting), Some(gate), "{end:?}");
            match end {
                End::Done => drop(board.done(&first, &[]).unwrap()),
                End::Failed => drop(board.fail(&first, ErrorKind::Transient).unwrap()),
                End::Released => {
                    drop(board.finish(first.attempt, AttemptOutcome::Released).unwrap());
                }
                End::Cancelled => {
                    let cancel = Request::CancelActivations(vec![first.attempt.activation]);
                    board.ask(cancel).unwrap();
                    if gate == Gate::Permit {
                        assert_eq!(board.leases, [], "its handlers still hold the slots");
                    }
                    board.beside.release(first.session, first.attempt);
                    board.ask(Request::Elapse).unwrap();
                }
                End::Lost => {
                    board.take_over(2, 50);
                    board.open_session(51, 50, slots);
                }
            }
            let leased = if matches!(end, End::Lost) { 2 } else { 1 };
            assert_eq!(board.leases.len(), leased, "{end:?} {gate:?}");
            if !matches!(end, End::Lost) {
                board.done(&second, &[]).unwrap();
            }
            while !board.state.is_idle() {
                while !board.leases.is_empty() {
                    let lease = board.leased();
                    board.done(&lease, &[]).unwrap();
                }
                board.pass(Duration::from_secs(1));
            }
            board.publish(&[new("A"), new("A"), new("A")]).unwrap();
            assert_eq!(board.leases.len(), 2, "nothing leaked: {end:?} {gate:?}");
        }
    }
}

/// BEST-2: slots of a key as well.
#[test]
fn an_attempt_takes_a_slot_of_its_key_for_each_candidate() {
    let mut best = best_of(2, 100);
    best.key_concurrency = Some(5);
    let mut board = Board::with(&[best], 100);
    let keyed = |order| New { order: Some(order), ..new("A") };
    board.publish(&[keyed("k"), keyed("k"), keyed("k"), keyed("other")]).unwrap();
    assert_eq!(board.leases.len(), 3, "two of `k` and one of the other");
    let waiting = board.state.activations().nth(2).unwrap().0;
    assert_eq!(board.state.gate(waiting), Some(Gate::KeyConcurrency));
    board.state = State::decode(&board.state.encode()).unwrap();
    assert_eq!(board.state.gate(waiting), Some(Gate::KeyConcurrency));
    let first = board.leased();
    board.done(&first, &[]).unwrap();
    assert_eq!(board.leases.last().unwrap().attempt.activation, waiting);
}

/// BEST-2: what runs goes on with the slots that it took, whatever its agent asks for meanwhile.
#[test]
fn a_changed_number_of_candidates_counts_for_the_next_attempt() {
    let mut board = Board::with(&[best_of(3, 100)], 4);
    board.publish(&[new("A"), new("A")]).unwrap();
    let first = board.leased();
    board.register(&[best_of(2, 100)]).unwrap();
    assert_eq!(board.leases, [], "one slot of four is free");
    board.done(&first, &[]).unwrap();
    assert_eq!(board.leased().slots, 2);
    board.publish(&[new("A")]).unwrap();
    assert_eq!(board.leased().slots, 2);
}

/// BEST-3: an attempt that needs more slots than are free waits for them, and what is behind it does not
/// overtake it.
#[test]
fn an_attempt_with_candidates_is_not_overtaken() {
    let mut board = Board::with(&[best_of(3, 100), agent("plain", "B")], 3);
    board.publish(&[new("B"), new("A"), new("B"), new("B")]).unwrap();
    let plain = board.leased();
    assert_eq!(board.leases, [], "two slots are free, three are needed");
    board.done(&plain, &[]).unwrap();
    let best = board.leased();
    assert_eq!((best.slots, board.leases.len()), (3, 0));
    board.done(&best, &[]).unwrap();
    assert_eq!(board.leases.len(), 2);
}

/// BEST-3: what no session is large enough for keeps nobody else waiting.
#[test]
fn what_no_session_is_large_enough_for_keeps_nobody_waiting() {
    let mut board = Board::with(&[best_of(3, 100), agent("plain", "B")], 2);
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(board.leased().slots, 1);
    let waiting = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(waiting), Some(Gate::Permit));
    board.open_session(3, PROCESS, 3);
    let best = board.leased();
    assert_eq!((best.slots, best.session), (3, SessionId::new(uuid(3))));
}

/// BEST-4: more candidates than attempts may run at once are refused, and the refusal says by what.
#[test]
fn more_candidates_than_slots_are_refused() {
    let mut board = Board::created();
    board.state.keep_to(Bounds { concurrency: 5, ..Bounds::default() });
    let refused = |board: &mut Board, wanted: AgentDefinition| {
        let rejection = board.register(&[wanted]).unwrap_err();
        assert_eq!(rejection.code(), "too-many-candidates");
        rejection.to_string()
    };
    let asks = "agent `best` asks for the best of";
    assert_eq!(
        refused(&mut board, best_of(4, 3)),
        format!("{asks} 4, which take a slot each, and its concurrency allows 3")
    );
    let keyed = AgentDefinition { key_concurrency: Some(2), ..best_of(4, 9) };
    assert_eq!(
        refused(&mut board, keyed),
        format!("{asks} 4, which take a slot each, and its concurrency per key allows 2")
    );
    assert_eq!(
        refused(&mut board, best_of(6, 9)),
        format!("{asks} 6, which take a slot each, and the concurrency of the board allows 5")
    );
    board.register(&[best_of(5, 5)]).unwrap();
}
