//! A log in a file that is open, and the port over it: each call is one function beside this file.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::Semaphore;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Seq};
use artel_core::log::{
    ActivationQuery, Append, ArtifactQuery, Claim, ClosedActivation, ClosedWork, ContentRow,
    Description, Durability, Error, Head, Log, LookUp, LookedUp, Owner, Ownership, Page, Share,
    Snapshot, StoredArtifact,
};
use artel_core::names::ProgramName;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::file::Synchronous;
use super::format::{ARTIFACT, BARE_ARTIFACT};
use super::own::Owning;
use super::write_ahead::WriteAhead;
use super::{append, look_up, mark, own, query, read, snapshot};
use crate::connections::Connections;
use crate::open::Moving;

/// How often somebody looks who waits for the board.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct SqliteLog {
    /// What errors call it.
    pub(super) place: String,
    pub(super) path: PathBuf,
    pub(super) synchronous: Synchronous,
    pub(super) read_only: bool,
    pub(super) moving: Moving,
    pub(super) readers: Connections<SqliteConnection>,
    /// One: SQLite has one writer at a time, and would make a second one poll.
    pub(super) writer: Connections<SqliteConnection>,
    pub(super) write_ahead: WriteAhead,
    /// One snapshot is kept at a time: what a second one clears away may be a part of the first.
    pub(super) snapshots: Semaphore,
    pub(super) owning: Owning,
    pub(super) closed: AtomicBool,
}

impl SqliteLog {
    pub(super) fn usable(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.closed_error());
        }
        Ok(())
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::Closed { place: self.place.clone() }
    }

    pub(super) fn writable(&self, action: &'static str) -> Result<(), Error> {
        self.usable()?;
        if self.read_only {
            return Err(Error::ReadOnly { action, place: self.place.clone() });
        }
        Ok(())
    }
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Log for SqliteLog {
    fn describe(&self) -> Description {
        let durability = match self.synchronous {
            Synchronous::Full => Durability::Host,
            Synchronous::Normal => Durability::Process,
        };
        Description { scheme: "sqlite", durability }
    }

    async fn head(&self) -> Result<Head, Error> {
        read::head(self).await
    }

    async fn own(&self, claim: Claim) -> Result<Ownership, Error> {
        own::own(self, claim).await
    }

    fn confirm(&self, _epoch: Epoch) -> Result<(), Error> {
        Ok(())
    }

    async fn keep(&self) {
        std::future::pending().await
    }

    async fn owner(&self) -> Result<Option<Owner>, Error> {
        self.usable()?;
        own::owner(&self.path)
    }

    async fn owned_for(&self) -> Result<Option<Duration>, Error> {
        Ok(self.owner().await?.map(|_| LOOK_EVERY))
    }

    async fn disown(&self, epoch: Epoch) -> Result<(), Error> {
        self.usable()?;
        self.owning.give_up(epoch);
        Ok(())
    }

    fn share(&self, _: &ProgramName) -> Option<Arc<dyn Share>> {
        None
    }

    async fn append(&self, append: Append) -> Result<(), Error> {
        append::append(self, append).await
    }

    async fn mark_regressed(&self, known: Seq, seen: Epoch) -> Result<(), Error> {
        mark::regress(self, known, seen).await
    }

    async fn read(&self, from: Seq, bytes_max: usize) -> Result<Vec<Batch>, Error> {
        read::read(self, from, bytes_max).await
    }

    async fn seq_at(&self, at: Timestamp) -> Result<Seq, Error> {
        read::seq_at(self, at).await
    }

    async fn put_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        snapshot::put(self, snapshot).await
    }

    async fn snapshot(&self, until: Seq) -> Result<Option<Snapshot>, Error> {
        snapshot::newest(self, until).await
    }

    async fn snapshots(&self) -> Result<Vec<Seq>, Error> {
        snapshot::kept(self).await
    }

    async fn look_up(&self, look_up: &LookUp) -> Result<LookedUp, Error> {
        look_up::look_up(self, look_up).await
    }

    async fn artifact(&self, id: ArtifactId) -> Result<Option<StoredArtifact>, Error> {
        look_up::artifact(self, id).await
    }

    async fn artifacts_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        look_up::artifacts_at(self, ARTIFACT, seqs).await
    }

    async fn envelopes_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        look_up::artifacts_at(self, BARE_ARTIFACT, seqs).await
    }

    async fn artifacts(&self, query: &ArtifactQuery) -> Result<Page<StoredArtifact>, Error> {
        query::artifacts(self, query).await
    }

    async fn contents(&self, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
        look_up::contents(self, seqs).await
    }

    async fn closed(&self, activation: ActivationId) -> Result<Option<ClosedActivation>, Error> {
        look_up::closed(self, activation).await
    }

    async fn closed_activations(
        &self,
        query: &ActivationQuery,
    ) -> Result<Page<ClosedActivation>, Error> {
        query::closed_activations(self, query).await
    }

    async fn correlation(&self, correlation: CorrelationId) -> Result<ClosedWork, Error> {
        look_up::correlation(self, correlation).await
    }

    async fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        // The writer goes last: SQLite then moves the write-ahead file into the file and removes
        // it, which a connection that only reads cannot do.
        self.readers.close().await;
        self.write_ahead.close().await;
        self.writer.close().await;
        self.owning.close();
    }
}
