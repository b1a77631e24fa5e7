//! Publishing: what is woken, what is the same publish, what is refused.

use std::collections::BTreeSet;

use super::*;

/// ART-1: a publish is one decision with the artifact, what it wakes, and what a permit takes.
#[test]
fn a_publish_wakes_each_subscriber_once() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "A"), agent("other", "B")], 9);
    let receipts = board.publish(&[new("A")]).unwrap();
    let decision = board.log.last().unwrap();
    assert_eq!(decision.events.len(), 5, "{:?}", decision.events);
    let agents: Vec<_> = board.leases.iter().map(|lease| lease.agent.get()).collect();
    assert_eq!(agents, [0, 1]);
    assert!(board.leases.iter().all(|lease| lease.inputs[..] == [receipts[0].seq]));
}

/// ART-4, I4: the same key or id with the same payload gives the first artifact back; with another
/// payload it is refused, and nothing is written.
#[test]
fn the_same_key_is_the_same_publish() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    let keyed = New { key: Some("k"), ..new("A") };
    let first = board.publish(std::slice::from_ref(&keyed)).unwrap()[0];
    let again = board.publish(std::slice::from_ref(&keyed)).unwrap()[0];
    assert_eq!((again.id, again.seq, again.duplicate), (first.id, first.seq, true));
    assert_eq!(again.correlation, first.correlation, "the tree of work that is on the board");
    assert_eq!(board.leases.len(), 1);
    let other = New { payload: "[]", ..keyed };
    let refused = board.publish(&[new("A"), other]).unwrap_err();
    assert_eq!(refused.code(), "key-reused");

    let named = New { id: Some(77), ..new("B") };
    let first = board.publish(std::slice::from_ref(&named)).unwrap()[0];
    let again = board.publish(std::slice::from_ref(&named)).unwrap()[0];
    assert_eq!((again.seq, again.duplicate), (first.seq, true));
    let other = New { payload: "[]", ..named };
    assert_eq!(board.publish(&[other]).unwrap_err().code(), "id-reused");
}

/// ART-4: a key that is used twice in one publish is one artifact.
#[test]
fn one_publish_may_use_a_key_twice() {
    let mut board = Board::with(&[], 0);
    let keyed = New { key: Some("k"), ..new("A") };
    let receipts = board.publish(&[keyed.clone(), new("A"), keyed.clone()]).unwrap();
    assert_eq!(board.state.artifacts(), 2);
    assert_eq!(receipts.len(), 3, "every item has a receipt");
    assert_eq!(receipts[2].id, receipts[0].id);
    assert!(receipts[2].duplicate);
    let other = New { payload: "[]", ..keyed };
    let more = New { key: Some("l"), ..new("A") };
    assert!(board.publish(&[more.clone(), New { payload: "1", ..more }]).is_err());
    assert!(board.publish(&[other]).is_err());
}

/// ART-4, I4: where a key and an id mean different artifacts, the key decides, and the receipt names
/// the artifact that has it, wherever the other one stands.
#[test]
fn a_key_stands_for_its_artifact_beside_a_reused_id() {
    let mut board = Board::with(&[], 0);
    let keyed = New { key: Some("k"), ..new("A") };
    let both = New { id: Some(77), ..keyed.clone() };
    let named = New { key: None, ..both };
    let first = board.publish(std::slice::from_ref(&keyed)).unwrap()[0];
    for news in [[named.clone(), both.clone()], [both.clone(), named]] {
        let receipts = board.publish(&news).unwrap();
        for (new, receipt) in news.iter().zip(receipts) {
            assert_eq!(receipt.id == first.id, new.key.is_some(), "{receipt:?}");
        }
    }
    assert_eq!(board.state.artifacts(), 2);
    let other = New { key: Some("l"), payload: "[]", ..new("A") };
    let refused = board.publish(&[other, New { key: Some("l"), ..both }]).unwrap_err();
    assert_eq!(refused.code(), "key-reused", "the id is on the board, the key in the publish");
}

/// ART-4, REC-2: every artifact of a publish whose answer is made again after a recovery has its
/// receipt, also those that are duplicates of each other, of what was durable before, or of what
/// landed with it. What did not land stands for nothing.
#[test]
fn receipts_are_made_again_after_a_recovery() {
    let mut board = Board::with(&[], 0);
    let keyed = |key| New { key: Some(key), ..new("A") };
    board.publish(&[keyed("durable")]).unwrap();
    let looked_up = board.state.seq();
    board.publish(&[keyed("known")]).unwrap();
    let durable = board.state.seq();
    board.publish(&[keyed("landed")]).unwrap();
    let news = [keyed("k"), keyed("known"), keyed("k"), new("A"), keyed("landed")];
    let producer = Producer::Program(ProgramName::new("test").unwrap());
    let mut publish = board.outgoing(&news, &producer);
    publish.looked_up.as_of = looked_up;
    let id = CommandId::new(uuid(board.next_id()));
    let request = Request::Publish(publish);
    let (actor, seed) = (Actor::Board, 0);
    let command = Command { id, actor, correlation: None, trace: None, seed, request };
    let first = board.state.seq().next();
    let answer = board.command(&command).unwrap();
    let found = [
        (durable.next(), board.log[board.log.len() - 2].events.clone()),
        (first, board.log[board.log.len() - 1].events.clone()),
    ];
    let landed = board.state.clone();
    board.publish(&[keyed("lost")]).unwrap();
    board.log.pop();
    board.state = landed;
    let found = found.iter().map(|(first, events)| (*first, &events[..]));
    board.beside.recovered(&board.state, durable, &BTreeSet::new(), found);
    let events = &board.log.last().unwrap().events;
    let again = board.state.answer(&command, first, events, &board.beside);
    assert_eq!(again, Some(answer));
    let lost = board.publish(&[keyed("lost")]).unwrap()[0];
    assert!(!lost.duplicate);
}

/// LOOK-1: a look-up from before what the board remembers is refused: the task looks again.
#[test]
fn an_old_look_up_is_refused() {
    let mut board = Board::with(&[], 0);
    board.beside = Beside::at(board.state.seq());
    let producer = Producer::Program(ProgramName::new("test").unwrap());
    let keyed = New { key: Some("k"), ..new("A") };
    let mut publish = board.outgoing(&[keyed], &producer);
    publish.looked_up.as_of = Seq(publish.looked_up.as_of.get() - 1);
    let refused = board.ask(Request::Publish(publish.clone())).unwrap_err();
    assert_eq!(refused.code(), "stale-look-up");
    assert!(refused.retryable());
    publish.looked_up.as_of = board.state.seq();
    board.ask(Request::Publish(publish)).unwrap();
}

/// MATCH-1: verdicts of an older catalogue are refused: the task matches again.
#[test]
fn an_old_catalogue_is_refused() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    let producer = Producer::Program(ProgramName::new("test").unwrap());
    let publish = board.outgoing(&[new("A")], &producer);
    board.register(&[agent("one", "A"), agent("two", "A")]).unwrap();
    let refused = board.ask(Request::Publish(publish)).unwrap_err();
    assert_eq!(refused.code(), "stale-catalogue");
}
