//! Adopting a log that has lost its end.

use super::super::Adoption;
use super::*;
use crate::names::OperatorName;

fn adoption(last: u64) -> Adoption {
    let name = OperatorName::new("ann").unwrap();
    Adoption {
        command: CommandId::new(uuid(77)),
        actor: Actor::Operator { name, reason: "the server lost it".into() },
        incarnation: Incarnation::new(uuid(8)),
        last: Seq(last),
    }
}

/// ADOPT-2: the board goes on behind the last seq that is not to be used, under another incarnation; what it had
/// is as it was, and who adopted it is told.
#[test]
fn an_adopted_board_goes_on_behind_what_was_lost() {
    let mut board = Board::with(&[agent("one", "A")], 1);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (seq, open) = (board.state.seq(), board.state.activations().count());
    let origin = board.state.header().origin;
    assert_eq!(board.state.header().incarnation, origin);

    let mut changes = Changes::default();
    let decision = board.state.adopt(adoption(5_000), board.now, &mut changes);
    assert_eq!(decision.span(), 5_000 - seq.get());
    let [row] = &changes.rows.operations[..] else { panic!("{:?}", changes.rows.operations) };
    assert_eq!((row.seq, row.action, row.operator.as_str()), (seq.next(), "adopted", "ann"));
    let header = board.state.header();
    assert_eq!((header.seq, header.origin), (Seq(5_000), origin));
    assert_eq!(header.incarnation, Some(Incarnation::new(uuid(8))));
    assert_eq!(board.state.activations().count(), open);
    assert_eq!(State::decode(&board.state.encode()).unwrap().hash(), board.state.hash());

    board.log.push(decision);
    let receipts = board.publish(&[new("A")]).unwrap();
    assert_eq!(receipts[0].seq, Seq(5_001));
}

/// ADOPT-2: at least one seq is taken, and no event takes none or more than there are.
#[test]
fn an_adoption_takes_seqs_that_there_are() {
    let mut board = Board::created();
    let seq = board.state.seq();
    let decision = board.state.adopt(adoption(0), board.now, &mut Changes::default());
    assert_eq!((decision.span(), board.state.seq()), (1, seq.next()));
    board.log.push(decision.clone());
    for span in [0, 1 << 63, u64::MAX] {
        let mut wrong = decision.clone();
        wrong.events = vec![Event::Adopted { incarnation: Incarnation::new(uuid(8)), span }];
        let mut state = State::decode(&board.state.encode()).unwrap();
        let error = state.apply(&wrong, &mut Changes::default()).unwrap_err();
        assert!(error.to_string().contains(&format!("cannot take {span} seqs")), "{error}");
    }
}
