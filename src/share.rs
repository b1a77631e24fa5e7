//! Sharing a board: a process runs it whenever it is its turn, and gives it over to another live process that
//! runs fewer. So the boards of a server are spread over the processes that share them.
//!
//! ```text
//!   stands by ── its turn ──► runs ── a surplus ─────────► shut down, handed over ──► stands by
//!       ▲                      ├── another has the board ───────────────────────────► stands by
//!       └── the log is away    ├── it cannot go on ──► ended, and `here` says why
//!                              └── `shutdown` ───────► ended
//! ```

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use artel_core::log::{self, Share};
use artel_core::spawn::Spawn;

use crate::board::{self, Board, Setup};
use crate::error::{OpenError, StartError, TakeOverError};
use crate::program::Program;
use crate::running::Running;
use crate::shutdown::Shutdown;
use crate::stand_by::{PAUSE, is_for_now, until_free};
use crate::start;
use crate::tasks::Tasks;

/// How long closing a log may take that is opened again.
const CLOSING: Duration = Duration::from_secs(1);

impl Board {
    /// Shares the board with other processes: this one runs it whenever it is its turn, and stands by for it
    /// otherwise. The boards of a server that are shared are spread over the live processes that share them, so
    /// that none runs more than ⌈boards / processes⌉ of them; one that runs more gives its surplus over, one
    /// board at a time, each shut down as [`Running::shutdown`] does. In a file, and in memory, nothing is
    /// spread: whoever comes first runs the board, until it ends.
    ///
    /// The program's agents are started anew in each of those lives.
    ///
    /// # Errors
    /// When agents were declared wrongly. What goes wrong later, [`Shared::here`] tells.
    pub fn share(self) -> Result<Shared, StartError> {
        let (setup, program) = self.checked()?;
        let (sender, here) = watch::channel(Where::Elsewhere);
        let (stop, dropped) = (CancellationToken::new(), CancellationToken::new());
        let life = Life { setup, program, here: sender, stop: stop.clone() };
        let gone = dropped.clone();
        let job = async move {
            tokio::select! {
                biased;
                () = gone.cancelled() => {}
                () = life.live() => {}
            }
        };
        Tasks::default().spawn("share", Box::pin(job));
        Ok(Shared { here, stop, dropped })
    }
}

/// A board that this process shares with others: it may run here, or elsewhere.
///
/// Dropping it ends that without ceremony, as a crash would; nothing is lost, but a board that somebody still has
/// the [`Running`] of goes on until that is dropped too. [`shutdown`](Self::shutdown) ends it in order.
pub struct Shared {
    here: watch::Receiver<Where>,
    stop: CancellationToken,
    dropped: CancellationToken,
}

#[derive(Clone)]
enum Where {
    Elsewhere,
    Here(Arc<Running>),
    Ended(Result<Shutdown, Arc<StartError>>),
}

/// A board that is not shared any more by this process.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedEnded {
    /// It was shut down.
    #[error("the board is not shared any more: it was shut down")]
    ShutDown,
    /// The board cannot be started, or stopped for good, for another reason than that another process has it.
    #[error("the board is not shared any more")]
    Failed(#[source] Arc<StartError>),
}

