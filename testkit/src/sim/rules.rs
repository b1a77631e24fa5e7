//! The rules that every decision is held to when it has reached the log, told from the events alone and
//! as simply as can be. A rule names the invariant that it stands for. What may follow the end of an
//! attempt is in [`ends`](super::ends).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use artel_core::board::{Activation, Running};
use artel_core::envelope::{Actor, Envelope, Producer};
use artel_core::event::{Closure, DeadReason, Event, Next, Pausable, Room};
use artel_core::ids::{ActivationId, AgentNo, AttemptId, Seq};
use artel_core::names::StepName;
use artel_core::record::Decision;

use super::audit::{Audit, Operated};
use super::cases::Case;
use super::{crew, deaths, ends, failing, held_back, notices, ordering, timed};

/// By how much agendas may pass their bounds for what the board owes itself.
const OWED: usize = 2;

/// What is seen of a decision while it is read.
#[derive(Default)]
struct Reading {
    /// Activations that are made, opened again or put back by it: from when on they may run.
    ready: BTreeMap<ActivationId, u64>,
    outputs: BTreeMap<AttemptId, usize>,
    /// How many outputs there have to be of an attempt that is done.
    due: BTreeMap<AttemptId, usize>,
}

/// Before the decision is folded in.
pub(super) fn before(audit: &mut Audit, decision: &Decision) {
    clocks(audit, decision);
    notices::before(audit, decision);
    failing::before(audit, decision);
    timed::before(audit, decision);
    if !audit.commands.insert(decision.command) {
        audit.violated(format_args!("I3: command {} was carried out twice", decision.command));
    }
    let mut reading = Reading::default();
    let first = audit.state.seq().next().get();
    for (seq, event) in (first..).map(Seq).zip(&decision.events) {
        one(audit, seq, event, (decision, &mut reading));
    }
    for (attempt, made) in reading.outputs {
        let limit = audit.bounds.outputs;
        if made > limit {
            audit.violated(format_args!("I13: {attempt} made {made} artifacts, over {limit}"));
        }
        let due = reading.due.remove(&attempt);
        if due != Some(made) {
            audit.violated(format_args!("I3: {attempt} made {made} artifacts, and owed {due:?}"));
        }
    }
    for (attempt, due) in reading.due.into_iter().filter(|(_, due)| *due > 0) {
        audit.violated(format_args!("I3: {attempt} is done, and its {due} artifacts are missing"));
    }
}

/// An event of a decision.
fn one(audit: &mut Audit, seq: Seq, event: &Event, (decision, reading): (&Decision, &mut Reading)) {
    let now = decision.elapsed.as_millis();
    deaths::before(audit, event, decision);
    match event {
        Event::ArtifactCommitted(draft) => {
            if let Producer::Agent { attempt, .. } = draft.envelope.producer {
                *reading.outputs.entry(attempt).or_default() += 1;
            }
            artifact(audit, seq, &draft.envelope, decision);
        }
        Event::ActivationCreated { not_before, .. } => {
            let from = not_before.map_or(now, |from| from.as_millis().max(now));
            reading.ready.insert(ActivationId(seq), from);
        }
        Event::ActivationRedriven(redriven) => {
            let id = redriven.activation;
            reading.ready.insert(id, now);
            audit.failures.remove(&id);
            if !audit.dead.remove(&id) {
                audit.violated(format_args!("I2: {id} is redriven and was no dead letter"));
            }
            ordering::redriven(audit, redriven);
            operated(audit, Operated::Redriven(id), decision);
        }
        Event::DeadLetterDropped { activation, .. } => {
            if !audit.dead.remove(activation) {
                audit.violated(format_args!("I2: {activation} is dropped and was not dead"));
            }
            ordering::dropped(audit, *activation);
            operated(audit, Operated::Dropped(*activation), decision);
        }
        Event::ActivationClosed { activation, why } => {
            closed(audit, (*activation, *why), decision, reading);
        }
        Event::AttemptStarted { attempt, .. } => start(audit, *attempt, decision, reading),
        Event::AttemptEnded { attempt, end, next, .. } => {
            let due = ends::end_of(audit, *attempt, (*end, *next), decision);
            reading.due.extend(due.map(|due| (*attempt, due)));
            if let Next::Retry { not_before, .. } | Next::WhenRoom { not_before, .. } = next {
                reading.ready.insert(attempt.activation, not_before.as_millis());
            }
        }
        Event::StepRecorded { attempt, step, .. } => {
            recorded(audit, *attempt, step);
        }
        Event::CorrelationCancelled { correlation } => {
            operated(audit, Operated::TreeCancelled(*correlation), decision);
        }
        Event::ClockJumped { .. } => audit.cases.count(Case::ClockJumped),
        Event::AgentRetired { .. } => audit.cases.count(Case::AgentRetired),
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::DependencyDefined { .. }
        // Among the deaths.
        | Event::StepIntended { .. }
        | Event::StepWithdrawn { .. }
        | Event::StepSettled { .. }
        | Event::LimitReached { .. }
        // Once the decision is folded in.
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DebtPaid { .. }
        | Event::AlertEnded { .. }
        // Before the decision is folded in.
        | Event::PredicateFailed { .. }
        | Event::Adopted { .. } => {}
    }
}

