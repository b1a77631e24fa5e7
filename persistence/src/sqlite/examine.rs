//! What there is to say of a board in a file and of the disk that it is on. The file is only read: a
//! commit is timed in a file of its own beside it, which is gone afterwards.

use std::fs;
use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tokio::time::Instant;

use artel_core::finding::{Code, Finding};
use artel_core::log::Error;

use super::error::reading;
use super::file::{File, Found, Synchronous, beside, inspect, resolve};
use super::open::{reading_options, version, writing_options};
use super::{mark, migrate, own};
use crate::measured::{self, bytes, latency};

/// How long a write-ahead file is not, unless something keeps it from being moved.
const WRITE_AHEAD_MAX: u64 = 128 * 1024 * 1024;
/// How much room there should be.
const FREE_WANTED: u64 = 1024 * 1024 * 1024;
/// How much there has to be: a write-ahead file and what is moved out of it.
const FREE_MIN: u64 = 64 * 1024 * 1024;

/// What belongs to a file of SQLite.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Examines a board in a file. What keeps the rest from being looked at comes last.
pub(crate) async fn examine(file: &File) -> Result<Vec<Finding>, Error> {
    let path = resolve(&file.path)?;
    let place = path.display().to_string();
    let mut findings = vec![durability(file.synchronous)];
    findings.extend(free_space(&path));
    match inspect(&path).await {
        Ok(Found::Board) => {
            let len = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            findings.push(Finding::ok(Code::File, format!("`{place}` has {}", bytes(len))));
        }
        Ok(Found::Nothing) => {
            findings.push(measured::missing(&place));
            return Ok(findings);
        }
        Err(error) => {
            findings.push(unusable(&error));
            return Ok(findings);
        }
    }
    findings.push(commit_latency(&path, file.synchronous).await);
    findings.push(write_ahead(&path));
    findings.push(ownership(&path)?);
    let connection = reading_options(&path).connect().await;
    let looked = match connection {
        Ok(mut connection) => {
            let looked = tables(&place, &mut connection, &mut findings).await;
            // Nothing was written that could be lost.
            let _ = connection.close().await;
            looked
        }
        Err(error) => Err(reading("open", &place, error)),
    };
    if let Err(error) = looked {
        findings.push(unusable(&error));
    }
    Ok(findings)
}

fn unusable(error: &Error) -> Finding {
    let mut found = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        found = format!("{found}: {cause}");
    }
    let advice = match error {
        Error::Foreign { .. } => "name the file of a board",
        Error::Damaged { .. } | Error::Batch { .. } => "restore the board from a backup",
        _ => {
            "see whether this user may read the file, and write to its folder, as readers must too"
        }
    };
    Finding::problem(Code::File, found, advice)
}

fn durability(synchronous: Synchronous) -> Finding {
    match synchronous {
        Synchronous::Full => Finding::ok(
            Code::Durability,
            "what is acknowledged survives the death of the host (synchronous=full)",
        ),
        Synchronous::Normal => Finding::warning(
            Code::Durability,
            "what is acknowledged survives the death of the process only, as the URL asks for \
             (synchronous=normal)",
            "take `synchronous=normal` out of the URL where that is not enough",
        ),
    }
}

/// How much room there is on the disk; none where that cannot be told.
fn free_space(path: &Path) -> Option<Finding> {
    let free = free(path)?;
    let found = format!("{} are free on the disk", bytes(free));
    let advice = "make room: a board that cannot write stops";
    Some(match free {
        ..FREE_MIN => Finding::problem(Code::FreeSpace, found, advice),
        FREE_MIN..FREE_WANTED => Finding::warning(Code::FreeSpace, found, advice),
        FREE_WANTED.. => Finding::ok(Code::FreeSpace, found),
    })
}

#[cfg(unix)]
fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path.parent()?).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Elsewhere that is not to be found out.
#[cfg(not(unix))]
fn free(_path: &Path) -> Option<u64> {
    None
}

async fn commit_latency(path: &Path, synchronous: Synchronous) -> Finding {
    let scratch = beside(path, "-doctor");
    clear(&scratch);
    let timed = timed(&scratch, synchronous).await;
    clear(&scratch);
    timed.unwrap_or_else(|error| measured::unmeasured(&error))
}

async fn timed(scratch: &Path, synchronous: Synchronous) -> Result<Finding, sqlx::Error> {
    let options = writing_options(scratch, synchronous).create_if_missing(true);
    let mut connection = options.connect().await?;
    connection.execute("CREATE TABLE timed (n INTEGER PRIMARY KEY)").await?;
    let mut took = Vec::new();
    for _ in 0..measured::COMMITS {
        let began = Instant::now();
        connection.execute("INSERT INTO timed DEFAULT VALUES").await?;
        took.push(began.elapsed());
    }
    connection.close().await?;
    Ok(latency(&mut took, "the disk"))
}

fn clear(scratch: &Path) {
    for suffix in SUFFIXES {
        // Where it cannot be removed, it could not be made either.
        let _ = fs::remove_file(beside(scratch, suffix));
    }
}

fn write_ahead(path: &Path) -> Finding {
    let len = fs::metadata(beside(path, "-wal")).map_or(0, |metadata| metadata.len());
    let found = format!("the write-ahead file has {}", bytes(len));
    if len <= WRITE_AHEAD_MAX {
        return Finding::ok(Code::WriteAhead, found);
    }
    Finding::warning(
        Code::WriteAhead,
        found,
        "find out who has the file open and reads without a pause, such as a backup or a shell of SQLite",
    )
}

fn ownership(path: &Path) -> Result<Finding, Error> {
    Ok(match own::owner(path)? {
        None => Finding::ok(Code::Ownership, "nobody owns the board"),
        Some(owner) => {
            let pid = owner.pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            let answers = owner.endpoint.map(|at| format!(", and answers at {at}"));
            let (program, answers) = (owner.program, answers.unwrap_or_default());
            let found = format!("`{program}`{pid} owns the board as long as it lives{answers}");
            Finding::ok(Code::Ownership, found)
        }
    })
}

async fn tables(
    place: &str,
    connection: &mut SqliteConnection,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let cannot = |error| reading("read", place, error);
    let row = connection.fetch_one("PRAGMA journal_mode").await.map_err(cannot)?;
    let mode: String = row.try_get(0).map_err(cannot)?;
    let found = format!("the journal mode is `{mode}`");
    findings.push(if mode == "wal" {
        Finding::ok(Code::JournalMode, found)
    } else {
        let advice = "nothing: the next program that writes switches it to `wal`";
        Finding::warning(Code::JournalMode, found, advice)
    });
    let version = match version(place, connection).await {
        Ok(version) => version,
        Err(error @ (Error::Newer { .. } | Error::Damaged { .. })) => {
            findings.push(measured::unreadable_schema(&error));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    findings.push(measured::schema(version, migrate::VERSION));
    let row = connection.fetch_one("SELECT seq FROM head").await.map_err(cannot)?;
    let seq: i64 = row.try_get(0).map_err(cannot)?;
    findings.push(Finding::ok(Code::BoardSize, format!("{seq} events")));
    // Older tables have no place for one.
    if version == migrate::VERSION
        && let Some(mark) = mark::read(place, connection).await?
    {
        findings.push(measured::marked(&mark));
    }
    Ok(())
}
