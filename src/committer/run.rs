//! The committer's loop: decide what comes in, append what was decided, deliver what is durable.
//! One append is in flight at most; the next batch is decided meanwhile.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::oneshot;

use artel_core::ids::Seq;
use artel_core::log::{self, Log};
use artel_core::policy::Bounds;
use artel_scheduler::Runner;

use super::batch::{Delivery, InFlight};
use super::deliver::{Cached, Outlets};
use super::engine::{Engine, Identity};
use super::inbox::{Inbox, TAKE, Taken};
use super::recover::{Durable, Trouble};
use super::{Failure, Pending, Status, Submission};
use crate::clock::BoardClock;
use crate::entropy::Entropy;

/// What a committer needs to begin.
pub(crate) struct Start<R: Runner<Inputs = Cached>> {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn artel_core::time::Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) identity: Identity,
    pub(crate) bounds: Bounds,
    pub(crate) outlets: Arc<Outlets<R>>,
}

pub(super) struct Loop<R: Runner<Inputs = Cached>> {
    pub(super) log: Arc<dyn Log>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) identity: Identity,
    pub(super) outlets: Arc<Outlets<R>>,
    pub(super) engine: Engine,
    /// How far the log is known to be durable.
    pub(super) durable: Durable,
    /// Commands that are decided again after a recovery, before anything from the inbox.
    pub(super) again: VecDeque<Box<Pending>>,
    in_flight: Option<InFlight>,
    /// What is durable, and has not left as a whole yet.
    leaving: Option<Delivery>,
    pub(super) inbox: Inbox,
    /// Submissions that were taken when the batch in the making had no room for them.
    pub(super) waiting: VecDeque<Submission>,
    closing: Option<oneshot::Sender<()>>,
    pub(super) trouble: Trouble,
}

/// Takes the board over, and returns the future that is its committer. The board answers from the
/// moment at which that future runs.
///
/// # Errors
/// When the board cannot be taken over, or its log cannot be folded.
pub(crate) async fn start<R: Runner<Inputs = Cached>>(
    inbox: Inbox,
    start: Start<R>,
) -> Result<(BoardClock, impl Future<Output = ()> + Send), super::recover::TakeOverError> {
    let Start { log, clock, entropy, identity, bounds, outlets } = start;
    let taken = super::recover::take_over(&*log, &identity, Durable::default(), false).await?;
    let header = taken.loaded.state.header();
    let last = (header.seq > Seq(0)).then_some(header.at);
    let clock = BoardClock::resume(clock, header.elapsed, last);
    let durable = Durable { seq: taken.loaded.state.seq(), hash: taken.loaded.hash };
    outlets.hub.advance(durable.seq);
    let catalogue = artel_core::catalogue::Catalogue::of(&taken.loaded.state);
    outlets.catalogue.send_replace(Arc::new(catalogue));
    let engine = Engine::new(taken.loaded, taken.ownership.epoch, clock, bounds);
    let mut committer = Loop {
        log,
        entropy,
        identity,
        outlets,
        engine,
        durable,
        again: VecDeque::new(),
        in_flight: None,
        leaving: None,
        inbox,
        waiting: VecDeque::new(),
        closing: None,
        trouble: Trouble::default(),
    };
    committer.begin_epoch(&taken.ownership);
    let clock = committer.engine.clock.clone();
    Ok((clock, async move { committer.run().await }))
}

impl<R: Runner<Inputs = Cached>> Loop<R> {
    async fn run(&mut self) {
        let mut taken = Vec::with_capacity(TAKE);
        loop {
            self.engine.tick();
            self.decide_again();
            self.decide_waiting();
            if self.in_flight.is_none() {
                self.gather(&mut taken).await;
                self.append();
            }
            if self.finished() {
                break;
            }
            let ended = self.closing.is_some() && self.inbox.is_empty();
            let behind = !self.waiting.is_empty() || !self.again.is_empty();
            let open = self.engine.has_room() && !behind && !ended;
            let abandoned = self.inbox.abandoned.clone();
            tokio::select! {
                // What is durable leaves before more is decided, so that answers do not wait for
                // a full inbox; a full inbox cannot starve, since the next append needs it.
                biased;
                landed = landed(&mut self.in_flight), if self.in_flight.is_some() => {
                    if let Err(why) = self.landed(landed).await {
                        self.stop(&why);
                        return;
                    }
                }
                () = abandoned.cancelled(), if self.closing.is_none() => {
                    self.take(Submission::Close(oneshot::channel().0));
                }
                count = self.inbox.take(&mut taken, self.engine.asked_max()), if open => {
                    self.take_all(count, &mut taken);
                    if let Some(in_flight) = &mut self.in_flight {
                        in_flight.go_on().await;
                    }
                }
            }
        }
        self.keep_snapshot().await;
        if let Err(error) = self.log.disown(self.engine.epoch).await {
            tracing::warn!(%error, "cannot give the board up; its ownership ends with the process");
        }
        self.stop(&Arc::from("it was closed"));
    }

