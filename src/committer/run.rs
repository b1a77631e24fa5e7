//! The committer's loop: decide what comes in, append what was decided, deliver what is durable.
//! One append is in flight at most; the next batch is decided meanwhile.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use artel_core::log::{self, Log};
use artel_scheduler::Runner;

use super::batch::{Delivery, Pending};
use super::deliver::{Cached, Outlets};
use super::engine::{Engine, Identity};
use super::inbox::{Inbox, TAKE};
use super::recover::Durable;
use super::{Failure, Status, Submission};
use crate::clock::BoardClock;
use crate::entropy::Entropy;

/// What a committer needs to begin.
pub(crate) struct Start<R: Runner<Inputs = Cached>> {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn artel_core::time::Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) identity: Identity,
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
    pub(super) again: VecDeque<Pending>,
    /// One command an append, until the one that the log refuses is found.
    pub(super) one_by_one: bool,
    in_flight: Option<InFlight>,
    pub(super) inbox: Inbox,
    closing: Option<oneshot::Sender<()>>,
}

struct InFlight {
    append: Pin<Box<dyn Future<Output = Result<(), log::Error>> + Send>>,
    delivery: Delivery,
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
    let Start { log, clock, entropy, identity, outlets } = start;
    let taken = super::recover::take_over(&*log, &identity, Durable::default(), false).await?;
    let header = taken.loaded.state.header();
    let clock = BoardClock::resume(clock, header.elapsed, header.at);
    let durable = Durable { seq: taken.loaded.state.seq(), hash: taken.loaded.hash };
    outlets.hub.advance(durable.seq);
    let catalogue = artel_core::catalogue::Catalogue::of(&taken.loaded.state);
    outlets.catalogue.send_replace(Arc::new(catalogue));
    let engine = Engine::new(taken.loaded.state, taken.loaded.hash, taken.ownership.epoch, clock);
    let mut committer = Loop {
        log,
        entropy,
        identity,
        outlets,
        engine,
        durable,
        again: VecDeque::new(),
        one_by_one: false,
        in_flight: None,
        inbox,
        closing: None,
    };
    committer.begin_epoch(&taken.ownership);
    let clock = committer.engine.clock.clone();
    Ok((clock, async move { committer.run().await }))
}

impl<R: Runner<Inputs = Cached>> Loop<R> {
    async fn run(&mut self) {
        self.inbox.status.send_replace(Status::Open);
        let mut taken = Vec::with_capacity(TAKE);
        loop {
            self.decide_again();
            if self.in_flight.is_none() {
                self.append();
            }
            if self.finished() {
                break;
            }
            let ended = self.closing.is_some() && self.inbox.is_empty();
            let open = self.engine.has_room() && self.again.is_empty() && !ended;
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
                count = self.inbox.take(&mut taken), if open => {
                    if count == 0 {
                        // Every handle is gone: the same as being closed.
                        self.closing.get_or_insert_with(|| oneshot::channel().0);
                    }
                    for submission in taken.drain(..) {
                        self.take(submission);
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
            && self.inbox.is_empty()
            && self.engine.building.is_empty()
    }

    fn take(&mut self, submission: Submission) {
        match submission {
            Submission::Command(command, reply) => self.engine.decide(command, Some(reply)),
            Submission::Look(look) => self.engine.look(look),
            Submission::WhenSettled(correlation, reply) => {
                self.engine.when_settled(correlation, reply);
            }
            Submission::WhenIdle(reply) => self.engine.idling.push(reply),
            Submission::Release(session, attempt) => {
                self.engine.beside.release(session, attempt);
                // The slot may be taken at once.
                self.elapse();
            }
            Submission::StopLeasing => self.engine.beside.stop_leasing(),
            Submission::Close(reply) => {
                self.inbox.close();
                self.closing = Some(reply);
            }
        }
    }

    /// Lets time pass, so that free permits take what is ready.
    fn elapse(&mut self) {
        let command = self.own_command(artel_core::command::Request::Elapse);
        self.engine.decide(command, None);
    }

    fn decide_again(&mut self) {
        while let Some(pending) = self.again.pop_front() {
            self.engine.decide(pending.command, pending.reply);
            if self.one_by_one || !self.engine.has_room() {
                break;
            }
        }
        if self.again.is_empty() && self.engine.building.is_empty() {
            self.one_by_one = false;
        }
    }

    /// Sends the batch in the making on its way; one without events leaves at once.
    fn append(&mut self) {
        while !self.engine.building.is_empty() {
            let (append, delivery) = self.engine.seal();
            if let Some(append) = append {
                let log = self.log.clone();
                let append = Box::pin(async move { log.append(append).await });
                self.in_flight = Some(InFlight { append, delivery });
                return;
            }
            self.deliver(delivery);
            self.decide_again();
        }
        if self.engine.is_idle() {
            for waiter in self.engine.idling.drain(..) {
                let _ = waiter.send(());
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.durable = Durable { seq: delivery.last, hash: delivery.hash };
        let outlets = self.outlets.clone();
        outlets.deliver(&mut self.engine, delivery);
    }

    async fn landed(&mut self, result: Result<(), log::Error>) -> Result<(), Arc<str>> {
        let Some(in_flight) = self.in_flight.take() else { return Ok(()) };
        match result {
            Ok(()) => {
                self.deliver(in_flight.delivery);
                Ok(())
            }
            Err(error) => self.recover(error, in_flight.delivery).await,
        }
    }

    /// The board answers no more.
    fn stop(&mut self, why: &Arc<str>) {
        self.inbox.status.send_replace(Status::Stopped(why.clone()));
        self.inbox.close();
        let building = std::mem::take(&mut self.engine.building);
        let again = std::mem::take(&mut self.again);
        let waiting = building.commands.into_iter().map(|(pending, _)| pending).chain(again);
        for pending in waiting {
            if let Some(reply) = pending.reply {
                let _ = reply.send(Err(Failure::Stopped(why.clone())));
            }
        }
        while let Some(submission) = self.inbox.try_take() {
            if let Submission::Command(_, reply) = submission {
                let _ = reply.send(Err(Failure::Stopped(why.clone())));
            }
        }
        if let Some(closing) = self.closing.take() {
            let _ = closing.send(());
        }
    }
}

/// The outcome of the append in flight.
///
/// # Cancel safety
/// Safe to drop: the append goes on where it was when this is called again.
async fn landed(in_flight: &mut Option<InFlight>) -> Result<(), log::Error> {
    match in_flight {
        Some(in_flight) => in_flight.append.as_mut().await,
        None => std::future::pending().await,
    }
}
