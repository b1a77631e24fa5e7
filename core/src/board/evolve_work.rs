//! How events change what is open: activations, their attempts, their trees of work.

use smallvec::SmallVec;

use super::activation::{Activation, Phase, Running};
use super::changes::Changes;
use super::debt::Closing;
use super::evolve::{Evolved, facts, known, outcome_of};
use super::state::{State, SubscriptionRecord};
use crate::envelope::{Draft, Inputs, Members};
use crate::event::{AttemptEnd, Event, Next, Redriven};
use crate::fingerprint::Fingerprint;
use crate::ids::{ActivationId, AgentNo, AttemptId, CorrelationId, Seq, SubscriptionNo};
use crate::log::{ClosedActivation, Outcome};
use crate::names::OrderingKey;
use crate::time::Elapsed;

/// What an activation is made of, beside whose it is and when.
pub(super) struct Made {
    pub(super) inputs: Inputs,
    pub(super) correlation: CorrelationId,
    pub(super) key: Option<OrderingKey>,
    pub(super) members: Members,
}

impl State {
    /// Applies an event about work.
    pub(super) fn evolve_work(
        &mut self,
        seq: Seq,
        event: &Event,
        changes: &mut Changes,
    ) -> Evolved {
        match event {
            Event::ArtifactCommitted(draft) => {
                self.commit(draft);
                self.note_reveal(&draft.envelope);
                self.count_failures(draft)
            }
            Event::ActivationCreated { .. } | Event::AttemptStarted { .. } => {
                self.begin_work(seq, event)
            }
            Event::AttemptEnded { attempt, end, next, fingerprint, .. } => {
                self.end_attempt(seq, *attempt, (*end, *next, *fingerprint), changes)
            }
            Event::StepRecorded { attempt, step, .. } => self.record(seq, *attempt, step),
            Event::StepIntended { attempt, step } => self.intend(seq, *attempt, step),
            Event::StepWithdrawn { attempt, step } => self.withdraw(*attempt, step),
            // What it says is in the redrive that follows.
            Event::StepSettled { .. } => Ok(()),
            Event::LimitReached { attempt, .. } => {
                self.trail(attempt.activation, seq);
                Ok(())
            }
            Event::ActivationClosed { activation, why } => {
                let closing = Closing::of(outcome_of(*why));
                self.close(seq, *activation, &closing, changes)
            }
            Event::ActivationRedriven(redriven) => self.redrive(seq, redriven, changes),
            Event::DeadLetterDropped { activation, subscription, key } => {
                self.forget_dead_of(*subscription, key.as_ref(), *activation);
                Ok(())
            }
            Event::CorrelationCancelled { correlation } => {
                changes.rows.cancelled.push(*correlation);
                Ok(())
            }
            Event::DebtPaid { debt } => self.forget_debt(*debt),
            Event::AlertEnded { agent, alert, .. } => self.forget_alert(*agent, *alert),
            Event::BoardCreated { .. }
            | Event::OwnerChanged { .. }
            | Event::ClockJumped { .. }
            | Event::TypeRegistered { .. }
            | Event::AgentDefined { .. }
            | Event::AgentRetired { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::DependencyDefined { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::PredicateFailed { .. }
            | Event::Adopted { .. } => self.evolve_at(seq, event, changes),
        }
    }

    /// Applies an event with which an activation or an attempt begins.
    fn begin_work(&mut self, seq: Seq, event: &Event) -> Evolved {
        if let Event::ActivationCreated {
            subscription,
            inputs,
            correlation,
            key,
            not_before,
            members,
        } = event
        {
            let made = Made {
                inputs: inputs.clone(),
                correlation: *correlation,
                key: key.clone(),
                members: members.clone(),
            };
            let since = not_before.unwrap_or_default().max(self.header.elapsed);
            return self.create(ActivationId(seq), (*subscription, since), made);
        }
        let Event::AttemptStarted { attempt, session, seed, deadline, slots, member } = event
        else {
            return Ok(());
        };
        let running = Running {
            attempt: attempt.attempt,
            session: *session,
            seed: *seed,
            started: self.header.elapsed,
            at: self.header.at,
            deadline: *deadline,
            slots: *slots,
            member: *member,
        };
        self.start_attempt(seq, attempt.activation, running)
    }

    fn commit(&mut self, draft: &Draft) {
        self.artifacts += 1;
        if let Some(record) = self.types.get_mut(draft.envelope.type_no.get() as usize) {
            record.artifacts += 1;
        }
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
        })?;
        let runner = self.activation(activation).and_then(Activation::runner);
        if let Some(runner) = runner {
            self.meter_start(runner, activation);
            self.move_agent(runner, seq);
        }
        self.note_ran(activation);
        self.forget_reveal(activation);
        Ok(())
    }

