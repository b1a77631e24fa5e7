//! Finish: the end of an attempt. Acknowledgement, outputs and what they wake are one decision.

use std::time::Duration;

use super::activation::{Activation, Running};
use super::admit::{Admission, Fresh};
use super::beside::Beside;
use super::doubt::attempt_ended;
use super::loops::Exceeded;
use super::room::OWED_FACTOR;
use super::state::State;
use crate::command::{AttemptOutcome, Finish, Rejection};
use crate::event::{AttemptEnd, DeadReason, Event, Next, Room};
use crate::ids::AttemptId;
use crate::policy::ErrorKind;
use crate::time::{Elapsed, Now};

/// How long an attempt waits at the least whose outputs found no room.
const BOARD_FULL_DELAY: Duration = Duration::from_secs(1);

impl State {
    pub(super) fn decide_finish(
        &self,
        finish: &Finish,
        now: Now,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let attempt = finish.attempt;
        let (activation, running) =
            self.running_attempt(attempt).ok_or(Rejection::Superseded { attempt })?;
        let mut fresh = Fresh::new();
        let mut exceeded = None;
        let ended = match &finish.outcome {
            AttemptOutcome::Done(publish) => {
                self.check_fresh(publish, beside)?;
                let mut admission = self.admit(publish, beside)?;
                admission.growth.close_one(activation.agent);
                let judged = self.judge_outputs(&admission, now);
                fresh = admission.fresh;
                judged.unwrap_or_else(|limit| {
                    exceeded = Some(limit);
                    limit.end()
                })
            }
            AttemptOutcome::Failed(kind) => {
                let next = self.after_failure(activation, running, *kind, now.elapsed);
                (AttemptEnd::Failed(*kind), next)
            }
            AttemptOutcome::Released => {
                (AttemptEnd::Released, Next::Retry { not_before: now.elapsed, counted: false })
            }
        };
        let report = finish.report.as_ref().filter(|_| self.keeps_trace(activation, ended.0));
        let report = report.map(crate::content::Content::hash);
        // What the board decides against has no text of its own.
        let grouped = !matches!(finish.outcome, AttemptOutcome::Done(_));
        let left = (report, finish.fingerprint.filter(|_| grouped));
        events.extend(exceeded.map(|limit| limit.event(attempt, activation.correlation)));
        events.push(attempt_ended((attempt, activation), ended, left));
        if ended.0 == AttemptEnd::Done {
            self.commit_artifacts(&fresh, now, events);
            if let AttemptOutcome::Done(publish) = &finish.outcome {
                self.note_failures(publish, &fresh, now, events);
            }
        }
        Ok(())
    }

    /// Whether what an attempt left is kept, which may be left out of those that fail.
    fn keeps_trace(&self, activation: &Activation, end: AttemptEnd) -> bool {
        let kept = self.agent(activation.agent).is_none_or(|it| it.definition.dead_letters.trace);
        kept || !matches!(end, AttemptEnd::Failed(_))
    }

    /// The activation whose current attempt this is.
    pub(super) fn running_attempt(&self, attempt: AttemptId) -> Option<(&Activation, &Running)> {
        let activation = self.activations.get(&attempt.activation)?;
        let running = activation.running()?;
        (running.attempt == attempt.attempt).then_some((activation, running))
    }

    /// Whether the board can take what an attempt returned.
    fn judge_outputs(
        &self,
        admission: &Admission<'_>,
        now: Now,
    ) -> Result<(AttemptEnd, Next), Exceeded> {
        self.check_outputs(admission, now.elapsed)?;
        match self.check_room(&admission.growth, OWED_FACTOR) {
            Ok(()) => Ok((AttemptEnd::Done, Next::Closed)),
            // There never will be room for that.
            Err(full) if full.wanted > full.limit => Err(Exceeded::agenda(full)),
            Err(full) => {
                let activations = u32::try_from(full.wanted).unwrap_or(u32::MAX);
                let room = Room { agent: full.agent, activations };
                let not_before = now.elapsed.after(BOARD_FULL_DELAY);
                Ok((AttemptEnd::BoardFull, Next::WhenRoom { not_before, room }))
            }
        }
    }

    /// What becomes of an activation whose attempt failed.
    pub(super) fn after_failure(
        &self,
        activation: &Activation,
        running: &Running,
        kind: ErrorKind,
        now: Elapsed,
    ) -> Next {
        let Some(agent) = self.agent(activation.agent) else {
            return Next::Dead(DeadReason::NotRetryable);
        };
        let total = agent.definition.total_timeout;
        if total.is_some_and(|total| activation.created.after(total) <= now) {
            return Next::Dead(DeadReason::TotalTimeout);
        }
        let retry = &agent.definition.retry;
        let failures = activation.failures + 1;
        if !retry.retries(kind) {
            return Next::Dead(DeadReason::NotRetryable);
        }
        if failures >= retry.attempts_max() {
            return Next::Dead(DeadReason::AttemptsExhausted);
        }
        let not_before = now.after(retry.delay(failures, kind, running.seed));
        let too_late = |limit| not_before > activation.created.after(limit);
        if retry.elapsed_max().is_some_and(too_late) {
            return Next::Dead(DeadReason::RetryTimeElapsed);
        }
        Next::Retry { not_before, counted: true }
    }
}
