//! The history of an activation, open or closed: its attempts with their ends and reports, read
//! from the log by the seqs that the record names.

use std::collections::BTreeMap;

use artel_core::board::{Activation, Gate, Phase, State, Suspect};
use artel_core::catalogue::Catalogue;
use artel_core::envelope::{Actor, Members};
use artel_core::event::{AttemptEnd, Event, Next, Reached};
use artel_core::ids::{ActivationId, AgentNo, AttemptNo, CorrelationId, Seq, SubscriptionNo};
use artel_core::log::{ClosedActivation, Death, Log, Outcome};
use artel_core::names::{AgentName, OrderingKey, QueueName};
use artel_core::step::Step;
use artel_core::time::Timestamp;

use crate::error::ReadError;
use crate::report::AttemptReport;

/// How many bytes of the log one look at an event may read.
const READ_LEN: usize = 1;

/// A unit of work as a reader sees it.
#[derive(Clone, Debug)]
pub struct ActivationView {
    /// Which one.
    pub id: ActivationId,
    /// Whose it is: an agent's, or a group's.
    pub agent: AgentName,
    /// The members of the group that its artifact woke, of whom any may run it; none where it is an agent's.
    pub members: Vec<AgentName>,
    /// The subscription that was met.
    pub subscription: SubscriptionNo,
    /// The artifacts to work on, by seq.
    pub inputs: Vec<Seq>,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// What it is ordered or counted by.
    pub key: Option<OrderingKey>,
    /// What has become of it.
    pub standing: Standing,
    /// How many attempts it has had.
    pub attempts: u32,
    /// The dead-letter queue of its agent.
    pub queue: QueueName,
    /// Its recorded steps.
    pub steps: Vec<Step>,
    /// Whether it ran when a process died, where it is open.
    pub suspect: Option<Suspect>,
    /// What it died of, where it is, or was, a dead letter.
    pub death: Option<Death>,
    /// Whether it works on what may not be seen by whoever looks, so that keys, errors and log lines are
    /// left out.
    pub hidden: bool,
    pub(crate) trail: Vec<Seq>,
    /// The numbers of the members, in the order of their names.
    pub(crate) member_nos: Members,
    /// The event that closed it.
    pub(crate) ended: Option<Seq>,
}

/// Something that was done to a unit of work, and not by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervention {
    /// When, by the board's wall clock.
    pub at: Timestamp,
    /// Who did it: an operator with a name and a reason, or a program.
    pub actor: Actor,
    /// What was done.
    pub what: Intervened,
}

/// What was done to a unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervened {
    /// It was a dead letter, and was to be tried again.
    Redriven {
        /// Whether younger ones of its ordering key may have run since it died.
        out_of_order: bool,
    },
    /// It was a dead letter, and was given up.
    Dropped,
    /// It was cancelled.
    Cancelled,
}

/// What has become of a unit of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits.
    Waiting(Gate),
    /// An attempt of it runs.
    Running,
    /// It is over.
    Closed {
        /// How it ended.
        outcome: Outcome,
        /// When, by the board's wall clock.
        at: Timestamp,
    },
}

/// One execution, as a reader sees it.
#[derive(Clone, Debug)]
pub struct AttemptView {
    /// Which one, from 1.
    pub number: AttemptNo,
    /// The member that ran it, where the activation is a group's.
    pub member: Option<AgentName>,
    /// When it began, by the board's wall clock.
    pub started: Timestamp,
    /// When it ended; none while it runs.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub end: Option<AttemptEnd>,
    /// What became of the activation.
    pub next: Option<Next>,
    /// The limit that what it returned would have exceeded.
    pub limit: Option<LimitView>,
    /// Its error chain and log lines; empty when it left none, or they were erased.
    pub report: AttemptReport,
}

/// A limit that what an attempt returned would have exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitView {
    /// Which limit.
    pub limit: Reached,
    /// What it would have come to.
    pub value: u64,
    /// What is allowed.
    pub bound: u64,
}

impl ActivationView {
    pub(crate) fn open(id: ActivationId, activation: &Activation, state: &State) -> Option<Self> {
        let definition = &state.agent(activation.agent)?.definition;
        let standing = match activation.phase {
            Phase::Running(_) => Standing::Running,
            Phase::Waiting { .. } | Phase::Full { .. } => Standing::Waiting(state.gate(id)?),
        };
        Some(Self {
            id,
            agent: definition.name.clone(),
            members: names(&activation.members, state),
            member_nos: activation.members.clone(),
            subscription: activation.subscription,
            inputs: activation.inputs.to_vec(),
            correlation: activation.correlation,
            key: activation.key.as_deref().cloned(),
            standing,
            attempts: activation.attempts,
            queue: definition.dead_letter_queue.clone(),
            steps: activation.steps.clone(),
            suspect: activation.suspect,
            death: None,
            hidden: false,
            trail: activation.trail.to_vec(),
            ended: None,
        })
    }

    pub(crate) fn closed(closed: ClosedActivation, state: &State) -> Option<Self> {
        let definition = &state.agent(closed.agent)?.definition;
        Some(Self {
            id: closed.activation,
            agent: definition.name.clone(),
            members: names(&closed.members, state),
            member_nos: closed.members,
            subscription: closed.subscription,
            inputs: closed.inputs.to_vec(),
            correlation: closed.correlation,
            key: closed.key,
            standing: Standing::Closed { outcome: closed.outcome, at: closed.at },
            attempts: closed.attempts,
            queue: definition.dead_letter_queue.clone(),
            steps: closed.steps,
            suspect: None,
            death: closed.death,
            hidden: false,
            trail: closed.trail,
            ended: Some(closed.ended),
        })
    }

