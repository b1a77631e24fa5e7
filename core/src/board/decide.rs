//! Decide: a command becomes events, or is refused. What a decision needs beyond the state comes in
//! with the command, the time, and what the committer keeps beside the fold.

use std::collections::BTreeMap;

use super::admit::names;
use super::beside::Beside;
use super::changes::{Changes, Lease};
use super::failing;
use super::state::State;
use crate::command::{Answer, Command, NewArtifact, Publish, Receipt, Rejection, Request};
use crate::envelope::{Draft, Envelope};
use crate::event::{Closure, Event, Mended, Tripped};
use crate::ids::{ArtifactId, Seq};
use crate::log::{ArtifactRow, ContentRow, Existing, KeyRow, NameRow, OperationRow, Outcome};
use crate::names::{IdempotencyKey, StepName};
use crate::record::Decision;
use crate::time::Now;

/// What came of a command that was accepted.
#[derive(Debug)]
pub struct Decided {
    /// The events, in one piece; none when the command changed nothing.
    pub decision: Option<Decision>,
    /// What whoever asked is told, once the decision is durable.
    pub answer: Answer,
}

/// The events that a command itself leads to, leases left out.
struct Own<'a> {
    first: Seq,
    events: &'a [Event],
}

/// A clock that went this far ahead or back of the other is recorded.
const CLOCK_JUMP_MS: i64 = 60_000;

impl State {
    /// Decides a command, applies its events at once, and lets free permits take what is ready.
    ///
    /// # Errors
    /// When the command is refused. The state is then as it was.
    ///
    /// # Panics
    /// Never: decide makes only events that fit the state.
    pub fn decide(
        &mut self,
        command: &Command,
        now: Now,
        beside: &mut Beside,
        changes: &mut Changes,
    ) -> Result<Decided, Rejection> {
        let raw = now;
        let now = self.clamp(now);
        let first = self.header.seq.next();
        let mut events = Vec::with_capacity(4);
        self.note_clock_jump(raw, &mut events);
        self.events_of(command, now, beside, &mut events)?;
        let own = events.len();

        let before = (self.header.at, self.header.elapsed);
        self.begin(now);
        let mut dead = changes.rows.closed.len();
        for event in &events {
            self.stop_attempt(event, command, beside, changes);
            self.evolve(event, changes).expect("decide makes only events that fit the state");
        }
        while let Some(event) = self.next_turn(now.elapsed) {
            self.evolve(&event, changes).expect("a breaker turns as its state allows");
            events.push(event);
        }
        // Before anything is leased: what expires and what is old enough by now may be the same.
        while let Some(event) = self.next_reveal(now.elapsed) {
            self.evolve(&event, changes).expect("what expires is open");
            events.push(event);
        }
        self.promote(now.elapsed);
        while let Some(event) = self.next_lease(beside, now.elapsed, command.seed) {
            self.evolve(&event, changes).expect("a lease fits the state that it was made from");
            self.note_lease(&event, changes);
            events.push(event);
        }
        self.conclude(changes);
        if events.is_empty() {
            // Nothing is recorded, so nothing of the state may change, its times included.
            (self.header.at, self.header.elapsed) = before;
        }

        while let Some(closed) = changes.rows.closed.get(dead) {
            dead += 1;
            if matches!(closed.outcome, Outcome::Dead(_)) {
                beside.recent.remember_closed(closed.ended, closed.activation);
            }
        }
        // Before the rows are noted: they may push out what a duplicate is a duplicate of.
        let answer = self
            .answer(command, first, &events, beside)
            .expect("what was found when the artifacts were admitted is found again");
        let own = Own { first, events: &events[..own] };
        self.note_rows(command, &own, beside, changes);
        let decision = (!events.is_empty()).then(|| Decision {
            command: command.id,
            actor: command.actor.clone(),
            at: now.wall,
            elapsed: now.elapsed,
            correlation: command.correlation,
            trace: command.trace,
            events,
        });
        Ok(Decided { decision, answer })
    }

