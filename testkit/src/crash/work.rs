//! What a history says of work: attempts, activations, outputs. A reading of its own, which shares
//! nothing with the fold of the runtime.

use std::collections::BTreeMap;

use artel_core::envelope::{Actor, Producer};
use artel_core::event::{AttemptEnd, Event, Next};
use artel_core::ids::{
    ActivationId, AgentNo, ArtifactId, AttemptId, AttemptNo, CommandId, Seq, SubscriptionNo,
};
use artel_core::names::IdempotencyKey;

use super::check::{Check, Verdicts};
use super::history::{Happened, History};

/// The work of a board.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) artifacts: BTreeMap<ArtifactId, Seq>,
    pub(super) activations: BTreeMap<ActivationId, Unit>,
    pub(super) attempts: BTreeMap<AttemptId, Attempt>,
    /// Attempts that ended with their process.
    pub(super) lost: u64,
    keys: BTreeMap<IdempotencyKey, Seq>,
    agents: BTreeMap<AgentNo, String>,
    subscriptions: BTreeMap<SubscriptionNo, AgentNo>,
    outputs: BTreeMap<AttemptId, BTreeMap<CommandId, Seq>>,
}

/// An activation.
#[derive(Debug)]
pub(super) struct Unit {
    /// Whose it is.
    pub(super) agent: String,
    /// The newest of its attempts.
    last: AttemptNo,
    done: bool,
    over: bool,
}

/// An attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    /// How it ended, and in which command; none while it runs.
    pub(super) end: Option<(AttemptEnd, CommandId)>,
}

impl Work {
    /// Reads a history, and judges what can be judged event by event.
    pub(super) fn of(history: &History, verdicts: &mut Verdicts) -> Self {
        let mut work = Self::default();
        for happened in history.events() {
            work.take_in(happened, verdicts);
        }
        work.outputs(verdicts);
        work
    }

    /// How many activations are done.
    pub(super) fn done(&self) -> usize {
        self.activations.values().filter(|unit| unit.done).count()
    }

    /// Nothing is open.
    pub(super) fn settled(&self, verdicts: &mut Verdicts) {
        for (attempt, Attempt { end }) in &self.attempts {
            verdicts.expect(Check::Settled, end.is_some(), || format!("{attempt} has no end"));
        }
        for (activation, unit) in &self.activations {
            verdicts.expect(Check::Settled, unit.over, || {
                format!("activation {activation} of `{}` is still open", unit.agent)
            });
        }
    }

    fn take_in(&mut self, happened: Happened<'_>, verdicts: &mut Verdicts) {
        let Happened { seq, command, actor, event } = happened;
        match event {
            Event::AgentDefined { agent, definition, subscriptions } => {
                self.agents.insert(*agent, definition.name.as_str().to_owned());
                self.subscriptions.extend(subscriptions.iter().map(|number| (*number, *agent)));
            }
            Event::ArtifactCommitted(draft) => {
                let envelope = &draft.envelope;
                let before = self.artifacts.insert(envelope.id, seq);
                let id = envelope.id;
                if let Some(key) = &envelope.idempotency_key {
                    let before = self.keys.insert(key.clone(), seq);
                    verdicts.expect(Check::Input, before.is_none(), || {
                        format!("key `{key}` of artifact {id} at seq {seq} was used before")
                    });
                }
                verdicts.expect(Check::Output, before.is_none(), || {
                    format!("artifact {id} is committed twice, the second time at seq {seq}")
                });
                if let Producer::Agent { attempt, .. } = envelope.producer {
                    self.outputs.entry(attempt).or_default().insert(command, seq);
                    verdicts.expect(Check::Output, *actor == Actor::Attempt(attempt), || {
                        format!("the output of {attempt} at seq {seq} was committed by {actor:?}")
                    });
                }
            }
            Event::ActivationCreated { subscription, .. } => {
                let agent = self.subscriptions.get(subscription);
                let agent = agent.and_then(|agent| self.agents.get(agent)).cloned();
                let agent = agent.unwrap_or_default();
                let unit = Unit { agent, last: AttemptNo(0), done: false, over: false };
                self.activations.insert(ActivationId(seq), unit);
            }
            Event::AttemptStarted { attempt, .. } => self.start(*attempt, seq, verdicts),
            Event::AttemptEnded { attempt, end, next, .. } => {
                self.end(*attempt, (*end, command), *next, verdicts);
            }
            Event::ActivationClosed { activation, .. } => self.over(*activation, true),
            Event::ActivationRedriven(redriven) => self.over(redriven.activation, false),
            Event::BoardCreated { .. }
            | Event::OwnerChanged { .. }
            | Event::ClockJumped { .. }
            | Event::TypeRegistered { .. }
            | Event::AgentRetired { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::StepRecorded { .. }
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
            | Event::LimitReached { .. } => {}
        }
    }

    fn start(&mut self, attempt: AttemptId, seq: Seq, verdicts: &mut Verdicts) {
        let before = self.attempts.insert(attempt, Attempt { end: None });
        let unit = self.activations.get_mut(&attempt.activation);
        let in_turn = unit.as_ref().is_some_and(|unit| unit.last.next() == attempt.attempt);
        verdicts.expect(Check::Attempt, before.is_none() && in_turn, || {
            format!("attempt {attempt} begins at seq {seq}, where another one should")
        });
        let Some(unit) = unit else { return };
        unit.last = attempt.attempt;
        verdicts.expect(Check::Done, !unit.done, || {
            format!("attempt {attempt} begins at seq {seq}, after its activation was done")
        });
    }

    fn end(
        &mut self,
        attempt: AttemptId,
        end: (AttemptEnd, CommandId),
        next: Next,
        verdicts: &mut Verdicts,
    ) {
        let known = self.attempts.get_mut(&attempt);
        let running = known.as_ref().is_some_and(|known| known.end.is_none());
        verdicts.expect(Check::Attempt, running, || format!("{attempt} ends without running"));
        if let Some(known) = known {
            known.end = Some(end);
        }
        if end.0 == AttemptEnd::Lost {
            self.lost += 1;
        }
        let Some(unit) = self.activations.get_mut(&attempt.activation) else { return };
        if end.0 == AttemptEnd::Done {
            let activation = attempt.activation;
            verdicts.expect(Check::Done, !unit.done, || {
                format!("activation {activation} is done a second time, by {attempt}")
            });
            unit.done = true;
        }
        unit.over = matches!(next, Next::Closed | Next::Dead(_));
    }

    fn over(&mut self, activation: ActivationId, over: bool) {
        if let Some(unit) = self.activations.get_mut(&activation) {
            unit.over = over;
        }
    }

    /// Outputs belong to the command that ended their attempt as done.
    fn outputs(&self, verdicts: &mut Verdicts) {
        for (attempt, commands) in &self.outputs {
            let end = self.attempts.get(attempt).and_then(|attempt| attempt.end);
            for (command, seq) in commands {
                let acknowledged = end == Some((AttemptEnd::Done, *command));
                verdicts.expect(Check::Output, acknowledged, || {
                    format!("the output at seq {seq} came without the end of {attempt} as done")
                });
            }
        }
    }
}
