//! Recovery: after an append that failed or whose outcome is unknown, the speculative state is
//! thrown away, the board is owned anew, and only then is the log's end read. Waiting callers are
//! answered by what is found there, or their commands are decided again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use artel_core::board::Activation;
use artel_core::command::{Answer, AttemptOutcome, Command, Finish, Request, TakeOver};
use artel_core::envelope::Actor;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{AttemptId, CommandId, Seq};
use artel_core::log::{self, Claim, Log, Ownership};
use artel_core::record::Decision;
use artel_scheduler::Runner;

use super::batch::Delivery;
use super::deliver::Cached;
use super::engine::{Engine, Identity};
use super::load::{LoadError, Loaded, load, load_and_show};
use super::regress::{Since, since};
use super::run::Loop;
use super::{Away, Failure, Pending, Status, Submission};
use crate::entropy;
use crate::kept::kept;

/// How long to wait before the board is owned again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How far a log is known to be durable.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durable {
    pub(super) seq: Seq,
    pub(super) hash: Hash,
}

/// A board that was taken over: its log cannot change any more but by this owner.
pub(super) struct Taken {
    pub(super) ownership: Ownership,
    pub(super) loaded: Loaded,
    /// The events of commands after what was known to be durable, with the seq of the first.
    found: BTreeMap<CommandId, (Seq, Vec<Event>)>,
}

/// Why a board cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeOverError {
    /// The log refuses the ownership or cannot be reached.
    #[error("cannot take the board over")]
    Own(#[source] log::Error),
    /// The log cannot be folded.
    #[error("cannot take the board over")]
    Load(#[source] LoadError),
    /// The log is shorter than, or different from, what this process has seen of it.
    #[error(
        "log regressed: this owner knows seq {known} as durable, the log ends at seq {found} or \
         has something else there; put the newest copy of the log back, or go on with what is there \
         (`artel board adopt`)"
    )]
    Regressed {
        /// What is known to be durable.
        known: Seq,
        /// Where the log ends.
        found: Seq,
    },
    /// The log had lost what this process has seen of it, and a person let the board go on without that.
    #[error(
        "the board was adopted: it goes on without what this owner knows as durable up to seq {known}; \
         start this program anew"
    )]
    Adopted {
        /// What is known to be durable.
        known: Seq,
    },
}

/// How long after an append that failed the next one to fail is no longer the same trouble.
const LULL: Duration = Duration::from_secs(10);

/// How long after its start was decided an attempt may still begin when that turns out to be in the
/// log.
const LATE: Duration = Duration::from_secs(1);

const fn longer(wait: Duration) -> Duration {
    let (first, longest) = BACKOFF;
    let wait = wait.saturating_mul(2);
    if wait.as_nanos() < first.as_nanos() {
        first
    } else if wait.as_nanos() > longest.as_nanos() {
        longest
    } else {
        wait
    }
}

/// Appends that fail one after the other. A log may let itself be owned and read, and store nothing:
/// where the disk is full, say.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    last: Option<Instant>,
    wait: Duration,
    /// When the board went away that has not come back yet.
    away: Option<Instant>,
    /// Whether another process has the board, or has had it since.
    pub(super) lost: bool,
}

impl Trouble {
    /// An append failed: how long to wait before the board is owned anew. Not at all the first time.
    fn again(&mut self) -> Duration {
        let now = Instant::now();
        let same = self.last.is_some_and(|last| now.duration_since(last) < LULL);
        self.wait = if same { longer(self.wait) } else { Duration::ZERO };
        self.last = Some(now);
        self.wait
    }
}

