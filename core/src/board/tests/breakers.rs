//! Circuit breakers: when they open, what they let through, and what waits behind them.

use super::super::{CircuitPhase, Gate};
use super::*;
use crate::definition::{DependencyDefinition, Limits};
use crate::event::{AttemptEnd, Counts, Mended, Metered, Tripped};
use crate::ids::{AgentNo, DependencyNo};
use crate::names::DependencyName;
use crate::policy::Breaker;

const AGENT: Metered = Metered::Agent(AgentNo(0));
const SERVICE: Metered = Metered::Dependency(DependencyNo(0));

/// An agent with many attempts, so that what is told is told of the breaker.
fn guarded(breaker: Breaker) -> AgentDefinition {
    let mut agent = agent("one", "A");
    agent.limits.breaker = Some(breaker);
    agent.retry = Retry::fixed(Duration::from_secs(1)).jitter(Jitter::None).max_attempts(1_000);
    agent
}

fn service(breaker: Breaker) -> DependencyDefinition {
    let limits = Limits { breaker: Some(breaker), rate: None };
    DependencyDefinition { name: DependencyName::new("service").unwrap(), limits }
}

fn depends(name: &str, on: &str) -> AgentDefinition {
    let mut agent = agent(name, on);
    agent.dependencies = vec![DependencyName::new("service").unwrap()];
    agent
}

fn phase(board: &Board, of: Metered) -> CircuitPhase {
    board.state.meter(of).unwrap().0.circuit.clone().unwrap().phase
}

fn turns(board: &Board) -> Vec<Event> {
    let turned = |event: &&Event| {
        matches!(
            event,
            Event::BreakerOpened { .. }
                | Event::BreakerHalfOpened { .. }
                | Event::BreakerClosed { .. }
        )
    };
    let events = board.log.iter().flat_map(|decision| &decision.events);
    events.filter(turned).cloned().collect()
}

/// BREAKER-1: so many failures in a row open it; a success between them, and errors that say nothing
/// of health, begin the count anew.
#[test]
fn failures_in_a_row_open_it() {
    let mut board = Board::with(&[guarded(Breaker::consecutive(3))], 1);
    board.publish(&[new("A"), new("A"), new("A"), new("A"), new("A"), new("A")]).unwrap();
    for kind in [ErrorKind::Transient, ErrorKind::Timeout] {
        let lease = board.leased();
        board.fail(&lease, kind).unwrap();
    }
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Permanent).unwrap();
    for kind in [ErrorKind::Panic, ErrorKind::RateLimited { retry_after_ms: None }] {
        let lease = board.leased();
        board.fail(&lease, kind).unwrap();
    }
    assert_eq!(turns(&board), []);
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    let until = board.now.elapsed.after(Breaker::RECOVERY);
    let counts = Counts { calls: 3, failures: 3 };
    let opened = Event::BreakerOpened { of: AGENT, why: Tripped::InARow, until, counts };
    assert_eq!(turns(&board), [opened]);
    assert_eq!(board.leases, []);
}

/// BREAKER-2: a share of failures opens it once there were enough attempts, and what lies further back
/// than its window counts no more.
#[test]
fn a_share_of_failures_opens_it() {
    let breaker = Breaker::failure_rate(50).minimum_calls(4).window(Duration::from_secs(20));
    let mut board = Board::with(&[guarded(breaker)], 1);
    let all = [(); 12].map(|()| new("A"));
    board.publish(&all).unwrap();
    let fails = |board: &mut Board| {
        let lease = board.leased();
        board.fail(&lease, ErrorKind::Transient).unwrap();
    };
    let succeeds = |board: &mut Board| {
        let lease = board.leased();
        board.done(&lease, &[]).unwrap();
    };
    fails(&mut board);
    fails(&mut board);
    fails(&mut board);
    assert_eq!(turns(&board), [], "three are not enough");
    board.pass(Duration::from_secs(21));
    succeeds(&mut board);
    succeeds(&mut board);
    fails(&mut board);
    assert_eq!(turns(&board), [], "the first three lie too far back");
    fails(&mut board);
    let [Event::BreakerOpened { why: Tripped::Rate, counts, .. }] = turns(&board)[..] else {
        panic!("it did not open: {:?}", turns(&board));
    };
    assert_eq!(counts, Counts { calls: 4, failures: 2 });
}

