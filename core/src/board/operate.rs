//! What people do to circuit breakers by hand.

use super::circuit::{Circuit, CircuitPhase};
use super::state::State;
use crate::command::Rejection;
use crate::event::{Counts, Event, Mended, Metered, Tripped};
use crate::policy::Breaker;
use crate::time::Elapsed;

impl State {
    /// Opens a breaker until it is closed by hand.
    pub(super) fn decide_open_breaker(
        &self,
        of: Metered,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (circuit, counts) = self.circuit(of)?;
        if circuit.phase != (CircuitPhase::Open { until: Elapsed::NEVER }) {
            let (why, until) = (Tripped::Operator, Elapsed::NEVER);
            events.push(Event::BreakerOpened { of, why, until, counts });
        }
        Ok(())
    }

    /// Closes a breaker, whatever it has counted.
    pub(super) fn decide_close_breaker(
        &self,
        of: Metered,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (circuit, counts) = self.circuit(of)?;
        if circuit.phase != CircuitPhase::Closed {
            events.push(Event::BreakerClosed { of, why: Mended::Operator, counts });
        }
        Ok(())
    }

    fn circuit(&self, of: Metered) -> Result<(&Circuit, Counts), Rejection> {
        let found = self.meter(of).and_then(|(meter, limits)| {
            let (circuit, breaker): (&Circuit, &Breaker) =
                (meter.circuit.as_ref()?, limits.breaker.as_ref()?);
            Some((circuit, circuit.counts(breaker)))
        });
        found.ok_or_else(|| Rejection::NoBreaker { of: self.name_of(of) })
    }

    /// How an agent or a dependency is named to people.
    #[must_use]
    pub fn name_of(&self, of: Metered) -> String {
        match of {
            Metered::Agent(agent) => self.agent(agent).map_or_else(
                || format!("agent {agent}"),
                |it| format!("agent `{}`", it.definition.name),
            ),
            Metered::Dependency(dependency) => self.dependency(dependency).map_or_else(
                || format!("dependency {dependency}"),
                |it| format!("dependency `{}`", it.definition.name),
            ),
        }
    }
}
