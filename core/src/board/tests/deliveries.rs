//! What a subscription lets through, and when.

use super::super::Gate;
use super::*;
use crate::envelope::NotBefore;
use crate::predicate::Path;

fn names(board: &Board) -> Vec<String> {
    let name = |lease: &Lease| board.state.agent(lease.agent).unwrap().definition.name.to_string();
    board.leases.iter().map(name).collect()
}

/// SUB-2, SUB-3: what an agent made itself wakes it only where it says so, and what an agent made that is
/// left out wakes nobody who leaves it out.
#[test]
fn producers_are_let_through_or_left_out() {
    let mut selfish = agent("selfish", "A");
    selfish.subscriptions[0].self_trigger = true;
    let mut picky = agent("picky", "A");
    picky.subscriptions[0].not_from = vec![AgentName::new("selfish").unwrap()];
    let mut board = Board::with(&[selfish, picky], 10);
    board.publish(&[new("A")]).unwrap();
    assert_eq!(names(&board), ["selfish", "picky"]);
    let (one, two) = (board.leased(), board.leased());
    board.done(&one, &[New { depth: 1, ..new("A") }]).unwrap();
    assert_eq!(names(&board), ["selfish"]);
    board.done(&two, &[New { depth: 1, ..new("A") }]).unwrap();
    assert_eq!(names(&board), ["selfish", "selfish"], "picky does not wake on its own");
}

/// SUB-4: the first ones are held until the last of them is there; then each goes through, and so do all
/// later ones, also after a restart.
#[test]
fn the_first_matches_are_held_until_there_are_enough() {
    let mut patient = agent("patient", "A");
    patient.subscriptions[0].after = 3;
    let mut board = Board::with(&[patient.clone()], 10);
    board.publish(&[new("A"), new("A")]).unwrap();
    board.pass(Duration::from_secs(60));
    assert_eq!(board.leases, []);
    assert!(board.state.is_idle());
    let first = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(first), Some(Gate::After(1)));
    board.state = State::decode(&board.state.encode()).unwrap();
    board.publish(&[new("A"), new("A")]).unwrap();
    assert_eq!(board.leases.len(), 4);
    board.publish(&[new("A")]).unwrap();
    assert_eq!(board.leases.len(), 5);
}

/// SUB-4: what is held goes through when its subscription is one no longer, and can be cancelled.
#[test]
fn what_is_held_is_not_stranded() {
    let mut patient = agent("patient", "A");
    patient.subscriptions[0].after = 3;
    let mut board = Board::with(&[patient.clone()], 10);
    board.publish(&[new("A"), new("A")]).unwrap();
    let first = board.state.activations().next().unwrap().0;
    board.ask(Request::CancelActivations(vec![first])).unwrap();
    patient.subscriptions[0].after = 9;
    board.register(&[patient]).unwrap();
    assert_eq!(board.leases.len(), 1);
}

/// DELAY-1: nobody works on an artifact before its time, on either clock.
#[test]
fn a_delay_is_waited_for() {
    let mut board = Board::with(&[agent("one", "A")], 10);
    let delayed = |not_before| New { not_before: Some(not_before), ..new("A") };
    let at = Timestamp(board.now.wall.0 + 5_000);
    let news = [delayed(NotBefore::After(7_000)), delayed(NotBefore::At(at)), new("A")];
    board.publish(&news).unwrap();
    assert_eq!(board.leases.len(), 1);
    let first = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(first), Some(Gate::NotBefore(Elapsed(7_000))));
    assert!(!board.state.is_idle());
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_millis(4_999));
    assert_eq!(board.leases.len(), 1);
    board.pass(Duration::from_millis(1));
    assert_eq!(board.leases.len(), 2);
    board.pass(Duration::from_secs(2));
    assert_eq!(board.leases.len(), 3);
    let past = Timestamp(board.now.wall.0 - 5_000);
    board.publish(&[delayed(NotBefore::At(past))]).unwrap();
    assert_eq!(board.leases.len(), 4, "what lies in the past delays nothing");
}

fn waking(wakes: Wakes) -> AgentDefinition {
    let mut agent = agent("one", "A");
    agent.subscriptions[0].wakes = wakes;
    agent
}

fn expired(board: &Board) -> usize {
    board.closed.iter().filter(|closed| closed.outcome == Outcome::Expired).count()
}