impl Shared {
    /// The board, if it runs in this process at this moment. It may be handed over at any time: then the handle
    /// says that it is stopped.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Running>> {
        match &*self.here.borrow() {
            Where::Here(running) => Some(running.clone()),
            Where::Elsewhere | Where::Ended(_) => None,
        }
    }

    /// Waits until the board runs in this process; returns at once where it does. [`Running::stopped`] of what
    /// this gives waits until it does not any more.
    ///
    /// # Errors
    /// When the board is not shared any more, and why.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn here(&self) -> Result<Arc<Running>, SharedEnded> {
        let mut here = self.here.clone();
        loop {
            match &*here.borrow_and_update() {
                Where::Elsewhere => {}
                Where::Here(running) => return Ok(running.clone()),
                Where::Ended(Ok(_)) => return Err(SharedEnded::ShutDown),
                Where::Ended(Err(error)) => return Err(SharedEnded::Failed(error.clone())),
            }
            if here.changed().await.is_err() {
                return Err(SharedEnded::ShutDown);
            }
        }
    }

    /// Shares the board no longer: shuts it down as [`Running::shutdown`] does where it runs here, and leaves it to
    /// the others.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the board stops as if it had been dropped itself.
    pub async fn shutdown(mut self) -> Shutdown {
        self.stop.cancel();
        loop {
            if let Where::Ended(ended) = &*self.here.borrow_and_update() {
                return ended.clone().unwrap_or_default();
            }
            if self.here.changed().await.is_err() {
                return Shutdown::default();
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("here", &self.running().is_some()).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.dropped.cancel();
    }
}

/// The task of a shared board.
struct Life {
    setup: Setup,
    program: Program,
    here: watch::Sender<Where>,
    stop: CancellationToken,
}

/// Why a board does not run here any more.
enum End {
    /// Somebody said so.
    Stop,
    /// Another process is to have it.
    Surplus,
    /// Another process has it.
    Lost,
    /// It cannot go on.
    Failed(Arc<str>),
}

impl Life {
    async fn live(mut self) {
        let mut share = self.setup.log.share(&self.setup.program);
        let ended = self.run(&mut share).await;
        if let Some(share) = &share {
            share.retire();
            // What has not run here is closed here.
            self.close().await;
            share.leave().await;
        } else {
            self.close().await;
        }
        self.here.send_replace(Where::Ended(ended.map_err(Arc::new)));
    }

    async fn run(&mut self, share: &mut Option<Arc<dyn Share>>) -> Result<Shutdown, StartError> {
        loop {
            let running = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Shutdown { released: 0, complete: true }),
                started = self.start(share.as_deref()) => Arc::new(started?),
            };
            let log = running.log();
            if !Arc::ptr_eq(&log, &self.setup.log) {
                // The board was moved aside, and another one begun.
                self.setup.log = log;
                *share = self.setup.log.share(&self.setup.program);
            }
            self.here.send_replace(Where::Here(running.clone()));
            let end = self.end(&running, share.as_deref()).await;
            self.here.send_replace(Where::Elsewhere);
            if let (End::Stop, Some(share)) = (&end, &share) {
                share.retire();
            }
            let done = tokio::select! {
                done = ended(&running, &end) => done,
                never = go_on(share.as_deref()) => match never {},
            };
            match end {
                End::Stop => return Ok(done),
                End::Failed(why) => return Err(StartError::Stopped(why)),
                End::Surplus | End::Lost if done.complete => {}
                End::Surplus | End::Lost => {
                    let stop = self.stop.clone();
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(done),
                        opened = self.open_again() => opened?,
                    }
                    *share = self.setup.log.share(&self.setup.program);
                }
            }
        }
    }

    /// Waits until it is this process's turn, and starts the board.
    async fn start(&self, share: Option<&dyn Share>) -> Result<Running, StartError> {
        loop {
            match share {
                Some(share) if !self.is_free(share).await? => continue,
                Some(_) => {}
                None => until_free(&self.setup.log).await?,
            }
            let program = Arc::new(self.program.again());
            let started = tokio::select! {
                started = start::start(self.setup.clone(), &program) => started,
                never = go_on(share) => match never {},
            };
            match started {
                Err(error) if is_for_now(&error) => sleep(PAUSE).await,
                started => return started,
            }
        }
    }

    /// Waits for the turn; whether nobody owns the board then. A process that does not share it may.
    async fn is_free(&self, share: &dyn Share) -> Result<bool, StartError> {
        share.turn().await;
        match self.setup.log.owned_for().await {
            Ok(None) => Ok(true),
            Ok(Some(wait)) => {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = share.turn() => {}
                }
                Ok(matches!(self.setup.log.owned_for().await, Ok(None)))
            }
            Err(log::Error::Unavailable { .. }) => Ok(false),
            Err(error) => Err(TakeOverError::Own(error).into()),
        }
    }

    /// Waits until the board is not to run here any more.
    async fn end(&self, running: &Running, share: Option<&dyn Share>) -> End {
        let surplus = async {
            match share {
                Some(share) => share.surplus().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => End::Stop,
            (why, lost) = running.ended() => if lost { End::Lost } else { End::Failed(why) },
            () = surplus => {
                tracing::info!(
                    url = artel_persistence::without_secrets(&self.setup.url),
                    "another process runs fewer boards; this one is handed over"
                );
                End::Surplus
            }
        }
    }

    /// Opens the log again, after something of the board's last life did not come to an end in time.
    async fn open_again(&mut self) -> Result<(), StartError> {
        self.close().await;
        let setup = &mut self.setup;
        loop {
            match board::create(&setup.url, &setup.name, setup.dev, &*setup.entropy).await {
                Ok(log) => {
                    setup.log = log;
                    return Ok(());
                }
                Err(OpenError::Log { source, .. }) if source.retryable() => sleep(PAUSE).await,
                Err(error) => {
                    let why = artel_core::classify::chain_of(&error).join(": ");
                    return Err(StartError::Stopped(why.into()));
                }
            }
        }
    }

    async fn close(&self) {
        // Where that takes longer, the ownership ends by itself.
        let _ = timeout(CLOSING, self.setup.log.close()).await;
    }
}

/// Ends a life of the board.
async fn ended(running: &Running, end: &End) -> Shutdown {
    match end {
        End::Stop => running.shut_down().await,
        End::Surplus | End::Lost | End::Failed(_) => running.hand_over().await,
    }
}

/// Renews what is owned beside something that takes its time.
async fn go_on(share: Option<&dyn Share>) -> Infallible {
    match share {
        Some(share) => loop {
            share.turn().await;
        },
        None => std::future::pending().await,
    }
}