    /// Leaves a snapshot behind, so that the next start has little to fold.
    async fn keep_snapshot(&mut self) {
        if self.log.describe().durability == log::Durability::Nothing {
            return;
        }
        let bytes = self.engine.state.encode();
        let state_hash = artel_core::hash::Hash::of(&bytes);
        let Durable { seq, hash: batch_hash } = self.durable;
        let snapshot = log::Snapshot { seq, batch_hash, state_hash, bytes };
        if let Err(error) = self.log.put_snapshot(snapshot).await {
            tracing::warn!(%error, "cannot leave a snapshot; the next start takes longer");
        }
    }

    fn finished(&self) -> bool {
        self.closing.is_some()
            && self.in_flight.is_none()
            && self.again.is_empty()
            && self.waiting.is_empty()
            && self.inbox.is_empty()
            && self.engine.building.is_empty()
    }

    /// Lets others run before a small append of a busy board, for as long as that brings something:
    /// what they submit meanwhile goes into the same append.
    async fn gather(&mut self, taken: &mut Vec<Submission>) {
        while self.engine.gathers() && self.closing.is_none() && self.waiting.is_empty() {
            tokio::task::yield_now().await;
            let asked_max = self.engine.asked_max();
            let count = self.inbox.take(taken, asked_max).now_or_never().unwrap_or_default();
            if count == Taken::default() {
                return;
            }
            self.take_all(count, taken);
        }
    }

    /// Decides what was taken as far as the batch in the making has room; the rest waits.
    fn take_all(&mut self, count: Taken, taken: &mut Vec<Submission>) {
        self.engine.tick();
        self.engine.count(count);
        for submission in taken.drain(..) {
            if self.waiting.is_empty() && self.engine.has_room_for(&submission) {
                self.take(submission);
            } else {
                self.waiting.push_back(submission);
            }
        }
    }

    fn take(&mut self, submission: Submission) {
        match submission {
            Submission::Command(pending) => self.engine.decide(pending),
            Submission::Look(look) => self.engine.look(look),
            Submission::WhenSettled(correlation, reply) => {
                self.engine.when_settled(correlation, reply);
            }
            Submission::WhenIdle(reply) => self.engine.when_idle(reply),
            Submission::Release(session, attempt) => {
                self.engine.beside.release(session, attempt);
                // The slot may be taken at once.
                self.elapse();
            }
            Submission::StopLeasing(reply) => {
                self.engine.beside.stop_leasing();
                self.engine.answer_when_durable(reply);
            }
            Submission::Close(reply) => {
                self.inbox.close();
                self.closing = Some(reply);
            }
        }
    }

    /// Lets time pass, so that free permits take what is ready.
    fn elapse(&mut self) {
        let command = self.own_command(artel_core::command::Request::Elapse);
        self.engine.decide(Pending::own(command));
    }

    /// Decides what was taken and had to wait, as far as there is room now.
    fn decide_waiting(&mut self) {
        while self.again.is_empty()
            && let Some(next) = self.waiting.pop_front_if(|next| self.engine.has_room_for(next))
        {
            self.take(next);
        }
    }

    fn decide_again(&mut self) {
        while let Some(pending) = self.again.pop_front() {
            if !self.engine.has_room_for_command(&pending.command) {
                self.again.push_front(pending);
                break;
            }
            self.engine.decide(pending);
        }
    }

    /// Sends the batch in the making on its way; one without events leaves at once.
    fn append(&mut self) {
        while !self.engine.building.is_empty() {
            let (append, delivery) = self.engine.seal();
            if let Some(append) = append {
                let log = self.log.clone();
                let append = async move { log.append(append).await }.boxed();
                self.in_flight = Some(InFlight::new(append, delivery));
                return;
            }
            if let Err(error) = self.log.confirm(self.engine.epoch) {
                // What it would tell may be the past by now: the truth is looked up first.
                let refused = std::future::ready(Err(error)).boxed();
                self.in_flight = Some(InFlight::new(refused, delivery));
                return;
            }
            self.leave(delivery);
            while self.turn() {}
            self.rest();
            // There is room again, and nothing in flight whose landing would make use of it.
            self.decide_again();
            self.decide_waiting();
        }
        // What was taken and left nothing to append counts for no batch.
        self.engine.building.taken = Taken::default();
        if self.engine.is_idle() {
            self.engine.waiters.rests();
        }
    }

