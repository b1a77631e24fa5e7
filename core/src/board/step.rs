//! Record step: the result of a named side effect, once for each activation and name.

use super::state::State;
use crate::command::{RecordStep, Rejection};
use crate::event::Event;

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
        let limit = self.bounds().steps;
        if activation.steps.len() >= limit {
            return Err(Rejection::Limit {
                what: "steps of an activation",
                value: activation.steps.len() as u64 + 1,
                limit: limit as u64,
            });
        }
        let result = record.result.hash();
        events.push(Event::StepRecorded { attempt, step: record.step.clone(), result });
        Ok(())
    }
}
