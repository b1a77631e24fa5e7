//! The agenda: order, ageing, gates, permits.

use super::super::Gate;
use super::*;

fn prioritised(name: &str, on: &str, priority: u8) -> AgentDefinition {
    let mut agent = agent(name, on);
    agent.subscriptions[0].priority = priority;
    agent
}

/// AGENDA-1: higher priority first; equal ranks go by seq.
#[test]
fn priority_goes_first() {
    let agents = [prioritised("low", "A", 0), prioritised("high", "B", 9)];
    let mut board = Board::with(&agents, 1);
    board.publish(&[new("C"), new("A")]).unwrap();
    let blocker = board.leased();
    board.publish(&[new("A"), new("B"), new("B")]).unwrap();
    board.done(&blocker, &[]).unwrap();
    let order = |board: &mut Board| {
        let lease = board.leased();
        board.done(&lease, &[]).unwrap();
        board.state.agent(lease.agent).unwrap().definition.name.to_string()
    };
    assert_eq!([0; 3].map(|_| order(&mut board)), ["high", "high", "low"]);
}

/// AGENDA-1: what has waited long enough overtakes every priority.
#[test]
fn old_low_work_overtakes_new_high_work() {
    let agents = [prioritised("low", "A", 0), prioritised("high", "B", 9)];
    let mut board = Board::with(&agents, 0);
    board.publish(&[new("A")]).unwrap();
    board.pass(Duration::from_millis(270_001));
    board.publish(&[new("B")]).unwrap();
    board.open_session(3, PROCESS, 1);
    let first = board.leased();
    assert_eq!(board.state.agent(first.agent).unwrap().definition.name.as_str(), "low");
}

/// GATE-1: gates are asked in order: unregistered, not-before, board, agent, permit.
#[test]
fn gates_are_asked_in_order() {
    let mut narrow = agent("one", "A");
    narrow.concurrency = 1;
    let mut board = Board::with(&[narrow, agent("two", "B")], 2);
    board.publish(&[new("A"), new("A"), new("B"), new("B")]).unwrap();
    let running: Vec<_> = board.leases.iter().map(|lease| lease.attempt.activation).collect();
    let waiting: Vec<_> =
        board.state.activations().map(|(id, _)| id).filter(|id| !running.contains(id)).collect();
    assert_eq!(board.state.gate(waiting[0]), Some(Gate::AgentConcurrency));
    assert_eq!(board.state.gate(waiting[1]), Some(Gate::Permit));
    assert_eq!(board.state.gate(running[0]), None);
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    assert!(matches!(board.state.gate(lease.attempt.activation), Some(Gate::NotBefore(_))));
    board.register(&[agent("two", "B")]).unwrap();
    assert_eq!(board.state.gate(lease.attempt.activation), Some(Gate::Unregistered));
    assert_eq!(board.state.gate(waiting[0]), None, "it took the slot that became free");
}

/// GATE-2: an agent at its bound does not keep others from their permits.
#[test]
fn a_busy_agent_blocks_nobody_else() {
    let mut narrow = prioritised("narrow", "A", 9);
    narrow.concurrency = 1;
    let mut board = Board::with(&[narrow, prioritised("wide", "B", 0)], 3);
    board.publish(&[new("A"), new("A"), new("A"), new("B"), new("B")]).unwrap();
    let agents: Vec<_> = board.leases.iter().map(|lease| lease.agent.get()).collect();
    assert_eq!(agents, [0, 1, 1]);
}

/// PERMIT-1: work is leased to permits only, and a permit that is free takes work in the decision
/// that brings it.
#[test]
fn nothing_runs_without_a_permit() {
    let mut board = Board::with(&[agent("one", "A")], 0);
    board.publish(&[new("A"), new("A")]).unwrap();
    assert!(board.leases.is_empty());
    board.open_session(3, PROCESS, 1);
    let lease = board.leased();
    assert!(board.leases.is_empty());
    board.done(&lease, &[]).unwrap();
    assert_eq!(board.leases.len(), 1);
    let other = board.leased();
    board.done(&other, &[]).unwrap();
    assert!(board.state.is_idle());
}