    /// Sends the next batch on its way before the one that just landed is delivered, so that the log
    /// does not wait for that: if there is one that is not small, and has events.
    fn append_ahead(&mut self) {
        if self.engine.building.encoder.is_empty() || self.engine.gathers() {
            return;
        }
        self.append();
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.set_going();
        }
    }

    /// A batch is durable, and leaves from here on.
    fn leave(&mut self, mut delivery: Delivery) {
        self.durable = Durable { seq: delivery.last, hash: delivery.hash };
        self.outlets.announce(&mut delivery);
        self.leaving = Some(delivery);
    }

    /// Lets it leave in turns, between which the next append goes on.
    ///
    /// # Cancel safety
    /// May be dropped: what has not left by then is answered when the board stops.
    async fn deliver(&mut self) {
        while self.turn() {
            if let Some(next) = &mut self.in_flight {
                next.go_on().await;
            }
        }
        self.rest();
    }

    /// Lets some of it leave, and says whether there is more.
    fn turn(&mut self) -> bool {
        let Some(delivery) = &mut self.leaving else { return false };
        if !delivery.leases.is_empty() && self.log.confirm(self.engine.epoch).is_err() {
            // Another process may have them by now. They begin when the board is owned anew, if it is by this one.
            delivery.leases.clear();
        }
        self.outlets.turn(&self.engine, delivery)
    }

    /// What comes after the last turn.
    fn rest(&mut self) {
        let Some(mut delivery) = self.leaving.take() else { return };
        let lost = self.in_flight.as_ref().is_some_and(InFlight::has_failed);
        if lost || self.log.confirm(self.engine.epoch).is_err() {
            // They look again, when it is known whose board it is.
            delivery.looks.clear();
        }
        let outlets = self.outlets.clone();
        outlets.rest(&mut self.engine, delivery);
    }

    async fn landed(&mut self, result: Result<(), log::Error>) -> Result<(), Arc<str>> {
        let Some(in_flight) = self.in_flight.take() else { return Ok(()) };
        match result {
            Ok(()) => {
                self.came_back();
                self.engine.stored(&in_flight.delivery.commands);
                self.leave(in_flight.delivery);
                self.append_ahead();
                self.deliver().await;
                Ok(())
            }
            Err(error) => self.recover(error, in_flight.delivery).await,
        }
    }

    /// The board answers no more. What was decided and not appended is refused.
    fn stop(&mut self, why: &Arc<str>) {
        let (why, lost) = (why.clone(), self.trouble.lost);
        self.inbox.status.send_replace(Status::Stopped { why: why.clone(), lost });
        self.inbox.close();
        // Of what is durable nobody hears anything else.
        for (pending, answer) in self.leaving.take().map(|left| left.commands).into_iter().flatten()
        {
            pending.answer(answer);
        }
        let building = std::mem::take(&mut self.engine.building);
        let again = std::mem::take(&mut self.again);
        let waiting = building.commands.into_iter().map(|(pending, _)| pending).chain(again);
        for pending in waiting {
            pending.answer(Err(Failure::Stopped(why.clone())));
        }
        let in_flight = self.in_flight.take().map(|in_flight| in_flight.delivery.commands);
        for (pending, _) in in_flight.unwrap_or_default() {
            pending.answer(Err(Failure::Interrupted(why.clone())));
        }
        let waiting = std::mem::take(&mut self.waiting);
        let inbox = std::iter::from_fn(|| self.inbox.try_take());
        for submission in waiting.into_iter().chain(inbox) {
            if let Submission::Command(pending) = submission {
                pending.answer(Err(Failure::Stopped(why.clone())));
            }
        }
        // What still runs could not be recorded any more.
        self.outlets.dispatcher.stop_all();
        self.outlets.hub.end();
        if let Some(closing) = self.closing.take() {
            let _ = closing.send(());
        }
    }
}

impl<R: Runner<Inputs = Cached>> Drop for Loop<R> {
    fn drop(&mut self) {
        // The loop stops before it ends; one that did not was cut off by a panic.
        if !matches!(&*self.inbox.status.borrow(), Status::Stopped { .. }) {
            self.stop(&Arc::from("its committer panicked"));
        }
    }
}

/// The outcome of the append in flight.
///
/// # Cancel safety
/// Safe to drop: the append goes on where it was when this is called again.
async fn landed(in_flight: &mut Option<InFlight>) -> Result<(), log::Error> {
    match in_flight {
        Some(in_flight) => in_flight.outcome().await,
        None => std::future::pending().await,
    }
}
