//! The conformance suite of the log port over `sqlite:`.

use std::sync::Arc;

use artel_core::log::{Description, Durability, Error, Log};
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogFactory, LogPlace, NewBoard};

struct SqliteFactory;

struct SqlitePlace {
    folder: tempfile::TempDir,
    board: CreateBoard,
}

impl LogFactory for SqliteFactory {
    type Place = SqlitePlace;

    fn description(&self) -> Description {
        Description { scheme: "sqlite", durability: Durability::Host }
    }

    async fn make(&self, board: NewBoard) -> SqlitePlace {
        let NewBoard { board, incarnation, dev } = board;
        let folder = tempfile::tempdir().unwrap();
        SqlitePlace { folder, board: CreateBoard { board, incarnation, dev } }
    }
}

impl LogPlace for SqlitePlace {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        let url = format!("sqlite:{}", self.folder.path().join("board.db").display());
        artel_persistence::open(&url, OpenOptions::create(self.board.clone())).await
    }
}

artel_testkit::log_conformance!(sqlite, SqliteFactory);
