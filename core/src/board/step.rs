//! Steps of an attempt: the result of a named side effect, once for each activation and name; and of
//! those that must not be done twice, the intent before it.

use super::activation::Activation;
use super::evolve::Evolved;
use super::state::State;
use crate::command::{RecordStep, Rejection};
use crate::event::Event;
use crate::ids::{AttemptId, Seq};
use crate::names::StepName;
use crate::step::{IntendStep, Step, StepClass, StepMark, StepRejection};

impl State {
    pub(super) fn decide_record_step(
        &self,
        record: &RecordStep,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (attempt, step) = (record.attempt, &record.step);
        let activation = self.stepping(attempt)?;
        let known = known(activation, step);
        match (known, record.class) {
            (Some(known), StepClass::Irreversible) if known.is_open() => {}
            (Some(known), asked) => return Err(refused(attempt, known, asked)),
            (None, StepClass::Idempotent) => self.check_steps(activation)?,
            (None, StepClass::Irreversible) => return Err(not_intended(attempt, step)),
        }
        let result = record.result.hash();
        events.push(Event::StepRecorded { attempt, step: step.clone(), result });
        Ok(())
    }

    /// Records that an irreversible step is about to be done.
    pub(super) fn decide_intend_step(
        &self,
        intend: &IntendStep,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (attempt, step) = (intend.attempt, &intend.step);
        let activation = self.stepping(attempt)?;
        if let Some(known) = known(activation, step) {
            return Err(refused(attempt, known, StepClass::Irreversible));
        }
        self.check_steps(activation)?;
        events.push(Event::StepIntended { attempt, step: step.clone() });
        Ok(())
    }

    /// Records that an irreversible step was not done after all.
    pub(super) fn decide_withdraw_step(
        &self,
        withdraw: &IntendStep,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let (attempt, step) = (withdraw.attempt, &withdraw.step);
        let activation = self.stepping(attempt)?;
        if !known(activation, step).is_some_and(Step::is_open) {
            return Err(not_intended(attempt, step));
        }
        events.push(Event::StepWithdrawn { attempt, step: step.clone() });
        Ok(())
    }

    /// The activation of an attempt that takes a step: only the one that runs may.
    fn stepping(&self, attempt: AttemptId) -> Result<&Activation, Rejection> {
        let running = self.running_attempt(attempt);
        running.map(|(activation, _)| activation).ok_or(Rejection::Superseded { attempt })
    }

    /// Refuses one step more than an activation may have.
    fn check_steps(&self, activation: &Activation) -> Result<(), Rejection> {
        let limit = self.bounds().steps;
        if activation.steps.len() < limit {
            return Ok(());
        }
        Err(Rejection::Limit {
            what: "steps of an activation",
            value: activation.steps.len() as u64 + 1,
            limit: limit as u64,
        })
    }
}

impl State {
    /// A step has a result.
    pub(super) fn record(&mut self, seq: Seq, attempt: AttemptId, name: &StepName) -> Evolved {
        let steps = self.steps_mut(attempt)?;
        match steps.iter_mut().find(|step| step.name == *name && step.is_open()) {
            Some(step) => (step.seq, step.mark) = (seq, StepMark::Irreversible),
            None => steps.push(Step { name: name.clone(), seq, mark: StepMark::Idempotent }),
        }
        Ok(())
    }

    /// An irreversible step is about to be done.
    pub(super) fn intend(&mut self, seq: Seq, attempt: AttemptId, name: &StepName) -> Evolved {
        let step = Step { name: name.clone(), seq, mark: StepMark::Intended };
        self.steps_mut(attempt)?.push(step);
        Ok(())
    }

    /// An irreversible step was not done after all.
    pub(super) fn withdraw(&mut self, attempt: AttemptId, name: &StepName) -> Evolved {
        self.steps_mut(attempt)?.retain(|step| !(step.name == *name && step.is_open()));
        Ok(())
    }

    fn steps_mut(&mut self, attempt: AttemptId) -> Result<&mut Vec<Step>, String> {
        let id = attempt.activation;
        let activation = self.activations.get_mut(&id);
        let activation = activation.ok_or_else(|| format!("activation {id} is not open"))?;
        Ok(&mut activation.steps)
    }
}

fn known<'a>(activation: &'a Activation, step: &StepName) -> Option<&'a Step> {
    activation.steps.iter().find(|known| known.name == *step)
}

fn refused(attempt: AttemptId, known: &Step, asked: StepClass) -> Rejection {
    let (step, recorded) = (known.name.clone(), known.class());
    if recorded == asked {
        return Rejection::StepRecorded { attempt, step };
    }
    Rejection::Step(StepRejection::OtherClass { attempt, step, recorded, asked })
}

fn not_intended(attempt: AttemptId, step: &StepName) -> Rejection {
    Rejection::Step(StepRejection::NotIntended { attempt, step: step.clone() })
}
