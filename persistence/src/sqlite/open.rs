//! Opening and making a log in a file. The check at open looks at the header, the schema version,
//! the head row and the last batch, so it costs the same however long the log is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use tokio::sync::Semaphore;

use artel_core::log::Error;
use artel_core::record::genesis;

use super::error::{io, reading};
use super::file::{APPLICATION_ID, File, Found, Synchronous, beside, inspect, resolve};
use super::handle::SqliteLog;
use super::own::{Lock, Owning};
use super::write_ahead::WriteAhead;
use super::{append, bulk, mark, migrate, read};
use crate::connections::Connections;
use crate::open::{CreateBoard, Mode, Moving, OpenOptions};

/// Connections that read at the same time.
const READERS: u32 = 4;

/// How long a statement waits for a lock of another connection before it fails.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the file the writing connection keeps in memory, in KiB.
const WRITER_CACHE_KIB: u32 = 32 * 1024;

pub(crate) async fn open(file: File, options: OpenOptions) -> Result<SqliteLog, Error> {
    let OpenOptions { mode, moving } = options;
    let path = resolve(&file.path)?;
    let read_only = matches!(mode, Mode::ReadOnly);
    if inspect(&path).await? == Found::Nothing {
        match mode {
            Mode::Create(board) => create(&path, &board, &moving).await?,
            Mode::Existing | Mode::ReadOnly => {
                return Err(Error::Missing { place: path.display().to_string() });
            }
        }
    }
    let log = log(path, file.synchronous, read_only, moving);
    check(&log).await?;
    Ok(log)
}

/// A log that nobody has looked into yet.
fn log(path: PathBuf, synchronous: Synchronous, read_only: bool, moving: Moving) -> SqliteLog {
    let place = path.display().to_string();
    let readers = Connections::new(reading_options(&path), (String::new(), run), unopened, READERS);
    let setup = format!("{}\n{}", bulk::setup(), append::setup());
    let writing = writing_options(&path, synchronous);
    let writer = Connections::new(writing.clone(), (setup, run), unopened, 1);
    SqliteLog {
        place,
        write_ahead: WriteAhead::of(&path, writing),
        path,
        synchronous,
        read_only,
        moving,
        readers,
        writer,
        snapshots: Semaphore::new(1),
        owning: Owning::default(),
        closed: AtomicBool::new(false),
    }
}

/// Runs statements on a connection.
fn run(connection: &mut SqliteConnection, sql: String) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move { connection.execute(AssertSqlSafe(sql)).await.map(drop) })
}

/// What it means that the file cannot be opened.
fn unopened(place: &str, error: sqlx::Error) -> Error {
    reading("open", place, error)
}

pub(super) fn reading_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .thread_name(|number| format!("artel-read-{number}"))
        .disable_statement_logging()
}

pub(super) fn writing_options(path: &Path, synchronous: Synchronous) -> SqliteConnectOptions {
    let synchronous = match synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        // Where the operating system has a flush that reaches the disk itself, FULL means that.
        .pragma("fullfsync", "ON")
        // No append moves what is in the write-ahead file: see there.
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .thread_name(|number| format!("artel-write-{number}"))
        .disable_statement_logging()
}

/// Checks what the file holds, and brings its tables up to date.
async fn check(log: &SqliteLog) -> Result<(), Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let found = version(&log.place, reader.connection()).await?;
    reader.give_back();
    if found < migrate::VERSION {
        log.writable("upgrade")?;
        let _lock = Lock::acquire(&log.path)?;
        let mut writer = log.writer.check_out(&log.place).await?;
        let connection = writer.connection();
        // Another process may have done it before the lock was ours.
        let found = version(&log.place, connection).await?;
        let done = migrate::migrate(connection, found).await;
        done.map_err(|error| reading("upgrade", &log.place, error))?;
        writer.give_back();
    }
    let mut reader = log.readers.check_out(&log.place).await?;
    tables(&log.place, reader.connection()).await?;
    if let Some(mark) = mark::read(&log.place, reader.connection()).await? {
        mark.admit(&log.place, &log.moving, log.read_only)?;
    }
    read::end(&log.place, reader.connection()).await?;
    reader.give_back();
    Ok(())
}

