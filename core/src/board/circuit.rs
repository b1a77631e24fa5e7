//! The state of a circuit breaker. Only events change it; what it would turn to is asked of it, so
//! that the decision which makes it turn can say so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::{AttemptEnd, Counts, Tripped};
use crate::ids::ActivationId;
use crate::policy::{Breaker, Trip};
use crate::time::Elapsed;

/// Into how many slices the window of a breaker by rate is divided.
const SLICES: u64 = 20;

/// A circuit breaker at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Whether it lets attempts through.
    pub phase: CircuitPhase,
    /// Failures since the last success.
    pub in_a_row: u32,
    /// How often it opened since it was last closed.
    pub openings: u32,
    window: Window,
}

/// Whether a breaker lets attempts through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CircuitPhase {
    /// All of them.
    #[default]
    Closed,
    /// None of them.
    Open {
        /// Until this moment; [`Elapsed::NEVER`] until an operator closes it.
        until: Elapsed,
    },
    /// A few.
    HalfOpen {
        /// Those that run.
        probes: BTreeSet<ActivationId>,
        /// How many ended well.
        succeeded: u32,
        /// Whether one failed.
        failed: bool,
    },
}

/// The attempts that ended lately, in slices of time. Empty for a breaker that counts in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    /// The number of the newest slice.
    newest: u64,
    /// Attempts that ended and those of them that failed, newest slice last.
    slices: Vec<(u32, u32)>,
}

/// What a breaker turns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Open { why: Tripped, until: Elapsed },
    HalfOpen,
    Close,
}

/// What an attempt's end says of what it depended on.
enum Sign {
    Well,
    Unwell,
    /// It says nothing.
    None,
}

fn sign(end: AttemptEnd) -> Sign {
    match end {
        // What was returned may not have fitted, but it was returned.
        AttemptEnd::Done | AttemptEnd::BoardFull => Sign::Well,
        AttemptEnd::Failed(kind) if Breaker::counted().contains(kind) => Sign::Unwell,
        AttemptEnd::Failed(_) => Sign::Well,
        AttemptEnd::Lost | AttemptEnd::Released | AttemptEnd::Cancelled => Sign::None,
    }
}

const fn slice_ms(window: std::time::Duration) -> u64 {
    let ms = window.as_millis().div_ceil(SLICES as u128);
    if ms == 0 { 1 } else { ms as u64 }
}

impl Window {
    fn count(&mut self, now: Elapsed, window: std::time::Duration, failed: bool) {
        self.advance(now, window);
        if let Some((ended, failures)) = self.slices.last_mut() {
            *ended = ended.saturating_add(1);
            *failures = failures.saturating_add(u32::from(failed));
        }
    }

    /// Begins the slice of this moment, and forgets what lies too far back.
    fn advance(&mut self, now: Elapsed, window: std::time::Duration) {
        let (current, gone, forgotten) = self.moved(now, window);
        self.slices.drain(..forgotten);
        let begun = if self.slices.is_empty() { 1 } else { gone };
        for _ in 0..begun {
            self.slices.push((0, 0));
        }
        self.newest = current;
    }

    /// The number of this moment's slice, how many slices it lies behind the newest, and how many of the
    /// oldest lie too far back by then.
    fn moved(&self, now: Elapsed, window: std::time::Duration) -> (u64, u64, usize) {
        let current = now.as_millis() / slice_ms(window);
        let gone = if self.slices.is_empty() { SLICES } else { current - self.newest.min(current) };
        let kept = usize::try_from(SLICES - gone.min(SLICES)).unwrap_or(0);
        (current, gone, self.slices.len() - kept.min(self.slices.len()))
    }

    /// What counts at this moment. Asked after each attempt, so nothing is copied for it.
    fn sums_at(&self, now: Elapsed, window: std::time::Duration) -> Counts {
        let (.., forgotten) = self.moved(now, window);
        Self::sum(self.slices.get(forgotten..).unwrap_or_default())
    }

    fn sums(&self) -> Counts {
        Self::sum(&self.slices)
    }

    fn sum(slices: &[(u32, u32)]) -> Counts {
        let mut counts = Counts::default();
        for (ended, failures) in slices {
            counts.calls = counts.calls.saturating_add(*ended);
            counts.failures = counts.failures.saturating_add(*failures);
        }
        counts
    }
}

impl Circuit {
    /// An attempt begins.
    pub(super) fn started(&mut self, activation: ActivationId) {
        if let CircuitPhase::HalfOpen { probes, .. } = &mut self.phase {
            probes.insert(activation);
        }
    }

