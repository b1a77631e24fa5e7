//! What the log of a board says of the times at which the classifier was away: when its breaker turned,
//! which calls failed, and what became of the work that was held back meanwhile.
//!
//! All of it is counted from events, by whoever reads the board afterwards; the program that ran the
//! review has no part in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use artel::Reader;
use artel::event::{AttemptEnd, Event, Mended, Metered, Next, Tripped};
use artel::ids::{ActivationId, DependencyNo, Seq, SubscriptionNo};
use artel::time::Timestamp;

use crate::Failure;
use crate::classifier;

/// Reads all of a board's log.
///
/// # Errors
/// When the board cannot be read.
pub(crate) async fn read(board: &str) -> Result<Outages, Failure> {
    let reader = Reader::open(board).await?;
    let mut outages = Outages::default();
    let mut tail = reader.tail(Seq(1));
    while let Some(entry) = tail.next().await? {
        outages.apply(entry.seq, entry.at, &entry.event);
    }
    reader.close().await;
    Ok(outages)
}

/// Whether calls are let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Closed,
    Open,
    HalfOpen,
}

/// A call of the classifier's agents that is still to be made, or was made.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    attempts: u32,
    failed: u32,
    running: bool,
    done: bool,
    /// Whether it is closed, done or not.
    over: bool,
    held: bool,
}

/// A fold of the event log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages {
    dependency: Option<DependencyNo>,
    subscriptions: BTreeSet<SubscriptionNo>,
    agents: BTreeSet<String>,
    phase: Phase,
    /// When the breaker turned, and to what.
    turns: Vec<(Timestamp, String)>,
    calls: BTreeMap<ActivationId, Call>,
    begun_while_open: u32,
    probes: u32,
}

impl Outages {
    /// Takes in the next event.
    fn apply(&mut self, seq: Seq, at: Timestamp, event: &Event) {
        match event {
            Event::DependencyDefined { dependency, definition }
                if definition.name.as_str() == classifier::NAME =>
            {
                self.dependency = Some(*dependency);
            }
            Event::AgentDefined { definition, subscriptions, .. }
                if definition.dependencies.iter().any(|name| name.as_str() == classifier::NAME) =>
            {
                self.agents.insert(definition.name.to_string());
                self.subscriptions.extend(subscriptions);
            }
            Event::ActivationCreated { subscription, .. }
                if self.subscriptions.contains(subscription) =>
            {
                let held = self.phase != Phase::Closed;
                self.calls.insert(ActivationId(seq), Call { held, ..Call::default() });
            }
            Event::AttemptStarted { attempt, .. } => self.begin(attempt.activation),
            Event::AttemptEnded { attempt, end, next, .. } => {
                self.end(attempt.activation, (*end, *next));
            }
            Event::ActivationClosed { activation, .. } => self.over(*activation, true),
            Event::ActivationRedriven(redriven) => self.over(redriven.activation, false),
            Event::BreakerOpened { of: Metered::Dependency(of), why, counts, .. }
                if Some(*of) == self.dependency =>
            {
                let why = match why {
                    Tripped::Probe => "opened again: it is not back yet".to_owned(),
                    Tripped::InARow => format!("opened: {} calls in a row failed", counts.failures),
                    Tripped::Rate => format!("opened: {} calls failed", counts.failures),
                    Tripped::Operator => "opened by hand".to_owned(),
                };
                self.turn(Phase::Open, at, why);
            }
            Event::BreakerHalfOpened { of: Metered::Dependency(of), .. }
                if Some(*of) == self.dependency =>
            {
                self.turn(Phase::HalfOpen, at, "half-open: a few calls may see".to_owned());
            }
            Event::BreakerClosed { of: Metered::Dependency(of), why, counts }
                if Some(*of) == self.dependency =>
            {
                let why = match why {
                    Mended::Probes => {
                        format!("closed by itself: {} of them did well", counts.calls)
                    }
                    Mended::Operator => "closed by hand".to_owned(),
                };
                self.turn(Phase::Closed, at, why);
            }
            _ => {}
        }
    }

    fn begin(&mut self, activation: ActivationId) {
        let Some(call) = self.calls.get_mut(&activation) else { return };
        call.attempts += 1;
        call.running = true;
        match self.phase {
            Phase::Closed => {}
            Phase::Open => self.begun_while_open += 1,
            Phase::HalfOpen => self.probes += 1,
        }
    }

    fn over(&mut self, activation: ActivationId, over: bool) {
        if let Some(call) = self.calls.get_mut(&activation) {
            call.over = over;
        }
    }

    fn end(&mut self, activation: ActivationId, (end, next): (AttemptEnd, Next)) {
        let Some(call) = self.calls.get_mut(&activation) else { return };
        call.running = false;
        call.done = end == AttemptEnd::Done;
        call.failed += u32::from(matches!(end, AttemptEnd::Failed(_)));
        call.over = matches!(next, Next::Closed | Next::Dead(_));
        call.held |= !call.over && self.phase != Phase::Closed;
    }

    fn turn(&mut self, phase: Phase, at: Timestamp, what: String) {
        self.phase = phase;
        self.turns.push((at, what));
        if phase == Phase::Open {
            for call in self.calls.values_mut() {
                call.held |= !call.over && !call.running;
            }
        }
    }
}

impl fmt::Display for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = classifier::NAME;
        let Some(&(opened, _)) = self.turns.first() else {
            return writeln!(f, "the breaker of {name} never opened");
        };
        writeln!(f, "the breaker of {name}, from the log:")?;
        for (at, what) in &self.turns {
            writeln!(f, "{:>8.2} s  {what}", at.since(opened).as_secs_f64())?;
        }
        let failed: u32 = self.calls.values().map(|call| call.failed).sum();
        writeln!(f, "calls that failed: {failed}")?;
        writeln!(f, "calls let through while half-open: {}", self.probes)?;
        writeln!(f, "calls begun while it was open: {}", self.begun_while_open)?;

        let held: Vec<&Call> = self.calls.values().filter(|call| call.held).collect();
        let agents: Vec<&str> = self.agents.iter().map(String::as_str).collect();
        let done = held.iter().filter(|call| call.done).count();
        writeln!(f, "activations of {} held back: {}", agents.join(" and "), held.len())?;
        writeln!(f, "done in the end: {done}")?;
        let mut by_attempts: BTreeMap<u32, u32> = BTreeMap::new();
        for call in held {
            *by_attempts.entry(call.attempts).or_default() += 1;
        }
        for (attempts, calls) in by_attempts {
            writeln!(
                f,
                "  with {attempts} attempt{}: {calls}",
                if attempts == 1 { "" } else { "s" }
            )?;
        }
        Ok(())
    }
}
