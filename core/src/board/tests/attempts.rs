//! Attempts: their ends, their outputs, what becomes of the activation.

use super::*;
use crate::command::RecordStep;
use crate::content::Content;
use crate::event::{AttemptEnd, DeadReason, Next};
use crate::names::StepName;
use crate::policy::limits;
use crate::step::StepClass;

pub(super) fn next_of(board: &Board) -> Next {
    let ends = board.events().into_iter().rev().find_map(|(_, event)| match event {
        Event::AttemptEnded { next, .. } => Some(*next),
        _ => None,
    });
    ends.expect("an attempt ended")
}

/// FIN-1, I3: acknowledgement, outputs, what those wake, and the lease of it are one decision.
#[test]
fn a_finish_is_one_decision() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    let decisions = board.log.len();
    board.done(&lease, &[new("B")]).unwrap();
    assert_eq!(board.log.len(), decisions + 1);
    let names: Vec<_> = board.log[decisions].events.iter().map(kind).collect();
    assert_eq!(names, ["ended", "committed", "created", "started"]);
    assert_eq!(board.outcome(lease.attempt.activation), Some(Outcome::Done));
    let second = board.leased();
    board.done(&second, &[]).unwrap();
    assert_eq!(board.settled.len(), 1, "the tree of work settled once, at its end");
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::ArtifactCommitted(_) => "committed",
        Event::ActivationCreated { .. } => "created",
        Event::AttemptStarted { .. } => "started",
        Event::AttemptEnded { .. } => "ended",
        _ => "other",
    }
}

/// FIN-2, I3, I6: a second report of an attempt, and a report of an earlier attempt, are refused
/// and write nothing.
#[test]
fn only_the_current_attempt_may_report() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let first = board.leased();
    board.fail(&first, ErrorKind::Transient).unwrap();
    assert_eq!(board.done(&first, &[new("B")]).unwrap_err().code(), "superseded");
    board.pass(Duration::from_secs(1));
    let second = board.leased();
    assert_eq!(second.attempt.attempt.get(), 2);
    assert_eq!(board.done(&first, &[new("B")]).unwrap_err().code(), "superseded");
    board.done(&second, &[new("B")]).unwrap();
    assert_eq!(board.done(&second, &[new("B")]).unwrap_err().code(), "superseded");
    assert_eq!(board.state.artifacts(), 2);
}

/// RETRY-1: an activation that fails waits its delay, is tried as often as the policy says, and is
/// a dead letter then; the trail names every start and end.
#[test]
fn a_failing_activation_is_retried_and_then_dead() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    for attempt in 1..=3 {
        let lease = board.leased();
        assert_eq!(lease.attempt.attempt.get(), attempt);
        board.fail(&lease, ErrorKind::Transient).unwrap();
        if attempt < 3 {
            let id = lease.attempt.activation;
            let not_before = board.now.elapsed.after(Duration::from_secs(1));
            assert_eq!(board.state.gate(id), Some(super::super::Gate::NotBefore(not_before)));
            board.pass(Duration::from_millis(999));
            assert!(board.leases.is_empty());
            board.pass(Duration::from_millis(1));
        }
    }
    let closed = board.closed[0].clone();
    assert_eq!(closed.outcome, Outcome::Dead(DeadReason::AttemptsExhausted));
    assert_eq!((closed.attempts, closed.trail.len()), (3, 6));
    assert_eq!(board.settled.len(), 1);
}

/// RETRY-2, KIND-1: kinds that the policy does not retry, and `permanent` always, are dead at once.
#[test]
fn what_is_not_retried_is_dead_at_once() {
    let mut picky = agent("one", "A");
    picky.retry = Retry::fixed(Duration::ZERO).on(&[ErrorKind::Timeout, ErrorKind::Permanent]);
    let mut board = Board::with(&[picky], 9);
    for kind in [ErrorKind::Transient, ErrorKind::Permanent, ErrorKind::Panic] {
        board.publish(&[new("A")]).unwrap();
        let lease = board.leased();
        board.fail(&lease, kind).unwrap();
        assert_eq!(next_of(&board), Next::Dead(DeadReason::NotRetryable), "{kind}");
    }
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Timeout).unwrap();
    assert!(matches!(next_of(&board), Next::Retry { counted: true, .. }));
}