/// BREAKER-3: while it is open nothing begins, and what waits uses up no attempts; then a few begin, and
/// it closes once as many have ended well.
#[test]
fn it_closes_once_its_probes_have_ended_well() {
    let breaker = Breaker::consecutive(1).recovery(Duration::from_secs(10)).probes(2);
    let mut board = Board::with(&[guarded(breaker)], 8);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.publish(&[new("A"), new("A"), new("A"), new("A")]).unwrap();
    let until = Elapsed(10_000);
    let waiting: Vec<_> = board.state.activations().map(|(id, _)| id).collect();
    let gate = Gate::Breaker { of: AGENT, until: Some(until) };
    assert_eq!(board.state.gate(waiting[1]), Some(gate));
    assert_eq!(board.state.next_due(), Some(Elapsed(1_000)), "the delay of the first");
    board.pass(Duration::from_secs(9));
    assert_eq!(board.state.next_due(), Some(until));
    assert_eq!(board.leases, []);
    assert!(!board.state.is_idle(), "it will go on by itself");
    board.pass(Duration::from_secs(1));
    assert_eq!(turns(&board)[1..], [Event::BreakerHalfOpened { of: AGENT, openings: 1 }]);
    assert_eq!(board.leases.len(), 2, "two probes and no more");
    let held = Gate::Breaker { of: AGENT, until: None };
    assert_eq!(waiting.iter().filter(|id| board.state.gate(**id) == Some(held)).count(), 3);
    let first = board.leased();
    board.done(&first, &[]).unwrap();
    assert_eq!(board.leases.len(), 1, "one has ended well, one runs: that is two");
    let second = board.leased();
    board.done(&second, &[]).unwrap();
    let counts = Counts { calls: 2, failures: 0 };
    let closed = Event::BreakerClosed { of: AGENT, why: Mended::Probes, counts };
    assert_eq!(turns(&board)[2..], [closed]);
    assert_eq!(board.leases.len(), 3);
    assert!(board.state.activations().all(|(_, activation)| activation.attempts <= 2));
}

/// BREAKER-4: a probe that fails opens it again, for longer where it backs off; late ends of attempts
/// that began before it opened say nothing.
#[test]
fn a_probe_that_fails_opens_it_again() {
    let second = Duration::from_secs(1);
    let breaker = Breaker::consecutive(1).recovery(second).recovery_backoff(2.0, 3 * second);
    let mut board = Board::with(&[guarded(breaker)], 8);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (first, late) = (board.leased(), board.leased());
    let mut opened = board.now.elapsed;
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.fail(&late, ErrorKind::Transient).unwrap();
    assert_eq!(turns(&board).len(), 1);
    for (openings, seconds) in (1..).zip([1, 2, 3, 3]) {
        board.pass(Duration::from_secs(seconds));
        let of = AGENT;
        assert_eq!(
            turns(&board).pop(),
            Some(Event::BreakerHalfOpened { of, openings }),
            "{opened}"
        );
        let probe = board.leased();
        opened = board.now.elapsed;
        board.fail(&probe, ErrorKind::Transient).unwrap();
        let other = board.leased();
        board.fail(&other, ErrorKind::Transient).unwrap();
        let Some(Event::BreakerOpened { why, counts, .. }) = turns(&board).pop() else {
            panic!("it did not open again");
        };
        assert_eq!((why, counts), (Tripped::Probe, Counts { calls: 1, failures: 1 }));
        board.leases.clear();
    }
}

/// BREAKER-5: a probe whose end says nothing gives its place to another one.
#[test]
fn a_lost_probe_gives_its_place_up() {
    let breaker = Breaker::consecutive(1).recovery(Duration::from_secs(1)).probes(1);
    let mut board = Board::with(&[guarded(breaker)], 8);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (first, late) = (board.leased(), board.leased());
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.done(&late, &[]).unwrap();
    board.pass(Duration::from_secs(1));
    let probe = board.leased();
    board.finish(probe.attempt, AttemptOutcome::Released).unwrap();
    let again = board.leased();
    assert_eq!(again.attempt.activation, probe.attempt.activation);
    // Its process is gone.
    board.take_over(2, 77);
    board.open_session(78, 77, 8);
    let once_more = board.leased();
    assert!(
        matches!(phase(&board, AGENT), CircuitPhase::HalfOpen { probes, .. } if probes.len() == 1)
    );
    board.done(&once_more, &[]).unwrap();
    assert_eq!(phase(&board, AGENT), CircuitPhase::Closed);
}

/// BREAKER-6: what is not the dependency's fault counts as an answer; a probe that ends so is well.
#[test]
fn an_answer_is_an_answer() {
    let breaker = Breaker::consecutive(1).recovery(Duration::from_secs(1)).probes(1);
    let mut board = Board::with(&[guarded(breaker)], 8);
    board.publish(&[new("A")]).unwrap();
    let first = board.leased();
    board.fail(&first, ErrorKind::Timeout).unwrap();
    board.pass(Duration::from_secs(1));
    let probe = board.leased();
    board.fail(&probe, ErrorKind::Permanent).unwrap();
    assert_eq!(phase(&board, AGENT), CircuitPhase::Closed);
}

/// BREAKER-7: it stays open over a restart, for the time that is left.
#[test]
fn a_restart_changes_nothing() {
    let breaker = Breaker::consecutive(1).recovery(Duration::from_secs(60));
    let mut board = Board::with(&[guarded(breaker.clone())], 8);
    board.publish(&[new("A")]).unwrap();
    let first = board.leased();
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(40));
    board.state = State::decode(&board.state.encode()).unwrap();
    board.take_over(2, 77);
    board.open_session(78, 77, 8);
    board.register(&[guarded(breaker)]).unwrap();
    assert_eq!(board.state.next_due(), Some(Elapsed(60_000)));
    board.pass(Duration::from_secs(19));
    assert_eq!(board.leases, []);
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases.len(), 1);
}

