//! Cancel: a person or a program wants open work to end. What runs is stopped, and its late result
//! is refused.

use super::activation::Activation;
use super::doubt::attempt_ended;
use super::state::State;
use crate::command::Rejection;
use crate::event::{AttemptEnd, Closure, Event, Next};
use crate::ids::{ActivationId, AttemptId, CorrelationId};

impl State {
    pub(super) fn decide_cancel_correlation(
        &self,
        correlation: CorrelationId,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if !self.correlations.contains_key(&correlation) {
            return Err(Rejection::NothingOpen { correlation });
        }
        for (&id, activation) in &self.activations {
            if activation.correlation == correlation {
                events.push(cancelled(id, activation));
            }
        }
        events.push(Event::CorrelationCancelled { correlation });
        Ok(())
    }

    pub(super) fn decide_cancel_activations(
        &self,
        activations: &[ActivationId],
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let mut activations = activations.to_vec();
        activations.sort_unstable();
        activations.dedup();
        for id in activations {
            let activation =
                self.activations.get(&id).ok_or(Rejection::NotOpen { activation: id })?;
            events.push(cancelled(id, activation));
        }
        Ok(())
    }
}

fn cancelled(id: ActivationId, activation: &Activation) -> Event {
    match activation.running() {
        None => Event::ActivationClosed { activation: id, why: Closure::Cancelled },
        Some(running) => {
            let attempt = AttemptId { activation: id, attempt: running.attempt };
            attempt_ended(
                (attempt, activation),
                (AttemptEnd::Cancelled, Next::Closed),
                (None, None),
            )
        }
    }
}
