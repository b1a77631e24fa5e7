//! Evolve: how events change the state. The whole of recovery, forks and time travel; what it does
//! with a released event never changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::activation::{Activation, Phase};
use super::agenda::{Standing, rank};
use super::changes::{Changes, Settled};
use super::circuit::Circuit;
use super::index::{Facts, Index, Timed};
use super::lanes::Lanes;
use super::meter::Meter;
use super::slots::KeyLimit;
use super::state::{
    AgentRecord, Counters, DependencyRecord, SessionRecord, State, SubscriptionRecord, TypeRecord,
};
use crate::definition::{AgentDefinition, DependencyDefinition, Limits, Wakes};
use crate::event::{Closure, Event, LEVEL, Metered};
use crate::ids::{
    ActivationId, AgentNo, CorrelationId, DependencyNo, Incarnation, Level, Seq, SubscriptionNo,
};
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

/// Borrows of a state no more than what facts are drawn from.
macro_rules! known {
    ($state:expr) => {
        $crate::board::evolve::Known {
            agents: &$state.agents,
            subscriptions: &$state.subscriptions,
            paused: &$state.paused_correlations,
            lanes: &$state.index.lanes,
        }
    };
}
pub(super) use known;

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
                self.paused_correlations.remove(&correlation);
                self.keep_hour(correlation, entry.hour);
                let cancelled = changes.rows.cancelled.contains(&correlation);
                changes.settled.push(Settled { correlation, cancelled });
            }
        }
        self.index.turning.clear();
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

    fn begin_life(&mut self, incarnation: Incarnation) {
        (self.header.origin, self.header.incarnation) = (Some(incarnation), Some(incarnation));
        self.header.clock_offset_ms = self.clock_offset_ms();
    }

    /// What happens to the board; what happens to work is in `evolve_work.rs`.
    pub(super) fn evolve_at(&mut self, seq: Seq, event: &Event, changes: &mut Changes) -> Evolved {
        match event {
            Event::BoardCreated { name, incarnation, level, dev } => {
                check_level(*level)?;
                self.header.board = Some(name.clone());
                (self.header.level, self.header.dev) = (*level, *dev);
                self.begin_life(*incarnation);
                Ok(())
            }
            Event::OwnerChanged { epoch, process, program } => {
                (self.header.epoch, self.header.owner) = (*epoch, Some(*process));
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
                let record = TypeRecord { name, version, schema, artifacts: 0 };
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
            Event::DependencyDefined { dependency, definition } => {
                self.define_dependency(*dependency, definition)
            }
            Event::BreakerOpened { of, why, until, .. } => {
                self.turn_circuit(*of, |circuit| circuit.open(*why, *until))
            }
            Event::BreakerHalfOpened { of, .. } => self.turn_circuit(*of, Circuit::half_open),
            Event::BreakerClosed { of, .. } => self.turn_circuit(*of, Circuit::close),
            Event::Paused { what } => self.pause(*what, true),
            Event::Resumed { what } => self.pause(*what, false),
            Event::Adopted { incarnation, span } => self.go_on(seq, *incarnation, *span),
            Event::PredicateFailed { subscription, clause, count, .. } => {
                self.tell_failure(seq, (*subscription, *clause), *count)
            }
            Event::ArtifactCommitted(_)
            | Event::ActivationCreated { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::StepRecorded { .. }
            | Event::StepIntended { .. }
            | Event::StepWithdrawn { .. }
            | Event::StepSettled { .. }
            | Event::LimitReached { .. }
            | Event::ActivationClosed { .. }
            | Event::ActivationRedriven(_)
            | Event::DeadLetterDropped { .. }
            | Event::CorrelationCancelled { .. }
            | Event::DebtPaid { .. }
            | Event::AlertEnded { .. } => self.evolve_work(seq, event, changes),
        }
    }

    fn define_agent(
        &mut self,
        agent: AgentNo,
        definition: &Arc<AgentDefinition>,
        subscriptions: &[SubscriptionNo],
    ) -> Evolved {
        self.catalogue = self.catalogue.next();
        let now = self.header.elapsed;
        let named = definition.dependencies.iter().map(|name| {
            let found = self.dependency_named(name).map(|(no, _)| no);
            found.ok_or_else(|| format!("there is no dependency `{name}`"))
        });
        let mut record = AgentRecord {
            dependencies: named.collect::<Result<_, _>>()?,
            definition: definition.clone(),
            subscriptions: subscriptions.to_vec(),
            registered: true,
            paused: false,
            meter: Meter::default(),
            moved: Seq(0),
        };
        if let Some(before) = self.agents.get_mut(agent.get() as usize) {
            (record.paused, record.moved) = (before.paused, before.moved);
            record.meter = std::mem::take(&mut before.meter);
            record.meter.adopt(&before.definition.limits, &definition.limits, now);
            let before = std::mem::replace(before, record);
            self.set_current(&before.subscriptions, false)?;
        } else {
            record.meter.adopt(&Limits::default(), &definition.limits, now);
            push_at(&mut self.agents, agent.get(), record, "agent")?;
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
                failing: Vec::new(),
            };
            push_at(&mut self.subscriptions, no.get(), record, "subscription")?;
        }
        self.set_current(subscriptions, true)?;
        if definition.alert_after.is_none() {
            self.forget_alerts_of(agent);
        }
        // Policies hold for waiting work too, so its timers and its agent's gates may move.
        self.rebuild_index();
        self.reconsider(Metered::Agent(agent));
        Ok(())
    }

    fn define_dependency(
        &mut self,
        dependency: DependencyNo,
        definition: &Arc<DependencyDefinition>,
    ) -> Evolved {
        let now = self.header.elapsed;
        if let Some(record) = self.dependencies.get_mut(dependency.get() as usize) {
            record.meter.adopt(&record.definition.limits, &definition.limits, now);
            record.definition = definition.clone();
        } else {
            let mut record =
                DependencyRecord { definition: definition.clone(), meter: Meter::default() };
            record.meter.adopt(&Limits::default(), &definition.limits, now);
            push_at(&mut self.dependencies, dependency.get(), record, "dependency")?;
        }
        self.rebuild_index();
        self.reconsider(Metered::Dependency(dependency));
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

    pub(super) fn facts(&self, id: ActivationId, activation: &Activation) -> Facts {
        facts(&known!(self), id, activation)
    }

    /// Derives the index anew from everything that is open.
    pub(super) fn rebuild_index(&mut self) {
        let mut index = Index::within(self.index.bounds);
        std::mem::swap(&mut index.touched, &mut self.index.touched);
        std::mem::swap(&mut index.turning, &mut self.index.turning);
        for (no, agent) in self.agents() {
            let AgentRecord { registered, paused, .. } = *agent;
            let (concurrency, slots) = (agent.definition.concurrency, agent.definition.slots());
            index.agenda.stand(no, Standing { registered, paused, concurrency, slots });
            for &dependency in &agent.dependencies {
                index.dependents_mut(dependency).push(no);
            }
        }
        for (group, member) in self.memberships() {
            index.agenda.join(group, member);
        }
        let agents = self.agents().map(|(no, record)| (Metered::Agent(no), &record.meter));
        let dependencies =
            self.dependencies().map(|(no, record)| (Metered::Dependency(no), &record.meter));
        for (of, meter) in agents.chain(dependencies) {
            index.breaker_moves(of, None, meter.circuit.as_ref().and_then(Circuit::due));
        }
        index.notices_wanted = self.notices_wanted();
        index.reveals = self.reveals.iter().map(|(&id, &at)| (at, id)).collect();
        self.index = index;
        self.rebuild_lanes();
        for (&id, activation) in &self.activations {
            let facts = facts(&known!(self), id, activation);
            self.index.insert(id, activation, facts, self.header.elapsed);
        }
        for agent in (0..).map(AgentNo).take(self.agents.len()) {
            self.refresh_agent(agent, self.header.elapsed);
        }
    }

    /// Puts activations whose delay is over by `now`, or for which there is room again, where a
    /// permit can take them, and lets agents go that a rate limit held back until then. Derived data
    /// only: the state itself does not change.
    pub(super) fn promote(&mut self, now: Elapsed) {
        while let Some(agent) = self.index.agenda.released(now) {
            self.refresh_agent(agent, now);
        }
        while let Some(id) = self.index.take_ready(now) {
            let Some(activation) = self.activations.get(&id) else { continue };
            let (Phase::Waiting { since } | Phase::Full { since, .. }) = activation.phase else {
                continue;
            };
            let facts = self.facts(id, activation);
            self.index.make_ready(activation, rank(id, since, facts.priority), &facts);
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

pub(super) const fn outcome_of(why: Closure) -> Outcome {
    match why {
        Closure::Cancelled => Outcome::Cancelled,
        Closure::Dead(reason) => Outcome::Dead(reason),
        Closure::Expired => Outcome::Expired,
    }
}

/// What facts are drawn from, apart from what changes with them.
pub(super) struct Known<'a> {
    pub(super) agents: &'a [AgentRecord],
    pub(super) subscriptions: &'a [SubscriptionRecord],
    pub(super) paused: &'a BTreeSet<CorrelationId>,
    pub(super) lanes: &'a Lanes,
}

pub(super) fn facts(known: &Known<'_>, id: ActivationId, activation: &Activation) -> Facts {
    let no = activation.subscription;
    let record = known.subscriptions.get(no.get() as usize);
    let subscription = record.map(|record| &record.definition);
    let agent = known.agents.get(activation.agent.get() as usize).map(|record| &record.definition);
    let total = agent.and_then(|agent| agent.total_timeout);
    let ordered = subscription.is_some_and(|subscription| subscription.ordered.is_some());
    let key = activation.key.as_ref().filter(|_| ordered);
    Facts {
        priority: subscription.map_or(0, |subscription| subscription.priority),
        total_deadline: total.map_or(Elapsed::NEVER, |total| activation.created.after(total)),
        parked: !known.paused.is_empty() && known.paused.contains(&activation.correlation),
        early: record.is_some_and(SubscriptionRecord::holds),
        behind: key.is_some_and(|key| known.lanes.is_behind(no, key, id)),
        timed: match subscription.map(|subscription| &subscription.wakes) {
            Some(Wakes::Quiet(_)) => Timed::Quiet,
            Some(Wakes::Aged { .. }) => Timed::Aged,
            Some(Wakes::AtOnce) | None => Timed::No,
        },
        key_limit: agent.and_then(|agent| {
            agent.key_concurrency.map(|slots| KeyLimit { slots, each: agent.slots() })
        }),
    }
}

fn push_at<T>(list: &mut Vec<T>, no: u32, record: T, what: &str) -> Evolved {
    if list.len() != no as usize {
        return Err(format!("{what} {no} follows {what} {}", list.len()));
    }
    list.push(record);
    Ok(())
}
