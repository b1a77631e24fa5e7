//! A batch in the making, on its way to the log, and what is delivered once it is durable.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, MaybeDone, maybe_done};

use artel_core::board::{Changes, Lease, Settled};
use artel_core::catalogue::Catalogue;
use artel_core::command::Answer;
use artel_core::hash::Hash;
use artel_core::ids::{AttemptId, Seq};
use artel_core::log;
use artel_core::record::Encoder;
use artel_core::time::Timestamp;

use super::inbox::Taken;
use super::{Failure, Pending};

/// Decisions that wait for their append. Its lists come from a batch that has left and go with the
/// next: they are long, and memory of that size is expensive to get anew each time.
#[derive(Default)]
pub(super) struct Building {
    pub(super) encoder: Encoder,
    pub(super) changes: Changes,
    pub(super) commands: Vec<(Box<Pending>, Result<Answer, Failure>)>,
    pub(super) looks: Vec<Box<dyn FnOnce() + Send>>,
    /// Bytes of payloads and other contents.
    pub(super) content_len: usize,
    /// How many submissions were taken for it.
    pub(super) taken: Taken,
    pub(super) first: Seq,
    pub(super) at: Timestamp,
}

impl Building {
    /// Whether there is anything to append or to answer.
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.looks.is_empty() && self.encoder.is_empty()
    }

    /// How many bytes its append would have.
    pub(super) const fn len(&self) -> usize {
        self.encoder.len() + self.content_len
    }
}

/// A batch on its way to the log.
pub(super) struct InFlight {
    append: MaybeDone<BoxFuture<'static, Result<(), log::Error>>>,
    /// What leaves when it has landed.
    pub(super) delivery: Delivery,
}

impl InFlight {
    pub(super) fn new(
        append: BoxFuture<'static, Result<(), log::Error>>,
        delivery: Delivery,
    ) -> Self {
        Self { append: maybe_done(append), delivery }
    }

    /// Takes the append as far as it goes without waiting, and says whether that is its end.
    pub(super) fn set_going(&mut self) -> bool {
        (&mut self.append).now_or_never().is_some()
    }

    /// The same, and lets others run where it is not: what carries it to the log may be among them.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub(super) async fn go_on(&mut self) {
        if !self.set_going() {
            tokio::task::yield_now().await;
        }
    }

    /// Whether it is known to have failed.
    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.append, MaybeDone::Done(Err(_)))
    }

    /// How it ended, once.
    ///
    /// # Cancel safety
    /// Safe to drop: it goes on where it was when this is called again.
    pub(super) async fn outcome(&mut self) -> Result<(), log::Error> {
        (&mut self.append).await;
        Pin::new(&mut self.append).take_output().expect("its output is taken once")
    }
}

/// What leaves once a batch is durable.
pub(super) struct Delivery {
    pub(super) last: Seq,
    pub(super) hash: Hash,
    pub(super) commands: Vec<(Box<Pending>, Result<Answer, Failure>)>,
    pub(super) looks: Vec<Box<dyn FnOnce() + Send>>,
    pub(super) leases: Vec<Lease>,
    pub(super) stops: Vec<AttemptId>,
    pub(super) settled: Vec<Settled>,
    pub(super) catalogue: Option<Arc<Catalogue>>,
    pub(super) room: bool,
    /// Whether the board owes itself something more.
    pub(super) owed: bool,
    /// How many artifacts the batch has.
    pub(super) artifacts: usize,
}

impl Delivery {
    /// The lists, once everything in them has left.
    pub(super) fn into_spare(self) -> Spare {
        let Self { commands, looks, leases, settled, artifacts, .. } = self;
        Spare { commands, looks, leases, settled, artifacts }
    }
}

/// The lists of a batch that has left, empty.
#[derive(Default)]
pub(super) struct Spare {
    pub(super) commands: Vec<(Box<Pending>, Result<Answer, Failure>)>,
    pub(super) looks: Vec<Box<dyn FnOnce() + Send>>,
    pub(super) leases: Vec<Lease>,
    pub(super) settled: Vec<Settled>,
    /// How many artifacts it had.
    pub(super) artifacts: usize,
}