/// A step has a result: the attempt runs, and it had none.
fn recorded(audit: &mut Audit, attempt: AttemptId, step: &StepName) {
    let activation = audit.state.activation(attempt.activation);
    let mut steps = activation.iter().flat_map(|open| &open.steps);
    let known = steps.any(|known| known.name == *step && !known.is_open());
    if !runs(audit, attempt) || known {
        audit.violated(format_args!("I3: step {step} of {attempt} is recorded again"));
    }
}

/// An activation that waits is over.
fn closed(
    audit: &mut Audit,
    (activation, why): (ActivationId, Closure),
    decision: &Decision,
    reading: &Reading,
) {
    match why {
        Closure::Cancelled => operated(audit, Operated::Cancelled(activation), decision),
        // Among what waits for a time.
        Closure::Expired => {}
        Closure::Dead(DeadReason::BadKey) => {
            audit.dead.insert(activation);
            audit.cases.count(Case::Dead(DeadReason::BadKey));
            if !reading.ready.contains_key(&activation) {
                audit.violated(format_args!("I2: {activation} was made and has a bad key"));
            }
        }
        Closure::Dead(reason) => ends::waited_too_long(audit, activation, reason, decision),
    }
}

/// Something that only an operator does was done.
pub(super) fn operated(audit: &mut Audit, what: Operated, decision: &Decision) {
    *audit.operated.entry(what).or_default() += 1;
    if !matches!(decision.actor, Actor::Operator { .. }) {
        audit.violated(format_args!("I2: {what:?}, and it was {:?} who did it", decision.actor));
    }
    match what {
        Operated::Redriven(_) => audit.cases.count(Case::Redriven),
        Operated::Dropped(_) => audit.cases.count(Case::Dropped),
        Operated::TreeCancelled(_) => audit.cases.count(Case::TreeCancelled),
        Operated::Cancelled(_) => audit.cases.count(Case::Cancelled),
    }
}

/// Neither clock falls; the time between two processes is counted.
fn clocks(audit: &mut Audit, decision: &Decision) {
    let (wall, elapsed) = audit.clocks;
    if decision.at < wall || decision.elapsed < elapsed {
        audit.violated("I5: a clock of the board fell");
    }
    for event in &decision.events {
        let Event::OwnerChanged { process, .. } = event else { continue };
        let before = audit.owner.replace(*process);
        let other = before.is_some_and(|before| before != *process);
        if before == Some(*process) {
            audit.cases.count(Case::Recovered);
        }
        let passed = decision.elapsed.since(elapsed);
        if other && passed < decision.at.since(wall) {
            audit.violated(format_args!(
                "I2: {passed:?} passed between two processes, and {:?} on the wall",
                decision.at.since(wall)
            ));
        }
    }
    audit.clocks = (decision.at, decision.elapsed);
}

fn artifact(audit: &mut Audit, seq: Seq, envelope: &Envelope, decision: &Decision) {
    if audit.ids.insert(envelope.id, seq).is_some() {
        audit.violated(format_args!("I3: artifact {} is there twice", envelope.id));
    }
    if let Some(key) = &envelope.idempotency_key
        && audit.keys.insert(key.clone(), envelope.id).is_some()
    {
        audit.violated(format_args!("I4: key {key} stands for two artifacts"));
    }
    audit.depths.insert(seq, envelope.depth);
    // What the board owes itself is refused by no bound.
    let owed = envelope.producer == Producer::Board;
    if envelope.depth > audit.bounds.depth && !owed {
        audit.violated(format_args!("I13: artifact {} is {} deep", envelope.id, envelope.depth));
    }
    let hour = audit.hours.entry(envelope.correlation).or_insert((decision.elapsed, 0));
    if decision.elapsed.since(hour.0) >= Duration::from_hours(1) {
        *hour = (decision.elapsed, 0);
    }
    hour.1 += 1;
    let (count, limit) = (hour.1, u64::from(audit.bounds.correlation_artifacts));
    if count > limit && !owed {
        let tree = envelope.correlation;
        audit.violated(format_args!("I13: {tree} has {count} artifacts in an hour, over {limit}"));
    }
}