/// Owns the board anew, then reads its log. `waiting` says whether somebody waits for an answer
/// that may be found there.
pub(super) async fn take_over(
    log: &dyn Log,
    identity: &Identity,
    known: Durable,
    waiting: bool,
) -> Result<Taken, TakeOverError> {
    let claim = Claim {
        process: identity.process,
        program: identity.program.clone(),
        endpoint: identity.endpoint.clone(),
    };
    let ownership = log.own(claim).await.map_err(TakeOverError::Own)?;
    let regressed = |found| TakeOverError::Regressed { known: known.seq, found };
    let head = &ownership.head;
    match since(log, head, known).await.map_err(TakeOverError::Load)? {
        Since::Kept => {}
        Since::Adopted => {
            // It is for those that begin with what is there.
            let _ = log.disown(ownership.epoch).await;
            return Err(TakeOverError::Adopted { known: known.seq });
        }
        Since::Lost => return Err(regressed(head.seq)),
    }
    let mut found = BTreeMap::new();
    let loaded = if waiting {
        let keep = |first, decision: &Decision| {
            found.insert(decision.command, (first, decision.events.clone()));
        };
        kept(log, load_and_show(log, head.seq, known.seq, keep)).await
    } else {
        kept(log, load(log, head.seq)).await
    };
    let loaded = loaded.map_err(TakeOverError::Load)?;
    if loaded.state.seq() != head.seq || loaded.hash != head.hash {
        return Err(regressed(loaded.state.seq()));
    }
    Ok(Taken { ownership, loaded, found })
}

impl<R: Runner<Inputs = Cached>> Loop<R> {
    /// A command of the board itself.
    pub(super) fn own_command(&self, request: Request) -> Command {
        Command {
            id: entropy::command_id(&*self.entropy),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: entropy::seed(&*self.entropy),
            request,
        }
    }

    /// Decides the first command of an ownership.
    pub(super) fn begin_epoch(&mut self, ownership: &Ownership) {
        let take_over = TakeOver {
            epoch: ownership.epoch,
            process: self.identity.process,
            program: self.identity.program.clone(),
            board: self.identity.board.clone(),
            incarnation: ownership.head.incarnation,
            dev: ownership.head.dev,
        };
        let command = self.own_command(Request::TakeOver(take_over));
        self.engine.decide(Pending::own(command));
    }

    /// Finds the truth after an append that failed, and goes on from there. The error says why the
    /// board must stop.
    pub(super) async fn recover(
        &mut self,
        error: log::Error,
        failed: Delivery,
    ) -> Result<(), Arc<str>> {
        let refused = matches!(error, log::Error::Unstorable { .. });
        let fenced =
            matches!(error, log::Error::Fenced { .. }).then(|| Arc::from(error.to_string()));
        if let log::Error::Fenced { epoch, newest } = error {
            // A log that went back may have forgotten an epoch, and fences its owner too.
            self.trouble.lost = newest > epoch;
        }
        // A refusal says what is wrong; otherwise the same may go wrong again at once.
        let wait = if refused { Duration::ZERO } else { self.trouble.again() };
        // What the board said to itself is said anew by the new ownership.
        let others = |(pending, _): (Box<Pending>, _)| {
            (pending.others() && !pending.is_abandoned()).then_some(pending)
        };
        let mut pending: Vec<Box<Pending>> =
            failed.commands.into_iter().filter_map(others).collect();
        if (refused || !wait.is_zero()) && pending.len() > 1 {
            // They may be decided again at once, or come back once they were looked up anew.
            self.engine.alone = self.engine.alone.max(pending.len());
        }
        if refused
            && pending.len() == 1
            && let Some(culprit) = pending.pop()
        {
            // It was the only command of an append that was refused.
            self.engine.alone = self.engine.alone.saturating_sub(1);
            tracing::error!(%error, "the log refuses to store what a command brings");
            culprit.answer(Err(Failure::Unstorable(Arc::new(error))));
        } else {
            self.went_away(&error);
        }
        let building = std::mem::take(&mut self.engine.building);
        let unwritten = pending.len();
        pending.extend(building.commands.into_iter().filter_map(others));
        pending.extend(std::mem::take(&mut self.again));
        // Looks saw a state that may never have been: they look again.
        drop((failed.looks, building.looks));

        let taken = match fenced {
            // Somebody else had the board since, and may have it no more: it is not taken back.
            Some(why) => Err(self.step_down(why).await),
            None => self.take_over_patiently(wait).await,
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(why) => {
                self.again = pending.split_off(unwritten).into();
                for pending in pending {
                    pending.answer(Err(Failure::Interrupted(why.clone())));
                }
                return Err(why);
            }
        };
        // What fails again by itself lets others go first.
        let last = !wait.is_zero() && unwritten == 1;
        let suspect = if last { Some(pending.remove(0)) } else { None };
        self.resume(taken, pending, suspect);
        Ok(())
    }

