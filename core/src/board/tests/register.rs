//! Registering: what is new, what is unchanged, what is retired, what is refused.

use super::*;

/// DEF-1: the same program changes nothing.
#[test]
fn the_same_definitions_are_no_events() {
    let agents = [agent("one", "A"), agent("two", "B")];
    let mut board = Board::with(&agents, 9);
    let seq = board.state.seq();
    board.register(&agents).unwrap();
    assert_eq!(board.state.seq(), seq);
}

/// DEF-2: what a program no longer names is retired; its waiting work waits at the gate
/// `unregistered` and goes on when the agent is back.
#[test]
fn retired_work_waits_for_its_agent() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    board.publish(&[new("A")]).unwrap();
    board.register(&[agent("two", "B")]).unwrap();
    board.publish(&[new("A")]).unwrap();
    assert_eq!(board.state.activations().count(), 1, "a retired agent is not woken");
    board.open_session(3, PROCESS, 9);
    assert!(board.leases.is_empty());
    assert!(board.state.is_idle());
    board.register(&[agent("one", "A")]).unwrap();
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
}

/// DEF-3: a subscription that stays as it was keeps its number; a changed one gets a new one, and
/// waiting work takes the current policies.
#[test]
fn unchanged_subscriptions_keep_their_numbers() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    board.publish(&[new("A")]).unwrap();
    let mut patient = agent("one", "A");
    patient.retry = Retry::never();
    patient.total_timeout = Some(Duration::from_secs(5));
    board.register(&[patient.clone()]).unwrap();
    assert_eq!(board.state.subscriptions().count(), 1);
    patient.subscriptions[0].priority = 9;
    board.register(&[patient]).unwrap();
    let current: Vec<_> = board.state.subscriptions().map(|(_, s)| s.current).collect();
    assert_eq!(current, [false, true]);
    board.pass(Duration::from_secs(5));
    assert_eq!(board.closed.len(), 1, "the new total time holds for work that waited");
}

/// TYPE-1: a changed schema under the same version, another version, and an unknown type are
/// refused, and nothing is registered.
#[test]
fn a_changed_schema_is_refused() {
    let mut board = Board::with(&[], 0);
    let offer = |version, schema: &str| {
        let name = TypeName::new("A").unwrap();
        let types = vec![TypeRegistration { name, version, schema: schema.into() }];
        Request::Register(Registration { types, ..Registration::default() })
    };
    assert_eq!(board.ask(offer(1, "[]")).unwrap_err().code(), "schema-changed");
    assert_eq!(board.ask(offer(2, "{}")).unwrap_err().code(), "other-version");
    board.ask(offer(1, "{}")).unwrap();
    let refused = board.register(&[agent("one", "Nowhere")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "agent `one` names the type `Nowhere`, which is not registered"
    );
}
