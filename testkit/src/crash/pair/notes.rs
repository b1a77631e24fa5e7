//! The ledger of one process, written.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use artel::{Context, Receipt, Running};

use crate::crash::error::Error;
use crate::ledger::Line;

/// A ledger that grows, a write for each line.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    file: File,
}

impl Notes {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::options().append(true).create(true).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(Error::file(path))? })
    }

    /// The live state of the board, as it is now.
    pub(super) async fn state(&self, running: &Running) -> Result<(), Error> {
        // A board that is unavailable, or another's by now, has none to show.
        let Ok((seq, hash)) = running.state_hash().await else { return Ok(()) };
        self.note(&Line::State { seq, hash: hash.to_string() })
    }

    pub(super) fn acknowledged(&self, receipt: &Receipt) -> Result<(), Error> {
        self.note(&Line::Acknowledged { artifact: receipt.id, seq: receipt.seq })
    }

    pub(super) fn begin(&self, cx: &Context) -> Result<(), Error> {
        let (activation, attempt, agent) = (cx.activation(), cx.attempt(), cx.agent().to_owned());
        self.note(&Line::Begin { activation, attempt, agent })
    }

    pub(super) fn end(&self, cx: &Context, ok: bool) -> Result<(), Error> {
        self.note(&Line::End { activation: cx.activation(), attempt: cx.attempt(), ok })
    }

    fn note(&self, line: &Line) -> Result<(), Error> {
        let mut line = serde_json::to_string(line).expect("a line has a form in JSON");
        line.push('\n');
        (&self.file).write_all(line.as_bytes()).map_err(Error::file(&self.path))
    }
}
