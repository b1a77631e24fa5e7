//! Delivery: what leaves the committer once a batch is durable. It is a lot at once, so that the next append, which is
//! under way, and whatever else runs get their turns in between.

use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::watch;

use artel_core::board::Lease;
use artel_core::catalogue::Catalogue;
use artel_core::time::Elapsed;
use artel_eventbus::Hub;
use artel_scheduler::{Dispatcher, Runner};

use super::batch::Delivery;
use super::engine::Engine;
use super::payloads::Input;
use super::run::InFlight;

/// The inputs of a lease that the cache holds, in the order of the lease.
pub(crate) type Cached = SmallVec<[Option<Input>; 2]>;

/// How many leave in one turn.
const TURN: usize = 64;

/// Where things go once they are durable.
pub(crate) struct Outlets<R: Runner<Inputs = Cached>> {
    /// Starts and stops attempts.
    pub(crate) dispatcher: Arc<Dispatcher<R>>,
    /// Tells followers of the log.
    pub(crate) hub: Hub,
    /// The current catalogue.
    pub(crate) catalogue: watch::Sender<Arc<Catalogue>>,
    /// When something is due next.
    pub(crate) due: watch::Sender<Elapsed>,
    /// Told whenever activations were closed, so that there may be room on the agenda.
    pub(crate) room: watch::Sender<()>,
    /// Told whenever the board owes itself something more.
    pub(crate) owed: watch::Sender<()>,
}

impl<R: Runner<Inputs = Cached>> Outlets<R> {
    /// Lets a durable batch leave, and the next append go on.
    pub(super) async fn deliver(
        &self,
        engine: &mut Engine,
        mut delivery: Delivery,
        next: &mut Option<InFlight>,
    ) {
        self.hub.advance(delivery.last);
        if let Some(catalogue) = delivery.catalogue.take() {
            self.catalogue.send_replace(catalogue);
        }
        for (count, lease) in (1..).zip(delivery.leases.drain(..)) {
            self.start(engine, lease);
            take_turns(count, next).await;
        }
        for (count, (pending, answer)) in (1..).zip(delivery.commands.drain(..)) {
            pending.answer(answer);
            take_turns(count, next).await;
        }
        for &attempt in &delivery.stops {
            self.dispatcher.stop(attempt);
        }
        for look in delivery.looks.drain(..) {
            look();
        }
        for settled in delivery.settled.drain(..) {
            engine.waiters.settled(settled.correlation);
        }
        if delivery.room && self.room.receiver_count() > 0 {
            self.room.send_replace(());
        }
        if delivery.owed {
            self.owed.send_replace(());
        }
        if let Some(due) = engine.announce() {
            self.due.send_replace(due);
        }
        engine.spare = delivery.into_spare();
    }

    /// Starts an attempt with the inputs that the cache holds.
    pub(super) fn start(&self, engine: &Engine, lease: Lease) {
        let inputs = lease.inputs.iter().map(|&seq| engine.payloads.get(seq).cloned()).collect();
        self.dispatcher.start(lease, inputs);
    }
}

/// Ends a turn after so many, while an append is under way.
async fn take_turns(count: usize, next: &mut Option<InFlight>) {
    if count.is_multiple_of(TURN)
        && let Some(next) = next
    {
        next.go_on().await;
    }
}
