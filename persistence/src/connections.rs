//! A few connections to one place. A call checks one out and gives it back when it is done; a connection that is
//! not given back, because of an error or because the caller dropped the future, is closed, and the next
//! call opens another. So nobody ever meets a connection in the middle of something.

#[cfg(feature = "sqlite")]
use std::future::poll_fn;
use std::io::ErrorKind;
#[cfg(feature = "sqlite")]
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "sqlite")]
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use artel_core::log::Error;

/// Connections of one kind.
pub(crate) struct Connections<C: Connection> {
    options: C::Options,
    /// What a new connection does first.
    setup: String,
    run: Run<C>,
    /// What it means that one cannot be made.
    unopened: Unopened,
    count: u32,
    /// How long it may take to make one, where that has a bound.
    opening_max: Option<Duration>,
    /// After how long without use one is asked whether it still answers, and how long it may take over that.
    asked: Option<(Duration, Duration)>,
    gate: Semaphore,
    idle: Mutex<Idle<C>>,
    closed: AtomicBool,
}

/// The connections that nobody has.
#[derive(Debug)]
struct Idle<C> {
    /// With since when.
    connections: Vec<(C, Instant)>,
    /// When one of them was last found to be lost: those that were there then may be too.
    doubted: Option<Instant>,
}

/// Runs statements on a connection.
pub(crate) type Run<C> = for<'c> fn(&'c mut C, String) -> BoxFuture<'c, Result<(), sqlx::Error>>;

/// Tells what an error of a place means for whoever wants a connection.
type Unopened = fn(&str, sqlx::Error) -> Error;

impl<C: Connection> Connections<C> {
    pub(crate) fn new(
        options: C::Options,
        (setup, run): (String, Run<C>),
        unopened: Unopened,
        count: u32,
    ) -> Self {
        Self {
            options,
            setup,
            run,
            unopened,
            count,
            opening_max: None,
            asked: None,
            gate: Semaphore::new(count as usize),
            idle: Mutex::new(Idle { connections: Vec::new(), doubted: None }),
            closed: AtomicBool::new(false),
        }
    }

    /// Gives up a connection that cannot be made within so long.
    #[cfg(feature = "postgres")]
    pub(crate) const fn opened_within(mut self, time: Duration) -> Self {
        self.opening_max = Some(time);
        self
    }

    /// Asks a connection that nobody used for `idle` whether it still answers, before anybody gets it: the
    /// other end may be gone without a word. One that says nothing within `time` is dropped.
    #[cfg(feature = "postgres")]
    pub(crate) const fn asked_after(mut self, idle: Duration, time: Duration) -> Self {
        self.asked = Some((idle, time));
        self
    }

    /// A connection to the same place was lost: those that are idle are asked before anybody gets them.
    #[cfg(feature = "postgres")]
    pub(crate) fn doubt(&self) {
        self.idle().doubted = Some(Instant::now());
    }

    /// Waits for a connection, for what errors call so.
    pub(crate) async fn check_out(&self, place: &str) -> Result<CheckedOut<'_, C>, Error> {
        let closed = || Error::Closed { place: place.to_owned() };
        let permit = self.gate.acquire().await.map_err(|_| closed())?;
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let connection = match self.one_that_answers().await {
            Some(connection) => connection,
            None => self.connect().await.map_err(|error| (self.unopened)(place, error))?,
        };
        Ok(CheckedOut { connection, home: self, permit })
    }

    /// Does something while nobody gets a connection. Those who have one go on.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn hold_back<T>(&self, work: impl Future<Output = T>) -> T {
        let mut all = pin!(self.gate.acquire_many(self.count));
        // The gate is fair: who comes later waits behind this one, which need not get through, until
        // it leaves the queue.
        let held = poll_fn(|context| Poll::Ready(all.as_mut().poll(context))).await;
        let done = work.await;
        drop(held);
        done
    }

    /// Lets go of all connections, those that are checked out when they come back. From now on
    /// none can be checked out.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let Ok(_all) = self.gate.acquire_many(self.count).await else { return };
        let idle = std::mem::take(&mut self.idle().connections);
        for (connection, _) in idle {
            // An error here has no consequence: what was acknowledged is in the file already.
            connection.close().await.ok();
        }
    }

    /// The connection that was used last, if it still answers. Those that nobody used for longer are asked
    /// when it is their turn.
    async fn one_that_answers(&self) -> Option<C> {
        let ((mut connection, since), doubted) = {
            let mut idle = self.idle();
            (idle.connections.pop()?, idle.doubted)
        };
        let doubted = doubted.is_some_and(|doubted| since <= doubted);
        let asked = self.asked.filter(|(idle, _)| doubted || since.elapsed() > *idle);
        let Some((_, time)) = asked else { return Some(connection) };
        let answers = timeout(time, connection.ping()).await;
        matches!(answers, Ok(Ok(()))).then_some(connection)
    }

    async fn connect(&self) -> Result<C, sqlx::Error> {
        let Some(time) = self.opening_max else { return self.make().await };
        timeout(time, self.make()).await.unwrap_or_else(|_| Err(unanswered(time)))
    }

    async fn make(&self) -> Result<C, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        if !self.setup.is_empty() {
            (self.run)(&mut connection, self.setup.clone()).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle<C>> {
        self.idle.lock().expect("nothing that is done under this lock panics")
    }
}

/// No connection was made in time.
pub(crate) fn unanswered(time: Duration) -> sqlx::Error {
    let text = format!("there was no connection within {time:?}");
    sqlx::Error::Io(std::io::Error::new(ErrorKind::TimedOut, text))
}

/// A connection that one call has for itself.
pub(crate) struct CheckedOut<'a, C: Connection> {
    connection: C,
    home: &'a Connections<C>,
    permit: SemaphorePermit<'a>,
}

impl<C: Connection> CheckedOut<'_, C> {
    pub(crate) const fn connection(&mut self) -> &mut C {
        &mut self.connection
    }

    /// Lets the next call have the connection. To be called when its last statement is done.
    pub(crate) fn give_back(self) {
        self.home.idle().connections.push((self.connection, Instant::now()));
        drop(self.permit);
    }
}
