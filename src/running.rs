//! A board that runs: the handle through which programs publish, ask, wait and operate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use artel_core::artifact::Artifact;
use artel_core::board::{OpenStatus, State};
use artel_core::command::Receipt;
use artel_core::envelope::{Actor, Producer};
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, CorrelationId, Incarnation, Seq, SessionId};
use artel_core::log::Log;
use artel_core::visibility::Viewer;
use artel_eventbus::{Hub, Tail};
use artel_scheduler::Dispatcher;

use crate::attempt::Attempts;
use crate::board::Setup;
use crate::committer::{Committer, Failure};
use crate::error::{PublishError, ReadError};
use crate::operator::Operator;
use crate::patience::patiently;
use crate::publication::Publication;
use crate::query::{Listing, Query};
use crate::sight::{Seen, Sight};
use crate::stored::Stored;
use crate::submit::Submitter;
use crate::tasks::Tasks;

/// A board that runs in this process.
///
/// Dropping it ends the ownership without ceremony, as a crash would; nothing is lost, and attempts
/// that ran run again. [`shutdown`](Self::shutdown) lets them come to an end first.
#[derive(Debug)]
pub struct Running {
    pub(crate) parts: Parts,
    open: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) setup: Setup,
    pub(crate) committer: Committer,
    pub(crate) submitter: Submitter,
    pub(crate) hub: Hub,
    pub(crate) dispatcher: Arc<Dispatcher<Attempts>>,
    pub(crate) session: SessionId,
    pub(crate) incarnation: Incarnation,
    pub(crate) tasks: Tasks,
}

/// What has become of a tree of work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Something of it runs or waits.
    Open(OpenStatus),
    /// Nothing of it is open, and nothing of it is a dead letter.
    Done,
    /// Nothing of it is open; it left dead letters.
    DeadLetters(u32),
    /// It was cancelled.
    Cancelled,
    /// The board has nothing of it.
    Unknown,
}

impl Running {
    pub(crate) const fn new(parts: Parts) -> Self {
        Self { parts, open: AtomicBool::new(true) }
    }

    /// Publishes an artifact and waits until it is durable. It begins a tree of work of its own,
    /// unless the [`Publication`] names one. Waits for room at the agenda's bound, and for a log that is
    /// away, up to 30 s unless [`patience`](crate::BoardBuilder::patience) says otherwise.
    ///
    /// # Errors
    /// When the type is unknown, the payload is refused, there is no room, or the board does not
    /// answer. Except for [`PublishError::Unavailable`] and [`PublishError::Interrupted`], nothing
    /// was written.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the artifact may be on the board or not. Publish the same id or
    /// idempotency key again to find out.
    pub async fn publish(&self, artifact: impl Into<Publication>) -> Result<Receipt, PublishError> {
        let receipts = self.publish_many([artifact.into()]).await?;
        receipts.first().copied().ok_or_else(|| PublishError::Stopped("it gave no receipt".into()))
    }

    /// Publishes artifacts, all or none, as one tree of work unless they name their own. The
    /// receipts are in the order of the artifacts.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish).
    pub async fn publish_many(
        &self,
        artifacts: impl IntoIterator<Item = impl Into<Publication>>,
    ) -> Result<Vec<Receipt>, PublishError> {
        if !self.open.load(Ordering::Relaxed) {
            return Err(PublishError::Stopped("it is shutting down".into()));
        }
        let program = self.parts.setup.program.clone();
        let artifacts = artifacts.into_iter().map(Into::into).collect();
        let producer = Producer::Program(program.clone());
        let actor = Actor::Program(program);
        self.parts.submitter.publish(artifacts, producer, actor).await
    }

