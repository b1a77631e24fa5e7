//! The engine: the speculative state and the batch in the making. Synchronous; the loop around it
//! owns time and the log.

use std::mem;
use std::sync::Arc;

use tokio::sync::oneshot;

use artel_core::board::{Beside, Changes, State};
use artel_core::catalogue::Catalogue;
use artel_core::command::{Answer, Command, NewArtifact, Request};
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{CorrelationId, Epoch, ProcessId, SessionId};
use artel_core::log::Append;
use artel_core::names::{BoardName, ProgramName};
use artel_core::policy::{Bounds, limits};
use artel_core::record::{Batch, Place};
use artel_core::time::{Elapsed, Now};

use super::batch::{Building, Delivery, Spare};
use super::inbox::Taken;
use super::load::Loaded;
use super::pace::Pace;
use super::payloads::Payloads;
use super::waiters::Waiters;
use super::{Failure, Look, Pending, Submission};
use crate::clock::BoardClock;

/// Who this owner is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) process: ProcessId,
    pub(crate) program: ProgramName,
    pub(crate) board: BoardName,
    pub(crate) session: SessionId,
    pub(crate) endpoint: Option<String>,
}

/// How many commands and looks one append takes at most.
const BATCH_ITEMS_MAX: usize = 4_096;
/// How many commands make an append that is not small.
const SMALL: usize = 64;
/// Bytes that a command's events have beside what it brings, roughly and at most.
const EVENTS_LEN: usize = 256;

pub(super) struct Engine {
    pub(super) state: State,
    pub(super) beside: Beside,
    pub(super) clock: BoardClock,
    pub(super) epoch: Epoch,
    /// The hash of the last batch that was sealed.
    pub(super) hash: Hash,
    pub(super) payloads: Payloads,
    pub(super) building: Building,
    pub(super) spare: Spare,
    pub(super) waiters: Waiters,
    /// How many commands of others still get an append of their own: the log refused so many that
    /// came together, and one of them is why.
    pub(super) alone: usize,
    /// The moment that the timers were last told, and whether they asked since.
    announced: Elapsed,
    asked: bool,
    /// The time of the decisions that are being made: read once for all that was taken together.
    now: Now,
    pace: Pace,
}

impl Engine {
    /// An engine that goes on from a state that was just read from the log.
    pub(super) fn new(loaded: Loaded, epoch: Epoch, clock: BoardClock, bounds: Bounds) -> Self {
        let Loaded { mut state, hash, .. } = loaded;
        state.keep_to(bounds);
        let mut beside = Beside::at(state.seq());
        beside.recent.keep(bounds.recent_len);
        let now = clock.now();
        Self {
            state,
            beside,
            clock,
            epoch,
            hash,
            payloads: Payloads::new(bounds.cache_len),
            building: Building::default(),
            spare: Spare::default(),
            waiters: Waiters::default(),
            alone: 0,
            announced: Elapsed::NEVER,
            asked: false,
            now,
            pace: Pace::new(now.elapsed),
        }
    }

    /// Looks at the clock: what is decided from here on is decided now.
    pub(super) fn tick(&mut self) {
        self.now = self.clock.now();
    }

    /// Whether the batch in the making takes anything further.
    pub(super) fn has_room(&self) -> bool {
        let building = &self.building;
        building.commands.len() + building.looks.len() < BATCH_ITEMS_MAX
            && building.len() < limits::APPEND_LEN_MAX
            && (self.alone == 0 || !building.commands.iter().any(|(pending, _)| pending.others()))
    }

    /// The log has stored these: where each has an append of its own, one fewer is suspected. One
    /// that was rejected left nothing to refuse, and may come back.
    pub(super) fn stored(&mut self, commands: &[(Box<Pending>, Result<Answer, Failure>)]) {
        let one =
            |(pending, answer): &(Box<Pending>, Result<_, _>)| pending.others() && answer.is_ok();
        if self.alone > 0 && commands.iter().any(one) {
            self.alone -= 1;
        }
    }

    /// How much more of what is asked from outside the batch in the making takes.
    pub(super) fn asked_max(&self) -> usize {
        self.pace.asked_max(self.building.taken, self.state.backlog())
    }

    /// Whether an append of the batch in the making would be small although much goes on.
    pub(super) fn gathers(&self) -> bool {
        let commands = self.building.commands.len();
        0 < commands && commands < SMALL && self.state.running() > 1
    }

    /// Counts what was taken for the batch in the making.
    pub(super) const fn count(&mut self, taken: Taken) {
        self.pace.ended(taken.ended, self.state.running(), self.now.elapsed);
        self.building.taken.owed += taken.owed;
        self.building.taken.ended += taken.ended;
        self.building.taken.asked += taken.asked;
    }

    /// Whether the batch in the making takes this submission.
    pub(super) fn has_room_for(&self, submission: &Submission) -> bool {
        if let Submission::Command(pending) = submission {
            self.has_room_for_command(&pending.command)
        } else {
            self.has_room()
        }
    }

    /// Whether the batch in the making takes this command: an append has a bounded length, or one
    /// command.
    pub(super) fn has_room_for_command(&self, command: &Command) -> bool {
        let len = self.building.len() + EVENTS_LEN + command_len(command);
        self.has_room() && (self.building.commands.is_empty() || len <= limits::APPEND_LEN_MAX)
    }

