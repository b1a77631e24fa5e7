//! Meters: the state of the limits of an agent, or of something that agents depend on. An attempt
//! begins only if every meter of its agent lets it through.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::bucket::Bucket;
use super::circuit::{Circuit, CircuitPhase, Turn};
use super::evolve::Evolved;
use super::state::State;
use crate::definition::Limits;
use crate::event::{AttemptEnd, Event, Mended, Metered};
use crate::ids::{ActivationId, AgentNo};
use crate::time::Elapsed;

/// The state of some limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// The breaker, where there is one.
    pub circuit: Option<Circuit>,
    /// The tokens, where there is a rate limit.
    pub bucket: Option<Bucket>,
}

/// What holds attempts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holding {
    /// The breaker of an agent or a dependency.
    Breaker(Metered),
    /// Its rate limit, until this moment.
    Rate(Metered, Elapsed),
}

impl Meter {
    /// Goes on under other limits. An open breaker stays open; what it has counted counts no more.
    pub(super) fn adopt(&mut self, before: &Limits, limits: &Limits, now: Elapsed) {
        self.circuit = limits.breaker.as_ref().map(|breaker| {
            let mut circuit = self.circuit.take().unwrap_or_default();
            if before.breaker.as_ref() != Some(breaker) {
                circuit.forget();
            }
            circuit
        });
        self.bucket = limits.rate.as_ref().map(|rate| match (self.bucket, &before.rate) {
            (Some(mut bucket), Some(before)) => {
                if before != rate {
                    bucket.adopt(before, rate, now);
                }
                bucket
            }
            _ => Bucket::new(rate, now),
        });
    }

    fn started(&mut self, limits: &Limits, activation: ActivationId, now: Elapsed) {
        if let Some(circuit) = &mut self.circuit {
            circuit.started(activation);
        }
        if let (Some(bucket), Some(rate)) = (&mut self.bucket, &limits.rate) {
            bucket.take(rate, now);
        }
    }

    fn ended(&mut self, limits: &Limits, id: ActivationId, end: AttemptEnd, now: Elapsed) {
        if let (Some(circuit), Some(breaker)) = (&mut self.circuit, &limits.breaker) {
            circuit.ended(id, end, breaker, now);
        }
    }

    fn holding(&self, limits: &Limits, of: Metered, now: Elapsed) -> Option<Holding> {
        if let (Some(circuit), Some(breaker)) = (&self.circuit, &limits.breaker)
            && !circuit.lets_through(breaker)
        {
            return Some(Holding::Breaker(of));
        }
        let (bucket, rate) = (self.bucket.as_ref()?, limits.rate.as_ref()?);
        let next = bucket.next(rate, now);
        (next > now).then_some(Holding::Rate(of, next))
    }
}

impl State {
    /// What is metered when an attempt of an agent begins or ends: the agent itself and what it
    /// depends on; nothing of an agent without limits.
    pub(super) fn metered_by(&self, agent: AgentNo) -> SmallVec<[Metered; 2]> {
        let Some(record) = self.agent(agent) else { return SmallVec::new() };
        let own = (!record.definition.limits.is_empty()).then_some(Metered::Agent(agent));
        own.into_iter()
            .chain(record.dependencies.iter().copied().map(Metered::Dependency))
            .collect()
    }

    /// The meter of an agent or a dependency, with its limits.
    #[must_use]
    pub fn meter(&self, of: Metered) -> Option<(&Meter, &Limits)> {
        match of {
            Metered::Agent(agent) => {
                self.agent(agent).map(|record| (&record.meter, &record.definition.limits))
            }
            Metered::Dependency(dependency) => {
                self.dependency(dependency).map(|record| (&record.meter, &record.definition.limits))
            }
        }
    }

    pub(super) fn meter_mut(&mut self, of: Metered) -> Option<(&mut Meter, &Limits)> {
        match of {
            Metered::Agent(agent) => {
                let record = self.agents.get_mut(agent.get() as usize)?;
                Some((&mut record.meter, &record.definition.limits))
            }
            Metered::Dependency(dependency) => {
                let record = self.dependencies.get_mut(dependency.get() as usize)?;
                Some((&mut record.meter, &record.definition.limits))
            }
        }
    }