    fn events_of(
        &self,
        command: &Command,
        now: Now,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match &command.request {
            Request::TakeOver(take_over) => {
                self.decide_take_over(take_over, now, events);
                Ok(())
            }
            Request::Register(registration) => self.decide_register(registration, events),
            Request::OpenSession(open) => self.decide_open_session(open, events),
            Request::EndSession(session) => self.decide_end_session(*session, now, events),
            Request::Publish(publish) => self.decide_publish(publish, now, beside, events),
            Request::Finish(finish) => self.decide_finish(finish, now, beside, events),
            Request::RecordStep(record) => self.decide_record_step(record, events),
            Request::Elapse => {
                self.decide_elapse(now, events);
                Ok(())
            }
            Request::Redrive(letters) => self.decide_redrive(letters, beside, events),
            Request::DropDead(letters) => self.decide_drop(letters, beside, events),
            Request::CancelCorrelation(correlation) => {
                self.decide_cancel_correlation(*correlation, events)
            }
            Request::CancelActivations(activations) => {
                self.decide_cancel_activations(activations, events)
            }
            Request::Pause(what) => self.decide_pause(*what, events),
            Request::Resume(what) => self.decide_resume(*what, events),
            Request::OpenBreaker(of) => self.decide_open_breaker(*of, events),
            Request::CloseBreaker(of) => self.decide_close_breaker(*of, events),
            Request::Pay(pay) => self.decide_pay(pay, now, beside, events),
            Request::EndAlert(end) => self.decide_end_alert(end, events),
            Request::IntendStep(intend) => self.decide_intend_step(intend, events),
            Request::WithdrawStep(withdraw) => self.decide_withdraw_step(withdraw, events),
            Request::Settle(settle) => self.decide_settle(settle, beside, events),
        }
    }

    fn note_clock_jump(&self, raw: Now, events: &mut Vec<Event>) {
        if self.header.board.is_none() {
            return;
        }
        let elapsed = i64::try_from(raw.elapsed.as_millis()).unwrap_or(i64::MAX);
        let offset = raw.wall.as_millis().saturating_sub(elapsed);
        let by_ms = offset.saturating_sub(self.header.clock_offset_ms);
        if by_ms.abs() > CLOCK_JUMP_MS {
            events.push(Event::ClockJumped { by_ms });
        }
    }

    /// An attempt that the board ends, and not its executor, is stopped and still holds its slot.
    fn stop_attempt(
        &self,
        event: &Event,
        command: &Command,
        beside: &mut Beside,
        changes: &mut Changes,
    ) {
        if let Event::SessionEnded { session, .. } = event {
            beside.forget_session(*session);
        }
        let Event::AttemptEnded { attempt, .. } = event else { return };
        let reported = matches!(command.request, Request::Finish(_));
        if reported {
            return;
        }
        let running = self.activations.get(&attempt.activation).and_then(|a| a.running());
        if let Some(running) = running {
            changes.stops.push(*attempt);
            beside.hold(running.session, *attempt, running.slots);
        }
    }

    fn note_lease(&self, event: &Event, changes: &mut Changes) {
        let Event::AttemptStarted { attempt, .. } = event else { return };
        changes.leases.extend(self.lease_of(attempt.activation));
    }

    /// The lease of an activation that runs: what its executor has to know.
    #[must_use]
    pub fn lease_of(&self, id: crate::ids::ActivationId) -> Option<Lease> {
        let activation = self.activations.get(&id)?;
        let running = activation.running()?;
        Some(Lease {
            attempt: crate::ids::AttemptId { activation: id, attempt: running.attempt },
            session: running.session,
            agent: activation.runner()?,
            owner: activation.agent,
            subscription: activation.subscription,
            inputs: activation.inputs.clone(),
            correlation: activation.correlation,
            seed: running.seed,
            started: running.started,
            at: running.at,
            deadline: running.deadline,
            seq: *activation.trail.last()?,
            steps: activation.steps.clone(),
            slots: running.slots,
        })
    }

