//! The rules of what holds attempts back, told once more from the events alone: what breakers let
//! through and when they turn, how often attempts may begin, and what is paused.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::board::State;
use artel_core::definition::Limits;
use artel_core::envelope::Actor;
use artel_core::event::{AttemptEnd, Event, Mended, Metered, Pausable, Tripped};
use artel_core::ids::{ActivationId, AgentNo, AttemptId};
use artel_core::policy::{Breaker, RateLimit, Trip};
use artel_core::record::Decision;
use artel_core::time::Elapsed;

use super::audit::Audit;
use super::cases::Case;

/// Into how many slices the window of a breaker is divided.
const SLICES: u64 = 20;

/// What was seen of what holds attempts back.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    breakers: BTreeMap<Metered, Seen>,
    /// When attempts began that a rate limit counts.
    starts: BTreeMap<Metered, Vec<u64>>,
    pub(super) paused: BTreeSet<Pausable>,
    /// Breakers that counted an end in this decision.
    counted: BTreeSet<Metered>,
}

/// A breaker, as its events tell of it.
#[derive(Debug, Default)]
struct Seen {
    phase: Phase,
    /// When attempts ended since it was last closed, and whether they failed.
    ends: Vec<(u64, bool)>,
    openings: u32,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Closed,
    Open(Elapsed),
    HalfOpen {
        running: BTreeSet<ActivationId>,
        well: u32,
        failed: bool,
    },
}

/// Whether an end tells of a failure; none when it tells of nothing.
fn failed(end: AttemptEnd) -> Option<bool> {
    match end {
        AttemptEnd::Done | AttemptEnd::BoardFull => Some(false),
        AttemptEnd::Failed(kind) => {
            Some(matches!(kind.as_str(), "transient" | "rate-limited" | "timeout" | "panic"))
        }
        AttemptEnd::Lost | AttemptEnd::Released | AttemptEnd::Cancelled => None,
    }
}

impl Seen {
    /// Whether what ended calls for opening it.
    fn is_due(&self, breaker: &Breaker, now: u64) -> Option<Tripped> {
        match &self.phase {
            Phase::Open(_) => None,
            Phase::HalfOpen { failed, .. } => failed.then_some(Tripped::Probe),
            Phase::Closed => match breaker.trip() {
                Trip::InARow(failures) => {
                    let row = self.ends.iter().rev().take_while(|(_, failed)| *failed).count();
                    (row >= failures as usize).then_some(Tripped::InARow)
                }
                Trip::Rate { percent, calls_min, window } => {
                    let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
                    let slice = window.div_ceil(SLICES).max(1);
                    let counts = |at: u64| at / slice + SLICES > now / slice;
                    let lately = self.ends.iter().filter(|(at, _)| counts(*at));
                    let calls = lately.clone().count() as u64;
                    let failures = lately.filter(|(_, failed)| *failed).count() as u64;
                    let opens = calls >= u64::from(calls_min)
                        && failures * 100 >= calls * u64::from(percent);
                    opens.then_some(Tripped::Rate)
                }
            },
        }
    }

    const fn is_mended(&self, breaker: &Breaker) -> bool {
        match &self.phase {
            Phase::HalfOpen { well, failed, .. } => !*failed && *well >= breaker.probes_max(),
            Phase::Closed | Phase::Open(_) => false,
        }
    }

    fn lets_through(&self, breaker: &Breaker) -> bool {
        match &self.phase {
            Phase::Closed => true,
            Phase::Open(_) => false,
            Phase::HalfOpen { running, well, failed } => {
                !failed && running.len() + (*well as usize) < breaker.probes_max() as usize
            }
        }
    }
}

/// What an agent's attempts are metered by, with its limits.
fn metered(state: &State, agent: AgentNo) -> Vec<(Metered, Limits)> {
    let Some(record) = state.agent(agent) else { return Vec::new() };
    let own = (Metered::Agent(agent), record.definition.limits.clone());
    let others = record.definition.dependencies.iter().filter_map(|name| {
        let (no, dependency) = state.dependency_named(name)?;
        Some((Metered::Dependency(no), dependency.definition.limits.clone()))
    });
    [own].into_iter().chain(others).collect()
}

