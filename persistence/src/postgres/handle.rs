//! A log on a server that is open, and the port over it: each call is one function beside this file.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Seq};
use artel_core::log::{
    ActivationQuery, Append, ArtifactQuery, Claim, ClosedActivation, ClosedWork, ContentRow,
    Description, Error, Head, Log, LookUp, LookedUp, Owner, Ownership, Page, Share, Snapshot,
    StoredArtifact,
};
use artel_core::names::ProgramName;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::format::{ARTIFACT, BARE_ARTIFACT};
use super::pool::Member;
use super::recent::Recent;
use super::shown::{self, Shown};
use super::{append, look_up, mark, own, query, read, snapshot};
use crate::keeper::Keeper;
use crate::open::Moving;
use crate::owning::Owning;
use crate::server::Promise;
use crate::sharing::SharedBoard;

pub(crate) struct PostgresLog {
    /// What errors call it.
    pub(super) place: String,
    /// What the board is found by in its schema.
    pub(super) board: String,
    pub(super) board_no: i32,
    pub(super) promise: Promise,
    pub(super) ownership: Duration,
    pub(super) read_only: bool,
    pub(super) moving: Moving,
    pub(super) pool: Member,
    /// One snapshot is kept at a time: what a second one clears away may be a part of the first.
    pub(super) snapshots: Semaphore,
    pub(super) owning: Arc<Owning>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) shown: Shown,
    pub(super) recent: Recent,
    pub(super) closed: AtomicBool,
}

impl PostgresLog {
    pub(super) fn usable(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(self.closed_error());
        }
        Ok(())
    }

    pub(super) fn writable(&self, action: &'static str) -> Result<(), Error> {
        self.usable()?;
        if self.read_only {
            return Err(Error::ReadOnly { action, place: self.place.clone() });
        }
        Ok(())
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::Closed { place: self.place.clone() }
    }
}

impl fmt::Debug for PostgresLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLog").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for PostgresLog {
    fn drop(&mut self) {
        // Nobody renews it any more, so that it ends by itself.
        self.keeper.forget(&self.owning);
    }
}

#[async_trait]
impl Log for PostgresLog {
    fn describe(&self) -> Description {
        Description { scheme: "postgres", durability: self.promise.durability() }
    }

    async fn head(&self) -> Result<Head, Error> {
        read::head(self).await
    }

    async fn own(&self, claim: Claim) -> Result<Ownership, Error> {
        own::own(self, claim).await
    }

    fn confirm(&self, epoch: Epoch) -> Result<(), Error> {
        if self.owning.owns(epoch) {
            return Ok(());
        }
        Err(Error::NotOwned { place: self.place.clone(), epoch })
    }

    async fn keep(&self) {
        tokio::select! {
            () = self.keeper.keep(&self.owning, self.ownership) => {}
            () = shown::go_on(self) => {}
        }
    }

    async fn owner(&self) -> Result<Option<Owner>, Error> {
        own::owner(self).await
    }

    async fn owned_for(&self) -> Result<Option<Duration>, Error> {
        own::owned_for(self).await
    }

    async fn disown(&self, epoch: Epoch) -> Result<(), Error> {
        own::disown(self, epoch).await
    }

    fn share(&self, program: &ProgramName) -> Option<Arc<dyn Share>> {
        let shared = (self.board.as_str(), program.as_str(), self.ownership);
        Some(Arc::new(SharedBoard::new(&self.keeper, &self.owning, shared)))
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
        self.keeper.forget(&self.owning);
        if let Some(token) = self.owning.close() {
            // Where the server cannot be reached, the ownership ends by itself.
            let _ = own::free(self, token).await;
        }
        self.pool.leave().await;
    }
}
