//! One handle to a log in memory, and the port over it: each call is one function beside this file.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Seq};
use artel_core::log::{
    ActivationQuery, Append, ArtifactQuery, Claim, ClosedActivation, ClosedWork, ContentRow,
    Description, Durability, Error, Head, Log, LookUp, LookedUp, Owner, Ownership, Page, Share,
    Snapshot, StoredArtifact,
};
use artel_core::names::ProgramName;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::state::{Shared, State};
use super::{append, look_up, own, query, read, snapshot};
use crate::check::Checked;

/// How often somebody looks who waits for the board.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What errors call this log.
pub(super) const PLACE: &str = "memory:";

pub(super) struct MemoryLog {
    shared: Arc<Shared>,
    number: u64,
    closed: AtomicBool,
}

impl MemoryLog {
    pub(super) const fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number, closed: AtomicBool::new(false) }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.shared.lock();
        // Asked under the lock: a call that began before the handle was closed must not own the board
        // after that, when nobody would give it up any more.
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed { place: PLACE.to_owned() });
        }
        Ok(state)
    }

    fn give_up(&self) {
        let mut state = self.shared.lock();
        if !self.closed.swap(true, Ordering::AcqRel) {
            own::leave(&mut state, self.number);
        }
    }
}

impl Drop for MemoryLog {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("handle", &self.number).finish_non_exhaustive()
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn describe(&self) -> Description {
        Description { scheme: "memory", durability: Durability::Nothing }
    }

    async fn head(&self) -> Result<Head, Error> {
        Ok(self.state()?.head.clone())
    }

    async fn own(&self, claim: Claim) -> Result<Ownership, Error> {
        own::own(&mut *self.state()?, self.number, claim)
    }

    fn confirm(&self, _epoch: Epoch) -> Result<(), Error> {
        Ok(())
    }

    async fn keep(&self) {
        std::future::pending().await
    }

    async fn owner(&self) -> Result<Option<Owner>, Error> {
        Ok(self.state()?.owner.as_ref().map(|held| held.owner.clone()))
    }

    async fn owned_for(&self) -> Result<Option<Duration>, Error> {
        Ok(self.owner().await?.map(|_| LOOK_EVERY))
    }

    async fn disown(&self, epoch: Epoch) -> Result<(), Error> {
        own::disown(&mut *self.state()?, self.number, epoch);
        Ok(())
    }

    fn share(&self, _: &ProgramName) -> Option<Arc<dyn Share>> {
        None
    }

    async fn append(&self, append: Append) -> Result<(), Error> {
        let checked = Checked::new(append)?;
        append::append(&mut *self.state()?, self.number, checked)
    }

    async fn mark_regressed(&self, known: Seq, seen: Epoch) -> Result<(), Error> {
        own::regress(&mut *self.state()?, known, seen)
    }

    async fn read(&self, from: Seq, bytes_max: usize) -> Result<Vec<Batch>, Error> {
        Ok(read::read(&*self.state()?, from, bytes_max))
    }

    async fn seq_at(&self, at: Timestamp) -> Result<Seq, Error> {
        let (before, next) = read::around(&*self.state()?, at);
        read::seq_at(at, before, next.as_ref())
    }

    async fn put_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        snapshot::put(&mut *self.state()?, snapshot)
    }

    async fn snapshot(&self, until: Seq) -> Result<Option<Snapshot>, Error> {
        Ok(snapshot::newest(&*self.state()?, until))
    }

    async fn snapshots(&self) -> Result<Vec<Seq>, Error> {
        Ok(self.state()?.snapshots.iter().map(|snapshot| snapshot.seq).collect())
    }

    async fn look_up(&self, look_up: &LookUp) -> Result<LookedUp, Error> {
        Ok(look_up::look_up(&*self.state()?, look_up))
    }

    async fn artifact(&self, id: ArtifactId) -> Result<Option<StoredArtifact>, Error> {
        let found = look_up::artifact(&*self.state()?, id);
        Ok(found.map(|artifact| artifact.stored()))
    }

    async fn artifacts_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        let found = look_up::artifacts_at(&*self.state()?, seqs);
        Ok(found.iter().map(super::state::Artifact::stored).collect())
    }

    async fn envelopes_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        let found = look_up::artifacts_at(&*self.state()?, seqs);
        let bare = |artifact: &super::state::Artifact| StoredArtifact {
            payload: None,
            ..artifact.stored()
        };
        Ok(found.iter().map(bare).collect())
    }

    async fn artifacts(&self, query: &ArtifactQuery) -> Result<Page<StoredArtifact>, Error> {
        let page = query::artifacts(&*self.state()?, query);
        let mut items: Vec<StoredArtifact> =
            page.items.iter().map(super::state::Artifact::stored).collect();
        if !query.payloads {
            items.iter_mut().for_each(|item| item.payload = None);
        }
        Ok(Page { items, next: page.next, as_of: page.as_of })
    }

    async fn contents(&self, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
        Ok(look_up::contents(&*self.state()?, seqs))
    }

    async fn closed(&self, activation: ActivationId) -> Result<Option<ClosedActivation>, Error> {
        Ok(self.state()?.closed(activation).cloned())
    }

    async fn closed_activations(
        &self,
        query: &ActivationQuery,
    ) -> Result<Page<ClosedActivation>, Error> {
        Ok(query::closed_activations(&*self.state()?, query))
    }

    async fn correlation(&self, correlation: CorrelationId) -> Result<ClosedWork, Error> {
        Ok(look_up::correlation(&*self.state()?, correlation))
    }

    async fn close(&self) {
        self.give_up();
    }
}
