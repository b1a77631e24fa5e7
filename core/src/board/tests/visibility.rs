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