    /// The rows of what the command itself brought, and what look-ups must not miss.
    fn note_rows(
        &self,
        command: &Command,
        own: &Own<'_>,
        beside: &mut Beside,
        changes: &mut Changes,
    ) {
        let mut artifacts = command.request.artifacts().iter();
        for (index, event) in (0..).zip(own.events) {
            let seq = Seq(own.first.get() + index);
            let told = OperationRow::of(seq, self.header.at, &command.actor, event);
            changes.rows.operations.extend(told);
            match event {
                Event::ArtifactCommitted(draft) => {
                    let brought = artifacts
                        .find(|brought| std::sync::Arc::ptr_eq(&brought.draft, draft))
                        .expect("a committed artifact was brought by its command");
                    self.note_artifact(seq, brought, beside, changes);
                }
                Event::StepRecorded { .. } | Event::AttemptEnded { report: Some(_), .. } => {
                    if let Some(content) = content_of(&command.request) {
                        changes.rows.contents.push(ContentRow {
                            seq,
                            salt: content.salt(),
                            bytes: content.bytes().clone(),
                        });
                    }
                }
                Event::PredicateFailed { subscription, clause, .. } => {
                    let row = failing::row(&command.request, seq, *subscription, *clause);
                    changes.rows.contents.extend(row);
                }
                Event::StepSettled { step, .. } => {
                    changes.rows.contents.extend(settled(&command.request, step, seq));
                }
                Event::ActivationRedriven(redriven) => {
                    beside.recent.remember_closed(seq, redriven.activation);
                }
                Event::DeadLetterDropped { activation, .. } => {
                    beside.recent.remember_closed(seq, *activation);
                    changes.rows.closed.extend(dropped(&command.request, *activation, seq));
                }
                Event::TypeRegistered { .. }
                | Event::AgentDefined { .. }
                | Event::DependencyDefined { .. } => {
                    changes.rows.names.extend(NameRow::all_of(event));
                }
                Event::AttemptEnded { report: None, .. }
                | Event::BoardCreated { .. }
                | Event::OwnerChanged { .. }
                | Event::ClockJumped { .. }
                | Event::AgentRetired { .. }
                | Event::SessionOpened { .. }
                | Event::SessionEnded { .. }
                | Event::ActivationCreated { .. }
                | Event::AttemptStarted { .. }
                | Event::ActivationClosed { .. }
                | Event::CorrelationCancelled { .. }
                | Event::BreakerOpened { .. }
                | Event::BreakerHalfOpened { .. }
                | Event::BreakerClosed { .. }
                | Event::Paused { .. }
                | Event::Resumed { .. }
                | Event::DebtPaid { .. }
                | Event::AlertEnded { .. }
                | Event::Adopted { .. }
                | Event::StepIntended { .. }
                | Event::StepWithdrawn { .. }
                | Event::LimitReached { .. } => {}
            }
        }
    }

    fn note_artifact(
        &self,
        seq: Seq,
        brought: &NewArtifact,
        beside: &mut Beside,
        changes: &mut Changes,
    ) {
        let envelope = &brought.draft.envelope;
        let existing = Existing {
            seq,
            id: envelope.id,
            type_no: envelope.type_no,
            correlation: envelope.correlation,
            salt: Some(brought.payload.salt()),
            hash: envelope.payload_hash,
        };
        if brought.client_id {
            beside.recent.remember_id(seq, existing);
        }
        if let Some(key) = &envelope.idempotency_key {
            beside.recent.remember_key(seq, key.clone(), existing);
            changes.rows.keys.push(KeyRow { key: key.clone(), seq, id: envelope.id });
        }
        changes.rows.artifacts.push(ArtifactRow {
            seq,
            at: self.header.at,
            draft: brought.draft.clone(),
            payload: brought.payload.clone(),
            value: brought.value.clone(),
        });
    }

    /// What whoever gave the command is told, given the events that it led to. Also used after a
    /// recovery, with the events as they were found in the log: none when the artifact that one of
    /// the command's is a duplicate of is not remembered any more.
    #[must_use]
    pub fn answer(
        &self,
        command: &Command,
        first: Seq,
        events: &[Event],
        beside: &Beside,
    ) -> Option<Answer> {
        Some(match &command.request {
            Request::Publish(publish) => {
                Answer::Published(receipts(publish, first, events, beside)?)
            }
            Request::Register(_) => Answer::Registered(self.catalogue),
            Request::Redrive(letters) | Request::DropDead(letters) => {
                Answer::Changed(u32::try_from(letters.len()).unwrap_or(u32::MAX))
            }
            Request::CancelCorrelation(_) | Request::CancelActivations(_) => {
                let ended = events.iter().filter(|event| {
                    matches!(
                        event,
                        Event::AttemptEnded { .. }
                            | Event::ActivationClosed { why: Closure::Cancelled, .. }
                    )
                });
                Answer::Changed(u32::try_from(ended.count()).unwrap_or(u32::MAX))
            }
            Request::Pause(_)
            | Request::Resume(_)
            | Request::OpenBreaker(_)
            | Request::CloseBreaker(_) => Answer::Changed(u32::from(events.iter().any(turned))),
            Request::Settle(_) => Answer::Changed(1),
            Request::TakeOver(_)
            | Request::OpenSession(_)
            | Request::EndSession(_)
            | Request::Finish(_)
            | Request::RecordStep(_)
            | Request::Elapse
            | Request::IntendStep(_)
            | Request::WithdrawStep(_)
            | Request::Pay(_)
            | Request::EndAlert(_) => Answer::Done,
        })
    }
}