/// Once a decision is folded in.
pub(super) fn after(audit: &mut Audit, decision: &Decision) {
    audit.held_back.counted.clear();
    let now = decision.elapsed;
    for event in &decision.events {
        match event {
            Event::AttemptStarted { attempt, .. } => start(audit, *attempt, now),
            Event::AttemptEnded { attempt, end, .. } => end_of(audit, *attempt, *end, now),
            Event::BreakerOpened { of, why, until, .. } => {
                opened(audit, *of, (*why, *until), decision);
            }
            Event::BreakerHalfOpened { of, .. } => half_opened(audit, *of, now),
            Event::BreakerClosed { of, why, .. } => closed(audit, *of, *why, decision),
            Event::Paused { what } | Event::Resumed { what } => {
                let pauses = matches!(event, Event::Paused { .. });
                let paused = &mut audit.held_back.paused;
                let news = if pauses { paused.insert(*what) } else { paused.remove(what) };
                if !news || !matches!(decision.actor, Actor::Operator { .. }) {
                    audit.violated(format_args!("I9: {event:?}, and {:?}", decision.actor));
                }
                if pauses {
                    audit.cases.count(match what {
                        Pausable::Board => Case::BoardPaused,
                        Pausable::Agent(_) => Case::AgentPaused,
                        Pausable::Correlation(_) => Case::TreePaused,
                    });
                }
            }
            _ => {}
        }
    }
    overdue(audit, now);
}

/// I9: a breaker turns in the decision in which it is due.
fn overdue(audit: &mut Audit, now: Elapsed) {
    let counted = std::mem::take(&mut audit.held_back.counted);
    let mut wrong = Vec::new();
    for of in &counted {
        let limits = audit.state.meter(*of).map(|(_, limits)| limits);
        let Some(breaker) = limits.and_then(|limits| limits.breaker.as_ref()) else { continue };
        let Some(seen) = audit.held_back.breakers.get(of) else { continue };
        if seen.is_due(breaker, now.as_millis()).is_some() || seen.is_mended(breaker) {
            wrong.push(format!("I9: the breaker of {of:?} was to turn at {now}: {seen:?}"));
        }
    }
    for what in wrong {
        audit.violated(what);
    }
}

/// Whose an activation is, or was before this decision closed it, and its tree of work.
fn whose(audit: &Audit, id: ActivationId) -> Option<AgentNo> {
    let open = audit.state.activation(id).map(|open| open.agent);
    let closed = || audit.changes.rows.closed.iter().find(|closed| closed.activation == id);
    open.or_else(|| closed().map(|closed| closed.agent))
}

fn start(audit: &mut Audit, attempt: AttemptId, now: Elapsed) {
    let id = attempt.activation;
    let Some(activation) = audit.state.activation(id) else { return };
    let tree = activation.correlation;
    let agent = activation.runner().unwrap_or(activation.agent);
    let all = [
        Pausable::Board,
        Pausable::Agent(agent),
        Pausable::Agent(activation.agent),
        Pausable::Correlation(tree),
    ];
    if all.iter().any(|what| audit.held_back.paused.contains(what)) {
        audit.violated(format_args!("I9: {attempt} begins, and is paused"));
    }
    for (of, limits) in metered(&audit.state, agent) {
        if let Some(breaker) = &limits.breaker {
            let seen = audit.held_back.breakers.entry(of).or_default();
            let through = seen.lets_through(breaker);
            if let Phase::HalfOpen { running, .. } = &mut seen.phase {
                running.insert(id);
            }
            if !through {
                let seen = format!("{seen:?}");
                audit.violated(format_args!("I9: {attempt} begins through {of:?}: {seen}"));
            }
        }
        if let Some(rate) = &limits.rate {
            let starts = audit.held_back.starts.entry(of).or_default();
            starts.push(now.as_millis());
            let (fits, full) = (fits(starts, rate, 0), !fits(starts, rate, 1));
            if full {
                audit.cases.count(Case::RateReached);
            }
            if !fits {
                audit.violated(format_args!("I9: {attempt} begins too soon for {of:?}"));
            }
        }
    }
}