/// Whether this is the attempt that runs of its activation.
pub(super) fn runs(audit: &Audit, attempt: AttemptId) -> bool {
    let activation = audit.state.activation(attempt.activation);
    let running = activation.and_then(Activation::running);
    running.is_some_and(|running| running.attempt == attempt.attempt)
}

fn start(audit: &mut Audit, attempt: AttemptId, decision: &Decision, reading: &Reading) {
    if !audit.started.insert(attempt) {
        audit.violated(format_args!("I6: attempt {attempt} begins twice"));
    }
    let waits = reading.ready.get(&attempt.activation).copied().or_else(|| {
        use artel_core::board::Phase;
        match audit.state.activation(attempt.activation)?.phase {
            Phase::Waiting { since } | Phase::Full { since, .. } => Some(since.as_millis()),
            Phase::Running(_) => None,
        }
    });
    match waits {
        None => audit.violated(format_args!("I6: {attempt} begins and its activation runs")),
        Some(since) if since > decision.elapsed.as_millis() => {
            audit.violated(format_args!("I2: {attempt} begins before its delay is over"));
        }
        Some(_) => {}
    }
}

/// I13: whether an agenda has room for what the board owes itself.
pub(super) fn has_room(audit: &Audit, room: Room) -> bool {
    let all = || audit.state.activations();
    let open = match room.agent {
        None => all().count(),
        Some(agent) => all().filter(|(_, open)| open.agent == agent).count(),
    };
    open + room.activations as usize <= owed_max(audit, room.agent)
}

/// How long an agenda may be for what the board owes itself.
pub(super) const fn owed_max(audit: &Audit, agent: Option<AgentNo>) -> usize {
    let bounds = &audit.bounds;
    OWED * if agent.is_some() { bounds.agent_agenda_len } else { bounds.agenda_len }
}

/// Once the decision is folded in.
pub(super) fn after(audit: &mut Audit, decision: &Decision) {
    held_back::after(audit, decision);
    crew::after(audit, decision);
    ordering::after(audit, decision);
    notices::after(audit);
    let mut made: BTreeMap<AgentNo, usize> = BTreeMap::new();
    let mut touched = BTreeSet::new();
    for event in &decision.events {
        match event {
            Event::ArtifactCommitted(draft) => {
                touched.insert(draft.envelope.correlation);
            }
            Event::ActivationCreated { subscription, .. } => {
                let record = audit.state.subscription(*subscription);
                *made.entry(record.map_or(AgentNo(0), |record| record.agent)).or_default() += 1;
            }
            Event::ActivationRedriven(redriven) => {
                let record = audit.state.subscription(redriven.subscription);
                *made.entry(record.map_or(AgentNo(0), |record| record.agent)).or_default() += 1;
            }
            Event::AttemptStarted { attempt, .. } => {
                running(audit, *attempt);
                deaths::started(audit, *attempt);
            }
            Event::CorrelationCancelled { correlation } => {
                let open = audit.state.activations().any(|(_, a)| a.correlation == *correlation);
                if open {
                    audit.violated(format_args!("I2: {correlation} was cancelled and is open"));
                }
            }
            _ => {}
        }
    }
    let factor = if matches!(decision.actor, Actor::Program(_)) { 1 } else { OWED };
    let pays = decision.events.iter().any(|event| matches!(event, Event::DebtPaid { .. }));
    if !pays {
        agendas(audit, &made, factor);
    }
    let closings = audit.changes.rows.closed.iter().map(|closed| closed.correlation);
    touched.extend(closings);
    for tree in touched {
        let owed = audit.state.debts().any(|(_, debt)| debt.correlation() == tree);
        if !owed && !audit.state.activations().any(|(_, open)| open.correlation == tree) {
            audit.hours.remove(&tree);
            audit.held_back.paused.remove(&Pausable::Correlation(tree));
            audit.settled.insert(tree);
        }
    }
}

