//! The baseline of a board in memory: one loop, in one task, that puts the same batches, rows and
//! payloads into the same kinds of lists and maps as the log in memory has: lists in segments, which
//! never move what is in them, and places and short lists as small as the log's. It is given
//! envelopes as the log is, behind a pointer. Nothing is copied, and nothing is checked.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use artel::envelope::Producer;
use artel::ids::{ActivationId, AgentNo, ArtifactId, CorrelationId, Seq, TypeNo};
use artel::log::{ClosedActivation, Log, StoredArtifact};
use artel::names::Tag;
use artel::record::Batch;

use super::Baseline;
use super::source::{Chunk, Part, Source, Watch};
use crate::bench::Progress;
use crate::bench::error::Error;

/// A place in a list.
type Place = u32;

/// How many items a segment of a list has.
const SEGMENT_LEN: usize = 1_024;

/// A list that only grows, and copies nothing of it for that.
struct List<T>(Vec<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1);
        full * SEGMENT_LEN + self.0.last().map_or(0, Vec::len)
    }

    /// # Panics
    /// When the list has four thousand million items, which no memory holds.
    fn next(&self) -> Place {
        Place::try_from(self.len()).expect("memory ends before the places do")
    }

    fn push(&mut self, item: T) {
        match self.0.last_mut().filter(|last| last.len() < SEGMENT_LEN) {
            Some(last) => last.push(item),
            None => {
                let mut segment = Vec::with_capacity(SEGMENT_LEN);
                segment.push(item);
                self.0.push(segment);
            }
        }
    }

    fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place / SEGMENT_LEN)?.get(place % SEGMENT_LEN)
    }

    fn last(&self) -> Option<&T> {
        self.0.last()?.last()
    }
}

/// What the loop fills.
#[derive(Default)]
struct Store {
    batches: List<Batch>,
    artifacts: List<Box<StoredArtifact>>,
    ids: BTreeMap<ArtifactId, Place>,
    types: BTreeMap<TypeNo, Vec<Place>>,
    agents: BTreeMap<AgentNo, Vec<Place>>,
    tags: BTreeMap<Tag, Vec<Place>>,
    trees: BTreeMap<CorrelationId, Tree>,
    closed_rows: List<ClosedActivation>,
    closed: BTreeMap<ActivationId, Place>,
    worked_on: BTreeMap<Seq, SmallVec<[ActivationId; 2]>>,
}

#[derive(Default)]
struct Tree {
    artifacts: SmallVec<[Place; 4]>,
    closed: SmallVec<[ActivationId; 2]>,
}

/// Writes a log's rows, and says what those of the part took.
pub(crate) async fn write(
    log: &dyn Log,
    part: Part,
    progress: &dyn Progress,
) -> Result<Baseline, Error> {
    progress.begin("baseline", log.head().await?.seq.get());
    let mut store = Store::default();
    let mut source = Source::new(log, true);
    let mut watch = Watch::default();
    while let Some(chunk) = source.next().await? {
        store.write(chunk, part, &mut watch);
        progress.reach(store.batches.last().map_or(0, |batch| batch.header.last.get()));
    }
    let rows = store.compare(log).await?;
    Ok(Baseline { took: watch.took, batches: watch.batches, rows })
}

impl Store {
    fn write(&mut self, chunk: Chunk, part: Part, watch: &mut Watch) {
        // Before the time begins: their publishers made them.
        let artifacts: Vec<_> = chunk.artifacts.into_iter().map(Box::new).collect();
        let mut artifacts = artifacts.into_iter().peekable();
        let mut closed = chunk.closed.into_iter().peekable();
        for batch in chunk.batches {
            let last = batch.header.last;
            watch.batch(part, last);
            self.batches.push(batch);
            while let Some(row) = artifacts.next_if(|row| row.seq <= last) {
                self.artifact(row);
            }
            while let Some(row) = closed.next_if(|row| row.ended <= last) {
                self.closed(row);
            }
        }
        watch.pause();
    }

    fn artifact(&mut self, row: Box<StoredArtifact>) {
        let place = self.artifacts.next();
        let envelope = &row.envelope;
        self.ids.insert(envelope.id, place);
        self.types.entry(envelope.type_no).or_default().push(place);
        if let Producer::Agent { agent, .. } = &envelope.producer {
            self.agents.entry(*agent).or_default().push(place);
        }
        for tag in &envelope.tags {
            self.tags.entry(tag.clone()).or_default().push(place);
        }
        self.trees.entry(envelope.correlation).or_default().artifacts.push(place);
        self.artifacts.push(row);
    }

    fn closed(&mut self, row: ClosedActivation) {
        for &input in &row.inputs {
            self.worked_on.entry(input).or_default().push(row.activation);
        }
        self.trees.entry(row.correlation).or_default().closed.push(row.activation);
        self.closed.insert(row.activation, self.closed_rows.next());
        self.closed_rows.push(row);
    }

    /// Compares what was written with the log, row by row, found by id as a query would.
    async fn compare(&self, log: &dyn Log) -> Result<u64, Error> {
        let differs = |problem: String| Err(Error::Differs { problem });
        let (mut batches, mut artifacts, mut closed) = (0, 0, 0);
        let mut source = Source::new(log, true);
        while let Some(chunk) = source.next().await? {
            for batch in &chunk.batches {
                if self.batches.get(batches) != Some(batch) {
                    return differs(format!("the batch up to seq {}", batch.header.last));
                }
                batches += 1;
            }
            for row in &chunk.artifacts {
                let place = self.ids.get(&row.envelope.id);
                if place.and_then(|&place| self.artifacts.get(place as usize)).map(|kept| &**kept)
                    != Some(row)
                {
                    return differs(format!("the artifact with seq {}", row.seq));
                }
                artifacts += 1;
            }
            for row in &chunk.closed {
                let place = self.closed.get(&row.activation);
                if place.and_then(|&place| self.closed_rows.get(place as usize)) != Some(row) {
                    return differs(format!("activation {}", row.activation));
                }
                closed += 1;
            }
        }
        let found = (self.batches.len(), self.artifacts.len(), self.closed_rows.len());
        if found != (batches, artifacts, closed) {
            return differs(format!(
                "{found:?} rows, the log has {:?}",
                (batches, artifacts, closed)
            ));
        }
        Ok((batches + artifacts + closed) as u64)
    }
}
