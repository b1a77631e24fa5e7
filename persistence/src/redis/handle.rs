//! A log on a server that is open, and the port over it: each call is one function beside this file.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Seq};
use artel_core::log::{
    ActivationQuery, Append, ArtifactQuery, Claim, ClosedActivation, ClosedWork, ContentRow,
    Description, Error, Head, Log, LookUp, LookedUp, Owner, Ownership, Page, Share, Snapshot,
    StoredArtifact,
};
use artel_core::names::ProgramName;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::connect::Line;
use super::error::reading;
use super::fence::Fence;
use super::format::Answers;
use super::scripts::{Arguments, Script};
use super::{append, closed, look_up, mark, own, query, read, snapshot};
use crate::keeper::Keeper;
use crate::open::Moving;
use crate::owning::Owning;
use crate::server::Promise;
use crate::sharing::SharedBoard;

pub(crate) struct RedisLog {
    /// What errors call it.
    pub(super) place: String,
    /// What the board is found by under its prefix.
    pub(super) board: String,
    /// What its keys begin with.
    pub(super) keys: String,
    pub(super) promise: Promise,
    pub(super) ownership: Duration,
    pub(super) replicas: u32,
    pub(super) read_only: bool,
    pub(super) moving: Moving,
    pub(super) reader: Line,
    /// Apart: an append does not wait behind a large answer.
    pub(super) writer: Arc<Line>,
    pub(super) fence: Fence,
    pub(super) owning: Arc<Owning>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) closed: AtomicBool,
}

impl RedisLog {
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

    /// The board was removed while it was open.
    pub(super) fn gone(&self) -> Error {
        Error::Missing { place: self.place.clone() }
    }

    pub(super) fn answers(&self) -> Answers<'_> {
        Answers { place: &self.place }
    }

    /// One of the board's keys.
    pub(super) fn key(&self, name: &str) -> Vec<u8> {
        format!("{}{name}", self.keys).into_bytes()
    }

    /// What a script is given first.
    pub(super) fn arguments(&self) -> Arguments {
        let mut arguments = Arguments::default();
        arguments.push(&*self.keys);
        arguments
    }

    /// Runs a script that only reads; nothing, where there is no such board any more.
    pub(super) async fn ask(&self, script: &Script, arguments: &Arguments) -> Result<Value, Error> {
        self.usable()?;
        let answer = self.reader.run(script, &[self.key("head")], arguments).await;
        match answer.map_err(|error| reading("read", &self.place, error))? {
            Value::Nil => Err(self.gone()),
            answer => Ok(answer),
        }
    }

    /// Runs a script that writes something other than a batch.
    pub(super) async fn tell(
        &self,
        action: &'static str,
        script: &Script,
        arguments: &Arguments,
    ) -> Result<Value, Error> {
        self.usable()?;
        let answer = self.writer.run(script, &[self.key("head")], arguments).await;
        answer.map_err(|error| reading(action, &self.place, error))
    }
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for RedisLog {
    fn drop(&mut self) {
        // Nobody renews it any more, so that it ends by itself.
        self.keeper.forget(&self.owning);
    }
}

#[async_trait]
impl Log for RedisLog {
    fn describe(&self) -> Description {
        Description { scheme: "redis", durability: self.promise.durability() }
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
        self.keeper.keep(&self.owning, self.ownership).await;
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
        look_up::artifacts_at(self, seqs, true).await
    }

    async fn envelopes_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        look_up::artifacts_at(self, seqs, false).await
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
        closed::activations(self, query).await
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
    }
}
