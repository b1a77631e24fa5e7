//! A ledger beside the board: what this program itself knows to have happened, a line of JSON for
//! each, appended at once. Written for whoever wants to hold it against the board, which has no part
//! in it: `dev/crash` does.
//!
//! ```text
//! {"state":{"seq":14,"hash":"5c3e…"}}                       the board's state, as it was told to us
//! {"acknowledged":{"artifact":"01a1…","seq":15}}            a publish that came back with a receipt
//! {"begin":{"activation":17,"attempt":1,"agent":"scan"}}    before a handler runs
//! {"end":{"activation":17,"attempt":1,"ok":true}}           after it has returned
//! ```
//!
//! A handler that is dropped at an await has a `begin` and no `end`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use artel::ids::{ActivationId, ArtifactId, AttemptNo, Seq};
use artel::{Context, Error, Receipt, Running};
use serde::Serialize;

use crate::Failure;

/// What a handler with its executions in the ledger gives.
type Noted<O> = Pin<Box<dyn Future<Output = Result<O, Error>> + Send>>;

/// The ledger; without a file it keeps nothing.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<File>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Line<'a> {
    State { seq: Seq, hash: String },
    Acknowledged { artifact: ArtifactId, seq: Seq },
    Begin { activation: ActivationId, attempt: AttemptNo, agent: &'a str },
    End { activation: ActivationId, attempt: AttemptNo, ok: bool },
}

impl Ledger {
    /// Opens the ledger to append to it. An earlier life of this program may have died in the middle
    /// of a line, so an empty one comes first, which ends that.
    ///
    /// # Errors
    /// When the file cannot be opened or written to.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| File::options().append(true).create(true).open(path);
        let file = path.map(open).transpose()?;
        if let Some(mut file) = file.as_ref() {
            file.write_all(b"\n\n")?;
        }
        Ok(Self { file })
    }

    /// The state of the board as it is now, by its seq and hash.
    ///
    /// # Errors
    /// When the board is stopped, or the ledger cannot be written.
    pub(crate) async fn state(&self, running: &Running) -> Result<(), Failure> {
        if self.file.is_some() {
            let (seq, hash) = running.state_hash().await?;
            self.note(&Line::State { seq, hash: hash.to_string() })?;
        }
        Ok(())
    }

    /// A publish that the board has acknowledged.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub(crate) fn acknowledged(&self, receipt: &Receipt) -> io::Result<()> {
        self.note(&Line::Acknowledged { artifact: receipt.id, seq: receipt.seq })
    }

    /// A handler whose executions are in the ledger.
    pub(crate) fn noting<T, O: 'static, Fut>(
        self: &Arc<Self>,
        handler: impl Fn(Context, Arc<T>) -> Fut + Send + Sync + 'static,
    ) -> impl Fn(Context, Arc<T>) -> Noted<O> + Send + Sync + 'static
    where
        Fut: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let ledger = Arc::clone(self);
        move |cx, input| Box::pin(Arc::clone(&ledger).around(cx.clone(), handler(cx, input)))
    }

    /// The same for a handler with shared state.
    pub(crate) fn noting_with<T, S, O: 'static, Fut>(
        self: &Arc<Self>,
        handler: impl Fn(Context, Arc<T>, Arc<S>) -> Fut + Send + Sync + 'static,
    ) -> impl Fn(Context, Arc<T>, Arc<S>) -> Noted<O> + Send + Sync + 'static
    where
        Fut: Future<Output = Result<O, Error>> + Send + 'static,
    {
        let ledger = Arc::clone(self);
        move |cx, input, state| {
            Box::pin(Arc::clone(&ledger).around(cx.clone(), handler(cx, input, state)))
        }
    }

    /// Futures do nothing before they are awaited, so the work begins after its line.
    async fn around<O>(
        self: Arc<Self>,
        cx: Context,
        work: impl Future<Output = Result<O, Error>> + Send,
    ) -> Result<O, Error> {
        let (activation, attempt) = (cx.activation(), cx.attempt());
        self.note(&Line::Begin { activation, attempt, agent: cx.agent() })?;
        let ended = work.await;
        self.note(&Line::End { activation, attempt, ok: ended.is_ok() })?;
        ended
    }

    /// One write for each line: the operating system keeps lines that are appended at the same time
    /// apart.
    fn note(&self, line: &Line<'_>) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let mut line = serde_json::to_string(line)?;
        line.push('\n');
        file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_second_life_begins_with_an_empty_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        fs::write(&path, "{\"begin\":{\"acti").unwrap();
        let ledger = Ledger::open(Some(&path)).unwrap();
        let end = Line::End { activation: ActivationId(Seq(7)), attempt: AttemptNo(2), ok: true };
        ledger.note(&end).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let line = r#"{"end":{"activation":7,"attempt":2,"ok":true}}"#;
        assert_eq!(text, format!("{{\"begin\":{{\"acti\n\n{line}\n"));
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let ledger = Ledger::open(None).unwrap();
        let artifact = ArtifactId::from_bytes([1; 16]);
        assert!(ledger.note(&Line::Acknowledged { artifact, seq: Seq(3) }).is_ok());
    }
}
