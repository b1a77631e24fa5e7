//! An event as it is told: with names beside its numbers, and with the tree of work that it is
//! about. A command's events may be about several trees, since it also starts what is ready.

use std::collections::BTreeMap;

use artel::envelope::{Actor, Draft};
use artel::event::{AttemptEnd, Event, Next, Pausable};
use artel::fingerprint::Fingerprint;
use artel::hash::Hash;
use artel::ids::{ActivationId, AttemptId, CorrelationId, TypeNo};
use artel::state::State;
use artel::time::Elapsed;
use artel::{Entry, ReadError, Reader};

use super::irreversible;
use crate::{describe, times, wire, words};

/// How many activations are remembered.
const REMEMBERED_MAX: usize = 65_536;

/// What is known of the activations that events are about and attempts belong to: the newest ones.
/// Others are looked up.
#[derive(Debug, Default)]
pub(super) struct Activations {
    known: BTreeMap<ActivationId, Work>,
}

/// Whose work an activation is, and which tree of work it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Work {
    agent: String,
    correlation: CorrelationId,
}

/// The activations that an event speaks of.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// The one that the event is about.
    work: Option<Work>,
    /// The one whose attempt asked for it.
    actor: Option<Work>,
}

impl Activations {
    /// The activations that an event speaks of.
    pub(super) async fn subjects(
        &mut self,
        entry: &Entry,
        reader: &Reader,
    ) -> Result<Subjects, ReadError> {
        let state = reader.state();
        let created = match &entry.event {
            Event::ActivationCreated { subscription, correlation, .. } => {
                Some((ActivationId(entry.seq), *subscription, *correlation))
            }
            Event::ActivationRedriven(redriven) => {
                Some((redriven.activation, redriven.subscription, redriven.correlation))
            }
            Event::BoardCreated { .. }
            | Event::OwnerChanged { .. }
            | Event::ClockJumped { .. }
            | Event::TypeRegistered { .. }
            | Event::AgentDefined { .. }
            | Event::AgentRetired { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::ArtifactCommitted(_)
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::StepRecorded { .. }
            | Event::ActivationClosed { .. }
            | Event::DeadLetterDropped { .. }
            | Event::CorrelationCancelled { .. }
            | Event::DependencyDefined { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::DebtPaid { .. }
            | Event::AlertEnded { .. }
            | Event::PredicateFailed { .. }
            | Event::Adopted { .. }
            | Event::StepIntended { .. }
            | Event::StepWithdrawn { .. }
            | Event::StepSettled { .. }
            | Event::LimitReached { .. } => None,
        };
        if let Some((id, subscription, correlation)) = created {
            self.remember(id, Work { agent: describe::agent_of(state, subscription), correlation });
        }
        let mut subjects = Subjects::default();
        if let Some(id) = about(entry) {
            subjects.work = self.look_up(id, reader).await?;
        }
        if let Actor::Attempt(attempt) = &entry.actor {
            subjects.actor = self.look_up(attempt.activation, reader).await?;
        }
        Ok(subjects)
    }

    async fn look_up(
        &mut self,
        id: ActivationId,
        reader: &Reader,
    ) -> Result<Option<Work>, ReadError> {
        if let Some(work) = self.known.get(&id) {
            return Ok(Some(work.clone()));
        }
        let Some(view) = reader.activation(id).await? else { return Ok(None) };
        let work = Work { agent: view.agent.to_string(), correlation: view.correlation };
        self.remember(id, work.clone());
        Ok(Some(work))
    }

    fn remember(&mut self, id: ActivationId, work: Work) {
        self.known.insert(id, work);
        if self.known.len() > REMEMBERED_MAX {
            self.known.pop_first();
        }
    }
}

/// The activation that an event is about.
fn about(entry: &Entry) -> Option<ActivationId> {
    match &entry.event {
        Event::ActivationCreated { .. } => Some(ActivationId(entry.seq)),
        Event::AttemptStarted { attempt, .. }
        | Event::AttemptEnded { attempt, .. }
        | Event::StepRecorded { attempt, .. }
        | Event::StepIntended { attempt, .. }
        | Event::StepWithdrawn { attempt, .. }
        | Event::LimitReached { attempt, .. } => Some(attempt.activation),
        Event::ActivationClosed { activation, .. }
        | Event::DeadLetterDropped { activation, .. }
        | Event::StepSettled { activation, .. } => Some(*activation),
        Event::ActivationRedriven(redriven) => Some(redriven.activation),
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::ClockJumped { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::AgentRetired { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::ArtifactCommitted(_)
        | Event::CorrelationCancelled { .. }
        | Event::DependencyDefined { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DebtPaid { .. }
        | Event::AlertEnded { .. }
        | Event::PredicateFailed { .. }
        | Event::Adopted { .. } => None,
    }
}

/// The tree of work that an event is about; that of its command where it is about none itself.
pub(super) fn correlation(entry: &Entry, subjects: &Subjects) -> Option<CorrelationId> {
    match &entry.event {
        Event::ArtifactCommitted(draft) => Some(draft.envelope.correlation),
        Event::CorrelationCancelled { correlation }
        | Event::LimitReached { correlation, .. }
        | Event::Paused { what: Pausable::Correlation(correlation) }
        | Event::Resumed { what: Pausable::Correlation(correlation) } => Some(*correlation),
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::ClockJumped { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::AgentRetired { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::ActivationCreated { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::StepRecorded { .. }
        | Event::StepIntended { .. }
        | Event::StepWithdrawn { .. }
        | Event::StepSettled { .. }
        | Event::ActivationClosed { .. }
        | Event::ActivationRedriven(_)
        | Event::DeadLetterDropped { .. }
        | Event::DependencyDefined { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DebtPaid { .. }
        | Event::AlertEnded { .. }
        | Event::PredicateFailed { .. }
        | Event::Adopted { .. } => {
            subjects.work.as_ref().map(|work| work.correlation).or(entry.correlation)
        }
    }
}

/// An event with everything that is recorded.
pub(super) fn tell(entry: &Entry, subjects: &Subjects, state: &State) -> wire::Event {
    let agent = subjects.work.as_ref().map(|work| work.agent.clone());
    wire::Event {
        seq: entry.seq.get(),
        at: times::millis(entry.at),
        actor: actor(&entry.actor, subjects),
        command: entry.command.to_string(),
        correlation: correlation(entry, subjects).map(|id| id.to_string()),
        trace: entry.trace.as_ref().map(describe::trace),
        happened: happened(&entry.event, agent, state),
    }
}

fn actor(actor: &Actor, subjects: &Subjects) -> wire::Actor {
    match actor {
        Actor::Attempt(attempt) => wire::Actor::Attempt {
            attempt: attempt.to_string(),
            agent: subjects.actor.as_ref().map(|work| work.agent.clone()),
        },
        Actor::Program(name) => wire::Actor::Program { name: name.to_string() },
        Actor::Operator { name, reason } => {
            wire::Actor::Operator { name: name.to_string(), reason: reason.to_string() }
        }
        Actor::Board => wire::Actor::Board,
    }
}

/// What happened to a board; what happened to work is told by [`work`].
pub(super) fn happened(event: &Event, agent: Option<String>, state: &State) -> wire::Happened {
    match event {
        Event::BoardCreated { name, incarnation, level, dev } => wire::Happened::BoardCreated {
            name: name.to_string(),
            incarnation: incarnation.to_string(),
            level: level.get(),
            dev: *dev,
        },
        Event::OwnerChanged { epoch, process, program } => wire::Happened::OwnerChanged {
            epoch: epoch.get(),
            process: process.to_string(),
            program: program.to_string(),
        },
        Event::ClockJumped { by_ms } => wire::Happened::ClockJumped { by_ms: *by_ms },
        Event::TypeRegistered { type_no, name, version, schema } => {
            registered(*type_no, (name.to_string(), *version), schema)
        }
        Event::AgentDefined { agent, definition, subscriptions } => wire::Happened::AgentDefined {
            agent_no: agent.get(),
            agent: definition.name.to_string(),
            subscription_nos: subscriptions.iter().map(|no| no.get()).collect(),
            definition: super::definition::tell(definition),
        },
        Event::AgentRetired { agent } => wire::Happened::AgentRetired {
            agent_no: agent.get(),
            agent: describe::agent(state, *agent),
        },
        Event::SessionOpened { session, process, slots } => wire::Happened::SessionOpened {
            session: session.to_string(),
            process: process.to_string(),
            slots: *slots,
        },
        Event::SessionEnded { session, reason } => wire::Happened::SessionEnded {
            session: session.to_string(),
            reason: words::session_end(*reason),
        },
        Event::ArtifactCommitted(draft) => committed(draft, state),
        Event::ActivationCreated { subscription, inputs, key, not_before, members, .. } => {
            wire::Happened::ActivationCreated {
                agent: describe::agent_of(state, *subscription),
                subscription: subscription.get(),
                input_seqs: describe::seqs(inputs),
                key: key.as_ref().map(ToString::to_string),
                not_before_ms: not_before.map(|moment| moment.as_millis()),
                members: members.iter().map(|&it| describe::agent(state, it)).collect(),
            }
        }
        Event::DependencyDefined { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::PredicateFailed { .. } => held_back(event, agent, state),
        Event::Adopted { .. } => irreversible::tell(event, agent, state),
        Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::StepRecorded { .. }
        | Event::ActivationClosed { .. }
        | Event::ActivationRedriven(_)
        | Event::DeadLetterDropped { .. }
        | Event::CorrelationCancelled { .. }
        | Event::DebtPaid { .. }
        | Event::AlertEnded { .. }
        | Event::StepIntended { .. }
        | Event::StepWithdrawn { .. }
        | Event::StepSettled { .. }
        | Event::LimitReached { .. } => work(event, agent, state),
    }
}

fn registered(type_no: TypeNo, (name, version): (String, u32), schema: &str) -> wire::Happened {
    let schema = describe::raw(schema.as_bytes());
    wire::Happened::TypeRegistered { type_no: type_no.get(), name, version, schema }
}

fn work(event: &Event, agent: Option<String>, state: &State) -> wire::Happened {
    match event {
        Event::AttemptStarted { attempt, session, seed, deadline, slots, member } => {
            wire::Happened::AttemptStarted {
                activation: describe::number(attempt.activation),
                attempt: attempt.attempt.get(),
                agent,
                session: session.to_string(),
                seed: seed.to_string(),
                deadline_ms: deadline.as_millis(),
                slots: *slots,
                member: member.map(|member| describe::agent(state, member)),
            }
        }
        Event::AttemptEnded { attempt, end, next, report, fingerprint } => {
            let beside = (report.as_ref(), fingerprint.as_ref());
            ended(*attempt, (*end, *next), beside, agent)
        }
        Event::StepRecorded { attempt, step, result } => wire::Happened::StepRecorded {
            activation: describe::number(attempt.activation),
            attempt: attempt.attempt.get(),
            agent,
            step: step.to_string(),
            result: result.to_string(),
        },
        Event::ActivationClosed { activation, why } => {
            let (why, reason) = words::closure(*why);
            let activation = describe::number(*activation);
            wire::Happened::ActivationClosed { activation, agent, why, reason }
        }
        Event::ActivationRedriven(redriven) => wire::Happened::ActivationRedriven {
            activation: describe::number(redriven.activation),
            agent: describe::agent_of(state, redriven.subscription),
            subscription: redriven.subscription.get(),
            input_seqs: describe::seqs(&redriven.inputs),
            key: redriven.key.as_ref().map(ToString::to_string),
            out_of_order: redriven.out_of_order,
            attempts: redriven.attempts,
        },
        Event::DeadLetterDropped { activation, .. } => {
            wire::Happened::DeadLetterDropped { activation: describe::number(*activation), agent }
        }
        Event::CorrelationCancelled { .. } => wire::Happened::CorrelationCancelled {},
        Event::DebtPaid { debt } => wire::Happened::DebtPaid { debt: debt.0.get() },
        Event::AlertEnded { .. }
        | Event::StepIntended { .. }
        | Event::StepWithdrawn { .. }
        | Event::StepSettled { .. }
        | Event::LimitReached { .. } => irreversible::tell(event, agent, state),
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::ClockJumped { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::AgentRetired { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::ArtifactCommitted(_)
        | Event::ActivationCreated { .. }
        | Event::DependencyDefined { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::PredicateFailed { .. }
        | Event::Adopted { .. } => happened(event, agent, state),
    }
}

/// What holds work back, or lets it go, or kept it from being made.
fn held_back(event: &Event, agent: Option<String>, state: &State) -> wire::Happened {
    match event {
        Event::DependencyDefined { dependency, definition } => wire::Happened::DependencyDefined {
            dependency_no: dependency.get(),
            dependency: definition.name.to_string(),
            breaker: definition.limits.breaker.as_ref().map(describe::breaker),
            rate_limit: definition.limits.rate.as_ref().map(describe::rate_limit),
        },
        Event::BreakerOpened { of, why, until, counts } => wire::Happened::BreakerOpened {
            of: describe::metered(state, *of),
            why: words::tripped(*why),
            until_ms: (*until != Elapsed::NEVER).then(|| until.as_millis()),
            failures: counts.failures,
            calls: counts.calls,
        },
        Event::BreakerHalfOpened { of, openings } => {
            let of = describe::metered(state, *of);
            wire::Happened::BreakerHalfOpened { of, openings: *openings }
        }
        Event::BreakerClosed { of, why, counts } => wire::Happened::BreakerClosed {
            of: describe::metered(state, *of),
            why: words::mended(*why),
            failures: counts.failures,
            calls: counts.calls,
        },
        Event::Paused { what } => wire::Happened::Paused { what: describe::pausable(state, *what) },
        Event::Resumed { what } => {
            wire::Happened::Resumed { what: describe::pausable(state, *what) }
        }
        Event::PredicateFailed { subscription, clause, count, .. } => {
            wire::Happened::PredicateFailed {
                agent: describe::agent_of(state, *subscription),
                subscription: subscription.get(),
                clause: words::clause(*clause),
                count: *count,
                text: None,
            }
        }
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::ClockJumped { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::AgentRetired { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::ArtifactCommitted(_)
        | Event::ActivationCreated { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::StepRecorded { .. }
        | Event::ActivationClosed { .. }
        | Event::ActivationRedriven(_)
        | Event::DeadLetterDropped { .. }
        | Event::CorrelationCancelled { .. }
        | Event::DebtPaid { .. }
        | Event::AlertEnded { .. }
        | Event::StepIntended { .. }
        | Event::StepWithdrawn { .. }
        | Event::StepSettled { .. }
        | Event::LimitReached { .. }
        | Event::Adopted { .. } => happened(event, agent, state),
    }
}

fn ended(
    attempt: AttemptId,
    (end, next): (AttemptEnd, Next),
    (report, fingerprint): (Option<&Hash>, Option<&Fingerprint>),
    agent: Option<String>,
) -> wire::Happened {
    let (not_before, counted, reason) = match next {
        Next::Retry { not_before, counted } => (Some(not_before.as_millis()), Some(counted), None),
        Next::WhenRoom { not_before, .. } => (Some(not_before.as_millis()), Some(false), None),
        Next::Dead(reason) => (None, None, Some(words::reason(reason))),
        Next::Closed => (None, None, None),
    };
    wire::Happened::AttemptEnded {
        activation: describe::number(attempt.activation),
        attempt: attempt.attempt.get(),
        agent,
        end: words::end(end),
        error_kind: words::error_kind(end).map(artel::ErrorKind::as_str),
        next: words::next(next),
        not_before_ms: not_before,
        counted,
        reason,
        report: report.map(ToString::to_string),
        fingerprint: fingerprint.map(ToString::to_string),
    }
}

fn committed(draft: &Draft, state: &State) -> wire::Happened {
    let envelope = &draft.envelope;
    let (producer, attempt) = describe::producer(state, &envelope.producer);
    let woken = draft.verdicts.woken.iter();
    let declined = draft.verdicts.declined.iter();
    wire::Happened::ArtifactCommitted {
        artifact: envelope.id.to_string(),
        type_name: describe::type_name(state, envelope.type_no),
        producer,
        attempt,
        causes: describe::seqs(&envelope.causes),
        depth: envelope.depth,
        tags: describe::texts(&envelope.tags),
        idempotency_key: envelope.idempotency_key.as_ref().map(ToString::to_string),
        ordering_key: envelope.ordering_key.as_ref().map(ToString::to_string),
        payload_len: envelope.payload_len,
        payload_hash: envelope.payload_hash.to_string(),
        wakes: woken.map(|&subscription| describe::agent_of(state, subscription)).collect(),
        declined: declined
            .map(|&(subscription, clause)| {
                (describe::agent_of(state, subscription), words::clause(clause))
            })
            .collect(),
        declined_more: draft.verdicts.declined_more,
    }
}
