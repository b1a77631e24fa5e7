//! Rate limits: how often attempts begin.

use super::super::Gate;
use super::*;
use crate::definition::{DependencyDefinition, Limits};
use crate::event::Metered;
use crate::ids::{AgentNo, DependencyNo};
use crate::names::DependencyName;
use crate::policy::RateLimit;

fn limited(rate: RateLimit) -> AgentDefinition {
    let mut agent = agent("one", "A");
    agent.limits.rate = Some(rate);
    agent
}

/// RATE-1: as many attempts begin as there are tokens; what waits for one begins when it is there.
#[test]
fn attempts_begin_as_tokens_come_back() {
    let mut board = Board::with(&[limited(RateLimit::per_second(4).burst(2))], 100);
    board.publish(&[(); 5].map(|()| new("A"))).unwrap();
    assert_eq!(board.leases.len(), 2);
    let waiting = board.state.activations().nth(2).unwrap().0;
    let of = Metered::Agent(AgentNo(0));
    assert_eq!(board.state.gate(waiting), Some(Gate::Rate { of, until: Elapsed(250) }));
    assert_eq!(board.state.next_due(), Some(Elapsed(250)));
    board.pass(Duration::from_millis(249));
    assert_eq!(board.leases.len(), 2);
    board.pass(Duration::from_millis(1));
    assert_eq!(board.leases.len(), 3);
    board.pass(Duration::from_millis(500));
    assert_eq!(board.leases.len(), 5);
}

/// RATE-2: a retry takes a token too.
#[test]
fn every_attempt_takes_a_token() {
    let mut board = Board::with(&[limited(RateLimit::per_minute(1))], 100);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(59));
    assert_eq!(board.leases, []);
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases.len(), 1);
}

/// RATE-3: the rate limit of a dependency is one for all agents that depend on it.
#[test]
fn a_dependency_is_shared() {
    let name = DependencyName::new("service").unwrap();
    let limits = Limits { breaker: None, rate: Some(RateLimit::per_second(1)) };
    let service = DependencyDefinition { name: name.clone(), limits };
    let agents = [agent("one", "A"), agent("two", "B")].map(|mut agent| {
        agent.dependencies = vec![name.clone()];
        agent
    });
    let mut board = Board::created();
    board.register_with(&[service], &agents).unwrap();
    board.open_session(SESSION, PROCESS, 8);
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(board.leases.len(), 1);
    let of = Metered::Dependency(DependencyNo(0));
    let waiting = board.state.activations().nth(1).unwrap().0;
    assert_eq!(board.state.gate(waiting), Some(Gate::Rate { of, until: Elapsed(1_000) }));
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases.len(), 2);
    let undeclared = agent_on("nothing");
    assert_eq!(board.register(&[undeclared]).unwrap_err().code(), "unknown-dependency");
}

fn agent_on(dependency: &str) -> AgentDefinition {
    let mut agent = agent("three", "C");
    agent.dependencies = vec![DependencyName::new(dependency).unwrap()];
    agent
}

/// RATE-4: tokens outlive a restart.
#[test]
fn a_restart_fills_no_bucket() {
    let mut board = Board::with(&[limited(RateLimit::per_minute(2))], 100);
    board.publish(&[(); 3].map(|()| new("A"))).unwrap();
    assert_eq!(board.leases.len(), 2);
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_secs(29));
    assert_eq!(board.leases.len(), 2);
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases.len(), 3);
}
