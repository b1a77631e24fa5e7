//! The file of a log, before a log makes use of it: where it lies, and whether it is one of ours. A
//! foreign or a torn file is found out here by reading, so that it is never written to. Nothing in
//! this crate opens the file but SQLite.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, Executor, Row};

use artel_core::log::Error;

use super::error::{io, is_no_database, reading};
use super::open::reading_options;

/// What the header of our files says that they are: `Artl`.
pub(super) const APPLICATION_ID: i32 = 0x4172_746c;

/// Bytes of the header of an SQLite file.
const HEADER_LEN: u64 = 100;

/// A log in a file, as its URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) synchronous: Synchronous,
}

/// When an append is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// Before it is acknowledged.
    Full,
    /// At some time after it was acknowledged.
    Normal,
}

/// What lies at the place of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Board,
}

/// A path beside the file: its name and a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Where the file lies, whatever links lead there: what lies beside it, the owner's lock first of
/// all, must be the same for everybody. A link that leads nowhere is a place for a new file itself.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let found = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => absent(path),
        found => found,
    };
    found.map_err(|error| io("open", path, error))
}

/// The path of a file that is not there.
fn absent(path: &Path) -> Result<PathBuf, std::io::Error> {
    let path = std::path::absolute(path)?;
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => Ok(folder.join(name)),
        _ => Ok(path),
    }
}

/// Looks at the header of the file. SQLite reads it, without its locks and without a look at the
/// write-ahead file: if this process has the file open already, a file handle of our own would take
/// the process's locks off the file when it is closed, and only SQLite knows how to keep them.
pub(super) async fn inspect(path: &Path) -> Result<Found, Error> {
    let cannot_read = |error| io("read", path, error);
    loop {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return nothing(path),
            metadata => metadata.map_err(cannot_read)?,
        };
        if !metadata.is_file() {
            return Err(foreign(path, "it is not a file"));
        }
        if metadata.len() == 0 {
            return Err(foreign(path, "it is an empty file"));
        }
        let names = names(&metadata);
        if names > 1 {
            let problem = format!(
                "the file has {names} names (hard links), which no lock can bring together"
            );
            return Err(io("open", path, std::io::Error::other(problem)));
        }
        let pending = has_write_ahead(path);
        match whole(path, metadata.len()).await {
            // Pages may lie in the write-ahead file instead, and SQLite will find out.
            Err(Error::Damaged { .. }) if pending => return Ok(Found::Board),
            // It may have been moved into the file while we looked.
            Err(Error::Damaged { .. }) if changed(path, &metadata) => {}
            result => return result.map(|()| Found::Board),
        }
    }
}

/// There is no file. A write-ahead file without one would be taken for a new board's.
fn nothing(path: &Path) -> Result<Found, Error> {
    if has_write_ahead(path) {
        return Err(damaged(path, "its -wal file is there, but the file itself is not".to_owned()));
    }
    Ok(Found::Nothing)
}

/// How many names a file has. What lies beside it would lie beside one of them only.
#[cfg(unix)]
fn names(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// Elsewhere that is not to be found out.
#[cfg(not(unix))]
fn names(_metadata: &fs::Metadata) -> u64 {
    1
}

fn has_write_ahead(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0)
}

fn changed(path: &Path, before: &fs::Metadata) -> bool {
    fs::metadata(path)
        .is_ok_and(|now| (now.len(), now.modified().ok()) != (before.len(), before.modified().ok()))
}

/// Checks that a file is one of ours, and that it has as many pages as its header says.
async fn whole(path: &Path, len: u64) -> Result<(), Error> {
    let header = match header(path).await {
        Ok(header) => header,
        Err(error) if is_no_database(&error) => return Err(foreign(path, "it is no SQLite file")),
        Err(error) => return Err(reading("read", &path.display().to_string(), error)),
    };
    if len < HEADER_LEN {
        return Err(damaged(path, "its header is cut off".to_owned()));
    }
    if header.application_id != APPLICATION_ID {
        return Err(foreign(path, "it is an SQLite file of another program"));
    }
    let expected = header.page_count.saturating_mul(header.page_len);
    if i64::try_from(len).is_ok_and(|len| len < expected) {
        return Err(damaged(path, format!("it has {len} bytes, its header says {expected}")));
    }
    Ok(())
}

/// What stands in the header of a file.
struct Header {
    application_id: i32,
    page_count: i64,
    page_len: i64,
}

async fn header(path: &Path) -> Result<Header, sqlx::Error> {
    let options = reading_options(path).immutable(true);
    let mut connection = options.connect().await?;
    let header = Header {
        application_id: connection.fetch_one("PRAGMA application_id").await?.try_get(0)?,
        page_count: connection.fetch_one("PRAGMA page_count").await?.try_get(0)?,
        page_len: connection.fetch_one("PRAGMA page_size").await?.try_get(0)?,
    };
    connection.close().await?;
    Ok(header)
}

fn foreign(path: &Path, problem: &str) -> Error {
    Error::Foreign { place: path.display().to_string(), problem: problem.to_owned() }
}

fn damaged(path: &Path, problem: String) -> Error {
    Error::Damaged { place: path.display().to_string(), problem }
}
