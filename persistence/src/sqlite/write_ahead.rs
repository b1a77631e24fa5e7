//! The write-ahead file: what is appended lies there first, and has to be moved into the file itself.
//! SQLite would have an append do that in between, which then takes several times as long as others.
//! So a connection of its own does it beside the appends, and the writer moves no more than what came
//! meanwhile. After that the write-ahead file begins anew.
//!
//! It does so only at a moment when nobody reads it; while readers come and go without a gap, that
//! never happens by itself. So whoever is about to write looks at its length first.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};

use artel_core::log::Error;

use super::file::beside;
use super::handle::SqliteLog;
use super::open::BUSY_TIMEOUT;
use crate::connections::CheckedOut;

/// How long the file may be when a write begins.
const LEN_MAX: u64 = 32 * 1024 * 1024;

/// How much longer it may get before it is tried again, when a long read was in the way.
const STEP_LEN: u64 = 8 * 1024 * 1024;

/// How long a write waits for those who read at that moment. Whoever begins to read meanwhile finds
/// everything in the file itself and is in nobody's way.
const WAIT_MS: u32 = 250;

/// About how many bytes are in the write-ahead file when moving begins. Pages that were written
/// several times until then are moved once; what is left up to [`LEN_MAX`] is room for what is
/// appended while it is moved.
const MOVE_LEN: u64 = 20 * 1024 * 1024;

/// After how much is moved for the first time, when nothing is known yet of what an append writes.
const DUE: u64 = MOVE_LEN / 8;

/// How often what is there is moved beside the appends. Each time there is less that came meanwhile.
const PASSES: u32 = 2;

/// What a page takes in the write-ahead file.
const FRAME_LEN: u64 = 4096 + 24;

/// How many bytes an append adds to what it was given, for pages that every append writes.
const APPEND_LEN: u64 = 8 * 4096;

/// When a read is in the way of beginning anew, it is tried again after this part of what is appended
/// until moving begins.
const AGAIN: u64 = 16;

/// Moves what is in the write-ahead file, as far as nobody who reads is in the way.
const MOVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) struct WriteAhead {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// The length at which it is to be begun anew.
    limit: AtomicU64,
    moving: Mutex<Moving>,
}

/// What goes on beside the appends.
struct Moving {
    /// What was appended since the write-ahead file began anew.
    appended: u64,
    /// After how much of that it has about [`MOVE_LEN`] bytes. What an append writes depends on how
    /// many pages it touches, and only SQLite knows.
    due: u64,
    /// Whether it did begin anew the last time, so that what it has is what was appended since.
    anew: bool,
    stage: Stage,
}

enum Stage {
    /// Nothing is moved. The connection is kept.
    Filling(Option<SqliteConnection>),
    /// The connection moves, for the so-manieth time.
    Passing(Pass, u32),
    /// Nothing is moved any more.
    Closed,
}

/// What comes of moving: the connection, and how many pages the write-ahead file has.
type Pass = Pin<Box<dyn Future<Output = Result<(SqliteConnection, u64), sqlx::Error>> + Send>>;

impl WriteAhead {
    /// Of the log in this file; the options are those of a connection that writes it.
    pub(super) fn of(log: &Path, options: SqliteConnectOptions) -> Self {
        let moving = Moving { appended: 0, due: DUE, anew: false, stage: Stage::Filling(None) };
        Self {
            path: beside(log, "-wal"),
            options: options.thread_name(|number| format!("artel-move-{number}")),
            limit: AtomicU64::new(LEN_MAX),
            moving: Mutex::new(moving),
        }
    }

    /// The options of the connection that moves.
    #[cfg(test)]
    pub(super) const fn options(&self) -> &SqliteConnectOptions {
        &self.options
    }

    /// Counts what is about to be appended.
    pub(super) fn count(&self, bytes: usize) {
        self.moving().appended += bytes as u64 + APPEND_LEN;
    }

