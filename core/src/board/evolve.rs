//! Evolve: how events change the state. The whole of recovery, forks and time travel; what it does
//! with a released event never changes.

use std::sync::Arc;

use super::activation::{Activation, Phase, Running};
use super::changes::{Changes, Settled};
use super::index::{Facts, Index, rank};
use super::state::{AgentRecord, Counters, SessionRecord, State, SubscriptionRecord, TypeRecord};
use crate::definition::AgentDefinition;
use crate::event::{Closure, Event, LEVEL};
use crate::ids::{ActivationId, AgentNo, Level, Seq, SubscriptionNo};
use crate::log::Outcome;
use crate::record::Decision;
use crate::time::{Elapsed, Now};

/// An event that does not fit the state before it: the log was not written by a board, or by one
/// of a later release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} cannot be folded: {problem}")]
pub struct Inconsistent {
    /// The seq of the event.
    pub seq: Seq,
    /// What is wrong.
    pub problem: String,
}

pub(super) type Evolved = Result<(), String>;

impl State {
    /// Applies a recorded decision. `changes` receives what it changed beyond the state.
    ///
    /// # Errors
    /// When an event does not fit the state; the state is then of no further use.
    pub fn apply(
        &mut self,
        decision: &Decision,
        changes: &mut Changes,
    ) -> Result<(), Inconsistent> {
        self.begin(Now { wall: decision.at, elapsed: decision.elapsed });
        for event in &decision.events {
            self.evolve(event, changes)?;
        }
        self.conclude(changes);
        Ok(())
    }

    /// Moves both clocks to a decision.
    pub(super) fn begin(&mut self, now: Now) {
        self.header.at = now.wall;
        self.header.elapsed = now.elapsed;
    }

    /// Closes a decision: trees of work of which nothing is open leave the live state.
    pub(super) fn conclude(&mut self, changes: &mut Changes) {
        while let Some(correlation) = self.index.touched.pop() {
            let entry = self.correlations.get(&correlation).copied();
            if let Some(entry) = entry.filter(|entry| entry.open == 0) {
                self.correlations.remove(&correlation);
                self.keep_hour(correlation, entry.hour);
                let cancelled = changes.rows.cancelled.contains(&correlation);
                changes.settled.push(Settled { correlation, cancelled });
            }
        }
    }

    /// Applies one event.
    pub(super) fn evolve(
        &mut self,
        event: &Event,
        changes: &mut Changes,
    ) -> Result<(), Inconsistent> {
        let seq = self.header.seq.next();
        self.header.seq = seq;
        self.evolve_at(seq, event, changes).map_err(|problem| Inconsistent { seq, problem })
    }

    fn evolve_at(&mut self, seq: Seq, event: &Event, changes: &mut Changes) -> Evolved {
        match event {
            Event::BoardCreated { name, incarnation, level, dev } => {
                check_level(*level)?;
                self.header.board = Some(name.clone());
                self.header.incarnation = Some(*incarnation);
                (self.header.level, self.header.dev) = (*level, *dev);
                self.header.clock_offset_ms = self.clock_offset_ms();
                Ok(())
            }
            Event::OwnerChanged { epoch, process, program } => {
                self.header.epoch = *epoch;
                self.header.owner = Some(*process);
                self.header.program = Some(program.clone());
                Ok(())
            }
            Event::ClockJumped { by_ms } => {
                self.header.clock_offset_ms = self.header.clock_offset_ms.saturating_add(*by_ms);
                Ok(())
            }
            Event::TypeRegistered { type_no, name, version, schema } => {
                changes.catalogue = true;
                let (name, version, schema) = (name.clone(), *version, schema.clone());
                let record = TypeRecord { name, version, schema };
                push_at(&mut self.types, type_no.get(), record, "type")
            }
            Event::AgentDefined { agent, definition, subscriptions } => {
                changes.catalogue = true;
                self.define_agent(*agent, definition, subscriptions)
            }
            Event::AgentRetired { agent } => {
                changes.catalogue = true;
                self.retire_agent(*agent)
            }
            Event::SessionOpened { session, process, slots } => {
                let record = SessionRecord { process: *process, slots: *slots };
                self.sessions.insert(*session, record);
                Ok(())
            }
            Event::SessionEnded { session, .. } => {
                self.index.forget_session(*session);
                self.sessions.remove(session).map(drop).ok_or_else(|| "no such session".to_owned())
            }
            Event::ArtifactCommitted(draft) => {
                self.commit(draft);
                Ok(())
            }
            Event::ActivationCreated { subscription, inputs, correlation } => {
                self.create(ActivationId(seq), *subscription, inputs.clone(), *correlation)
            }
            Event::AttemptStarted { attempt, session, seed, deadline } => {
                let (started, at) = (self.header.elapsed, self.header.at);
                let (session, seed, deadline) = (*session, *seed, *deadline);
                let attempt_no = attempt.attempt;
                let running = Running { attempt: attempt_no, session, seed, started, at, deadline };
                self.start_attempt(seq, attempt.activation, running)
            }
            Event::AttemptEnded { attempt, end, next, .. } => {
                self.end_attempt(seq, *attempt, (*end, *next), changes)
            }
            Event::StepRecorded { attempt, step, .. } => self.record(seq, *attempt, step.clone()),
            Event::ActivationClosed { activation, why } => {
                self.close(seq, *activation, outcome_of(*why), changes)
            }
            Event::ActivationRedriven(redriven) => self.redrive(seq, redriven, changes),
            Event::DeadLetterDropped { .. } => Ok(()),
            Event::CorrelationCancelled { correlation } => {
                changes.rows.cancelled.push(*correlation);
                Ok(())
            }
        }
    }