    /// The board does not answer from here on. It is said once, not at every try.
    fn went_away(&mut self, error: &log::Error) {
        if self.trouble.away.is_some() {
            return;
        }
        self.trouble.away = Some(Instant::now());
        let why = artel_core::classify::chain_of(error).join(": ");
        tracing::warn!(
            error = why,
            "the board is unavailable: an append failed, and the truth is read from the log once that is there"
        );
        let away = Away { since: self.engine.clock.now().wall, why: why.into() };
        self.inbox.status.send_replace(Status::Away(away));
    }

    /// An append landed: the board answers again, if it did not.
    pub(super) fn came_back(&mut self) {
        let Some(since) = self.trouble.away.take() else { return };
        let (epoch, seq) = (self.engine.epoch, self.durable.seq);
        tracing::info!(%epoch, %seq, away = ?since.elapsed(), "the board is available again");
        self.inbox.status.send_replace(Status::Open);
    }

    async fn take_over_patiently(&mut self, mut wait: Duration) -> Result<Taken, Arc<str>> {
        loop {
            if !wait.is_zero() && self.is_abandoned_within(wait).await {
                return Err("it was given up while its log was away".into());
            }
            wait = longer(wait);
            match take_over(&*self.log, &self.identity, self.durable, true).await {
                Ok(taken) => return Ok(taken),
                // Somebody else has the board: this process lost it, and must not wait to take it back.
                Err(TakeOverError::Own(error @ log::Error::Owned { .. })) => {
                    tracing::error!(%error, "the board has another owner; this one steps down");
                    self.trouble.lost = true;
                    return Err(self.step_down(error.to_string().into()).await);
                }
                Err(TakeOverError::Own(error)) if error.retryable() => {
                    tracing::debug!(%error, "cannot take the board over yet");
                }
                Err(TakeOverError::Load(LoadError::Read { source, .. })) if source.retryable() => {
                    tracing::debug!(error = %source, "cannot read the log yet");
                }
                Err(error) => return Err(self.give_up(error).await),
            }
        }
    }

