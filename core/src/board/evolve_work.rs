//! How events change what is open: activations, their attempts, their trees of work.

use smallvec::SmallVec;

use super::activation::{Activation, Phase, Running};
use super::changes::Changes;
use super::evolve::{Evolved, facts};
use super::state::State;
use crate::envelope::{Draft, Inputs};
use crate::event::{AttemptEnd, Next, Redriven};
use crate::ids::{ActivationId, AttemptId, CorrelationId, Seq, SubscriptionNo};
use crate::log::{ClosedActivation, Outcome};
use crate::names::StepName;

impl State {
    pub(super) fn commit(&mut self, draft: &Draft) {
        self.artifacts += 1;
        self.count_artifact(draft);
    }

    pub(super) fn start_attempt(
        &mut self,
        seq: Seq,
        activation: ActivationId,
        running: Running,
    ) -> Evolved {
        self.change(activation, |activation| {
            activation.attempts = running.attempt.get();
            activation.trail.push(seq);
            activation.phase = Phase::Running(running);
        })
    }

    pub(super) fn record(&mut self, seq: Seq, attempt: AttemptId, step: StepName) -> Evolved {
        let activation = self
            .activations
            .get_mut(&attempt.activation)
            .ok_or_else(|| format!("activation {} is not open", attempt.activation))?;
        activation.steps.push((step, seq));
        Ok(())
    }

    pub(super) fn create(
        &mut self,
        id: ActivationId,
        subscription: SubscriptionNo,
        inputs: Inputs,
        correlation: CorrelationId,
    ) -> Evolved {
        let record = self
            .subscriptions
            .get_mut(subscription.get() as usize)
            .ok_or_else(|| format!("there is no subscription {subscription}"))?;
        record.counters.placements += 1;
        let now = self.header.elapsed;
        let activation = Activation {
            subscription,
            agent: record.agent,
            inputs,
            correlation,
            created: now,
            attempts: 0,
            failures: 0,
            phase: Phase::Waiting { since: now },
            trail: SmallVec::new(),
            steps: Vec::new(),
        };
        self.open(id, activation);
        Ok(())
    }

    fn open(&mut self, id: ActivationId, activation: Activation) {
        self.entry_of(activation.correlation).open += 1;
        let facts = self.facts(&activation);
        self.index.insert(id, &activation, facts, self.header.elapsed);
        self.activations.insert(id, Box::new(activation));
    }

    pub(super) fn redrive(
        &mut self,
        seq: Seq,
        redriven: &Redriven,
        changes: &mut Changes,
    ) -> Evolved {
        let subscription = redriven.subscription;
        let record = self
            .subscriptions
            .get_mut(subscription.get() as usize)
            .ok_or_else(|| format!("there is no subscription {subscription}"))?;
        record.counters.dead = record.counters.dead.saturating_sub(1);
        let now = self.header.elapsed;
        let activation = Activation {
            subscription,
            agent: record.agent,
            inputs: redriven.inputs.clone(),
            correlation: redriven.correlation,
            created: now,
            attempts: redriven.attempts,
            failures: 0,
            phase: Phase::Waiting { since: now },
            trail: redriven.trail.iter().copied().chain([seq]).collect(),
            steps: redriven.steps.clone(),
        };
        self.open(redriven.activation, activation);
        changes.rows.reopened.push(redriven.activation);
        Ok(())
    }

    pub(super) fn end_attempt(
        &mut self,
        seq: Seq,
        attempt: AttemptId,
        (end, next): (AttemptEnd, Next),
        changes: &mut Changes,
    ) -> Evolved {
        let id = attempt.activation;
        let current = self.activation(id).and_then(Activation::running);
        if current.is_none_or(|running| running.attempt != attempt.attempt) {
            return Err(format!("attempt {attempt} does not run"));
        }
        match next {
            Next::Retry { not_before, counted } => self.change(id, |activation| {
                activation.failures += u32::from(counted);
                activation.trail.push(seq);
                activation.phase = Phase::Waiting { since: not_before };
            }),
            Next::WhenRoom { not_before, room } => self.change(id, |activation| {
                activation.trail.push(seq);
                activation.phase = Phase::Full { since: not_before, room };
            }),
            Next::Dead(reason) => {
                self.trail(id, seq);
                self.close(seq, id, Outcome::Dead(reason), changes)
            }
            Next::Closed => {
                self.trail(id, seq);
                let outcome = match end {
                    AttemptEnd::Done => Outcome::Done,
                    AttemptEnd::Failed(_)
                    | AttemptEnd::Lost
                    | AttemptEnd::Released
                    | AttemptEnd::Cancelled
                    | AttemptEnd::BoardFull => Outcome::Cancelled,
                };
                self.close(seq, id, outcome, changes)
            }
        }
    }

    fn trail(&mut self, id: ActivationId, seq: Seq) {
        if let Some(activation) = self.activations.get_mut(&id) {
            activation.trail.push(seq);
        }
    }

    /// Changes an open activation and keeps the index in line.
    fn change(&mut self, id: ActivationId, change: impl FnOnce(&mut Activation)) -> Evolved {
        let activation =
            self.activations.get_mut(&id).ok_or_else(|| format!("activation {id} is not open"))?;
        let facts = facts(&self.agents, &self.subscriptions, activation);
        self.index.remove(id, activation, facts);
        change(activation);
        self.index.insert(id, activation, facts, self.header.elapsed);
        Ok(())
    }

    pub(super) fn close(
        &mut self,
        seq: Seq,
        id: ActivationId,
        outcome: Outcome,
        changes: &mut Changes,
    ) -> Evolved {
        let activation =
            self.activations.remove(&id).ok_or_else(|| format!("activation {id} is not open"))?;
        let facts = self.facts(&activation);
        self.index.remove(id, &activation, facts);
        self.index.held.release(id);
        if let Some(record) = self.subscriptions.get_mut(activation.subscription.get() as usize) {
            match outcome {
                Outcome::Done => record.counters.done += 1,
                Outcome::Dead(_) | Outcome::Dropped(_) => record.counters.dead += 1,
                Outcome::Cancelled => record.counters.cancelled += 1,
            }
        }
        if let Some(entry) = self.correlations.get_mut(&activation.correlation) {
            entry.open -= 1;
            if entry.open == 0 {
                self.index.touched.push(activation.correlation);
            }
        }
        changes.room = true;
        changes.rows.closed.push(ClosedActivation {
            activation: id,
            agent: activation.agent,
            subscription: activation.subscription,
            inputs: activation.inputs,
            correlation: activation.correlation,
            outcome,
            ended: seq,
            at: self.header.at,
            attempts: activation.attempts,
            trail: activation.trail.into_vec(),
            steps: activation.steps,
        });
        Ok(())
    }
}
