//! What deaths of processes, irreversible steps and limits may lead to, told once more from the events and
//! from what handlers were seen to do.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::board::Activation;
use artel_core::envelope::Actor;
use artel_core::event::{AttemptEnd, DeadReason, Event, Next, Reached};
use artel_core::ids::{ActivationId, AttemptId};
use artel_core::names::StepName;
use artel_core::record::Decision;

use super::audit::Audit;
use super::cases::Case;
use super::rules;

/// What was seen of deaths, of steps that must not be done twice, and of limits.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// What ran when a process died and has not ended in another way since: how many died in its turn.
    suspects: BTreeMap<ActivationId, u32>,
    /// Irreversible steps that were begun and of which nothing more was said.
    intents: BTreeMap<ActivationId, BTreeSet<StepName>>,
    /// Those that were done, and what came of each, until somebody says that it was not.
    charged: BTreeMap<(ActivationId, StepName), u64>,
    limits: BTreeMap<AttemptId, Reached>,
}

impl Deaths {
    /// What came of an irreversible step, if it was done.
    pub(super) fn charged(&self, id: ActivationId, step: &StepName) -> Option<u64> {
        self.charged.get(&(id, step.clone())).copied()
    }

    fn is_in_doubt(&self, id: ActivationId) -> bool {
        self.intents.get(&id).is_some_and(|open| !open.is_empty())
    }
}

impl Audit {
    /// A handler does something that must not be done twice.
    pub(super) fn charge(&mut self, attempt: AttemptId, step: &StepName, result: u64) {
        self.cases.count(Case::Charged);
        let id = attempt.activation;
        let begun = self.deaths.intents.get(&id).is_some_and(|open| open.contains(step));
        if rules::runs(self, attempt) && !begun {
            self.violated(format_args!("STEP-5: {attempt} does {step}, and no event says so"));
        }
        if self.deaths.charged.insert((id, step.clone()), result).is_some() {
            self.violated(format_args!("STEP-6: {attempt} does {step} for the second time"));
        }
    }

    /// It was not done after all, and whoever was to do it knows.
    pub(super) fn spare(&mut self, attempt: AttemptId, step: &StepName) {
        self.deaths.charged.remove(&(attempt.activation, step.clone()));
    }
}

/// Before an event is folded in.
pub(super) fn before(audit: &mut Audit, event: &Event, decision: &Decision) {
    let by_attempt = |attempt: &AttemptId| decision.actor == Actor::Attempt(*attempt);
    match event {
        Event::StepIntended { attempt, step } => {
            let known = audit.state.activation(attempt.activation);
            let known = known.is_some_and(|open| open.steps.iter().any(|it| it.name == *step));
            let intents = &mut audit.deaths.intents;
            let first = intents.entry(attempt.activation).or_default().insert(step.clone());
            if !rules::runs(audit, *attempt) || known || !first || !by_attempt(attempt) {
                audit.violated(format_args!("STEP-5: {attempt} begins {step}, and may not"));
            }
        }
        Event::StepRecorded { attempt, step, .. } => {
            if let Some(open) = audit.deaths.intents.get_mut(&attempt.activation) {
                open.remove(step);
            }
        }
        Event::StepWithdrawn { attempt, step } => {
            audit.cases.count(Case::StepWithdrawn);
            let open = audit.deaths.intents.get_mut(&attempt.activation);
            let open = open.is_some_and(|open| open.remove(step));
            if !rules::runs(audit, *attempt) || !open || !by_attempt(attempt) {
                audit.violated(format_args!("STEP-7: {attempt} withdraws {step}, and may not"));
            }
        }
        Event::StepSettled { activation, step, result } => {
            audit.cases.count(Case::StepSettled { happened: result.is_some() });
            let open = audit.deaths.intents.get_mut(activation);
            let open = open.is_some_and(|open| open.remove(step));
            let person = matches!(decision.actor, Actor::Operator { .. });
            if !open || !person || !audit.dead.contains(activation) {
                audit.violated(format_args!("STEP-9: {step} of {activation} is settled"));
            }
            if result.is_none() {
                audit.deaths.charged.remove(&(*activation, step.clone()));
            }
        }
        Event::ActivationRedriven(redriven) => {
            let id = redriven.activation;
            audit.deaths.suspects.remove(&id);
            if audit.deaths.is_in_doubt(id) {
                audit.violated(format_args!("STEP-8: {id} is redriven in doubt"));
            }
        }
        Event::LimitReached { attempt, limit, value, bound, .. } => {
            let bounds = &audit.bounds;
            let real = match limit {
                Reached::Depth => *bound == u64::from(bounds.depth),
                Reached::CorrelationArtifacts => *bound == u64::from(bounds.correlation_artifacts),
                Reached::Agenda => {
                    [bounds.agenda_len, bounds.agent_agenda_len].contains(&(*bound as usize / 2))
                }
            };
            if !real || value <= bound {
                audit.violated(format_args!(
                    "LOOP-1: {attempt} reached {limit:?}: {value}, {bound}"
                ));
            }
            audit.deaths.limits.insert(*attempt, *limit);
        }
        _ => {}
    }
}

