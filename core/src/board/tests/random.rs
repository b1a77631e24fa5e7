//! Random histories: whatever is asked in whatever order, the fold is the live state, every
//! placement is counted, and every attempt has one start and one end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Publish(u8),
    Done(u8, u8),
    Fail(u8, u8),
    Pass(u16),
    Cancel(u8),
    Redrive(u8),
    Drop(u8),
    TakeOver,
    Register(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => any::<u8>().prop_map(Act::Publish),
        4 => any::<(u8, u8)>().prop_map(|(which, outputs)| Act::Done(which, outputs)),
        4 => any::<(u8, u8)>().prop_map(|(which, kind)| Act::Fail(which, kind)),
        2 => (0..5_000_u16).prop_map(Act::Pass),
        1 => any::<u8>().prop_map(Act::Cancel),
        1 => any::<u8>().prop_map(Act::Redrive),
        1 => any::<u8>().prop_map(Act::Drop),
        1 => Just(Act::TakeOver),
        1 => any::<u8>().prop_map(Act::Register),
    ]
}

fn agents(which: u8) -> Vec<AgentDefinition> {
    let mut all = vec![agent("one", "A"), agent("two", "B"), agent("three", "A")];
    all[0].concurrency = 1 + u32::from(which % 3);
    all[1].total_timeout = Some(Duration::from_secs(3));
    all[1].candidates = 1 + u32::from(which % 2);
    all[2].subscriptions[0].priority = which % 10;
    if which.is_multiple_of(5) {
        all.remove(usize::from(which / 5 % 3));
    }
    all
}

fn kinds(which: u8) -> ErrorKind {
    match which % 4 {
        0 => ErrorKind::Permanent,
        1 => ErrorKind::RateLimited { retry_after_ms: Some(u64::from(which) * 10) },
        2 => ErrorKind::Panic,
        _ => ErrorKind::Transient,
    }
}

fn some_dead(board: &Board, which: u8) -> Option<DeadLetterRef> {
    let dead: Vec<_> =
        board.closed.iter().filter(|c| matches!(c.outcome, Outcome::Dead(_))).collect();
    let closed = dead.get(usize::from(which).checked_rem(dead.len())?)?;
    Some(board.dead_letter(closed.activation))
}

fn perform(board: &mut Board, act: &Act, epoch: &mut u64) {
    match *act {
        Act::Publish(which) => {
            let of = ["A", "B", "C"][usize::from(which % 3)];
            let key = (which > 200).then_some("key");
            let _ = board.publish(&[New { key, ..new(of) }, new("A")]);
        }
        Act::Done(which, outputs) => {
            let Some(index) = usize::from(which).checked_rem(board.leases.len()) else { return };
            let lease = board.leases.remove(index);
            let news = vec![new("B"); usize::from(outputs % 3)];
            let _ = board.done(&lease, &news);
        }
        Act::Fail(which, kind) => {
            let Some(index) = usize::from(which).checked_rem(board.leases.len()) else { return };
            let lease = board.leases.remove(index);
            let _ = board.fail(&lease, kinds(kind));
        }
        Act::Pass(millis) => board.pass(Duration::from_millis(u64::from(millis))),
        Act::Cancel(which) => {
            let open: Vec<_> = board.state.correlations().map(|(id, _)| id).collect();
            let Some(index) = usize::from(which).checked_rem(open.len()) else { return };
            board.ask(Request::CancelCorrelation(open[index])).unwrap();
        }
        Act::Redrive(which) => {
            let Some(letter) = some_dead(board, which) else { return };
            board.ask(Request::Redrive(vec![letter])).unwrap();
        }
        Act::Drop(which) => {
            let Some(letter) = some_dead(board, which) else { return };
            board.ask(Request::DropDead(vec![letter])).unwrap();
        }
        Act::TakeOver => {
            *epoch += 1;
            let process = 100 + u128::from(*epoch);
            board.take_over(*epoch, process);
            board.open_session(1_000_000 + process, process, 3);
        }
        Act::Register(which) => {
            board.register(&agents(which)).unwrap();
        }
    }
}

/// I6: one start and one end for each attempt, in that order, and none after `done`.
fn check_attempts(board: &Board) {
    let mut open: BTreeMap<AttemptId, bool> = BTreeMap::new();
    for (seq, event) in board.events() {
        match event {
            Event::AttemptStarted { attempt, .. } => {
                assert!(open.insert(*attempt, true).is_none(), "{attempt} began twice, at {seq}");
            }
            Event::AttemptEnded { attempt, .. } => {
                let before = open.insert(*attempt, false);
                assert_eq!(before, Some(true), "{attempt} ended without running, at {seq}");
            }
            _ => {}
        }
    }
    let running = board.state.activations().filter(|(_, a)| a.running().is_some()).count();
    assert_eq!(open.values().filter(|&&open| open).count(), running);
}

proptest! {
    /// I2, I6, I10 over random histories.
    #[test]
    fn every_history_folds_to_its_state(acts in prop::collection::vec(act(), 1..80)) {
        let mut board = Board::with(&agents(1), 3);
        let mut epoch = 1;
        for act in &acts {
            perform(&mut board, act, &mut epoch);
        }
        board.check();
        check_attempts(&board);
    }
}
