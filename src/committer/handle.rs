//! The committer's handle: submits commands and looks, and waits for what comes of them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use artel_core::board::State;
use artel_core::command::{Answer, Command, Rejection, Request};
use artel_core::ids::{AttemptId, CorrelationId, SessionId};
use artel_core::log;
use artel_core::time::Timestamp;

/// What happens to a command.
pub(crate) type Reply = oneshot::Sender<Result<Answer, Failure>>;

/// A look at the live state, taken on the committer's task: what it returns runs once everything
/// that it saw is durable.
pub(crate) type Look = Box<dyn FnOnce(&State) -> Box<dyn FnOnce() + Send> + Send>;

/// A command on its way through the committer. In a box from the beginning: it passes through a
/// channel and several lists, and a pointer is cheap to move.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Kept whole: after a failure it may have to be decided again.
    pub(super) command: Command,
    pub(super) reply: Option<Reply>,
}

impl Pending {
    /// A command of the board itself, for which nobody waits.
    pub(super) fn own(command: Command) -> Box<Self> {
        Box::new(Self { command, reply: None })
    }

    /// Whether it came from somebody else than the board itself, and is worth deciding again: that
    /// time has passed is told anew.
    pub(super) const fn others(&self) -> bool {
        self.reply.is_some() && !matches!(self.command.request, Request::Elapse)
    }

    /// Whether it is a publish whose publisher has left without an answer: nobody was promised it.
    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self.command.request, Request::Publish(_))
            && self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Answers whoever waits, if anybody does and has not left.
    pub(super) fn answer(self, answer: Result<Answer, Failure>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(answer);
        }
    }
}

/// What the committer is asked.
pub(crate) enum Submission {
    /// Change the board.
    Command(Box<Pending>),
    /// Look at the live state.
    Look(Look),
    /// Say when nothing of a tree of work is open any more; at once when nothing is.
    WhenSettled(CorrelationId, oneshot::Sender<()>),
    /// Say when nothing runs and nothing will by itself.
    WhenIdle(oneshot::Sender<()>),
    /// An executor's slot is free after the board had ended its attempt.
    Release(SessionId, AttemptId),
    /// Lease nothing more, and say when what was leased before has left.
    StopLeasing(oneshot::Sender<()>),
    /// Drain the inbox, append what is left, and end.
    Close(oneshot::Sender<()>),
}

impl Submission {
    /// A command, and where its answer comes.
    fn command(command: Command) -> (Self, oneshot::Receiver<Result<Answer, Failure>>) {
        let (reply, answer) = oneshot::channel();
        (Self::Command(Box::new(Pending { command, reply: Some(reply) })), answer)
    }

    /// What it counts as beside others: a publish for each of its artifacts.
    pub(super) fn weight(&self) -> usize {
        if let Self::Command(pending) = self
            && let Request::Publish(publish) = &pending.command.request
        {
            publish.artifacts.len().max(1)
        } else {
            1
        }
    }

    /// Whether an attempt comes to its end with it.
    pub(super) fn ends_attempt(&self) -> bool {
        let Self::Command(pending) = self else { return false };
        matches!(pending.command.request, Request::Finish(_))
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The board refuses it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The log refuses to store what it brings.
    #[error("the log refuses to store what the command brings")]
    Unstorable(#[source] Arc<log::Error>),
    /// The board did not answer in time.
    #[error("the board did not answer within {0:?}")]
    Timeout(Duration),
    /// The board stopped for good while the command was being written: it may be in the log.
    #[error("the board stopped while this was being written: {0}")]
    Interrupted(Arc<str>),
    /// The board is closed, or stopped for good; nothing was written.
    #[error("the board is stopped: {0}")]
    Stopped(Arc<str>),
}

/// Whether a board answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It does.
    Open,
    /// It does not, until its log has taken an append of a new ownership.
    Away(Away),
    /// It does not, and will not.
    Stopped {
        why: Arc<str>,
        /// Whether another process has the board, or has had it since: nothing else is wrong.
        lost: bool,
    },
}

/// Since when, and why, a board does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Away {
    pub(crate) since: Timestamp,
    pub(crate) why: Arc<str>,
}

/// A handle to a board's committer.
#[derive(Clone, Debug)]
pub(crate) struct Committer {
    pub(super) owed: mpsc::Sender<Submission>,
    pub(super) asked: mpsc::Sender<Submission>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) abandoned: CancellationToken,
}

