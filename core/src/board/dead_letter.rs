//! Redrive and drop: what people do with dead letters. The letters are looked up before; what was
//! touched since is looked up again.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::doubt::check_settled;
use super::room::{Growth, OWED_FACTOR};
use super::state::State;
use crate::command::{DeadLetterRef, Rejection};
use crate::event::{Event, Redriven};
use crate::ids::{ActivationId, SubscriptionNo};
use crate::log::{ClosedActivation, Outcome};
use crate::names::OrderingKey;

impl State {
    pub(super) fn decide_redrive(
        &self,
        letters: &[DeadLetterRef],
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.check_letters(letters, beside)?;
        let mut growth = Growth::default();
        for letter in letters {
            let agent = self.subscription(letter.closed.subscription).map(|record| record.agent);
            growth.add_activation(agent);
        }
        self.check_room(&growth, OWED_FACTOR).map_err(|full| self.agenda_full(full))?;
        for letter in letters {
            let closed = &letter.closed;
            check_settled(closed)?;
            let (of, key) = ((closed.subscription, closed.activation), closed.key.as_ref());
            let overtaken = self.is_overtaken(of, key);
            if overtaken && !letter.out_of_order {
                return Err(Rejection::OutOfOrder { activation: closed.activation });
            }
            events.push(Event::ActivationRedriven(Box::new(Redriven {
                activation: closed.activation,
                subscription: closed.subscription,
                inputs: closed.inputs.clone(),
                correlation: closed.correlation,
                key: closed.key.clone(),
                out_of_order: overtaken,
                attempts: closed.attempts,
                trail: closed.trail.clone(),
                steps: closed.steps.clone(),
                members: closed.members.clone(),
                not_before: closed.not_before,
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
        self.check_letters(letters, beside)?;
        for letter in letters {
            let ClosedActivation { activation, subscription, key, .. } = letter.closed.clone();
            events.push(Event::DeadLetterDropped { activation, subscription, key });
        }
        Ok(())
    }

    /// Whether younger ones of the same key may have run since an activation of a subscription died:
    /// some did, or it is not remembered whether any did. Such a dead letter is redriven only where it is
    /// said that it may run out of order.
    #[must_use]
    pub fn is_overtaken(
        &self,
        (no, id): (SubscriptionNo, ActivationId),
        key: Option<&OrderingKey>,
    ) -> bool {
        let ordered = self.subscription(no).is_some_and(|it| it.definition.ordered.is_some());
        let Some(key) = key.filter(|_| ordered) else { return false };
        let letters = self.dead_keys.get(&no).and_then(|keys| keys.get(key));
        letters.is_none_or(|letters| {
            !letters.dead.contains(&id) || letters.ran.is_some_and(|ran| ran > id)
        })
    }

    /// Refuses letters that are no dead letters, or of which one is named twice.
    pub(super) fn check_letters(
        &self,
        letters: &[DeadLetterRef],
        beside: &Beside,
    ) -> Result<(), Rejection> {
        let mut named = BTreeSet::new();
        for letter in letters {
            self.check_dead(letter, beside)?;
            let activation = letter.closed.activation;
            if !named.insert(activation) {
                return Err(Rejection::NotDead { activation, state: "it is named twice" });
            }
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
            Outcome::Expired => Err(Rejection::NotDead { activation, state: "it expired" }),
            Outcome::Dropped(_) => Err(Rejection::NotDead { activation, state: "it was dropped" }),
        }
    }
}