    /// An attempt ended. Late ones say nothing: those that began before it opened.
    pub(super) fn ended(
        &mut self,
        activation: ActivationId,
        end: AttemptEnd,
        breaker: &Breaker,
        now: Elapsed,
    ) {
        let sign = sign(end);
        match &mut self.phase {
            CircuitPhase::Open { .. } => {}
            CircuitPhase::HalfOpen { probes, succeeded, failed } => {
                if probes.remove(&activation) {
                    *succeeded += u32::from(matches!(sign, Sign::Well));
                    *failed |= matches!(sign, Sign::Unwell);
                }
            }
            CircuitPhase::Closed => {
                let failed = match sign {
                    Sign::None => return,
                    Sign::Well => false,
                    Sign::Unwell => true,
                };
                match breaker.trip() {
                    Trip::InARow(_) if failed => self.in_a_row = self.in_a_row.saturating_add(1),
                    Trip::InARow(_) => self.in_a_row = 0,
                    Trip::Rate { window, .. } => self.window.count(now, window, failed),
                }
            }
        }
    }

    /// What it turns to at this moment, if it does not stay as it is.
    pub(super) fn turn(&self, breaker: &Breaker, now: Elapsed) -> Option<Turn> {
        let open = |why| {
            let opening = self.openings.saturating_add(1);
            Turn::Open { why, until: now.after(breaker.recovery_time(opening)) }
        };
        match &self.phase {
            CircuitPhase::Open { until } => (*until <= now).then_some(Turn::HalfOpen),
            CircuitPhase::HalfOpen { failed: true, .. } => Some(open(Tripped::Probe)),
            CircuitPhase::HalfOpen { succeeded, .. } => {
                (*succeeded >= breaker.probes_max()).then_some(Turn::Close)
            }
            CircuitPhase::Closed => match breaker.trip() {
                Trip::InARow(failures) => {
                    (self.in_a_row >= failures).then(|| open(Tripped::InARow))
                }
                Trip::Rate { percent, calls_min, window } => {
                    let Counts { calls, failures } = self.window.sums_at(now, window);
                    let reached =
                        u64::from(failures) * 100 >= u64::from(calls) * u64::from(percent);
                    (calls >= calls_min && reached).then(|| open(Tripped::Rate))
                }
            },
        }
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self, breaker: &Breaker) -> Counts {
        match (&self.phase, breaker.trip()) {
            (CircuitPhase::HalfOpen { succeeded, failed, .. }, _) => {
                let failures = u32::from(*failed);
                Counts { calls: succeeded + failures, failures }
            }
            (_, Trip::InARow(_)) => Counts { calls: self.in_a_row, failures: self.in_a_row },
            (_, Trip::Rate { .. }) => self.window.sums(),
        }
    }

    pub(super) fn open(&mut self, why: Tripped, until: Elapsed) {
        self.openings = match why {
            // By hand says nothing of how long it is unwell.
            Tripped::Operator => self.openings,
            Tripped::InARow | Tripped::Rate | Tripped::Probe => self.openings.saturating_add(1),
        };
        self.phase = CircuitPhase::Open { until };
        self.forget();
    }

    pub(super) fn half_open(&mut self) {
        self.phase =
            CircuitPhase::HalfOpen { probes: BTreeSet::new(), succeeded: 0, failed: false };
    }

    pub(super) fn close(&mut self) {
        self.openings = 0;
        self.phase = CircuitPhase::Closed;
        self.forget();
    }

    /// Counts anew from here on.
    pub(super) fn forget(&mut self) {
        self.in_a_row = 0;
        self.window = Window::default();
    }

    /// Whether an attempt may begin.
    pub(super) fn lets_through(&self, breaker: &Breaker) -> bool {
        match &self.phase {
            CircuitPhase::Closed => true,
            CircuitPhase::Open { .. } => false,
            CircuitPhase::HalfOpen { probes, succeeded, failed } => {
                let running = u32::try_from(probes.len()).unwrap_or(u32::MAX);
                !failed && running.saturating_add(*succeeded) < breaker.probes_max()
            }
        }
    }

    /// When it becomes half-open by itself.
    #[must_use]
    pub const fn due(&self) -> Option<Elapsed> {
        match &self.phase {
            CircuitPhase::Open { until: Elapsed::NEVER } => None,
            CircuitPhase::Open { until } => Some(*until),
            CircuitPhase::Closed | CircuitPhase::HalfOpen { .. } => None,
        }
    }
}
