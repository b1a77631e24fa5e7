//! The rules that every decision is held to, told from the events alone and as simply as can be. A
//! rule names the invariant that it stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use artel_core::board::Activation;
use artel_core::envelope::{Actor, Producer};
use artel_core::event::{AttemptEnd, Closure, Event, Next, Room};
use artel_core::ids::{ActivationId, AgentNo, AttemptId, Seq};
use artel_core::names::StepName;
use artel_core::policy::ErrorKind;
use artel_core::record::Decision;

use super::audit::Audit;

/// By how much agendas may pass their bounds for what the board owes itself.
const OWED: usize = 2;

/// What is seen of a decision while it is read.
#[derive(Default)]
struct Reading {
    /// Activations that are made, opened again or put back by it: from when on they may run.
    ready: BTreeMap<ActivationId, u64>,
    outputs: BTreeMap<AttemptId, usize>,
}

/// Before the decision is folded in.
pub(super) fn before(audit: &mut Audit, decision: &Decision) {
    clocks(audit, decision);
    if !audit.commands.insert(decision.command) {
        audit.violated(format_args!("I3: command {} was carried out twice", decision.command));
    }
    let mut reading = Reading::default();
    let first = audit.state.seq().next().get();
    for (seq, event) in (first..).map(Seq).zip(&decision.events) {
        match event {
            Event::ArtifactCommitted(draft) => {
                if let Producer::Agent { attempt, .. } = draft.envelope.producer {
                    *reading.outputs.entry(attempt).or_default() += 1;
                }
                artifact(audit, seq, &draft.envelope, decision);
            }
            Event::ActivationCreated { .. } => {
                reading.ready.insert(ActivationId(seq), decision.elapsed.as_millis());
            }
            Event::ActivationRedriven(redriven) => {
                reading.ready.insert(redriven.activation, decision.elapsed.as_millis());
                audit.failures.remove(&redriven.activation);
                if !audit.dead.remove(&redriven.activation) {
                    let id = redriven.activation;
                    audit.violated(format_args!("I2: {id} is redriven and was no dead letter"));
                }
            }
            Event::DeadLetterDropped { activation } => {
                let was_dead = audit.dead.remove(activation);
                if !was_dead {
                    audit.violated(format_args!("I2: {activation} is dropped and was not dead"));
                }
            }
            Event::ActivationClosed { activation, why: Closure::Dead(_) } => {
                audit.dead.insert(*activation);
            }
            Event::AttemptStarted { attempt, .. } => start(audit, *attempt, decision, &reading),
            Event::AttemptEnded { attempt, end, next, .. } => {
                end_of(audit, *attempt, (*end, *next), decision);
                if *end == AttemptEnd::Done {
                    reading.outputs.entry(*attempt).or_default();
                }
                if let Next::Retry { not_before, .. } | Next::WhenRoom { not_before, .. } = next {
                    reading.ready.insert(attempt.activation, not_before.as_millis());
                }
            }
            Event::StepRecorded { attempt, step: name, .. } => step(audit, *attempt, name),
            Event::ActivationClosed { why: Closure::Cancelled, .. }
            | Event::BoardCreated { .. }
            | Event::OwnerChanged { .. }
            | Event::ClockJumped { .. }
            | Event::TypeRegistered { .. }
            | Event::AgentDefined { .. }
            | Event::AgentRetired { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::CorrelationCancelled { .. } => {}
        }
    }
    for (attempt, count) in reading.outputs {
        let limit = audit.bounds.outputs;
        if count > limit {
            audit.violated(format_args!("I13: {attempt} made {count} artifacts, over {limit}"));
        }
        // One more may be there already, under its key.
        let returned = audit.returned.remove(&attempt).unwrap_or(0);
        if count != returned && count != returned + 1 {
            audit.violated(format_args!("I3: {attempt} returned {returned}, and made {count}"));
        }
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
        let other = audit.owner.replace(*process).is_some_and(|before| before != *process);
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

fn artifact(
    audit: &mut Audit,
    seq: Seq,
    envelope: &artel_core::envelope::Envelope,
    decision: &Decision,
) {
    if audit.ids.insert(envelope.id, seq).is_some() {
        audit.violated(format_args!("I3: artifact {} is there twice", envelope.id));
    }
    if let Some(key) = &envelope.idempotency_key
        && audit.keys.insert(key.clone(), envelope.id).is_some()
    {
        audit.violated(format_args!("I4: key {key} stands for two artifacts"));
    }
    if envelope.depth > audit.bounds.depth {
        audit.violated(format_args!("I13: artifact {} is {} deep", envelope.id, envelope.depth));
    }
    let hour = audit.hours.entry(envelope.correlation).or_insert((decision.elapsed, 0));
    if decision.elapsed.since(hour.0) >= Duration::from_hours(1) {
        *hour = (decision.elapsed, 0);
    }
    hour.1 += 1;
    let (count, limit) = (hour.1, u64::from(audit.bounds.correlation_artifacts));
    if count > limit {
        let tree = envelope.correlation;
        audit.violated(format_args!("I13: {tree} has {count} artifacts in an hour, over {limit}"));
    }
}

/// Whether this is the attempt that runs of its activation.
fn runs(audit: &Audit, attempt: AttemptId) -> bool {
    let activation = audit.state.activation(attempt.activation);
    let running = activation.and_then(Activation::running);
    running.is_some_and(|running| running.attempt == attempt.attempt)
}

/// I3: a step is recorded once, while its attempt runs.
fn step(audit: &mut Audit, attempt: AttemptId, step: &StepName) {
    let activation = audit.state.activation(attempt.activation);
    let known = activation.is_some_and(|open| open.steps.iter().any(|(name, _)| name == step));
    if !runs(audit, attempt) || known {
        audit.violated(format_args!("I3: step {step} of {attempt} is recorded again"));
    }
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

fn end_of(
    audit: &mut Audit,
    attempt: AttemptId,
    (end, next): (AttemptEnd, Next),
    decision: &Decision,
) {
    let activation = audit.state.activation(attempt.activation).cloned();
    let running = activation.as_ref().and_then(Activation::running).copied();
    let (Some(activation), Some(running)) = (activation, running) else {
        return audit.violated(format_args!("I6: attempt {attempt} ends without running"));
    };
    if running.attempt != attempt.attempt {
        return audit.violated(format_args!("I3: {attempt} ends while another one runs"));
    }
    let by_itself = matches!(&decision.actor, Actor::Attempt(by) if *by == attempt);
    let timed_out = end == AttemptEnd::Failed(ErrorKind::Timeout);
    if timed_out && decision.elapsed < running.deadline {
        audit.violated(format_args!("I6: {attempt} is timed out before its deadline"));
    }
    if end == AttemptEnd::Done && !by_itself {
        audit.violated(format_args!("I3: {attempt} is done, and another one says so"));
    }
    let retry = audit.state.agent(activation.agent).map(|agent| agent.definition.retry.clone());
    let failures_max = retry.map_or(0, |retry| retry.attempts_max());
    let failures = audit.failures.get(&attempt.activation).copied().unwrap_or(0) + 1;
    let fits = match (end, next) {
        (AttemptEnd::Done | AttemptEnd::Cancelled, Next::Closed) => true,
        (AttemptEnd::Lost | AttemptEnd::Released, Next::Retry { counted, .. }) => !counted,
        (AttemptEnd::BoardFull, Next::WhenRoom { room, .. }) => !has_room(audit, room),
        (AttemptEnd::Failed(_), Next::Retry { counted, .. }) => {
            audit.failures.insert(attempt.activation, failures);
            counted && failures < failures_max
        }
        (AttemptEnd::Failed(_), Next::Dead(_)) => {
            audit.dead.insert(attempt.activation);
            true
        }
        (
            AttemptEnd::Done | AttemptEnd::Cancelled,
            Next::Retry { .. } | Next::Dead(_) | Next::WhenRoom { .. },
        )
        | (
            AttemptEnd::Lost | AttemptEnd::Released,
            Next::Closed | Next::Dead(_) | Next::WhenRoom { .. },
        )
        | (AttemptEnd::BoardFull, Next::Closed | Next::Retry { .. } | Next::Dead(_))
        | (AttemptEnd::Failed(_), Next::Closed | Next::WhenRoom { .. }) => false,
    };
    if !fits {
        audit.violated(format_args!(
            "I6: {attempt} ended as {end:?}, failure {failures} of {failures_max}, and then {next:?}"
        ));
    }
    // One that begins when its time is over already may be ended by the board first.
    let panicked = audit.panicking.remove(&attempt);
    let over = panicked.is_some_and(|at| decision.at.since(at) > Duration::from_secs(1));
    if timed_out && over {
        audit.violated(format_args!("I6: {attempt} panicked, and that was no end of it"));
    }
}

/// I13: whether an agenda has room for what the board owes itself.
fn has_room(audit: &Audit, room: Room) -> bool {
    let all = || audit.state.activations();
    let (open, limit) = match room.agent {
        None => (all().count(), audit.bounds.agenda_len),
        Some(agent) => {
            (all().filter(|(_, open)| open.agent == agent).count(), audit.bounds.agent_agenda_len)
        }
    };
    open + room.activations as usize <= limit * OWED
}

/// Once the decision is folded in.
pub(super) fn after(audit: &mut Audit, decision: &Decision) {
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
            Event::AttemptStarted { attempt, .. } => running(audit, *attempt),
            Event::CorrelationCancelled { correlation } => {
                let open = audit.state.activations().any(|(_, a)| a.correlation == *correlation);
                if open {
                    audit.violated(format_args!("I2: {correlation} was cancelled and is open"));
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
            | Event::AttemptEnded { .. }
            | Event::StepRecorded { .. }
            | Event::ActivationClosed { .. }
            | Event::DeadLetterDropped { .. } => {}
        }
    }
    let factor = if matches!(decision.actor, Actor::Program(_)) { 1 } else { OWED };
    agendas(audit, &made, factor);
    let closings = audit.changes.rows.closed.iter().map(|closed| closed.correlation);
    touched.extend(closings);
    for tree in touched {
        if !audit.state.activations().any(|(_, activation)| activation.correlation == tree) {
            audit.hours.remove(&tree);
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
    let of_agent = running().filter(|(open, _)| open.agent == activation.agent).count();
    let of_session = running().filter(|(_, other)| other.session == run.session).count();
    let all = running().count();
    let agent = audit.state.agent(activation.agent);
    let concurrency = agent.map_or(0, |agent| agent.definition.concurrency) as usize;
    let slots = audit.state.sessions().find(|(id, _)| *id == run.session);
    let slots = slots.map_or(0, |(_, session)| session.slots) as usize;
    let board = audit.bounds.concurrency as usize;
    let registered = agent.is_some_and(|agent| agent.registered);
    if of_agent > concurrency || of_session > slots || all > board || !registered {
        audit.violated(format_args!(
            "I13: with {attempt} there run {of_agent} of its agent (of {concurrency}), \
             {of_session} in its session (of {slots}) and {all} in all (of {board}); registered: \
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
    for (no, record) in state.subscriptions() {
        let counted = record.counters;
        let open = open.get(&no).copied().unwrap_or(0);
        if counted.placements != counted.done + counted.dead + counted.cancelled + open {
            wrong.push(format!("I2: of subscription {no} {open} are open, and {counted:?}"));
        }
    }
    let counted: BTreeMap<_, u32> =
        state.correlations().map(|(id, tree)| (id, tree.open)).collect();
    if counted != trees {
        wrong.push("I2: the trees of work are not those of what is open".to_owned());
    }
    if state.activations().count() > audit.bounds.agenda_len * OWED {
        wrong.push(format!("I13: {} are open on the board", state.activations().count()));
    }
    for what in wrong {
        audit.violated(what);
    }
}