/// QUIET-1: the last match wakes the agent once no further one came for the time; those before it expire.
#[test]
fn quiet_wakes_with_the_last_match() {
    let mut board = Board::with(&[waking(Wakes::Quiet(Duration::from_secs(10)))], 10);
    board.publish(&[new("A"), new("A")]).unwrap();
    assert_eq!(expired(&board), 1);
    board.pass(Duration::from_secs(9));
    board.publish(&[new("A")]).unwrap();
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_millis(9_999));
    assert_eq!((board.leases.len(), expired(&board)), (0, 2));
    board.pass(Duration::from_millis(1));
    let lease = board.leased();
    board.publish(&[new("A")]).unwrap();
    assert_eq!(expired(&board), 2, "the one that runs does not");
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.publish(&[new("A")]).unwrap();
    assert_eq!(expired(&board), 3, "the one that waits for a retry does not");
    board.pass(Duration::from_secs(10));
    assert_eq!(board.leases.len(), 2);
}

/// QUIET-2: each key is quiet by itself.
#[test]
fn each_key_is_quiet_by_itself() {
    let mut board = Board::with(&[waking(Wakes::Quiet(Duration::from_secs(10)))], 10);
    let keyed = |order| New { order, ..new("A") };
    board.publish(&[keyed(Some("k")), keyed(Some("l")), keyed(None)]).unwrap();
    board.pass(Duration::from_secs(5));
    board.publish(&[keyed(Some("k"))]).unwrap();
    board.pass(Duration::from_secs(5));
    assert_eq!((board.leases.len(), expired(&board)), (2, 1));
    board.pass(Duration::from_secs(5));
    assert_eq!(board.leases.len(), 3);
}

/// QUIET-1: a match whose key cannot be worked out dies at once, and takes no part in what is quiet.
#[test]
fn what_has_a_bad_key_takes_nobodys_place() {
    let mut agent = waking(Wakes::Quiet(Duration::from_secs(10)));
    agent.subscriptions[0].key = KeyOf::Field { path: Path::default().then("k"), optional: true };
    let mut board = Board::with(&[agent], 10);
    let bad = New { payload: r#"{"k":""}"#, ..new("A") };
    board.publish(&[new("A")]).unwrap();
    board.publish(&[bad]).unwrap();
    assert_eq!((board.closed.len(), expired(&board)), (1, 0));
    board.publish(&[new("A")]).unwrap();
    assert_eq!(expired(&board), 1, "the first one is still the one before");
    board.pass(Duration::from_secs(10));
    assert_eq!(board.leases.len(), 1);
}

/// QUIET-3: a match wakes the agent when it is old enough, unless an artifact of a named type has come to
/// its tree of work.
#[test]
fn a_match_grows_old_unless_it_is_followed() {
    let without = vec![TypeName::new("B").unwrap()];
    let aged = Wakes::Aged { age: Duration::from_secs(60), without };
    let mut board = Board::with(&[waking(aged)], 10);
    let first = board.publish(&[new("A")]).unwrap()[0].correlation;
    let second = board.publish(&[new("A")]).unwrap()[0].correlation;
    let both = board.publish(&[new("A"), new("B")]).unwrap()[0].correlation;
    assert_eq!(expired(&board), 1, "what is published together follows, too");
    board.publish(&[New { correlation: Some(first), ..new("B") }]).unwrap();
    board.publish(&[New { correlation: Some(second), ..new("C") }]).unwrap();
    assert_eq!(expired(&board), 2);
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_secs(60));
    let lease = board.leased();
    assert_eq!((lease.correlation, board.leases.len()), (second, 0));
    board.publish(&[New { correlation: Some(second), ..new("B") }]).unwrap();
    assert_eq!(expired(&board), 2, "it runs");
    assert_eq!(board.settled.iter().filter(|it| it.correlation == both).count(), 1);
}

/// KEY-5: a match whose key cannot be worked out dies by itself, and makes nothing expire.
#[test]
fn a_bad_key_makes_nothing_expire() {
    let mut quiet = waking(Wakes::Quiet(Duration::from_secs(10)));
    quiet.subscriptions[0].key = KeyOf::Closure { label: "here".into() };
    let mut board = Board::with(&[quiet], 10);
    board.publish(&[new("A"), new("A")]).unwrap();
    assert_eq!((board.closed.len(), expired(&board)), (2, 0));
}
