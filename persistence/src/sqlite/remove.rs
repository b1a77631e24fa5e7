//! Removing a log, and moving one aside that was made in development. Both hold the owner's lock
//! meanwhile, so they are refused while a live process owns the board.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, Executor};

use artel_core::log::Error;

use super::error::{io, reading};
use super::file::{Found, Synchronous, beside, inspect, resolve};
use super::open::writing_options;
use super::own::Lock;
use super::read;

pub(crate) async fn remove(path: &Path) -> Result<PathBuf, Error> {
    let path = &resolve(path)?;
    there(path).await?;
    let lock = Lock::acquire(path)?;
    // The write-ahead file goes first: left alone beside a new board, it would be taken for that
    // one's.
    for suffix in ["-wal", "-shm", ""] {
        match fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(io("remove", path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    lock.remove()?;
    Ok(path.to_owned())
}

pub(crate) async fn move_aside(path: &Path) -> Result<PathBuf, Error> {
    let path = &resolve(path)?;
    there(path).await?;
    let place = path.display().to_string();
    let _lock = Lock::acquire(path)?;
    let options = writing_options(path, Synchronous::Full);
    let cannot = |error| reading("move aside", &place, error);
    let mut connection = options.connect().await.map_err(cannot)?;
    let head = read::end(&place, &mut connection).await?;
    if !head.dev {
        return Err(Error::NotDev { place });
    }
    // What is in the write-ahead file has to come along.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.map_err(cannot)?;
    connection.close().await.map_err(cannot)?;
    let free = (1_u32..).map(|number| beside(path, &format!(".aside-{number}")));
    let aside = free.into_iter().find(|path| !path.exists());
    let aside = aside.expect("a folder does not hold so many files");
    // Those who still read the board have its shared memory in use, which no other board may share.
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if suffix.is_empty() || error.kind() != ErrorKind::NotFound => {
                return Err(io("move aside", path, error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}

/// Checks that there is a board to be dealt with, whole or damaged.
async fn there(path: &Path) -> Result<(), Error> {
    match inspect(path).await {
        Ok(Found::Board) | Err(Error::Damaged { .. }) => Ok(()),
        Ok(Found::Nothing) => Err(Error::Missing { place: path.display().to_string() }),
        Err(error) => Err(error),
    }
}