    /// Goes on with what was found: answers what landed, and decides the rest again; a `suspect`
    /// behind everything that others want.
    fn resume(
        &mut self,
        taken: Taken,
        pending: impl IntoIterator<Item = Box<Pending>>,
        suspect: Option<Box<Pending>>,
    ) {
        let Taken { ownership, loaded, found } = taken;
        let before = &mut self.engine;
        let (clock, bounds) = (before.clock.clone(), *before.state.bounds());
        let mut engine = Engine::new(loaded, ownership.epoch, clock, bounds);
        engine.beside = std::mem::take(&mut before.beside);
        let landed = found.values().map(|(first, events)| (*first, &events[..]));
        let executing = self.outlets.dispatcher.attempts().into_iter().collect();
        engine.beside.recovered(&engine.state, self.durable.seq, &executing, landed);
        engine.waiters = std::mem::take(&mut before.waiters);
        engine.alone = before.alone;
        self.engine = engine;
        self.durable = Durable { seq: self.engine.state.seq(), hash: self.engine.hash };
        self.outlets.hub.advance(self.durable.seq);
        // Only what the log has may leave: what the new ownership decides is not durable yet.
        let late = self.start_and_stop();
        self.settle_waiters();
        let catalogue = artel_core::catalogue::Catalogue::of(&self.engine.state);
        self.outlets.catalogue.send_replace(Arc::new(catalogue));
        // There may be room now, and whoever waits for it was not told.
        self.outlets.room.send_replace(());
        self.outlets.owed.send_replace(());
        // The timers ask once what waits in the inbox was decided, so that work which was finished
        // in time is not taken for overdue.
        self.engine.ask();
        self.forget_the_time();
        self.begin_epoch(&ownership);
        for attempt in late {
            let outcome = AttemptOutcome::Released;
            let finish =
                Request::Finish(Finish { attempt, outcome, report: None, fingerprint: None });
            self.engine.decide(Pending::own(self.own_command(finish)));
        }
        if suspect.is_some() {
            self.waiting.extend(std::iter::from_fn(|| self.inbox.try_take()));
        }
        let suspects = suspect.into_iter().map(|pending| (pending, true));
        for (pending, suspect) in suspects.chain(pending.into_iter().map(|it| (it, false))) {
            match found.get(&pending.command.id) {
                None if suspect => self.waiting.push_back(Submission::Command(pending)),
                None => self.again.push_back(pending),
                Some((first, events)) => {
                    let beside = &self.engine.beside;
                    let state = &self.engine.state;
                    let answer = state.answer(&pending.command, *first, events, beside);
                    // It is durable, so the answer leaves at once: were it to wait for the next
                    // append and that one failed, the command would be taken for one that is not
                    // in the log, and be decided again.
                    let forgotten = "it is on the board, but its receipts are lost; look it up";
                    let answer = answer.ok_or_else(|| Failure::Interrupted(forgotten.into()));
                    pending.answer(answer);
                }
            }
        }
    }

    /// Takes what the board owes itself out of the inbox, so that nothing of it tells of time before
    /// what was finished by then: what the timers said during the outage they say anew, and a slot
    /// that came free, which lets time pass, comes last.
    fn forget_the_time(&mut self) {
        let mut released = Vec::new();
        let mut before: Vec<_> = std::mem::take(&mut self.waiting).into();
        before.extend(std::iter::from_fn(|| self.inbox.try_take_owed()));
        for submission in before {
            match submission {
                Submission::Command(pending)
                    if matches!(pending.command.request, Request::Elapse) =>
                {
                    pending.answer(Ok(Answer::Done));
                }
                Submission::Release(..) => released.push(submission),
                other => self.waiting.push_back(other),
            }
        }
        self.waiting.extend(released);
    }

    /// Starts attempts that the log has and nobody runs, since their start was not known to be
    /// appended, and stops those that the log has ended. Returns those that are not started because
    /// much of their time is over: they are to be given back, so that trouble with the log uses up no
    /// retry of theirs.
    fn start_and_stop(&self) -> Vec<AttemptId> {
        let state = &self.engine.state;
        for attempt in self.outlets.dispatcher.attempts() {
            let running = state.activation(attempt.activation).and_then(Activation::running);
            if running.is_none_or(|running| running.attempt != attempt.attempt) {
                self.outlets.dispatcher.stop(attempt);
            }
        }
        let mine = state.activations().filter(|(_, activation)| {
            activation.running().is_some_and(|running| running.session == self.identity.session)
        });
        let leases: Vec<_> = mine.filter_map(|(id, _)| state.lease_of(id)).collect();
        let executing: BTreeSet<_> = self.outlets.dispatcher.attempts().into_iter().collect();
        let now = self.engine.clock.now().elapsed;
        let mut late = Vec::new();
        for lease in leases {
            let attempt = lease.attempt;
            if executing.contains(&attempt) || now.since(lease.started) <= LATE {
                self.outlets.start(&self.engine, lease);
            } else {
                late.push(attempt);
            }
        }
        late
    }

    /// Whoever waits for a tree of work of which, as it turns out, nothing is open, asks the store.
    fn settle_waiters(&mut self) {
        let Engine { state, waiters, .. } = &mut self.engine;
        waiters.settled_but(|correlation| state.correlation(correlation).is_some());
    }
}
