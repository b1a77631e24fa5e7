//! Who may see an artifact, where it is matched and where it waits for its time.

use std::sync::LazyLock;

use super::super::Gate;
use super::*;
use crate::names::TenantId;
use crate::visibility::{Restriction, Tenants};

static OF_X: LazyLock<Visibility> = LazyLock::new(|| {
    Visibility::restricted(Restriction {
        tenants: Box::new([TenantId::new("x").unwrap()]),
        ..Restriction::default()
    })
});

static LATER: LazyLock<Visibility> = LazyLock::new(|| {
    let from = Some(Timestamp(2_000_000));
    Visibility::restricted(Restriction { from, ..OF_X.restriction().unwrap().clone() })
});

fn cleared(mut agent: AgentDefinition) -> AgentDefinition {
    agent.clearance.tenants = Tenants::Only(Box::new([TenantId::new("x").unwrap()]));
    agent
}

/// VIS-1: what an agent may not see does not wake it, and its filter is not asked.
#[test]
fn what_may_not_be_seen_wakes_nobody() {
    let mut curious = agent("curious", "A");
    // No closure is there: asked, it would say that it could not be evaluated.
    curious.subscriptions[0].filter = Filter::Closure { label: "test".into() };
    let mut board = Board::with(&[curious, cleared(agent("cleared", "A"))], 10);
    board.publish(&[New { visibility: Some(&OF_X), ..new("A") }]).unwrap();
    assert_eq!(board.leases.len(), 1);
    let events = board.events();
    let mut drafts = events.iter().filter_map(|(_, event)| match event {
        Event::ArtifactCommitted(draft) => Some(draft),
        _ => None,
    });
    let declined = drafts.next_back().unwrap().verdicts.declined.clone();
    assert_eq!(&*declined, [(SubscriptionNo(0), Clause::Visibility)]);
    // A new definition counts for what comes after it.
    board.register(&[agent("cleared", "A")]).unwrap();
    board.publish(&[New { visibility: Some(&OF_X), ..new("A") }]).unwrap();
    assert_eq!(board.leases.len(), 1);
}

/// VIS-5: what may be seen later wakes by itself when its time has come, also after a restart.
#[test]
fn what_may_be_seen_later_wakes_then() {
    let mut board = Board::with(&[cleared(agent("one", "A"))], 10);
    let left = LATER.from().unwrap().since(board.now.wall);
    board.publish(&[New { visibility: Some(&LATER), ..new("A") }]).unwrap();
    let first = board.state.activations().next().unwrap().0;
    assert!(matches!(board.state.gate(first), Some(Gate::NotBefore(_))));
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(left - Duration::from_millis(1));
    assert_eq!(board.leases.len(), 0);
    board.pass(Duration::from_millis(1));
    assert_eq!(board.leases.len(), 1);
}

/// QUIET-3, VIS-5: what may be seen later makes expire what waits to be old, when its time has come, if
/// that is before the age is reached; also after a restart, and for nobody who may not see it then.
#[test]
fn what_may_be_seen_later_makes_expire_then() {
    for (seen_after, sees, expires) in [(4, true, true), (4, false, false), (10, true, false)] {
        let mut old = agent("one", "A");
        old.subscriptions[0].wakes = Wakes::Aged {
            age: Duration::from_secs(10),
            without: vec![TypeName::new("B").unwrap()],
        };
        let mut board = Board::with(&[if sees { cleared(old) } else { old }], 10);
        let tree = Some(CorrelationId::new(uuid(77)));
        board.publish(&[New { correlation: tree, ..new("A") }]).unwrap();
        let from = Some(Timestamp(board.now.wall.0 + seen_after * 1_000));
        let later = Restriction { from, ..OF_X.restriction().unwrap().clone() };
        let visibility = Some(&*Box::leak(Box::new(Visibility::restricted(later))));
        board.publish(&[New { visibility, correlation: tree, ..new("B") }]).unwrap();
        board.state = State::decode(&board.state.encode()).unwrap();
        board.pass(Duration::from_millis(3_999));
        assert_eq!(board.state.activations().count(), 1, "it waits");
        if expires {
            let due = board.now.elapsed.after(Duration::from_millis(1));
            assert_eq!(board.state.next_due(), Some(due));
            board.pass(Duration::from_millis(1));
            let counters = board.state.subscription(SubscriptionNo(0)).unwrap().counters;
            assert_eq!((counters.expired, board.state.activations().count()), (1, 0));
        }
        board.pass(Duration::from_millis(6_001));
        assert_eq!(board.leases.len(), usize::from(!expires), "{seen_after} {sees}");
        board.check();
    }
}

/// QUIET-3: nobody looks for a while, and the time comes at which something may be seen and then the one
/// at which the match is old enough: it has expired, whatever makes the board look again.
#[test]
fn what_could_be_seen_before_the_age_was_reached_has_made_expire() {
    let mut old = agent("one", "A");
    let without = vec![TypeName::new("B").unwrap()];
    old.subscriptions[0].wakes = Wakes::Aged { age: Duration::from_secs(10), without };
    let mut board = Board::with(&[old], 10);
    let tree = Some(CorrelationId::new(uuid(77)));
    let from = Some(Timestamp(board.now.wall.0 + 4_000));
    let later = Visibility::restricted(Restriction { from, ..Restriction::default() });
    let visibility = Some(&*Box::leak(Box::new(later)));
    // Both in one publish.
    let b = New { visibility, correlation: tree, ..new("B") };
    board.publish(&[New { correlation: tree, ..new("A") }, b]).unwrap();
    board.now.elapsed = board.now.elapsed.after(Duration::from_secs(60));
    board.publish(&[new("C")]).unwrap();
    assert_eq!(board.leases, []);
    assert_eq!(board.state.subscription(SubscriptionNo(0)).unwrap().counters.expired, 1);
    board.check();
}

/// VIS-1: what an agent may not see has not come for it: it makes nothing expire that waits to be old.
#[test]
fn what_may_not_be_seen_makes_nothing_expire() {
    for (visibility, sees, expires) in [
        (None, false, true),
        (Some(&*OF_X), false, false),
        (Some(&*OF_X), true, true),
        (Some(&*LATER), true, false),
    ] {
        let mut old = agent("one", "A");
        old.subscriptions[0].wakes = Wakes::Aged {
            age: Duration::from_secs(10),
            without: vec![TypeName::new("B").unwrap()],
        };
        let mut board = Board::with(&[if sees { cleared(old) } else { old }], 10);
        let tree = Some(CorrelationId::new(uuid(77)));
        board.publish(&[New { correlation: tree, ..new("A") }]).unwrap();
        board.publish(&[New { visibility, correlation: tree, ..new("B") }]).unwrap();
        board.pass(Duration::from_secs(10));
        assert_eq!(board.leases.len(), usize::from(!expires), "{visibility:?} {sees}");
    }
}
