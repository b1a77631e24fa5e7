//! The file of a log, before SQLite touches it: where it lies, and whether it is one of ours. A
//! foreign or a torn file is found out here by reading, so that it is never written to.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use artel_core::log::Error;

use super::error::io;

/// What the header of our files says that they are: `Artl`.
pub(super) const APPLICATION_ID: i32 = 0x4172_746c;

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

/// Looks at the header of the file.
pub(super) fn inspect(path: &Path) -> Result<Found, Error> {
    let place = || path.display().to_string();
    let foreign = |problem: &str| Error::Foreign { place: place(), problem: problem.to_owned() };
    let cannot_read = |error| io("read", path, error);
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match fs::metadata(beside(path, "-wal")) {
                Ok(wal) if wal.len() > 0 => Err(Error::Damaged {
                    place: place(),
                    problem: "its -wal file is there, but the file itself is not".to_owned(),
                }),
                Ok(_) | Err(_) => Ok(Found::Nothing),
            };
        }
        Err(error) => return Err(cannot_read(error)),
        Ok(metadata) if !metadata.is_file() => return Err(foreign("it is not a file")),
        Ok(_) => {}
    }
    let mut header = Vec::with_capacity(100);
    let file = fs::File::open(path).map_err(cannot_read)?;
    file.take(100).read_to_end(&mut header).map_err(cannot_read)?;
    if header.is_empty() {
        return Err(foreign("it is an empty file"));
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(foreign("it is no SQLite file"));
    }
    if header.len() < 100 {
        return Err(Error::Damaged { place: place(), problem: "its header is cut off".to_owned() });
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(foreign("it is an SQLite file of another program"));
    }
    whole(path, &header)?;
    Ok(Found::Board)
}

/// Checks that the file has as many pages as its header says. While there is a write-ahead file,
/// pages may lie in that instead, and SQLite will find out.
fn whole(path: &Path, header: &[u8]) -> Result<(), Error> {
    let number = |from: usize, to: usize| {
        header[from..to].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let page_len = match number(16, 18) {
        1 => 65_536,
        len => len,
    };
    let expected = number(28, 32) * page_len;
    let found = || fs::metadata(path).map_err(|error| io("read", path, error)).map(|it| it.len());
    let pending = || fs::metadata(beside(path, "-wal")).is_ok_and(|wal| wal.len() > 0);
    if found()? >= expected || pending() || found()? >= expected {
        return Ok(());
    }
    let problem = format!("it has {} bytes, its header says {expected}", found()?);
    Err(Error::Damaged { place: path.display().to_string(), problem })
}