/// RETRY-3: no attempt begins later than the policy's time for retries.
#[test]
fn retries_end_with_their_time() {
    let mut agent = agent("one", "A");
    agent.retry = agent.retry.max_attempts(99).max_elapsed(Duration::from_millis(1_500));
    let mut board = Board::with(&[agent], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(1));
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    assert_eq!(next_of(&board), Next::Dead(DeadReason::RetryTimeElapsed));
}

/// RETRY-4: what the other side asks for wins over the policy.
#[test]
fn a_rate_limit_says_when() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    let kind = ErrorKind::RateLimited { retry_after_ms: Some(600_000) };
    board.fail(&lease, kind).unwrap();
    let not_before = board.now.elapsed.after(Duration::from_mins(10));
    assert_eq!(next_of(&board), Next::Retry { not_before, counted: true });
}

/// TIME-1: an attempt that does not report is ended by the board a second after its deadline; its
/// late report is refused, and its slot is free when its executor says so.
#[test]
fn an_overdue_attempt_is_ended_by_the_board() {
    let mut board = Board::with(&[agent("one", "A")], 1);
    board.publish(&[new("A"), new("A")]).unwrap();
    let lease = board.leased();
    assert_eq!(lease.deadline, board.now.elapsed.after(Duration::from_mins(1)));
    board.pass(Duration::from_secs(60));
    assert!(board.stops.is_empty());
    board.pass(Duration::from_secs(1));
    assert_eq!(board.stops, [lease.attempt]);
    assert!(matches!(next_of(&board), Next::Retry { counted: true, .. }));
    assert!(board.leases.is_empty(), "the slot is held by the handler that does not stop");
    assert_eq!(board.done(&lease, &[]).unwrap_err().code(), "superseded");
    board.beside.release(lease.session, lease.attempt);
    board.pass(Duration::ZERO);
    assert_eq!(board.leases.len(), 1);
}

/// TIME-2: the time for the whole activation covers waiting and running. What waits ends at once;
/// what runs is ended by the board a second later, as after any time-out.
#[test]
fn the_total_time_ends_waiting_and_running() {
    let mut agent = agent("one", "A");
    agent.total_timeout = Some(Duration::from_secs(10));
    let mut board = Board::with(&[agent], 1);
    board.publish(&[new("A"), new("A")]).unwrap();
    let lease = board.leased();
    assert_eq!(lease.deadline, board.now.elapsed.after(Duration::from_secs(10)));
    board.pass(Duration::from_secs(10));
    let dead = Some(Outcome::Dead(DeadReason::TotalTimeout));
    assert_eq!(board.closed.len(), 1);
    assert_eq!(board.outcome(lease.attempt.activation), None);
    board.pass(Duration::from_secs(1));
    assert_eq!(board.closed.len(), 2);
    assert!(board.closed.iter().all(|closed| Some(closed.outcome) == dead));
    assert_eq!(board.stops, [lease.attempt]);
}

/// TIME-2, DLQ-3: an executor that reports the end of the whole activation's time is heard, and the
/// reason is the same as if the board had ended it, however many attempts were left.
#[test]
fn an_executor_may_report_the_total_timeout() {
    for retry in [Retry::never(), Retry::fixed(Duration::ZERO).jitter(Jitter::None)] {
        let mut agent = agent("one", "A");
        agent.total_timeout = Some(Duration::from_secs(10));
        agent.retry = retry;
        let mut board = Board::with(&[agent], 1);
        board.publish(&[new("A")]).unwrap();
        let lease = board.leased();
        board.pass(Duration::from_millis(10_999));
        board.fail(&lease, ErrorKind::Timeout).unwrap();
        assert_eq!(next_of(&board), Next::Dead(DeadReason::TotalTimeout));
    }
}

