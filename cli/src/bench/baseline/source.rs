//! The batches of a log with the rows that were appended with them, read in chunks that fit into
//! memory however long the log is.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use artel::ids::Seq;
use artel::log::{ActivationQuery, ArtifactQuery, ClosedActivation, Error, Log, StoredArtifact};
use artel::record::Batch;

/// How many bytes of batches a chunk has.
const CHUNK_LEN: usize = 4 * 1024 * 1024;
/// How many rows are asked for at once.
const PAGE: u32 = 4_096;

/// The part of a log that was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The seq behind which it begins: that of the warm-up's end.
    pub(crate) after: Seq,
    /// The seq of its last event.
    pub(crate) to: Seq,
}

/// The time that a loop takes for the batches of a part.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) took: Duration,
    pub(super) batches: u64,
    running: Option<Instant>,
}

impl Watch {
    /// To be told of each batch before it is written, and of the end of each chunk.
    pub(super) fn batch(&mut self, part: Part, last: Seq) {
        if last <= part.after || last > part.to {
            return self.pause();
        }
        self.batches += 1;
        self.running.get_or_insert_with(Instant::now);
    }

    /// Nothing is written for now.
    pub(super) fn pause(&mut self) {
        if let Some(began) = self.running.take() {
            self.took += began.elapsed();
        }
    }
}

/// Some batches, and their rows in the order in which they were appended.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) batches: Vec<Batch>,
    pub(super) artifacts: Vec<StoredArtifact>,
    pub(super) closed: Vec<ClosedActivation>,
}

/// What reads a log in chunks.
#[derive(Debug)]
pub(super) struct Source<'a> {
    log: &'a dyn Log,
    from: Seq,
    /// The activations up to this one were read.
    closed_to: Option<Seq>,
    /// Those that were closed behind the chunks so far, by the seq that closed them.
    ahead: BTreeMap<Seq, ClosedActivation>,
    artifacts: bool,
}

impl<'a> Source<'a> {
    /// Reads a log, with artifacts or without.
    pub(super) const fn new(log: &'a dyn Log, artifacts: bool) -> Self {
        Self { log, from: Seq(1), closed_to: None, ahead: BTreeMap::new(), artifacts }
    }

    /// The next chunk; none at the end of the log.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        let batches = self.log.read(self.from, CHUNK_LEN).await?;
        let Some(last) = batches.last().map(|batch| batch.header.last) else { return Ok(None) };
        let artifacts = if self.artifacts { self.artifacts(last).await? } else { Vec::new() };
        let closed = self.closed(last).await?;
        self.from = last.next();
        Ok(Some(Chunk { batches, artifacts, closed }))
    }

    async fn artifacts(&self, last: Seq) -> Result<Vec<StoredArtifact>, Error> {
        let before = Seq(self.from.get() - 1);
        let mut query = ArtifactQuery {
            cursor: Some(before),
            up_to: last,
            limit: PAGE,
            ..ArtifactQuery::default()
        };
        let mut artifacts = Vec::new();
        loop {
            let page = self.log.artifacts(&query).await?;
            artifacts.extend(page.items);
            if page.next.is_none() {
                return Ok(artifacts);
            }
            query.cursor = page.next;
        }
    }

    /// What was closed up to this seq. An activation is closed after the event that made it, whose
    /// seq is its id, so nothing behind that seq has to be looked at.
    async fn closed(&mut self, last: Seq) -> Result<Vec<ClosedActivation>, Error> {
        while self.closed_to.is_none_or(|read| read < last) {
            let query = ActivationQuery {
                cursor: self.closed_to,
                limit: PAGE,
                ..ActivationQuery::default()
            };
            let page = self.log.closed_activations(&query).await?;
            self.ahead.extend(page.items.into_iter().map(|closed| (closed.ended, closed)));
            self.closed_to = Some(page.next.unwrap_or(Seq(u64::MAX)));
        }
        let behind = self.ahead.split_off(&last.next());
        Ok(std::mem::replace(&mut self.ahead, behind).into_values().collect())
    }
}
