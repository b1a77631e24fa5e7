//! The rules of what may follow the end of an attempt, told once more from the events and from what the
//! agents of a simulation were drawn to do.

use std::time::Duration;

use artel_core::board::{Activation, Running};
use artel_core::envelope::Actor;
use artel_core::event::{AttemptEnd, DeadReason, Next};
use artel_core::ids::{ActivationId, AttemptId};
use artel_core::policy::ErrorKind;
use artel_core::record::Decision;

use super::agents::Returned;
use super::audit::{Audit, Operated};
use super::cases::Case;
use super::{crew, deaths, rules};

/// Holds the end of an attempt to the rules. For one that is done: how many artifacts it owes.
pub(super) fn end_of(
    audit: &mut Audit,
    attempt: AttemptId,
    (end, next): (AttemptEnd, Next),
    decision: &Decision,
) -> Option<usize> {
    let activation = audit.state.activation(attempt.activation).cloned();
    let running = activation.as_ref().and_then(Activation::running).copied();
    let (Some(activation), Some(running)) = (activation, running) else {
        audit.violated(format_args!("I6: attempt {attempt} ends without running"));
        return None;
    };
    if running.attempt != attempt.attempt {
        audit.violated(format_args!("I3: {attempt} ends while another one runs"));
        return None;
    }
    let returned = audit.returned.remove(&attempt);
    let ended = Ended { attempt, end, next, activation, running, returned };
    who(audit, &ended, decision);
    let failures = audit.failures.get(&attempt.activation).copied().unwrap_or(0) + 1;
    let by_death = deaths::expected(audit, &ended.activation, (attempt, end));
    let fits = match (end, next) {
        _ if by_death.is_some() => by_death.map(Next::Dead) == Some(next),
        (AttemptEnd::Done | AttemptEnd::Cancelled, Next::Closed) => true,
        (AttemptEnd::Lost | AttemptEnd::Released, Next::Retry { counted, .. }) => !counted,
        (AttemptEnd::BoardFull, Next::WhenRoom { room, .. }) => {
            audit.cases.count(Case::NoRoom { of_agent: room.agent.is_some() });
            !rules::has_room(audit, room)
        }
        (AttemptEnd::Failed(ErrorKind::InvalidOutput), Next::Dead(DeadReason::Loop)) => {
            is_too_deep(audit, &ended)
        }
        (AttemptEnd::Failed(ErrorKind::InvalidOutput), Next::Dead(DeadReason::Limit)) => {
            is_too_much(audit, &ended, decision)
        }
        (AttemptEnd::Failed(kind), Next::Retry { .. } | Next::Dead(_)) => {
            next == after_failure(audit, &ended, (kind, failures), decision)
        }
        _ => false,
    };
    if !fits {
        audit.violated(format_args!(
            "I6: {attempt} ended as {end:?}, failure {failures}, and then {next:?}"
        ));
    }
    note(audit, &ended, failures);
    deaths::ended(audit, attempt, (end, next));
    panicked(audit, &ended, decision);
    if end == AttemptEnd::Done && ended.returned.as_ref().is_some_and(|returned| !returned.fits) {
        audit.violated(format_args!("I3: {attempt} is done, and returned more than it may"));
    }
    if end == AttemptEnd::Done { Some(owes(audit, &ended)) } else { None }
}

/// The end of an attempt, and what was known of it before.
struct Ended {
    attempt: AttemptId,
    end: AttemptEnd,
    next: Next,
    activation: Activation,
    running: Running,
    /// What its handler had returned, if it had.
    returned: Option<Returned>,
}

/// Whether it was ended by whoever may.
fn who(audit: &mut Audit, ended: &Ended, decision: &Decision) {
    let Ended { attempt, end, running, returned, .. } = ended;
    let by_itself = decision.actor == Actor::Attempt(*attempt);
    if !by_itself && returned.as_ref().is_some_and(|it| it.candidates >= running.slots) {
        audit.cases.count(Case::LateResult);
    }
    let may = match end {
        AttemptEnd::Done | AttemptEnd::BoardFull => by_itself,
        AttemptEnd::Failed(ErrorKind::Timeout) => decision.elapsed >= running.deadline,
        AttemptEnd::Failed(_) => by_itself,
        AttemptEnd::Lost => matches!(decision.actor, Actor::Board),
        AttemptEnd::Released if decision.actor == Actor::Board => {
            never_began(audit, ended, decision)
        }
        AttemptEnd::Released => by_itself || matches!(decision.actor, Actor::Program(_)),
        AttemptEnd::Cancelled => {
            let activation = attempt.activation;
            rules::operated(audit, Operated::Cancelled(activation), decision);
            true
        }
    };
    if !may {
        let (at, actor) = (decision.elapsed, &decision.actor);
        audit.violated(format_args!(
            "I6: {attempt} ended as {end:?} at {at}, and {actor:?} says so"
        ));
    }
}

/// Whether an attempt is one that the board may give back: its start was known to be in the log only
/// long after it had been decided.
fn never_began(audit: &mut Audit, ended: &Ended, decision: &Decision) -> bool {
    audit.cases.count(Case::NeverBegan);
    let waited = decision.elapsed.since(ended.running.started);
    waited > Duration::from_secs(1) && ended.returned.is_none()
}