    fn define_agent(
        &mut self,
        agent: AgentNo,
        definition: &Arc<AgentDefinition>,
        subscriptions: &[SubscriptionNo],
    ) -> Evolved {
        self.catalogue = self.catalogue.next();
        let record = AgentRecord {
            definition: definition.clone(),
            subscriptions: subscriptions.to_vec(),
            registered: true,
        };
        match self.agents.get_mut(agent.get() as usize) {
            Some(before) => {
                let before = std::mem::replace(before, record);
                self.set_current(&before.subscriptions, false)?;
            }
            None => push_at(&mut self.agents, agent.get(), record, "agent")?,
        }
        for (&no, wanted) in subscriptions.iter().zip(&definition.subscriptions) {
            if (no.get() as usize) < self.subscriptions.len() {
                continue;
            }
            let record = SubscriptionRecord {
                agent,
                definition: wanted.clone(),
                current: false,
                counters: Counters::default(),
            };
            push_at(&mut self.subscriptions, no.get(), record, "subscription")?;
        }
        self.set_current(subscriptions, true)?;
        // Policies hold for waiting work too, so its timers and its agent's gates may move.
        self.rebuild_index();
        Ok(())
    }

    fn retire_agent(&mut self, agent: AgentNo) -> Evolved {
        self.catalogue = self.catalogue.next();
        let record = self
            .agents
            .get_mut(agent.get() as usize)
            .ok_or_else(|| format!("there is no agent {agent}"))?;
        record.registered = false;
        let subscriptions = record.subscriptions.clone();
        self.set_current(&subscriptions, false)?;
        self.rebuild_index();
        Ok(())
    }

    fn set_current(&mut self, subscriptions: &[SubscriptionNo], current: bool) -> Evolved {
        for no in subscriptions {
            self.subscriptions
                .get_mut(no.get() as usize)
                .ok_or_else(|| format!("there is no subscription {no}"))?
                .current = current;
        }
        Ok(())
    }

    pub(super) fn clock_offset_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.header.elapsed.as_millis()).unwrap_or(i64::MAX);
        self.header.at.as_millis().saturating_sub(elapsed)
    }

    pub(super) fn facts(&self, activation: &Activation) -> Facts {
        facts(&self.agents, &self.subscriptions, activation)
    }

    /// Derives the index anew from everything that is open.
    pub(super) fn rebuild_index(&mut self) {
        let mut index = Index::within(self.index.bounds);
        std::mem::swap(&mut index.touched, &mut self.index.touched);
        for (no, agent) in self.agents() {
            index.set_agent(no, agent.registered, agent.definition.concurrency);
        }
        for (&id, activation) in &self.activations {
            index.insert(id, activation, self.facts(activation), self.header.elapsed);
        }
        self.index = index;
    }

    /// Puts activations whose delay is over by `now`, or for which there is room again, where a
    /// permit can take them. Derived data only: the state
    /// itself does not change.
    pub(super) fn promote(&mut self, now: Elapsed) {
        while let Some(id) = self.index.take_ready(now) {
            let Some(activation) = self.activations.get(&id) else { continue };
            let (Phase::Waiting { since } | Phase::Full { since, .. }) = activation.phase else {
                continue;
            };
            let priority = facts(&self.agents, &self.subscriptions, activation).priority;
            self.index.make_ready(activation.agent, rank(id, since, priority));
        }
    }
}

/// Refuses a board that may contain what this release does not know.
pub(super) fn check_level(level: Level) -> Evolved {
    let known = LEVEL.next();
    if level <= known {
        return Ok(());
    }
    Err(format!("the board has level {level}, this release reads levels up to {known}"))
}

const fn outcome_of(why: Closure) -> Outcome {
    match why {
        Closure::Cancelled => Outcome::Cancelled,
        Closure::Dead(reason) => Outcome::Dead(reason),
    }
}

pub(super) fn facts(
    agents: &[AgentRecord],
    subscriptions: &[SubscriptionRecord],
    activation: &Activation,
) -> Facts {
    let subscription = subscriptions.get(activation.subscription.get() as usize);
    let priority = subscription.map_or(0, |record| record.definition.priority);
    let total = agents
        .get(activation.agent.get() as usize)
        .and_then(|record| record.definition.total_timeout);
    let total_deadline = total.map_or(Elapsed::NEVER, |total| activation.created.after(total));
    Facts { priority, total_deadline }
}

fn push_at<T>(list: &mut Vec<T>, no: u32, record: T, what: &str) -> Evolved {
    if list.len() != no as usize {
        return Err(format!("{what} {no} follows {what} {}", list.len()));
    }
    list.push(record);
    Ok(())
}
