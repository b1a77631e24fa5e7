//! Registering: what is new, what is unchanged, what is retired, what is refused.

use super::*;
use crate::command::Upcast;

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

fn offered(name: &str, version: u32, upcasts: &[(u32, Option<&str>)]) -> Request {
    let upcast = |&(version, schema): &(u32, Option<&str>)| Upcast {
        version,
        schema: schema.map(Into::into),
    };
    let types = vec![TypeRegistration {
        name: TypeName::new(name).unwrap(),
        version,
        schema: format!("[{version}]").into(),
        upcasts: upcasts.iter().map(upcast).collect(),
    }];
    Request::Register(Registration { types, ..Registration::default() })
}

/// TYPE-1: a changed schema under the same version and an unknown type are refused, and nothing is
/// registered.
#[test]
fn a_changed_schema_is_refused() {
    let mut board = Board::with(&[], 0);
    let refused = board.ask(offered("A", 1, &[])).unwrap_err();
    assert_eq!(refused.code(), "schema-changed");
    let refused = board.register(&[agent("one", "Nowhere")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "agent `one` names the type `Nowhere`, which is not registered"
    );
}

/// TYPE-7: a newer version is registered beside the older ones, each with a number of its own, if the
/// program reads all of them; a program that is older is refused.
#[test]
fn a_newer_version_is_registered_if_every_older_one_can_be_read() {
    let mut board = Board::with(&[], 0);
    let code = |board: &mut Board, request| board.ask(request).unwrap_err().code();
    board.ask(offered("D", 2, &[])).unwrap();
    assert_eq!(code(&mut board, offered("D", 3, &[(1, None)])), "no-upcaster");
    let seq = board.state.seq();
    assert_eq!(code(&mut board, offered("D", 3, &[(2, Some("[]"))])), "old-schema-changed");
    assert_eq!(board.state.seq(), seq, "a refusal is no event");
    board.ask(offered("D", 3, &[(1, Some("[]")), (2, Some("[2]"))])).unwrap();
    assert_eq!(code(&mut board, offered("D", 4, &[(3, None)])), "no-upcaster");
    assert_eq!(code(&mut board, offered("D", 3, &[])), "no-upcaster");
    board.ask(offered("D", 5, &[(2, None), (3, None)])).unwrap();
    assert_eq!(code(&mut board, offered("D", 4, &[(2, None), (3, None)])), "older-version");
    assert_eq!(code(&mut board, offered("D", 2, &[])), "older-version");

    let name = TypeName::new("D").unwrap();
    let versions: Vec<u32> = board.state.versions_of(&name).map(|(_, one)| one.version).collect();
    assert_eq!(versions, [2, 3, 5]);
    let (newest, record) = board.state.type_named(&name).unwrap();
    assert_eq!(record.version, 5);
    let catalogue = Catalogue::of(&board.state);
    assert_eq!(catalogue.type_no("D"), Some(newest));
    let known: Vec<_> =
        catalogue.type_nos("D").iter().map(|&no| catalogue.type_version(no).unwrap()).collect();
    assert_eq!(known, [2, 3, 5]);
}

/// TYPE-7: a subscription is to all versions of its types.
#[test]
fn a_subscription_is_to_all_versions() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    let Request::Register(mut registration) = offered("A", 2, &[(1, None)]) else {
        panic!("it is no registration");
    };
    registration.agents.push(Arc::new(agent("one", "A")));
    board.ask(Request::Register(registration)).unwrap();
    let catalogue = Catalogue::of(&board.state);
    for &type_no in catalogue.type_nos("A") {
        let candidate = Candidate {
            type_no,
            producer: None,
            tags: &[],
            payload: b"{}",
            visibility: &Visibility::PUBLIC,
            ordering_key: None,
            envelope: None,
        };
        assert_eq!(catalogue.verdicts(candidate, &NoClosures).woken.len(), 1, "{type_no}");
    }
}

/// TYPE-11: the same key with the same payload is the same artifact, also under a newer version; with
/// another payload it is refused, and so it is for another type.
#[test]
fn a_key_stands_for_a_payload_across_versions() {
    let mut board = Board::with(&[], 0);
    let keyed = |of, payload| New { key: Some("k"), payload, ..new(of) };
    let first = board.publish(&[keyed("A", "{}")]).unwrap().remove(0);
    board.ask(offered("A", 2, &[(1, None)])).unwrap();
    let again = board.publish(&[keyed("A", "{}")]).unwrap().remove(0);
    assert_eq!((again.id, again.duplicate), (first.id, true));
    assert_eq!(board.publish(&[keyed("A", "[]")]).unwrap_err().code(), "key-reused");
    assert_eq!(board.publish(&[keyed("B", "{}")]).unwrap_err().code(), "key-reused");
    let counted: Vec<u64> = board.state.types().map(|(_, one)| one.artifacts).collect();
    assert_eq!(counted, [1, 0, 0, 0], "what is there already is not counted again");
    board.publish(&[new("A")]).unwrap();
    let counted: Vec<u64> = board.state.types().map(|(_, one)| one.artifacts).collect();
    assert_eq!(counted, [1, 0, 0, 1]);
}