/// BREAKER-8: the breaker of a dependency counts the attempts of all agents that depend on it, and holds
/// all of them back, and no other.
#[test]
fn a_dependency_holds_back_whoever_depends_on_it() {
    let agents = [depends("one", "A"), depends("two", "B"), agent("three", "C")];
    let mut board = Board::created();
    board.register_with(&[service(Breaker::consecutive(2))], &agents).unwrap();
    board.open_session(SESSION, PROCESS, 8);
    board.publish(&[new("A"), new("B")]).unwrap();
    for _ in 0..2 {
        let lease = board.leased();
        board.fail(&lease, ErrorKind::Transient).unwrap();
    }
    assert!(matches!(phase(&board, SERVICE), CircuitPhase::Open { .. }));
    board.publish(&[new("A"), new("B"), new("C")]).unwrap();
    let leased: Vec<_> = board.leases.iter().map(|lease| lease.agent).collect();
    assert_eq!(leased, [AgentNo(2)]);
    board.leases.clear();
    board.pass(Breaker::RECOVERY);
    assert_eq!(board.leases.len(), 3, "three probes in all");
}

/// BREAKER-9: an operator opens it, and then it opens for nobody else until an operator closes it.
#[test]
fn an_operator_opens_and_closes_it() {
    let mut board = Board::with(&[guarded(Breaker::default())], 8);
    assert_eq!(board.ask(Request::OpenBreaker(AGENT)), Ok(Answer::Changed(1)));
    assert_eq!(board.ask(Request::OpenBreaker(AGENT)), Ok(Answer::Changed(0)));
    board.publish(&[new("A")]).unwrap();
    board.pass(Duration::from_hours(1_000));
    assert_eq!(board.leases, []);
    assert!(board.state.is_idle(), "only a person can help");
    let id = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(id), Some(Gate::Breaker { of: AGENT, until: None }));
    assert_eq!(board.ask(Request::CloseBreaker(AGENT)), Ok(Answer::Changed(1)));
    assert_eq!(board.ask(Request::CloseBreaker(AGENT)), Ok(Answer::Changed(0)));
    assert_eq!(board.leases.len(), 1);
    let none = Metered::Agent(AgentNo(7));
    assert_eq!(board.ask(Request::OpenBreaker(none)).unwrap_err().code(), "no-breaker");
}

/// BREAKER-10: other options hold at once; an open breaker stays open, one that is taken away holds
/// nothing back.
#[test]
fn another_definition_takes_it_over() {
    let mut board = Board::with(&[guarded(Breaker::consecutive(1))], 8);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(2));
    board.register(&[guarded(Breaker::consecutive(9))]).unwrap();
    assert!(matches!(phase(&board, AGENT), CircuitPhase::Open { .. }));
    assert_eq!(board.leases, []);
    let mut free = guarded(Breaker::default());
    free.limits.breaker = None;
    board.register(&[free]).unwrap();
    assert_eq!(board.leases.len(), 1);
    assert_eq!(
        board.state.next_due(),
        Some(board.leases[0].deadline.after(Duration::from_secs(1)))
    );
}

/// BREAKER-11: an attempt that the board itself ends as overdue counts as any time-out.
#[test]
fn an_overdue_attempt_counts() {
    let mut board = Board::with(&[guarded(Breaker::consecutive(1))], 8);
    board.publish(&[new("A")]).unwrap();
    board.pass(AgentDefinition::ATTEMPT_TIMEOUT + Duration::from_secs(1));
    let end = AttemptEnd::Failed(ErrorKind::Timeout);
    let ended = |(_, event): &(Seq, &Event)| matches!(event, Event::AttemptEnded { end: it, .. } if *it == end);
    assert!(board.events().iter().any(ended));
    assert!(matches!(phase(&board, AGENT), CircuitPhase::Open { .. }));
}

/// BREAKER-10: a half-open breaker that from now on wants no more probes than have ended well closes,
/// as no probe is to come whose end would close it.
#[test]
fn fewer_probes_than_ended_well_close_it() {
    let breaker = Breaker::consecutive(1).recovery(Duration::ZERO).probes(2);
    let mut board = Board::with(&[guarded(breaker.clone())], 1);
    board.publish(&[new("A"), new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert!(matches!(phase(&board, AGENT), CircuitPhase::HalfOpen { succeeded: 1, .. }));
    board.register(&[guarded(breaker.probes(1))]).unwrap();
    assert_eq!(phase(&board, AGENT), CircuitPhase::Closed);
    assert!(matches!(turns(&board).last(), Some(Event::BreakerClosed { why: Mended::Probes, .. })));
    board.check();
}