    /// The board as somebody sees it who may not see everything. What the program itself asks for it
    /// sees, whoever else may.
    #[must_use]
    pub fn seen_by(&self, viewer: Viewer) -> Seen<'_> {
        let names = self.parts.submitter.catalogue.borrow().clone();
        let sight = Sight::new(Arc::new(viewer), self.parts.submitter.clock.wall());
        let setup = &self.parts.setup;
        Seen::new((&setup.log, setup.patience), names, sight, self.parts.hub.durable())
    }

    /// An artifact by id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get(&self, id: ArtifactId) -> Result<Option<Stored>, ReadError> {
        self.seen_by(Viewer::unrestricted()).get(id).await
    }

    /// Artifacts by what they are.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type or agent of a name in the query.
    pub async fn artifacts(&self, query: &Query) -> Result<Listing, ReadError> {
        self.seen_by(Viewer::unrestricted()).artifacts(query).await
    }

    /// All artifacts of a type that a query lists, decoded, page after page. What is published
    /// meanwhile may be among them.
    ///
    /// # Errors
    /// When the log cannot be read, or an artifact cannot be decoded.
    pub async fn all<T: Artifact>(&self, query: Query) -> Result<Vec<T>, ReadError> {
        self.seen_by(Viewer::unrestricted()).all(query).await
    }

    /// The board's events from a seq on: first those that are there, then those that come.
    #[must_use]
    pub fn tail(&self, from: Seq) -> Tail {
        Tail::follow(self.parts.setup.log.clone(), self.parts.hub.subscribe(), from)
    }

    /// What has become of a tree of work, as of now.
    ///
    /// # Errors
    /// When the log cannot be read, or the board is stopped.
    pub async fn status(&self, correlation: CorrelationId) -> Result<Status, ReadError> {
        let look = move |state: &State| state.open_status(correlation);
        match self.look_soon(look).await? {
            Some(open) => Ok(Status::Open(open)),
            None => self.closed_status(correlation).await,
        }
    }

    /// Waits until nothing of a tree of work is open, and says how it ended.
    ///
    /// # Errors
    /// When the log cannot be read, or the board is stopped.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn settled(&self, correlation: CorrelationId) -> Result<Status, ReadError> {
        self.parts.committer.when_settled(correlation).await?;
        self.closed_status(correlation).await
    }

    async fn closed_status(&self, correlation: CorrelationId) -> Result<Status, ReadError> {
        let Setup { log, patience, .. } = &self.parts.setup;
        let ask = || async { log.correlation(correlation).await.map_err(ReadError::Log) };
        let closed = patiently(*patience, ask).await?;
        Ok(if !closed.known {
            Status::Unknown
        } else if closed.cancelled {
            Status::Cancelled
        } else if closed.dead > 0 {
            Status::DeadLetters(closed.dead)
        } else {
            Status::Done
        })
    }

    /// Waits until nothing runs and nothing will by itself. Work of agents that no program names
    /// may still wait.
    ///
    /// # Errors
    /// When the board is stopped.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn idle(&self) -> Result<(), ReadError> {
        self.parts.committer.when_idle().await.map_err(Into::into)
    }

    /// What the live state is, seen at one moment at which all of it was durable. The closure runs
    /// on the board's own task: it should copy what it needs and do nothing else. It may run more
    /// than once.
    ///
    /// # Errors
    /// When the board is stopped, or does not answer in time.
    ///
    /// # Panics
    /// When the closure does; the board is not affected.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl Fn(&State) -> T + Clone + Send + 'static,
    ) -> Result<T, ReadError> {
        self.look_soon(look).await
    }

    async fn look_soon<T: Send + 'static>(
        &self,
        look: impl Fn(&State) -> T + Clone + Send + 'static,
    ) -> Result<T, ReadError> {
        let patience = self.parts.setup.patience;
        let seen = tokio::time::timeout(patience, self.parts.committer.look(look)).await;
        Ok(seen.unwrap_or(Err(Failure::Timeout(patience)))?)
    }

    /// The seq of the last event and the hash of the live state at it.
    ///
    /// # Errors
    /// When the board is stopped.
    pub async fn state_hash(&self) -> Result<(Seq, Hash), ReadError> {
        self.look(|state| (state.seq(), state.hash())).await
    }

    /// An operator's commands, which carry a name and a reason.
    ///
    /// # Errors
    /// When the name or the reason is empty or too long.
    pub fn operator(&self, name: &str, reason: &str) -> Result<Operator<'_>, crate::OperateError> {
        Operator::new(&self.parts, name, reason)
    }

    /// The board's log, to read from: whoever writes to it stops the board.
    #[must_use]
    pub fn log(&self) -> Arc<dyn Log> {
        self.parts.setup.log.clone()
    }

    /// How far the log is durable.
    #[must_use]
    pub fn durable(&self) -> Seq {
        self.parts.hub.durable()
    }

    /// Waits until the board is stopped for good, by a shutdown or because it had to.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn stopped(&self) -> String {
        self.ended().await.0.to_string()
    }

    /// Waits as [`stopped`](Self::stopped) does, and says too whether the board is another process's.
    pub(crate) async fn ended(&self) -> (Arc<str>, bool) {
        let mut status = self.parts.committer.status();
        loop {
            if let crate::committer::Status::Stopped { why, lost } = &*status.borrow_and_update() {
                return (why.clone(), *lost);
            }
            if status.changed().await.is_err() {
                return ("its committer is gone".into(), false);
            }
        }
    }

    /// Takes in nothing more.
    pub(crate) fn stop_intake(&self) {
        self.open.store(false, Ordering::Relaxed);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.tasks.stop();
        self.dispatcher.stop_all();
        self.committer.abandon();
    }
}