    /// What the newest attempt left that left anything.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn last_report(
        &self,
        log: &dyn Log,
    ) -> Result<Option<AttemptReport>, ReadError> {
        let reports = log.contents(&self.trail).await.map_err(ReadError::Log)?;
        Ok(reports.iter().rev().find_map(|row| AttemptReport::decode(&row.bytes).ok()))
    }

    /// The name of a member of its group.
    fn member(&self, member: AgentNo) -> Option<AgentName> {
        let mut members = self.member_nos.iter().zip(&self.members);
        members.find(|(no, _)| **no == member).map(|(_, name)| name.clone())
    }

    /// The attempts of this activation, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub(crate) async fn attempts(&self, log: &dyn Log) -> Result<Vec<AttemptView>, ReadError> {
        let reports = log.contents(&self.trail).await.map_err(ReadError::Log)?;
        let reports: BTreeMap<Seq, AttemptReport> = reports
            .into_iter()
            .filter_map(|row| Some((row.seq, AttemptReport::decode(&row.bytes).ok()?)))
            .collect();
        let mut attempts: Vec<AttemptView> = Vec::new();
        for &seq in &self.trail {
            let Some((at, _, event)) = event_at(log, seq).await? else { continue };
            match event {
                Event::AttemptStarted { attempt, member, .. } => attempts.push(AttemptView {
                    number: attempt.attempt,
                    member: member.and_then(|member| self.member(member)),
                    started: at,
                    ended: None,
                    end: None,
                    next: None,
                    limit: None,
                    report: AttemptReport::default(),
                }),
                Event::AttemptEnded { end, next, .. } => {
                    if let Some(attempt) = attempts.last_mut() {
                        attempt.ended = Some(at);
                        attempt.end = Some(end);
                        attempt.next = Some(next);
                        attempt.report = reports.get(&seq).cloned().unwrap_or_default();
                    }
                }
                Event::LimitReached { limit, value, bound, .. } => {
                    if let Some(attempt) = attempts.last_mut() {
                        attempt.limit = Some(LimitView { limit, value, bound });
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
                | Event::StepRecorded { .. }
                | Event::ActivationClosed { .. }
                | Event::ActivationRedriven(_)
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
                | Event::StepSettled { .. } => {}
            }
        }
        Ok(attempts)
    }
}

impl ActivationView {
    /// What people did to this activation, oldest first: redrives, and that it was dropped or cancelled.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub(crate) async fn interventions(
        &self,
        log: &dyn Log,
    ) -> Result<Vec<Intervention>, ReadError> {
        let closed_by = match self.standing {
            Standing::Closed { outcome: Outcome::Dropped(_), .. } => Some(Intervened::Dropped),
            Standing::Closed { outcome: Outcome::Cancelled, .. } => Some(Intervened::Cancelled),
            Standing::Closed { .. } | Standing::Waiting(_) | Standing::Running => None,
        };
        let mut all = Vec::new();
        for &seq in &self.trail {
            if let Some((at, actor, Event::ActivationRedriven(it))) = event_at(log, seq).await? {
                let what = Intervened::Redriven { out_of_order: it.out_of_order };
                all.push(Intervention { at, actor, what });
            }
        }
        if let (Some(what), Some(seq)) = (closed_by, self.ended)
            && let Some((at, actor, _)) = event_at(log, seq).await?
        {
            all.push(Intervention { at, actor, what });
        }
        Ok(all)
    }
}

/// One event of a log, with its time and who asked for it.
pub(crate) async fn event_at(
    log: &dyn Log,
    seq: Seq,
) -> Result<Option<(Timestamp, Actor, Event)>, ReadError> {
    let batches = log.read(seq, READ_LEN).await.map_err(ReadError::Log)?;
    let Some(batch) = batches.into_iter().next() else { return Ok(None) };
    let damaged = |source| {
        let place = "this board".to_owned();
        ReadError::Log(artel_core::log::Error::Batch { place, source })
    };
    let mut next = batch.header.first.get();
    for decision in batch.decisions().map_err(damaged)? {
        let first = next;
        next += decision.span();
        if seq.get() < next {
            let index = usize::try_from(seq.get() - first).unwrap_or(usize::MAX);
            let event = decision.events.into_iter().nth(index);
            return Ok(event.map(|event| (decision.at, decision.actor, event)));
        }
    }
    Ok(None)
}

/// The number of an agent that a person named.
pub(crate) fn agent_no(names: &Catalogue, name: &str) -> Result<AgentNo, ReadError> {
    let found = AgentName::new(name).ok().and_then(|name| names.agent_no(&name));
    found.ok_or_else(|| ReadError::Unknown { what: "agent", name: name.to_owned() })
}

/// The names of the members of a group, by number.
fn names(members: &[AgentNo], state: &State) -> Vec<AgentName> {
    let name = |&no: &AgentNo| state.agent(no).map(|record| record.definition.name.clone());
    members.iter().filter_map(name).collect()
}