    /// Decides a command into the batch in the making.
    pub(super) fn decide(&mut self, pending: Box<Pending>) {
        let command = &pending.command;
        let now = self.now;
        let building = &mut self.building;
        let rows = &building.changes.rows;
        let from = (rows.artifacts.len(), rows.closed.len());
        let first = self.state.seq().next();
        let decided = self.state.decide(command, now, &mut self.beside, &mut building.changes);
        let answer = decided
            .map(|decided| {
                if let Some(decision) = decided.decision {
                    if let Some(Event::ClockJumped { by_ms }) = decision.events.first() {
                        tracing::error!(by_ms, "the wall clock and the monotonic clock disagree");
                    }
                    if building.encoder.is_empty() {
                        building.first = first;
                    }
                    building.at = decision.at;
                    building.encoder.push(&decision);
                    let rows = &building.changes.rows;
                    let (artifacts, closed) = (&rows.artifacts[from.0..], &rows.closed[from.1..]);
                    self.payloads.note(artifacts, &decision.events, closed);
                }
                decided.answer
            })
            .map_err(Failure::Rejected);
        for row in &building.changes.rows.artifacts[from.0..] {
            building.content_len += row.payload.bytes().len();
        }
        building.content_len += content_len(command);
        self.asked |= matches!(command.request, Request::Elapse);
        building.commands.push((pending, answer));
    }

    pub(super) fn look(&mut self, look: Look) {
        let deferred = look(&self.state);
        self.building.looks.push(deferred);
    }

    pub(super) fn when_settled(&mut self, correlation: CorrelationId, reply: oneshot::Sender<()>) {
        if self.state.correlation(correlation).is_some() {
            self.waiters.when_settled(correlation, reply);
        } else {
            self.answer_when_durable(reply);
        }
    }

    /// Answers once everything that was decided so far is durable.
    pub(super) fn answer_when_durable(&mut self, reply: oneshot::Sender<()>) {
        let answer = move || {
            // Whoever asked may have left.
            let _ = reply.send(());
        };
        self.building.looks.push(Box::new(answer));
    }

    /// Keeps whoever waits for the board to come to rest.
    pub(super) fn when_idle(&mut self, reply: oneshot::Sender<()>) {
        self.waiters.when_idle(reply);
    }

    /// Tells the timers with the next delivery what is due, whether or not it is news.
    pub(super) const fn ask(&mut self) {
        self.asked = true;
    }

    /// Whether nothing runs, nothing will by itself, and nothing is on its way to the log.
    pub(super) fn is_idle(&self) -> bool {
        self.building.is_empty() && self.state.is_idle()
    }

    /// The moment that the timers have to be told, if there is news for them.
    pub(super) fn announce(&mut self) -> Option<Elapsed> {
        let next = self.state.next_due().unwrap_or(Elapsed::NEVER);
        // A later moment is no news: the timers wake up too early and ask.
        if next < self.announced || self.asked {
            self.asked = false;
            self.announced = next;
            return Some(next);
        }
        None
    }

    /// An empty batch, with lists that had been filled before.
    fn next_building(&mut self) -> Building {
        let Spare { commands, looks, leases, settled, artifacts } = mem::take(&mut self.spare);
        let mut changes = Changes { leases, settled, ..Changes::default() };
        changes.rows.artifacts.reserve(artifacts);
        Building { commands, looks, changes, ..Building::default() }
    }

    /// Closes the batch in the making. The append is none when it has no events.
    pub(super) fn seal(&mut self) -> (Option<Append>, Delivery) {
        let next = self.next_building();
        let mut building = mem::replace(&mut self.building, next);
        let catalogue = building.changes.catalogue.then(|| Arc::new(Catalogue::of(&self.state)));
        let last = self.state.seq();
        let rows = mem::take(&mut building.changes.rows);
        let artifacts = rows.artifacts.len();
        let append = (!building.encoder.is_empty()).then(|| {
            let place = Place {
                epoch: self.epoch,
                first: building.first,
                last,
                at: building.at,
                previous: self.hash,
            };
            let batch = Batch::seal(place, building.encoder.take());
            self.hash = batch.header.hash;
            self.pace.appended(self.now.elapsed);
            self.state.appended();
            Append { batch, rows }
        });
        self.building.encoder = building.encoder;
        let delivery = Delivery {
            last,
            hash: self.hash,
            commands: building.commands,
            looks: building.looks,
            leases: building.changes.leases,
            stops: building.changes.stops,
            settled: building.changes.settled,
            catalogue,
            room: building.changes.room,
            owed: building.changes.owed,
            artifacts,
        };
        (append, delivery)
    }
}

/// Bytes that a command brings: envelopes, payloads, other contents.
fn command_len(command: &Command) -> usize {
    let artifacts = command.request.artifacts().iter().map(NewArtifact::byte_len);
    content_len(command) + artifacts.sum::<usize>()
}

/// Bytes of contents other than payloads.
fn content_len(command: &Command) -> usize {
    match &command.request {
        Request::Finish(finish) => finish.report.as_ref().map_or(0, |report| report.bytes().len()),
        Request::RecordStep(record) => record.result.bytes().len(),
        Request::Settle(settle) => {
            let results = settle.steps.iter().filter_map(|(_, result)| result.as_ref());
            results.map(|result| result.bytes().len()).sum()
        }
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
        | Request::WithdrawStep(_) => 0,
    }
}