/// Whether no more attempts began in any stretch of time up to the last start than there were tokens,
/// with so many more at its end.
fn fits(starts: &[u64], rate: &RateLimit, more: u64) -> bool {
    let Some(&now) = starts.last() else { return true };
    let held = |(index, since): (usize, &u64)| {
        let began = (starts.len() - index) as u64 + more;
        let beyond = began.saturating_sub(u64::from(rate.burst_max()));
        beyond * rate.period_ms() <= (now - since) * u64::from(rate.permits())
    };
    starts.iter().enumerate().all(held)
}

fn end_of(audit: &mut Audit, attempt: AttemptId, end: AttemptEnd, now: Elapsed) {
    let id = attempt.activation;
    let Some(agent) = audit.crew.runner(id).or_else(|| whose(audit, id)) else { return };
    for (of, limits) in metered(&audit.state, agent) {
        if limits.breaker.is_none() {
            continue;
        }
        let held_back = &mut audit.held_back;
        let seen = held_back.breakers.entry(of).or_default();
        match (&mut seen.phase, failed(end)) {
            (Phase::Closed, Some(failed)) => {
                seen.ends.push((now.as_millis(), failed));
                held_back.counted.insert(of);
            }
            (Phase::HalfOpen { running, well, failed }, sign) => {
                if running.remove(&id) {
                    *well += u32::from(sign == Some(false));
                    *failed |= sign == Some(true);
                    held_back.counted.insert(of);
                }
            }
            (Phase::Closed | Phase::Open(_), _) => {}
        }
    }
}

fn opened(audit: &mut Audit, of: Metered, (why, until): (Tripped, Elapsed), decision: &Decision) {
    audit.cases.count(Case::BreakerOpened(why));
    let now = decision.elapsed;
    let limits = audit.state.meter(of).map(|(_, limits)| limits.clone());
    let Some(breaker) = limits.and_then(|limits| limits.breaker) else {
        return audit.violated(format_args!("I9: there is no breaker of {of:?}, and it opened"));
    };
    let seen = audit.held_back.breakers.entry(of).or_default();
    let by_hand = matches!(decision.actor, Actor::Operator { .. });
    let right = match why {
        Tripped::Operator => by_hand && until == Elapsed::NEVER,
        Tripped::InARow | Tripped::Rate | Tripped::Probe => {
            seen.openings += 1;
            until == now.after(breaker.recovery_time(seen.openings))
                && seen.is_due(&breaker, now.as_millis()) == Some(why)
        }
    };
    let before = std::mem::replace(&mut seen.phase, Phase::Open(until));
    seen.ends.clear();
    if !right {
        audit.violated(format_args!("I9: {of:?} opened at {now}, {why:?}, from {before:?}"));
    }
}

fn half_opened(audit: &mut Audit, of: Metered, now: Elapsed) {
    let seen = audit.held_back.breakers.entry(of).or_default();
    let half = Phase::HalfOpen { running: BTreeSet::new(), well: 0, failed: false };
    let before = std::mem::replace(&mut seen.phase, half);
    if !matches!(before, Phase::Open(until) if until <= now) {
        audit.violated(format_args!("I9: {of:?} is half-open at {now}, from {before:?}"));
    }
}

fn closed(audit: &mut Audit, of: Metered, why: Mended, decision: &Decision) {
    audit.cases.count(Case::BreakerClosed(why));
    let limits = audit.state.meter(of).map(|(_, limits)| limits.clone());
    let breaker = limits.and_then(|limits| limits.breaker).unwrap_or_default();
    let seen = audit.held_back.breakers.entry(of).or_default();
    let right = match why {
        Mended::Operator => matches!(decision.actor, Actor::Operator { .. }),
        Mended::Probes => seen.is_mended(&breaker),
    };
    let before = std::mem::take(seen);
    if !right {
        audit.violated(format_args!("I9: {of:?} closed, {why:?}, from {before:?}"));
    }
}