    /// Waits until nothing is moved any more, and lets the connection go.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.stop(Stage::Closed).await {
            // An error here has no consequence: who closes the file last moves what is left.
            connection.close().await.ok();
        }
    }

    /// Waits for what is being moved, and says which connection did it.
    async fn stop(&self, next: Stage) -> Option<SqliteConnection> {
        let stage = std::mem::replace(&mut self.moving().stage, next);
        match stage {
            Stage::Filling(connection) => connection,
            Stage::Passing(pass, _) => pass.await.ok().map(|(connection, _)| connection),
            Stage::Closed => None,
        }
    }

    /// Takes a connection back, unless nothing is to be moved any more.
    fn resume(&self, connection: Option<SqliteConnection>) {
        let stage = &mut self.moving().stage;
        if !matches!(stage, Stage::Closed) {
            *stage = Stage::Filling(connection);
        }
    }

    /// Goes on with what is moved; says whether it is time for the writer to move what is left.
    fn go_on(&self) -> bool {
        self.moving().go_on(&self.options)
    }

    fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn moving(&self) -> MutexGuard<'_, Moving> {
        self.moving.lock().expect("nothing that is done under this lock panics")
    }
}

impl Moving {
    /// Goes on as far as that goes without waiting: what is waited for is done by the thread of the
    /// connection, and looked at again with the next write. Says whether it is time for the writer to
    /// move what is left.
    fn go_on(&mut self, options: &SqliteConnectOptions) -> bool {
        loop {
            let (connection, number) = match &mut self.stage {
                Stage::Filling(_) if self.appended < self.due => return false,
                Stage::Closed => return false,
                Stage::Filling(connection) => (connection.take(), 1),
                Stage::Passing(pass, number) => match pass.now_or_never() {
                    None => return false,
                    Some(Ok((connection, _))) if *number < PASSES => {
                        (Some(connection), *number + 1)
                    }
                    Some(Ok((connection, frames))) => {
                        self.learn(frames);
                        self.stage = Stage::Filling(Some(connection));
                        return true;
                    }
                    // The writer meets what is wrong, if it is still there.
                    Some(Err(_)) => {
                        self.stage = Stage::Filling(None);
                        return true;
                    }
                },
            };
            self.stage = Stage::Passing(Box::pin(pass(connection, options.clone())), number);
        }
    }

    /// Takes note of how many pages came of what was appended.
    fn learn(&mut self, frames: u64) {
        if self.anew {
            let len = (frames * FRAME_LEN).max(1);
            let due = u128::from(self.appended) * u128::from(MOVE_LEN) / u128::from(len);
            let due = u64::try_from(due).unwrap_or(u64::MAX);
            self.due = due.clamp(self.due / 4, self.due.saturating_mul(4)).max(APPEND_LEN);
        }
    }

    /// Takes note of whether it began anew.
    fn began(&mut self, anew: bool) {
        self.anew = anew;
        self.appended = if anew { 0 } else { self.due - self.due / AGAIN };
    }

    /// Takes note that it was full before its time, and of whether it was cut off.
    fn overran(&mut self, anew: bool) {
        // When a read was in the way before, it says nothing.
        if self.anew {
            self.due = (self.due / 4).max(APPEND_LEN);
        }
        self.began(anew);
    }
}

/// Moves what is there when it begins.
async fn pass(
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
) -> Result<(SqliteConnection, u64), sqlx::Error> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => options.connect().await?,
    };
    let row = connection.fetch_one(MOVE).await?;
    let frames = row.try_get::<i64, _>(1)?;
    Ok((connection, u64::try_from(frames).unwrap_or(0)))
}

/// Waits for the connection that writes, and keeps the write-ahead file within its bound. That it
/// cannot be moved is no reason not to write: whatever is wrong there, a write meets it itself.
pub(super) async fn writer(log: &SqliteLog) -> Result<CheckedOut<'_, SqliteConnection>, Error> {
    let mut writer = log.writer.check_out(&log.place).await?;
    let write_ahead = &log.write_ahead;
    let begun = if write_ahead.len() >= write_ahead.limit.load(Ordering::Relaxed) {
        // Two that move would be in each other's way.
        let connection = write_ahead.stop(Stage::Filling(None)).await;
        write_ahead.resume(connection);
        let begun = begin_anew(writer.connection(), "TRUNCATE", WAIT_MS);
        // Our own readers wait for the moment that this takes, so that it is a short one.
        let begun = log.readers.hold_back(begun).await;
        let limit = LEN_MAX.max(write_ahead.len() + STEP_LEN);
        write_ahead.limit.store(limit, Ordering::Relaxed);
        write_ahead.moving().overran(matches!(begun, Ok(true)));
        begun
    } else if write_ahead.go_on() {
        let begun = begin_anew(writer.connection(), "RESTART", 0).await;
        write_ahead.moving().began(matches!(begun, Ok(true)));
        begun
    } else {
        return Ok(writer);
    };
    if begun.is_err() {
        // It may be left with another patience than it had.
        drop(writer);
        writer = log.writer.check_out(&log.place).await?;
    }
    Ok(writer)
}