/// LIMIT-3: outputs deeper than the limit make the activation a dead letter with the reason `loop`;
/// outputs past the correlation's limit one with the reason `limit`. Nothing of them is published.
#[test]
fn loops_and_floods_are_dead_letters() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (first, second) = (board.leased(), board.leased());
    let deep = New { depth: limits::DEPTH_MAX + 1, ..new("B") };
    board.done(&first, &[deep]).unwrap();
    let outcome = board.outcome(first.attempt.activation);
    assert_eq!(outcome, Some(Outcome::Dead(DeadReason::Loop)));
    board.done(&second, &vec![new("B"); 99_999]).unwrap();
    let outcome = board.outcome(second.attempt.activation);
    assert_eq!(outcome, Some(Outcome::Dead(DeadReason::Limit)));
    assert_eq!(board.state.artifacts(), 2);
}

/// STEP-1: a step has one result for each activation and name; a later attempt finds it in its
/// lease; only the current attempt may record.
#[test]
fn a_step_is_recorded_once() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let first = board.leased();
    let record = |attempt: AttemptId| {
        let result = Content::new(Salt([5; 16]), Bytes::from_static(b"7"));
        let step = StepName::new("charge").unwrap();
        let class = StepClass::Idempotent;
        Request::RecordStep(RecordStep { attempt, step, result, class })
    };
    board.ask(record(first.attempt)).unwrap();
    assert_eq!(board.ask(record(first.attempt)).unwrap_err().code(), "step-recorded");
    board.fail(&first, ErrorKind::Transient).unwrap();
    assert_eq!(board.ask(record(first.attempt)).unwrap_err().code(), "superseded");
    board.pass(Duration::from_secs(1));
    let second = board.leased();
    assert_eq!(second.steps.len(), 1);
    assert_eq!(second.steps[0].name.as_str(), "charge");
}

/// SESS-1: attempts that are given back, or lost with their process, run again at once and use up
/// none of the retries.
#[test]
fn given_back_attempts_run_again() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.finish(lease.attempt, AttemptOutcome::Released).unwrap();
    let lease = board.leased();
    assert_eq!(lease.attempt.attempt.get(), 2);
    board.ask(Request::EndSession(SessionId::new(uuid(SESSION)))).unwrap();
    let ended = board.events().into_iter().rev().find_map(|(_, event)| match event {
        Event::AttemptEnded { end, .. } => Some(*end),
        _ => None,
    });
    assert_eq!(ended, Some(AttemptEnd::Released));
    board.open_session(3, PROCESS, 1);
    let lease = board.leased();
    assert_eq!(lease.attempt.attempt.get(), 3);
    assert_eq!(board.state.activation(lease.attempt.activation).unwrap().failures, 0);
}

/// I6: a session is opened once and ended once, by whoever it is named twice, and a session that was
/// never there ends nothing.
#[test]
fn a_session_is_there_once() {
    let mut board = Board::with(&[agent("one", "A")], 1);
    let events = board.events().len();
    let [there, unknown] = [SESSION, 77].map(|id| SessionId::new(uuid(id)));
    let again = OpenSession { session: there, process: ProcessId::new(uuid(PROCESS)), slots: 9 };
    let refused = board.ask(Request::OpenSession(again)).unwrap_err();
    assert_eq!(refused.code(), "session-open");
    let refused = board.ask(Request::EndSession(unknown)).unwrap_err();
    assert_eq!(refused.code(), "unknown-session");
    assert_eq!(board.events().len(), events, "what is refused records nothing");
    board.ask(Request::EndSession(there)).unwrap();
    assert_eq!(board.ask(Request::EndSession(there)).unwrap_err().code(), "unknown-session");
}
