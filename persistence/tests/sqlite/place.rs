//! A folder with the file of a board in it, and ways to look at the file and to damage it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use artel_core::log::{Error, Log};
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) board: CreateBoard,
}

impl LogPlace for Place {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        self.open_with(OpenOptions::create(self.board.clone())).await
    }
}

impl Place {
    pub(crate) fn new(board: NewBoard) -> Self {
        let NewBoard { board, incarnation, dev } = board;
        let folder = tempfile::tempdir().unwrap();
        Self { folder, board: CreateBoard { board, incarnation, dev } }
    }

    /// A place with nothing in it.
    pub(crate) fn empty() -> Self {
        Self::new(NewBoard::sample())
    }

    /// A place with a board that has so many batches, each with one artifact, and is closed.
    pub(crate) async fn with_batches(batches: u32) -> (Self, Scribe) {
        let place = Self::empty();
        let log = place.open().await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        for number in 1..=batches {
            scribe.publish(&[sample(number)]).await;
        }
        log.close().await;
        (place, scribe)
    }

    pub(crate) async fn open_with(&self, options: OpenOptions) -> Result<Arc<dyn Log>, Error> {
        artel_persistence::open(&self.url(), options).await
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("board.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// Copies of the files in a place of their own, without those that end with the processes.
    pub(crate) fn as_a_crash_leaves_it(&self) -> Self {
        let copy = Self::empty();
        for (name, bytes) in self.files() {
            if !name.ends_with("-shm") {
                fs::write(copy.folder.path().join(name), bytes).unwrap();
            }
        }
        copy
    }

    /// Everything in the folder, by name. That takes this process's locks off the files, so no other
    /// process may come near them afterwards.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
        });
        files.collect()
    }

    /// Flips a bit in the middle of these bytes, which are once in the file.
    pub(crate) fn flip(&self, bytes: &[u8]) {
        let mut file = fs::read(self.path()).unwrap();
        let found: Vec<usize> = (0..file.len() - bytes.len())
            .filter(|&place| file[place..].starts_with(bytes))
            .collect();
        let [place] = found[..] else { panic!("the bytes are in the file at {found:?}") };
        file[place + bytes.len() / 2] ^= 0x10;
        fs::write(self.path(), file).unwrap();
    }

    /// Runs SQL on the file, as no release of ours does.
    pub(crate) async fn sql(&self, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// An artifact whose payload can be found in a file.
pub(crate) fn sample(number: u32) -> Sample {
    let payload = format!("{{\"payload of artifact\":{number}}}");
    Sample { payload: payload.into(), ..Sample::new(number) }
}