/// Moves all of the write-ahead file into the file, so that it begins anew. Says whether that can be:
/// when a read is in the way for longer than a write may wait, that is no error, and it goes on where
/// it is.
async fn begin_anew(
    connection: &mut SqliteConnection,
    how: &str,
    wait_ms: u32,
) -> Result<bool, sqlx::Error> {
    let sql = format!(
        "PRAGMA busy_timeout = {wait_ms}; PRAGMA wal_checkpoint({how}); \
         PRAGMA busy_timeout = {};",
        BUSY_TIMEOUT.as_millis()
    );
    let rows = connection.fetch_all(AssertSqlSafe(sql)).await?;
    let busy = rows.iter().find(|row| row.len() > 1).map(|row| row.try_get::<i64, _>(0));
    Ok(busy.transpose()? == Some(0))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;

    const PAGES: usize = 600;

    /// A file in write-ahead mode whose connection moves nothing by itself.
    async fn file(folder: &Path) -> (SqliteConnectOptions, SqliteConnection) {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("log.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0");
        let mut writer = options.connect().await.unwrap();
        writer.execute("CREATE TABLE page (bytes BLOB)").await.unwrap();
        (options, writer)
    }

    /// Writes some megabytes, and has what is in the write-ahead file moved beside it.
    async fn fill(write_ahead: &WriteAhead, writer: &mut SqliteConnection) {
        write_ahead.moving().due = u64::MAX;
        for _ in 0..PAGES {
            assert!(!write_ahead.go_on());
            write_ahead.count(4096);
            let page = sqlx::query("INSERT INTO page VALUES (zeroblob(4096))");
            page.execute(&mut *writer).await.unwrap();
        }
        write_ahead.moving().due = 1;
        while !write_ahead.go_on() {
            tokio::task::yield_now().await;
        }
    }

    /// SQLITE-18: it is moved beside the writer, which then needs a moment without readers.
    #[tokio::test]
    async fn it_is_moved_beside_the_writer_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (options, mut writer) = file(folder.path()).await;
        let write_ahead = WriteAhead::of(&folder.path().join("log.db"), options.clone());
        fill(&write_ahead, &mut writer).await;
        let moved = fs::metadata(folder.path().join("log.db")).unwrap().len();
        assert!(moved >= (PAGES * 4096) as u64, "{moved} bytes are in the file");

        let mut reader = options.connect().await.unwrap();
        reader.execute("BEGIN").await.unwrap();
        reader.fetch_all("SELECT count(*) FROM page").await.unwrap();
        writer.execute("INSERT INTO page VALUES (x'00')").await.unwrap();
        let anew = begin_anew(&mut writer, "RESTART", 0).await.unwrap();
        assert!(!anew, "somebody reads it");
        write_ahead.moving().began(anew);
        reader.execute("COMMIT").await.unwrap();
        let anew = begin_anew(&mut writer, "RESTART", 0).await.unwrap();
        assert!(anew, "nobody reads it");
        write_ahead.moving().began(anew);

        let before = write_ahead.len();
        fill(&write_ahead, &mut writer).await;
        let grown = write_ahead.len() - before;
        assert!(grown < before / 4, "it grew from {before} by {grown} bytes");
        write_ahead.close().await;
    }

    /// When it is moved follows from how much comes of what is appended.
    #[test]
    fn when_it_is_moved_is_learnt() {
        let mut moving = Moving { appended: 0, due: DUE, anew: true, stage: Stage::Filling(None) };
        for _ in 0..10 {
            // Half as much is appended as there is in the end.
            moving.appended = moving.due;
            moving.learn(moving.due * 2 / FRAME_LEN);
            moving.began(true);
        }
        let due = MOVE_LEN / 2;
        assert!(moving.due.abs_diff(due) < due / 100, "{} instead of {due}", moving.due);
        moving.began(false);
        assert_eq!(moving.due - moving.appended, moving.due / AGAIN, "tried again soon");
        // How much there is says nothing of what was appended since it did not begin anew.
        let before = moving.due;
        moving.learn(u64::from(u32::MAX));
        moving.overran(true);
        assert_eq!((moving.due, moving.appended), (before, 0));
        moving.overran(true);
        assert_eq!(moving.due, before / 4);
    }
}
