//! The bound on the write-ahead file. SQLite begins that file anew when it has moved all of it into
//! the file itself and nobody reads it any more; while readers come and go without a gap, that never
//! happens by itself. So whoever is about to write looks at its length first.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor};

use artel_core::log::Error;

use super::connections::CheckedOut;
use super::error::reading;
use super::file::beside;
use super::handle::SqliteLog;
use super::open::BUSY_TIMEOUT;

/// How long the file may be when a write begins.
const LEN_MAX: u64 = 32 * 1024 * 1024;

/// How much longer it may get before it is tried again, when a long read was in the way.
const STEP_LEN: u64 = 8 * 1024 * 1024;

/// How long a write waits for those who read at that moment. Whoever begins to read meanwhile finds
/// everything in the file itself and is in nobody's way.
const WAIT_MS: u32 = 250;

pub(super) struct WriteAhead {
    path: PathBuf,
    /// The length at which it is to be begun anew.
    limit: AtomicU64,
}

impl WriteAhead {
    pub(super) fn of(log: &Path) -> Self {
        Self { path: beside(log, "-wal"), limit: AtomicU64::new(LEN_MAX) }
    }

    fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

/// Waits for the connection that writes, and keeps the write-ahead file within its bound.
pub(super) async fn writer(log: &SqliteLog) -> Result<CheckedOut<'_>, Error> {
    let mut writer = log.writer.check_out().await?;
    if log.write_ahead.len() >= log.write_ahead.limit.load(Ordering::Relaxed) {
        // Our own readers wait for the moment that this takes, so that it is a short one.
        let done = log.readers.hold_back(begin_anew(writer.connection())).await;
        done.map_err(|error| reading("make room in", &log.place, error))?;
        let limit = LEN_MAX.max(log.write_ahead.len() + STEP_LEN);
        log.write_ahead.limit.store(limit, Ordering::Relaxed);
    }
    Ok(writer)
}

/// Moves all of the write-ahead file into the file and cuts it off. When a read is in the way for
/// longer than a write may wait, that is no error, and nothing is cut off.
async fn begin_anew(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let sql = format!(
        "PRAGMA busy_timeout = {WAIT_MS}; PRAGMA wal_checkpoint(TRUNCATE); \
         PRAGMA busy_timeout = {};",
        BUSY_TIMEOUT.as_millis()
    );
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}
