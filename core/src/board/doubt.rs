//! Doubt: an attempt that ends in the middle of an irreversible step leaves it open whether that was
//! done. Nothing of its activation runs before a person has said so.

use super::activation::Activation;
use super::beside::Beside;
use super::state::State;
use crate::command::Rejection;
use crate::event::{AttemptEnd, DeadReason, Event, Next};
use crate::fingerprint::Fingerprint;
use crate::hash::Hash;
use crate::ids::{AttemptId, Seq};
use crate::log::ClosedActivation;
use crate::step::{Settle, Step, StepMark, StepRejection, open_intents};

/// The end of an attempt. Whatever was to follow it, an open intent makes a dead letter of its activation;
/// only a handler that returned what is on the board has seen to the step itself.
pub(super) fn attempt_ended(
    (attempt, activation): (AttemptId, &Activation),
    (end, next): (AttemptEnd, Next),
    (report, fingerprint): (Option<Hash>, Option<Fingerprint>),
) -> Event {
    let open = activation.steps.iter().any(Step::is_open);
    let next = match end {
        AttemptEnd::Done => next,
        AttemptEnd::Failed(_)
        | AttemptEnd::Lost
        | AttemptEnd::Released
        | AttemptEnd::Cancelled
        | AttemptEnd::BoardFull
            if open =>
        {
            Next::Dead(DeadReason::InDoubt)
        }
        AttemptEnd::Failed(_)
        | AttemptEnd::Lost
        | AttemptEnd::Released
        | AttemptEnd::Cancelled
        | AttemptEnd::BoardFull => next,
    };
    // Other ends are not grouped.
    let fingerprint = fingerprint.filter(|_| matches!(next, Next::Dead(_)));
    Event::AttemptEnded { attempt, end, next, report, fingerprint }
}

/// Refuses to try a dead letter again that is in doubt.
pub(super) fn check_settled(closed: &ClosedActivation) -> Result<(), Rejection> {
    let steps: Vec<_> = open_intents(&closed.steps).cloned().collect();
    if steps.is_empty() {
        return Ok(());
    }
    Err(Rejection::Step(StepRejection::InDoubt { activation: closed.activation, steps }))
}

impl State {
    /// Records what a person says of the steps that a dead letter is in doubt about, all of them, and
    /// tries it again.
    pub(super) fn decide_settle(
        &self,
        settle: &Settle,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let mut letter = settle.letter.clone();
        // Before its steps are looked at: they may not be what they were when it was looked up.
        self.check_letters(std::slice::from_ref(&letter), beside)?;
        let closed = &mut letter.closed;
        let activation = closed.activation;
        for (index, (step, result)) in settle.steps.iter().enumerate() {
            if settle.steps[..index].iter().any(|(before, _)| before == step) {
                let step = step.clone();
                return Err(Rejection::Step(StepRejection::Twice { activation, step }));
            }
            let seq = Seq(self.seq().get() + events.len() as u64 + 1);
            let done = result.is_some().then_some(seq);
            if !mark_settled(closed, step.as_str(), done) {
                let step = step.clone();
                return Err(Rejection::Step(StepRejection::NotInDoubt { activation, step }));
            }
            let result = result.as_ref().map(crate::content::Content::hash);
            events.push(Event::StepSettled { activation, step: step.clone(), result });
        }
        self.decide_redrive(std::slice::from_ref(&letter), beside, events)
    }
}

/// Marks an open step as done, with its result at a seq, or forgets it. Says no if it is not open.
fn mark_settled(closed: &mut ClosedActivation, name: &str, done: Option<Seq>) -> bool {
    let open = closed.steps.iter().position(|step| step.is_open() && step.name.as_str() == name);
    let Some(index) = open else { return false };
    match done {
        Some(seq) => {
            let step = &mut closed.steps[index];
            (step.seq, step.mark) = (seq, StepMark::Irreversible);
        }
        None => {
            closed.steps.remove(index);
        }
    }
    true
}
