//! The folder of one board: where board, ledger, result and what the program says lie in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use artel::Reader;

use super::error::Error;
use super::history::History;
use crate::ledger::{Ledger, NotALine};

/// The file of the board.
const BOARD: &str = "board.artel.db";
/// What SQLite keeps beside it that is part of the board; what else lies there is shared memory.
const WRITE_AHEAD: &str = "board.artel.db-wal";
/// What the owner locks, and writes its number into.
const OWNER: &str = "board.artel.db-owner";

/// A folder that is the program's own.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Makes the folder, empty.
    pub(super) fn make(dir: PathBuf) -> Result<Self, Error> {
        remove(&dir)?;
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        Ok(Self { dir })
    }

    pub(super) fn board(&self) -> String {
        format!("sqlite:{}", self.dir.join(BOARD).display())
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    pub(super) fn result(&self) -> PathBuf {
        self.dir.join("result")
    }

    /// What a process said.
    pub(super) fn output(&self, name: &str) -> PathBuf {
        self.dir.join(name).with_extension("txt")
    }

    /// What the owner of the board has written beside it; empty before the first.
    pub(super) fn owner(&self) -> String {
        fs::read_to_string(self.dir.join(OWNER)).unwrap_or_default()
    }

    /// Reads the ledger, which is empty before the first process.
    pub(super) fn read_ledger(&self) -> Result<Result<Ledger, NotALine>, Error> {
        match fs::read_to_string(self.ledger()) {
            Ok(text) => Ok(Ledger::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(Ledger::default())),
            Err(error) => Err(Error::file(self.ledger())(error)),
        }
    }

    pub(super) fn read_result(&self) -> Result<String, Error> {
        fs::read_to_string(self.result()).map_err(Error::file(self.result()))
    }

    /// Reads the log of the board where it lies, which a process may own.
    pub(super) async fn look(&self) -> Result<History, Error> {
        read(&self.board()).await
    }

    /// Reads the log of a board whose process is dead, in a copy: whoever opens the files first
    /// recovers them, and that is to be the program. None when there is no board yet.
    pub(super) async fn look_at_copy(&self) -> Result<Option<History>, Error> {
        let copy = Self::make(self.dir.join("seen"))?;
        if !self.dir.join(BOARD).exists() {
            return Ok(None);
        }
        for name in [BOARD, WRITE_AHEAD] {
            let (from, to) = (self.dir.join(name), copy.dir.join(name));
            if from.exists() {
                fs::copy(&from, to).map_err(Error::file(from))?;
            }
        }
        let history = read(&copy.board()).await?;
        copy.remove()?;
        Ok(Some(history))
    }

    pub(super) fn remove(&self) -> Result<(), Error> {
        remove(&self.dir)
    }
}

async fn read(board: &str) -> Result<History, Error> {
    let reader = Reader::open(board).await.map_err(Error::open)?;
    let history = History::read(&**reader.log()).await;
    reader.close().await;
    history
}

fn remove(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file(dir)(error)),
        _ => Ok(()),
    }
}
