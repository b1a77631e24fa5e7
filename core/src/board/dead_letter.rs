//! Redrive and drop: what people do with dead letters. The letters are looked up before; what was
//! touched since is looked up again.

use super::beside::Beside;
use super::state::State;
use crate::command::{DeadLetterRef, Rejection};
use crate::event::{Event, Redriven};
use crate::log::Outcome;

impl State {
    pub(super) fn decide_redrive(
        &self,
        letters: &[DeadLetterRef],
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        for letter in letters {
            self.check_dead(letter, beside)?;
            let closed = &letter.closed;
            events.push(Event::ActivationRedriven(Box::new(Redriven {
                activation: closed.activation,
                subscription: closed.subscription,
                inputs: closed.inputs.clone(),
                correlation: closed.correlation,
                attempts: closed.attempts,
                trail: closed.trail.clone(),
                steps: closed.steps.clone(),
            })));
        }
        Ok(())
    }

    pub(super) fn decide_drop(
        &self,
        letters: &[DeadLetterRef],
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        for letter in letters {
            self.check_dead(letter, beside)?;
            events.push(Event::DeadLetterDropped { activation: letter.closed.activation });
        }
        Ok(())
    }

    fn check_dead(&self, letter: &DeadLetterRef, beside: &Beside) -> Result<(), Rejection> {
        let activation = letter.closed.activation;
        if self.activations.contains_key(&activation) {
            return Err(Rejection::NotDead { activation, state: "it is open" });
        }
        let horizon = beside.recent.horizon();
        let touched = beside.recent.touched_since(activation, letter.as_of);
        if touched || letter.as_of < horizon {
            let horizon = if touched { self.header.seq } else { horizon };
            return Err(Rejection::StaleLookUp { as_of: letter.as_of, horizon });
        }
        match letter.closed.outcome {
            Outcome::Dead(_) => Ok(()),
            Outcome::Done => Err(Rejection::NotDead { activation, state: "it is done" }),
            Outcome::Cancelled => Err(Rejection::NotDead { activation, state: "it is cancelled" }),
            Outcome::Dropped(_) => Err(Rejection::NotDead { activation, state: "it was dropped" }),
        }
    }
}
