//! Record step: the result of a named side effect, once for each activation and name.

use super::state::State;
use crate::command::{RecordStep, Rejection};
use crate::event::Event;
use crate::policy::limits;

impl State {
    pub(super) fn decide_record_step(
        &self,
        record: &RecordStep,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let attempt = record.attempt;
        let (activation, _) =
            self.running_attempt(attempt).ok_or(Rejection::Superseded { attempt })?;
        if activation.steps.iter().any(|(name, _)| *name == record.step) {
            return Err(Rejection::StepRecorded { attempt, step: record.step.clone() });
        }
        if activation.steps.len() >= limits::STEPS_MAX {
            return Err(Rejection::Limit {
                what: "steps of an activation",
                value: activation.steps.len() as u64 + 1,
                limit: limits::STEPS_MAX as u64,
            });
        }
        let result = record.result.hash();
        events.push(Event::StepRecorded { attempt, step: record.step.clone(), result });
        Ok(())
    }
}