/// I13: an agenda that something is added to has room for it.
///
/// What makes the board's agenda no longer always fits, and so does what makes that of an agent no
/// longer.
fn agendas(audit: &mut Audit, made: &BTreeMap<AgentNo, usize>, factor: usize) {
    let bounds = audit.bounds;
    let closed =
        |agent| audit.changes.rows.closed.iter().filter(|closed| closed.agent == agent).count();
    if made.values().sum::<usize>() <= audit.changes.rows.closed.len() {
        return;
    }
    let open = audit.state.activations().count();
    let mut all = vec![(None, open, bounds.agenda_len * factor)];
    for (&agent, _) in made.iter().filter(|&(&agent, &made)| made > closed(agent)) {
        let open = audit.state.activations().filter(|(_, open)| open.agent == agent).count();
        all.push((Some(agent), open, bounds.agent_agenda_len * factor));
    }
    for (agent, open, limit) in all {
        if open > limit {
            audit.violated(format_args!("I13: {open} are open of {agent:?}, over {limit}"));
        }
    }
}

/// I13: no more run at once than an agent, a session and the board allow.
fn running(audit: &mut Audit, attempt: AttemptId) {
    let Some(activation) = audit.state.activation(attempt.activation).cloned() else { return };
    let Some(run) = activation.running().copied() else { return };
    let running = || audit.state.activations().filter_map(|(_, a)| Some((a, a.running()?)));
    let slots = |(_, run): (&Activation, &Running)| run.slots as usize;
    let runner = activation.runner();
    let mine = running().filter(|(open, _)| open.runner() == runner);
    let of_agent: usize = mine.map(slots).sum();
    let same = running().filter(|(_, other)| other.session == run.session);
    let of_session: usize = same.map(slots).sum();
    let all: usize = running().map(slots).sum();
    let agent = runner.and_then(|runner| audit.state.agent(runner));
    let concurrency = agent.map_or(0, |agent| agent.definition.concurrency) as usize;
    let slots = audit.state.sessions().find(|(id, _)| *id == run.session);
    let slots = slots.map_or(0, |(_, session)| session.slots) as usize;
    let board = audit.bounds.concurrency as usize;
    let registered = agent.is_some_and(|agent| agent.registered);
    if of_agent > concurrency || of_session > slots || all > board || !registered {
        audit.violated(format_args!(
            "I13: with {attempt} its agent has {of_agent} slots (of {concurrency}), its session \
             {of_session} (of {slots}) and all together {all} (of {board}); registered: \
             {registered}"
        ));
    }
}

/// What holds between two batches, whatever is in them.
pub(super) fn at_rest(audit: &mut Audit) {
    let mut wrong = Vec::new();
    let state = &audit.state;
    let mut open: BTreeMap<_, u64> = BTreeMap::new();
    let mut trees: BTreeMap<_, u32> = BTreeMap::new();
    for (id, activation) in state.activations() {
        *open.entry(activation.subscription).or_default() += 1;
        *trees.entry(activation.correlation).or_default() += 1;
        let owner = state.header().owner;
        if let Some(run) = activation.running() {
            let session = state.sessions().find(|(session, _)| *session == run.session);
            if session.is_none_or(|(_, session)| Some(session.process) != owner) {
                wrong.push(format!("I6: {id} runs in a session that is not there"));
            }
        }
        if activation.steps.len() > audit.bounds.steps {
            wrong.push(format!("I13: {id} has {} steps", activation.steps.len()));
        }
    }
    for (_, debt) in state.debts() {
        *trees.entry(debt.correlation()).or_default() += 1;
    }
    for (no, record) in state.subscriptions() {
        let counted = record.counters;
        let open = open.get(&no).copied().unwrap_or(0);
        let closed = counted.done + counted.dead + counted.cancelled + counted.expired;
        if counted.placements != closed + open {
            wrong.push(format!("I2: of subscription {no} {open} are open, and {counted:?}"));
        }
    }
    let counted: BTreeMap<_, u32> =
        state.correlations().map(|(id, tree)| (id, tree.open)).collect();
    if counted != trees {
        wrong.push("I2: the trees of work are not those of what is open".to_owned());
    }
    // Notices of dead letters find room whatever is open.
    let bounded = state.activations().filter(|(_, open)| {
        let record = state.subscription(open.subscription);
        record.is_none_or(|record| !record.definition.is_about_notices())
    });
    let bounded = bounded.count();
    if bounded > audit.bounds.agenda_len * OWED {
        wrong.push(format!("I13: {bounded} are open on the board"));
    }
    for what in wrong {
        audit.violated(what);
    }
    deaths::at_rest(audit);
}