/// What the policy makes of a failure.
fn after_failure(
    audit: &Audit,
    ended: &Ended,
    (kind, failures): (ErrorKind, u32),
    decision: &Decision,
) -> Next {
    let now = decision.elapsed;
    let Ended { activation, running, .. } = ended;
    let Some(agent) = audit.state.agent(activation.agent) else {
        return Next::Dead(DeadReason::NotRetryable);
    };
    let (retry, total) = (&agent.definition.retry, agent.definition.total_timeout);
    let not_before = now.after(retry.delay(failures, kind, running.seed));
    let is_after = |limit: Option<Duration>, moment| {
        limit.is_some_and(|limit| moment > activation.created.after(limit))
    };
    if total.is_some_and(|total| now >= activation.created.after(total)) {
        Next::Dead(DeadReason::TotalTimeout)
    } else if kind == ErrorKind::Permanent {
        // Nothing else is left out by the policy of an agent of a simulation.
        Next::Dead(DeadReason::NotRetryable)
    } else if failures >= retry.attempts_max() {
        Next::Dead(DeadReason::AttemptsExhausted)
    } else if is_after(retry.elapsed_max(), not_before) {
        Next::Dead(DeadReason::RetryTimeElapsed)
    } else {
        Next::Retry { not_before, counted: true }
    }
}

/// Whether what was returned would be deeper than it may be.
fn is_too_deep(audit: &Audit, ended: &Ended) -> bool {
    let inputs = ended.activation.inputs.iter().filter_map(|seq| audit.depths.get(seq));
    let deep = inputs.max().is_some_and(|depth| depth + 1 > audit.bounds.depth);
    deep && owes(audit, ended) > 0
}

/// Whether what was returned would be more than its tree of work gets in an hour, or would wake more
/// than an agenda that is empty takes.
fn is_too_much(audit: &Audit, ended: &Ended, decision: &Decision) -> bool {
    let hour = audit.hours.get(&ended.activation.correlation);
    let over = |since| decision.elapsed.since(since) >= Duration::from_hours(1);
    let had = hour.filter(|(since, _)| !over(*since)).map_or(0, |(_, count)| *count);
    if had + owes(audit, ended) as u64 > u64::from(audit.bounds.correlation_artifacts) {
        return true;
    }
    let Some(Returned { tokens: (tokens, taste), .. }) = ended.returned else { return false };
    let maker = ended.running.member.unwrap_or(ended.activation.agent);
    let woken = tokens * crew::woken(&audit.state, taste, maker);
    tokens > rules::owed_max(audit, Some(ended.activation.agent))
        || woken.saturating_sub(1) > rules::owed_max(audit, None)
}

/// How many artifacts an attempt has to leave when it is done: what its handler returned, and what it
/// published under a key, unless somebody else did that before.
fn owes(audit: &Audit, ended: &Ended) -> usize {
    let Some(returned) = &ended.returned else { return 0 };
    let is_there = |key: &String| audit.keys.keys().any(|taken| taken.as_str() == key);
    returned.made + usize::from(returned.key.as_ref().is_some_and(|key| !is_there(key)))
}

/// Remembers what the next end needs, and counts the case.
fn note(audit: &mut Audit, ended: &Ended, failures: u32) {
    let activation = ended.attempt.activation;
    match ended.next {
        Next::Dead(reason) => {
            audit.dead.insert(activation);
            audit.cases.count(Case::Dead(reason));
        }
        Next::Retry { counted: true, .. } => {
            audit.failures.insert(activation, failures);
        }
        Next::Retry { .. } | Next::WhenRoom { .. } | Next::Closed => {}
    }
    match ended.end {
        AttemptEnd::Failed(kind) => audit.cases.count(Case::Failed(kind.as_str())),
        AttemptEnd::Lost => audit.cases.count(Case::Lost),
        AttemptEnd::Released => audit.cases.count(Case::Released),
        AttemptEnd::Done => {
            let returned = ended.returned.as_ref();
            let keyed = returned.is_some_and(|returned| returned.key.is_some());
            if keyed && returned.is_some_and(|returned| owes(audit, ended) == returned.made) {
                audit.cases.count(Case::KeyTaken);
            }
            if returned.is_some_and(|returned| returned.withheld > 0) {
                audit.cases.count(Case::Withheld);
            }
            let slots = ended.running.slots;
            if slots > 1 {
                let all = returned.is_some_and(|returned| returned.candidates == slots);
                audit.cases.count(Case::BestOf { left_out: !all });
            }
        }
        AttemptEnd::Cancelled | AttemptEnd::BoardFull => {}
    }
}

/// I6: a panic is an end of its own.
fn panicked(audit: &mut Audit, ended: &Ended, decision: &Decision) {
    let attempt = ended.attempt;
    let Some(at) = audit.panicking.remove(&attempt) else { return };
    // One that begins when its time is over already may be ended by the board first.
    let over = decision.at.since(at) > Duration::from_secs(1);
    if over && ended.end == AttemptEnd::Failed(ErrorKind::Timeout) {
        audit.violated(format_args!("I6: {attempt} panicked, and that was no end of it"));
    }
}

/// I6: only what has a time for all of its attempts is given up while it waits, and then.
pub(super) fn waited_too_long(
    audit: &mut Audit,
    id: ActivationId,
    reason: DeadReason,
    decision: &Decision,
) {
    audit.dead.insert(id);
    audit.cases.count(Case::Dead(reason));
    let Some(activation) = audit.state.activation(id) else {
        return audit.violated(format_args!("I2: {id} is given up and is not open"));
    };
    let agent = audit.state.agent(activation.agent);
    let total = agent.and_then(|agent| agent.definition.total_timeout);
    let over = total.is_some_and(|total| decision.elapsed >= activation.created.after(total));
    if !over || reason != DeadReason::TotalTimeout || activation.running().is_some() {
        audit.violated(format_args!("I6: {id} is given up at {}: {reason:?}", decision.elapsed));
    }
}
