//! The connections of all logs that a process has in one schema of one server: a few, however many boards there
//! are. A board needs one only for as long as the server works for it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use sqlx::postgres::PgConnection;
use tokio::runtime::{Handle, Id};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::{Use, connections};
use super::target::Target;
use crate::connections::Connections;

/// What pools are told apart by: what they connect with, what the connections that write are for, and on which
/// runtime all of them live.
type Key = (u64, Use, Id);

/// Pools, each with how many logs use it.
type Pools = HashMap<Key, (Arc<Pool>, usize)>;

/// The pools of this process.
static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

/// Connections for those who read, and for those who write.
pub(super) struct Pool {
    key: Key,
    pub(super) readers: Connections<PgConnection>,
    pub(super) writers: Connections<PgConnection>,
    /// Before a log is open, two connections of its own are asked.
    opening: Semaphore,
    /// Some of those that read are kept for what takes a moment.
    slow_reads: Semaphore,
}

impl Pool {
    fn new(key: Key, target: &Target) -> Self {
        let writers = target.connections / 2;
        let readers = target.connections - writers;
        let half = |count: u32| Semaphore::new((count / 2).max(1) as usize);
        Self {
            readers: connections(target, readers, Use::Reads),
            writers: connections(target, writers, key.1),
            opening: half(writers),
            slow_reads: half(readers),
            key,
        }
    }

    /// Waits until it is the turn of another log to be opened.
    pub(super) async fn turn_to_open(&self) -> Option<SemaphorePermit<'_>> {
        self.opening.acquire().await.ok()
    }

    /// Waits until it is the turn of another read that may take long.
    pub(super) async fn turn_to_read_slowly(&self) -> Option<SemaphorePermit<'_>> {
        self.slow_reads.acquire().await.ok()
    }
}

fn pools() -> MutexGuard<'static, Pools> {
    POOLS.lock().expect("nothing that is done under this lock panics")
}

/// The place that a log has in a pool, until it is closed or dropped.
pub(super) struct Member {
    pool: Arc<Pool>,
    left: AtomicBool,
    /// A board has one writer at a time.
    pub(super) turn_to_write: Semaphore,
}

impl Member {
    /// A place in the pool of a server; there is a new one where this is the first.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(super) fn join(target: &Target, writes: Use) -> Self {
        let key = (target.connects(), writes, Handle::current().id());
        let mut pools = pools();
        let new = || (Arc::new(Pool::new(key, target)), 0);
        let (pool, members) = pools.entry(key).or_insert_with(new);
        *members += 1;
        let (left, turn_to_write) = (AtomicBool::new(false), Semaphore::new(1));
        Self { pool: pool.clone(), left, turn_to_write }
    }

    /// Leaves the pool, whose connections are closed when this was the last that was there. Waits for what is
    /// being written.
    pub(super) async fn leave(&self) {
        let _written = self.turn_to_write.acquire().await;
        if self.was_last() {
            self.pool.readers.close().await;
            self.pool.writers.close().await;
        }
    }

    /// Leaves the pool, and says whether nobody is there any more.
    fn was_last(&self) -> bool {
        if self.left.swap(true, Ordering::AcqRel) {
            return false;
        }
        let mut pools = pools();
        let Some((_, members)) = pools.get_mut(&self.pool.key) else { return false };
        *members -= 1;
        let last = *members == 0;
        if last {
            pools.remove(&self.pool.key);
        }
        last
    }
}

impl Deref for Member {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Its connections go with the last that has the pool.
        self.was_last();
    }
}
