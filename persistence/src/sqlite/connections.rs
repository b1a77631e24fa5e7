//! A few connections to one file, each with its own thread. A call checks one out and gives it back
//! when it is done; a connection that is not given back, because of an error or because the caller
//! dropped the future, is closed, and the next call opens another. So nobody ever meets a
//! connection in the middle of something.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};

use artel_core::log::Error;

use super::error::reading;

pub(super) struct Connections {
    place: String,
    options: SqliteConnectOptions,
    /// What a new connection does first.
    setup: String,
    count: u32,
    gate: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
    closed: AtomicBool,
}

impl Connections {
    pub(super) fn new(
        place: &str,
        options: SqliteConnectOptions,
        setup: String,
        count: u32,
    ) -> Self {
        Self {
            place: place.to_owned(),
            options,
            setup,
            count,
            gate: Semaphore::new(count as usize),
            idle: Mutex::new(Vec::new()),
            closed: AtomicBool::new(false),
        }
    }

    /// Waits for a connection.
    pub(super) async fn check_out(&self) -> Result<CheckedOut<'_>, Error> {
        let permit = self.gate.acquire().await.map_err(|_| self.closed_error())?;
        if self.closed.load(Ordering::Acquire) {
            return Err(self.closed_error());
        }
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await.map_err(|error| reading("open", &self.place, error))?,
        };
        Ok(CheckedOut { connection, home: self, permit })
    }

    /// Does something while nobody gets a connection. Those who have one go on.
    pub(super) async fn hold_back<T>(&self, work: impl Future<Output = T>) -> T {
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
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let Ok(_all) = self.gate.acquire_many(self.count).await else { return };
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            // An error here has no consequence: what was acknowledged is in the file already.
            connection.close().await.ok();
        }
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::Closed { place: self.place.clone() }
    }

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        if !self.setup.is_empty() {
            connection.execute(AssertSqlSafe(self.setup.clone())).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().expect("nothing that is done under this lock panics")
    }
}

/// A connection that one call has for itself.
pub(super) struct CheckedOut<'a> {
    connection: SqliteConnection,
    home: &'a Connections,
    permit: SemaphorePermit<'a>,
}

impl CheckedOut<'_> {
    pub(super) const fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Lets the next call have the connection. To be called when its last statement is done.
    pub(super) fn give_back(self) {
        self.home.idle().push(self.connection);
        drop(self.permit);
    }
}