/// Whether something was paused, resumed, opened or closed by hand.
const fn turned(event: &Event) -> bool {
    matches!(
        event,
        Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::BreakerOpened { why: Tripped::Operator, .. }
            | Event::BreakerClosed { why: Mended::Operator, .. }
    )
}

/// A receipt for each artifact of a publish, in order; none when one of them is a duplicate of
/// what is remembered nowhere. Asks as they were admitted, so that both find the same.
fn receipts<'a>(
    publish: &'a Publish,
    first: Seq,
    events: &[Event],
    beside: &Beside,
) -> Option<Vec<Receipt>> {
    let mut committed = (0..)
        .zip(events)
        .filter_map(|(index, event)| {
            let Event::ArtifactCommitted(draft) = event else { return None };
            Some((draft, Seq(first.get() + index)))
        })
        .peekable();
    let mut named = BTreeMap::new();
    let receipt = |artifact: &'a NewArtifact| {
        let earlier = names(artifact).find_map(|name| {
            // After a recovery, what the command itself brought is remembered as well.
            let existing = beside.existing(&name, &publish.looked_up).filter(|it| it.seq < first);
            let on_board = existing.map(|Existing { id, seq, correlation, .. }| Receipt {
                id,
                seq,
                correlation,
                duplicate: true,
            });
            on_board.or_else(|| named.get(&name).copied())
        });
        if let Some(earlier) = earlier {
            return Some(Receipt { duplicate: true, ..earlier });
        }
        let of = identity(&artifact.draft);
        let (draft, seq) = committed.next_if(|(draft, _)| identity(draft) == of)?;
        let Envelope { id, correlation, .. } = draft.envelope;
        let receipt = Receipt { id, seq, correlation, duplicate: false };
        named.extend(names(artifact).map(|name| (name, receipt)));
        Some(receipt)
    };
    publish.artifacts.iter().map(receipt).collect()
}

fn identity(draft: &Draft) -> (ArtifactId, Option<&IdempotencyKey>) {
    (draft.envelope.id, draft.envelope.idempotency_key.as_ref())
}

/// The content that a request brings for an event of its own.
const fn content_of(request: &Request) -> Option<&crate::content::Content> {
    match request {
        Request::Finish(finish) => finish.report.as_ref(),
        Request::RecordStep(record) => Some(&record.result),
        Request::TakeOver(_)
        | Request::Register(_)
        | Request::OpenSession(_)
        | Request::EndSession(_)
        | Request::Publish(_)
        | Request::Elapse
        | Request::Redrive(_)
        | Request::DropDead(_)
        | Request::CancelCorrelation(_)
        | Request::CancelActivations(_)
        | Request::Pause(_)
        | Request::Resume(_)
        | Request::OpenBreaker(_)
        | Request::CloseBreaker(_)
        | Request::Pay(_)
        | Request::EndAlert(_)
        | Request::IntendStep(_)
        | Request::WithdrawStep(_)
        | Request::Settle(_) => None,
    }
}

/// The result that a person gives for a step.
fn settled(request: &Request, step: &StepName, seq: Seq) -> Option<ContentRow> {
    let Request::Settle(settle) = request else { return None };
    let (_, result) = settle.steps.iter().find(|(name, _)| name == step)?;
    let content = result.as_ref()?;
    Some(ContentRow { seq, salt: content.salt(), bytes: content.bytes().clone() })
}

fn dropped(
    request: &Request,
    activation: crate::ids::ActivationId,
    ended: Seq,
) -> Option<crate::log::ClosedActivation> {
    let Request::DropDead(letters) = request else { return None };
    let letter = letters.iter().find(|letter| letter.closed.activation == activation)?;
    let mut closed = letter.closed.clone();
    if let Outcome::Dead(reason) = closed.outcome {
        closed.outcome = Outcome::Dropped(reason);
        closed.ended = ended;
    }
    Some(closed)
}