    /// What holds back attempts of an agent at a moment: breakers before rates, the agent's own
    /// before those of what it depends on; of rates the one that lasts longest.
    pub(super) fn holding(&self, agent: AgentNo, now: Elapsed) -> Option<Holding> {
        let mut longest: Option<(Metered, Elapsed)> = None;
        for of in self.metered_by(agent) {
            let Some((meter, limits)) = self.meter(of) else { continue };
            match meter.holding(limits, of, now) {
                Some(breaker @ Holding::Breaker(_)) => return Some(breaker),
                Some(Holding::Rate(of, until))
                    if longest.is_none_or(|(_, longest)| until > longest) =>
                {
                    longest = Some((of, until));
                }
                Some(Holding::Rate(..)) | None => {}
            }
        }
        longest.map(|(of, until)| Holding::Rate(of, until))
    }

    /// An attempt of an agent begins: its meters take it up.
    pub(super) fn meter_start(&mut self, agent: AgentNo, activation: ActivationId) {
        let now = self.header.elapsed;
        for of in self.metered_by(agent) {
            if let Some((meter, limits)) = self.meter_mut(of) {
                meter.started(limits, activation, now);
            }
            self.refresh(of, now);
        }
    }

    /// An attempt of an agent ended: its meters take it up. Whether a breaker turns is for the
    /// decision to say.
    pub(super) fn meter_end(&mut self, agent: AgentNo, activation: ActivationId, end: AttemptEnd) {
        let now = self.header.elapsed;
        for of in self.metered_by(agent) {
            if let Some((meter, limits)) = self.meter_mut(of) {
                meter.ended(limits, activation, end, now);
            }
            self.index.turning.push(of);
            self.refresh(of, now);
        }
    }

    /// A half-open breaker holds another definition: as many probes may have ended well as that wants,
    /// and then none is to come whose end would close it.
    pub(super) fn reconsider(&mut self, of: Metered) {
        let circuit = self.meter(of).and_then(|(meter, _)| meter.circuit.as_ref());
        if circuit.is_some_and(|circuit| matches!(circuit.phase, CircuitPhase::HalfOpen { .. })) {
            self.index.turning.push(of);
        }
    }

    /// Brings the agents that are metered there in line with what their meters say.
    fn refresh(&mut self, of: Metered, now: Elapsed) {
        match of {
            Metered::Agent(agent) => self.refresh_agent(agent, now),
            Metered::Dependency(dependency) => {
                let dependents = std::mem::take(self.index.dependents_mut(dependency));
                for &agent in &dependents {
                    self.refresh_agent(agent, now);
                }
                *self.index.dependents_mut(dependency) = dependents;
            }
        }
    }

    /// Tells the agenda until when attempts of an agent are held back.
    pub(super) fn refresh_agent(&mut self, agent: AgentNo, now: Elapsed) {
        let until = match self.holding(agent, now) {
            None => None,
            // A breaker says by an event that it lets attempts through again.
            Some(Holding::Breaker(_)) => Some(Elapsed::NEVER),
            Some(Holding::Rate(_, until)) => Some(until),
        };
        self.index.agenda.hold_back(agent, until);
    }

    /// The event of the next breaker that turns at this moment.
    pub(super) fn next_turn(&mut self, now: Elapsed) -> Option<Event> {
        while let Some(of) = self.index.turning.pop() {
            if let Some(event) = self.turn_of(of, now) {
                return Some(event);
            }
        }
        self.index.breaker_due(now).and_then(|of| self.turn_of(of, now))
    }

    fn turn_of(&self, of: Metered, now: Elapsed) -> Option<Event> {
        let (meter, limits) = self.meter(of)?;
        let (circuit, breaker) = (meter.circuit.as_ref()?, limits.breaker.as_ref()?);
        let turn = circuit.turn(breaker, now)?;
        let counts = circuit.counts(breaker);
        Some(match turn {
            Turn::Open { why, until } => Event::BreakerOpened { of, why, until, counts },
            Turn::HalfOpen => Event::BreakerHalfOpened { of, openings: circuit.openings },
            Turn::Close => Event::BreakerClosed { of, why: Mended::Probes, counts },
        })
    }

    /// Turns a breaker, and keeps in line what follows from it.
    pub(super) fn turn_circuit(&mut self, of: Metered, turn: impl FnOnce(&mut Circuit)) -> Evolved {
        let circuit = self.meter_mut(of).and_then(|(meter, _)| meter.circuit.as_mut());
        let circuit = circuit.ok_or_else(|| format!("there is no breaker of {of:?}"))?;
        let before = circuit.due();
        turn(circuit);
        let after = circuit.due();
        self.index.breaker_moves(of, before, after);
        self.refresh(of, self.header.elapsed);
        Ok(())
    }
}