/// The schema version of the file, if this release can read it.
pub(super) async fn version(place: &str, connection: &mut SqliteConnection) -> Result<u32, Error> {
    let cannot = |error| reading("open", place, error);
    let row = connection.fetch_one("PRAGMA application_id").await.map_err(cannot)?;
    if row.try_get::<i32, _>(0).map_err(cannot)? != APPLICATION_ID {
        let problem = "it is an SQLite file of another program".to_owned();
        return Err(Error::Foreign { place: place.to_owned(), problem });
    }
    let row = connection.fetch_one("PRAGMA user_version").await.map_err(cannot)?;
    let version: i64 = row.try_get(0).map_err(cannot)?;
    match u32::try_from(version) {
        Ok(version @ 1..=migrate::VERSION) => Ok(version),
        Ok(version @ 1..) => {
            Err(Error::Newer { place: place.to_owned(), version, known: migrate::VERSION })
        }
        Ok(0) | Err(_) => Err(Error::Damaged {
            place: place.to_owned(),
            problem: format!("its schema version is {version}"),
        }),
    }
}

async fn tables(place: &str, connection: &mut SqliteConnection) -> Result<(), Error> {
    let row = connection
        .fetch_one(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        )
        .await
        .map_err(|error| reading("open", place, error))?;
    let found: i64 = row.try_get(0).map_err(|error| reading("open", place, error))?;
    if found == migrate::TABLES {
        return Ok(());
    }
    let problem = format!("it has {found} tables instead of {}", migrate::TABLES);
    Err(Error::Damaged { place: place.to_owned(), problem })
}

/// Makes the file elsewhere and moves it to its place when it is whole, so that there never is half
/// a board. The owner's lock keeps two processes from doing it at once.
async fn create(path: &Path, board: &CreateBoard, moving: &Moving) -> Result<(), Error> {
    let lock = match Lock::acquire(path) {
        Ok(lock) => lock,
        // Somebody else has just made it and owns it.
        Err(owned @ Error::Owned { .. }) => {
            return if inspect(path).await? == Found::Board { Ok(()) } else { Err(owned) };
        }
        Err(error) => return Err(error),
    };
    if inspect(path).await? == Found::Board {
        return Ok(());
    }
    let draft = beside(path, "-new");
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(&draft, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(io("create", path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    fill(&draft, board, moving)
        .await
        .map_err(|error| reading("create", &path.display().to_string(), error))?;
    fs::rename(&draft, path).map_err(|error| io("create", path, error))?;
    drop(lock);
    Ok(())
}

async fn fill(draft: &Path, board: &CreateBoard, moving: &Moving) -> Result<(), sqlx::Error> {
    let options = writing_options(draft, Synchronous::Full).create_if_missing(true);
    let mut connection = options.connect().await?;
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
    connection.execute(AssertSqlSafe(mark)).await?;
    migrate::migrate(&mut connection, 0).await?;
    let head = "INSERT INTO head (only, board, incarnation, dev, epoch, seq, hash, at, mark) \
                VALUES (1, ?, ?, ?, 0, 0, ?, 0, ?)";
    let mark = moving.first_mark().map(|mark| mark.text());
    sqlx::query(head)
        .bind(board.board.as_str())
        .bind(&board.incarnation.as_bytes()[..])
        .bind(i64::from(board.dev))
        .bind(&genesis(board.incarnation).0[..])
        .bind(mark)
        .execute(&mut connection)
        .await?;
    connection.close().await
}

#[cfg(test)]
mod tests {
    use artel_core::ids::Incarnation;
    use artel_core::names::BoardName;
    use sqlx::Row;

    use super::*;

    async fn number(connection: &mut SqliteConnection, pragma: &str) -> i64 {
        let row = connection.fetch_one(AssertSqlSafe(format!("PRAGMA {pragma}"))).await;
        row.unwrap().get(0)
    }

    /// SQLITE-1, LOG-1, I1: an append is flushed before it is acknowledged, and so is what is moved out
    /// of the write-ahead file; in the weaker mode neither is.
    #[tokio::test]
    async fn what_is_appended_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.db");
        let (board, incarnation) = (BoardName::new("b").unwrap(), Incarnation::from_bytes([1; 16]));
        for (synchronous, says) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
            let create = CreateBoard { board: board.clone(), incarnation, dev: false };
            let file = File { path: path.clone(), synchronous };
            let log = open(file, OpenOptions::create(create)).await.unwrap();
            let mut writer = log.writer.check_out(&log.place).await.unwrap();
            let mut mover = log.write_ahead.options().connect().await.unwrap();
            for connection in [writer.connection(), &mut mover] {
                assert_eq!(number(connection, "synchronous").await, says);
                assert_eq!(number(connection, "fullfsync").await, 1);
                assert_eq!(number(connection, "wal_autocheckpoint").await, 0);
            }
        }
    }
}