    pub(super) fn create(
        &mut self,
        id: ActivationId,
        (subscription, since): (SubscriptionNo, Elapsed),
        made: Made,
    ) -> Evolved {
        let record = self
            .subscriptions
            .get(subscription.get() as usize)
            .ok_or_else(|| format!("there is no subscription {subscription}"))?;
        // The match that the first ones are held for lets them go.
        let held = if record.lets_go() { self.index.early(subscription) } else { Vec::new() };
        for &id in &held {
            self.take_out(id);
        }
        let record = self
            .subscriptions
            .get_mut(subscription.get() as usize)
            .map(SubscriptionRecord::counted)
            .ok_or_else(|| format!("there is no subscription {subscription}"))?;
        let now = self.header.elapsed;
        let activation = Activation {
            subscription,
            agent: record.agent,
            inputs: made.inputs,
            correlation: made.correlation,
            key: made.key.map(Box::new),
            created: now,
            attempts: 0,
            failures: 0,
            phase: Phase::Waiting { since },
            trail: SmallVec::new(),
            steps: Vec::new(),
            suspect: None,
            members: made.members,
        };
        for id in held {
            self.put_in(id);
        }
        self.open(id, activation);
        Ok(())
    }

    fn open(&mut self, id: ActivationId, activation: Activation) {
        self.entry_of(activation.correlation).open += 1;
        let lane = self.lane_of(&activation);
        if let Some((no, key)) = &lane {
            self.index.lanes.change(*no, key, |lane| lane.enter(id));
        }
        let facts = self.facts(id, &activation);
        self.index.insert(id, &activation, facts, self.header.elapsed);
        self.activations.insert(id, Box::new(activation));
        self.settle_lane(lane);
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
            key: redriven.key.clone().map(Box::new),
            created: now,
            attempts: redriven.attempts,
            failures: 0,
            phase: Phase::Waiting { since: redriven.not_before.unwrap_or_default().max(now) },
            trail: redriven.trail.iter().copied().chain([seq]).collect(),
            steps: redriven.steps.clone(),
            suspect: None,
            members: redriven.members.clone(),
        };
        self.forget_dead_of(subscription, redriven.key.as_ref(), redriven.activation);
        self.open(redriven.activation, activation);
        changes.rows.reopened.push(redriven.activation);
        Ok(())
    }

    pub(super) fn end_attempt(
        &mut self,
        seq: Seq,
        attempt: AttemptId,
        (end, next, fingerprint): (AttemptEnd, Next, Option<Fingerprint>),
        changes: &mut Changes,
    ) -> Evolved {
        let id = attempt.activation;
        let current = self.activation(id).and_then(Activation::running);
        if current.is_none_or(|running| running.attempt != attempt.attempt) {
            return Err(format!("attempt {attempt} does not run"));
        }
        let runner = self.activation(id).and_then(Activation::runner);
        match next {
            Next::Retry { not_before, counted } => self.change(id, |activation| {
                activation.failures += u32::from(counted);
                activation.judge(end);
                activation.trail.push(seq);
                activation.phase = Phase::Waiting { since: not_before };
            })?,
            Next::WhenRoom { not_before, room } => self.change(id, |activation| {
                activation.judge(end);
                activation.trail.push(seq);
                activation.phase = Phase::Full { since: not_before, room };
            })?,
            Next::Dead(reason) => {
                self.trail(id, seq);
                let kind = match end {
                    AttemptEnd::Failed(kind) => Some(kind),
                    AttemptEnd::Done
                    | AttemptEnd::Lost
                    | AttemptEnd::Released
                    | AttemptEnd::Cancelled
                    | AttemptEnd::BoardFull => None,
                };
                let closing = Closing { outcome: Outcome::Dead(reason), kind, fingerprint };
                self.close(seq, id, &closing, changes)?
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
                self.close(seq, id, &Closing::of(outcome), changes)?
            }
        }
        if let Some(runner) = runner {
            self.meter_end(runner, id, end);
            self.move_agent(runner, seq);
        }
        // An older one of its key, which was redriven while it ran, goes before it.
        let lane = self.activation(id).and_then(|activation| self.lane_of(activation));
        self.settle_lane(lane);
        Ok(())
    }

    pub(super) fn trail(&mut self, id: ActivationId, seq: Seq) {
        if let Some(activation) = self.activations.get_mut(&id) {
            activation.trail.push(seq);
        }
    }

    /// An attempt of an agent began or ended.
    fn move_agent(&mut self, agent: AgentNo, seq: Seq) {
        if let Some(record) = self.agents.get_mut(agent.get() as usize) {
            record.moved = seq;
        }
    }

    /// Changes an open activation and keeps the index in line.
    fn change(&mut self, id: ActivationId, change: impl FnOnce(&mut Activation)) -> Evolved {
        let activation =
            self.activations.get_mut(&id).ok_or_else(|| format!("activation {id} is not open"))?;
        let facts = facts(&known!(self), id, activation);
        self.index.remove(id, activation, facts);
        change(activation);
        self.index.insert(id, activation, facts, self.header.elapsed);
        Ok(())
    }

    /// Closes an open activation.
    pub(super) fn close(
        &mut self,
        seq: Seq,
        id: ActivationId,
        closing: &Closing,
        changes: &mut Changes,
    ) -> Evolved {
        let outcome = closing.outcome;
        let activation =
            self.activations.remove(&id).ok_or_else(|| format!("activation {id} is not open"))?;
        let facts = self.facts(id, &activation);
        self.index.remove(id, &activation, facts);
        self.index.held.release(id);
        self.forget_reveal(id);
        let lane = self.lane_of(&activation);
        if let Some((no, key)) = &lane {
            self.index.lanes.change(*no, key, |lane| lane.leave(id));
            if matches!(outcome, Outcome::Dead(_)) {
                self.note_dead(*no, key, id);
            }
        }
        self.settle_lane(lane);
        if let Some(record) = self.subscriptions.get_mut(activation.subscription.get() as usize) {
            match outcome {
                Outcome::Done => record.counters.done += 1,
                Outcome::Dead(_) | Outcome::Dropped(_) => record.counters.dead += 1,
                Outcome::Cancelled => record.counters.cancelled += 1,
                Outcome::Expired => record.counters.expired += 1,
            }
        }
        if let Some(entry) = self.correlations.get_mut(&activation.correlation) {
            entry.open -= 1;
            if entry.open == 0 {
                self.index.touched.push(activation.correlation);
            }
        }
        changes.room = true;
        // Later on it is a retry that it waits for, or room, which a redrive does not wait for.
        let not_before = match activation.phase {
            Phase::Waiting { since } if activation.attempts == 0 => Some(since),
            Phase::Waiting { .. } | Phase::Full { .. } | Phase::Running(_) => None,
        };
        let not_before = not_before.filter(|since| *since > self.header.elapsed);
        let closed = ClosedActivation {
            activation: id,
            agent: activation.agent,
            subscription: activation.subscription,
            inputs: activation.inputs,
            correlation: activation.correlation,
            key: activation.key.map(|key| *key),
            outcome,
            ended: seq,
            at: self.header.at,
            attempts: activation.attempts,
            trail: activation.trail.into_vec(),
            steps: activation.steps,
            death: self.death(closing, activation.agent),
            members: activation.members,
            not_before,
        };
        changes.owed |= self.owe_notice(&closed);
        changes.owed |= self.owe_alert(&closed);
        changes.rows.closed.push(closed);
        Ok(())
    }
}