impl Committer {
    /// Submits a command and waits for its answer.
    ///
    /// # Errors
    /// When it is refused, or not answered within `patience`; whether a command that was not
    /// answered was carried out is then unknown.
    ///
    /// # Cancel safety
    /// A command that was submitted is carried out although nobody waits for its answer.
    pub(crate) fn command(
        &self,
        command: Command,
        patience: Duration,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let (submission, answer) = Submission::command(command);
        let submitted = async move {
            let slot = self.asked.reserve().await.map_err(|_| self.stopped())?;
            slot.send(submission);
            answer.await.map_err(|_| self.stopped())?
        };
        async move {
            let answered = tokio::time::timeout(patience, submitted).await;
            answered.unwrap_or(Err(Failure::Timeout(patience)))
        }
    }

    /// Submits a command and waits for its answer for as long as the board lives: for what the
    /// board owes itself.
    pub(crate) fn owed(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let (submission, answer) = Submission::command(command);
        async move {
            self.owe(submission).await?;
            answer.await.map_err(|_| self.stopped())?
        }
    }

    /// Looks at the live state; the answer comes once everything that was seen is durable.
    ///
    /// # Panics
    /// When `look` does: the board is not affected.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl Fn(&State) -> T + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        loop {
            let (reply, answer) = oneshot::channel();
            let look = look.clone();
            let look: Look = Box::new(move |state| {
                let seen = catch_unwind(AssertUnwindSafe(|| look(state)));
                Box::new(move || drop(reply.send(seen)))
            });
            self.ask(Submission::Look(look)).await?;
            match answer.await {
                Ok(Ok(seen)) => return Ok(seen),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(_) => {}
            }
            self.interrupted()?;
        }
    }

    /// Waits until nothing of a tree of work is open.
    pub(crate) async fn when_settled(&self, correlation: CorrelationId) -> Result<(), Failure> {
        loop {
            let (reply, answer) = oneshot::channel();
            self.ask(Submission::WhenSettled(correlation, reply)).await?;
            if answer.await.is_ok() {
                return Ok(());
            }
            self.interrupted()?;
        }
    }

    /// Waits until nothing runs and nothing will by itself.
    pub(crate) async fn when_idle(&self) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        self.ask(Submission::WhenIdle(reply)).await?;
        answer.await.map_err(|_| self.stopped())
    }

    /// Gives a slot back after the board had ended its attempt.
    pub(crate) async fn release(&self, session: SessionId, attempt: AttemptId) {
        // A board that is stopped needs no slots.
        let _ = self.owe(Submission::Release(session, attempt)).await;
    }

    /// Leases nothing more from here on; what was leased before has left when this returns.
    pub(crate) async fn stop_leasing(&self) -> Result<(), Failure> {
        loop {
            let (reply, answer) = oneshot::channel();
            self.owe(Submission::StopLeasing(reply)).await?;
            if answer.await.is_ok() {
                return Ok(());
            }
            self.interrupted()?;
        }
    }

    /// Drains the inbox, appends what is left, and ends the committer.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        self.owe(Submission::Close(reply)).await?;
        answer.await.map_err(|_| self.stopped())
    }

    /// Closes the board as soon as it can, with nobody waiting, even while it recovers.
    pub(crate) fn abandon(&self) {
        self.abandoned.cancel();
    }

    /// Whether the board answers.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Submits in the lane of what the board owes itself.
    async fn owe(&self, submission: Submission) -> Result<(), Failure> {
        self.owed.send(submission).await.map_err(|_| self.stopped())
    }

    /// Submits in the lane of whoever asks from outside.
    async fn ask(&self, submission: Submission) -> Result<(), Failure> {
        self.asked.send(submission).await.map_err(|_| self.stopped())
    }

    /// What was seen was thrown away by a recovery: look again, unless the board stopped.
    fn interrupted(&self) -> Result<(), Failure> {
        let stopped = matches!(&*self.status.borrow(), Status::Stopped { .. });
        if stopped { Err(self.stopped()) } else { Ok(()) }
    }

    fn stopped(&self) -> Failure {
        match &*self.status.borrow() {
            Status::Stopped { why, .. } => Failure::Stopped(why.clone()),
            Status::Open | Status::Away(_) => Failure::Stopped("it was closed".into()),
        }
    }
}