/// What follows the end of an attempt for its steps and for the death of its process; none where
/// neither has a say.
pub(super) fn expected(
    audit: &Audit,
    activation: &Activation,
    (attempt, end): (AttemptId, AttemptEnd),
) -> Option<DeadReason> {
    let id = attempt.activation;
    if end != AttemptEnd::Done && audit.deaths.is_in_doubt(id) {
        return Some(DeadReason::InDoubt);
    }
    let agent = audit.state.agent(activation.agent);
    let limit = agent.map_or(0, |agent| agent.definition.crash_loop);
    let deaths = audit.deaths.suspects.get(&id).map(|deaths| deaths + 1);
    let crash_loop = end == AttemptEnd::Lost && deaths.is_some_and(|deaths| deaths >= limit);
    crash_loop.then_some(DeadReason::CrashLoop)
}

/// An attempt has ended.
pub(super) fn ended(audit: &mut Audit, attempt: AttemptId, (end, next): (AttemptEnd, Next)) {
    let id = attempt.activation;
    let suspects = &mut audit.deaths.suspects;
    if end == AttemptEnd::Lost {
        suspects.entry(id).and_modify(|deaths| *deaths += 1).or_insert(0);
    } else {
        suspects.remove(&id);
    }
    if matches!(next, Next::Closed | Next::Dead(_)) {
        audit.deaths.suspects.remove(&id);
    }
    if next == Next::Closed {
        audit.deaths.intents.remove(&id);
    }
    let limit = audit.deaths.limits.remove(&attempt);
    let told = match next {
        Next::Dead(DeadReason::Loop) => limit == Some(Reached::Depth),
        Next::Dead(DeadReason::Limit) => limit.is_some_and(|limit| limit != Reached::Depth),
        Next::Dead(DeadReason::InDoubt) => true,
        Next::Dead(_) | Next::Closed | Next::Retry { .. } | Next::WhenRoom { .. } => {
            limit.is_none()
        }
    };
    if !told {
        audit.violated(format_args!("LOOP-1: {attempt} ended, then {next:?}, and told {limit:?}"));
    }
}

/// DEATH-1: once a lease is folded in, at most one suspect runs in its session.
pub(super) fn started(audit: &mut Audit, attempt: AttemptId) {
    let is_suspect = |id: &ActivationId| audit.deaths.suspects.contains_key(id);
    let run = audit.state.activation(attempt.activation).and_then(Activation::running).copied();
    let (Some(run), true) = (run, is_suspect(&attempt.activation)) else { return };
    let here = audit.state.activations().filter(|(id, open)| {
        is_suspect(id) && open.running().is_some_and(|other| other.session == run.session)
    });
    let here: Vec<_> = here.map(|(id, _)| id).collect();
    audit.cases.count(Case::SuspectRan);
    if here.len() > 1 {
        audit.violated(format_args!("DEATH-1: {here:?} run as suspects in one session"));
    }
}

/// STEP-6: nothing that waits has an open step.
pub(super) fn at_rest(audit: &mut Audit) {
    let waits = audit.state.activations().filter(|(_, open)| open.running().is_none());
    let doubtful = waits.filter(|(id, _)| audit.deaths.is_in_doubt(*id));
    let doubtful: Vec<_> = doubtful.map(|(id, _)| id).collect();
    if !doubtful.is_empty() {
        audit.violated(format_args!("STEP-6: {doubtful:?} wait, and have open steps"));
    }
}
