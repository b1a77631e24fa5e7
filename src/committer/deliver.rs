//! Delivery: what leaves the committer once a batch is durable. Where that is a lot it leaves in turns, so that the next
//! append, if one is under way, goes on in between.

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

/// The inputs of a lease that the cache holds, in the order of the lease.
pub(crate) type Cached = SmallVec<[Option<Input>; 2]>;

/// How many leases and answers leave in one turn.
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
    /// Tells how far the log is durable, and of what, before anything of it leaves.
    pub(super) fn announce(&self, delivery: &mut Delivery) {
        self.hub.advance(delivery.last);
        if let Some(catalogue) = delivery.catalogue.take() {
            self.catalogue.send_replace(catalogue);
        }
    }

    /// Lets some of a durable batch leave, leases and stops before answers, and says whether there is more.
    pub(super) fn turn(&self, engine: &Engine, delivery: &mut Delivery) -> bool {
        let leases = delivery.leases.len().min(TURN);
        for lease in delivery.leases.drain(..leases) {
            self.start(engine, lease);
        }
        if !delivery.leases.is_empty() {
            return true;
        }
        for attempt in delivery.stops.drain(..) {
            self.dispatcher.stop(attempt);
        }
        let answers = delivery.commands.len().min(TURN - leases);
        for (pending, answer) in delivery.commands.drain(..answers) {
            pending.answer(answer);
        }
        !delivery.commands.is_empty()
    }

    /// Lets leave what comes after the last turn.
    pub(super) fn rest(&self, engine: &mut Engine, mut delivery: Delivery) {
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
