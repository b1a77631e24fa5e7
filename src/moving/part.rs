//! A part of a log on its way: batches, and the rows that go with each. What rows there are is drawn from the
//! events, as they are folded; what is in them is asked of the store that the log comes from, for many
//! batches at a time.

use std::collections::BTreeMap;

use bytes::Bytes;

use artel_core::board::{Changes, State};
use artel_core::content::Content;
use artel_core::event::Event;
use artel_core::hash::{Hash, Salt};
use artel_core::ids::{ActivationId, ArtifactId, Seq};
use artel_core::log::{
    Append, ArtifactRow, ContentRow, Error, KeyRow, Log, LookUp, NameRow, OperationRow, Outcome,
    Rows,
};
use artel_core::record::{Batch, Decision};

use crate::error::LoadError;

/// About how many bytes of payloads are asked for at a time.
const PAYLOADS_LEN: usize = 4 * 1024 * 1024;
/// How many artifacts are asked for at a time.
const ARTIFACTS_AT_ONCE: usize = 2_000;
/// How many bytes of payloads a part has, unless its last batch alone brings more.
const PART_LEN: usize = 16 * 1024 * 1024;
/// The same for contents, whose lengths no event tells.
const PART_CONTENTS: usize = 512;
/// How many contents are asked for at a time.
const CONTENTS_AT_ONCE: usize = 64;

/// What a store must have beside some batches, and what it was found to have.
#[derive(Default)]
pub(super) struct Part {
    batches: Vec<(Batch, Rows)>,
    artifacts: Vec<Committed>,
    /// Bytes of their payloads.
    len: usize,
    contents: Vec<(Seq, Hash)>,
    dropped: Vec<(ActivationId, Seq)>,
}

/// An artifact whose payload is to be found.
struct Committed {
    id: ArtifactId,
    seq: Seq,
    len: usize,
}

impl Part {
    /// Whether so much goes with the batches that they are to go before more is taken.
    pub(super) const fn is_full(&self) -> bool {
        self.len >= PART_LEN || self.contents.len() >= PART_CONTENTS
    }

    /// Folds a batch into the state, and takes up what it needs.
    pub(super) fn take(&mut self, batch: Batch, state: &mut State) -> Result<(), LoadError> {
        let after = state.seq();
        let decisions = batch.decisions().map_err(|source| LoadError::Batch { after, source })?;
        let mut changes = Changes::default();
        for decision in &decisions {
            let first = state.seq().next();
            let applied = state.apply(decision, &mut changes);
            applied.map_err(|source| LoadError::Inconsistent { after, source })?;
            self.note(decision, first, &mut changes.rows);
        }
        self.batches.push((batch, changes.rows));
        Ok(())
    }

    fn note(&mut self, decision: &Decision, first: Seq, rows: &mut Rows) {
        for (seq, event) in (first.get()..).map(Seq).zip(&decision.events) {
            rows.names.extend(NameRow::all_of(event));
            rows.operations.extend(OperationRow::of(seq, decision.at, &decision.actor, event));
            match event {
                Event::ArtifactCommitted(draft) => {
                    let envelope = &draft.envelope;
                    let len = envelope.payload_len as usize;
                    self.len += len;
                    self.artifacts.push(Committed { id: envelope.id, seq, len });
                    if let Some(key) = &envelope.idempotency_key {
                        rows.keys.push(KeyRow { key: key.clone(), seq, id: envelope.id });
                    }
                    // Its payload comes when the store has been asked.
                    let payload = Content::new(Salt([0; 16]), Bytes::new());
                    let (at, draft) = (decision.at, draft.clone());
                    rows.artifacts.push(ArtifactRow { seq, at, draft, payload, value: None });
                }
                Event::AttemptEnded { report: Some(hash), .. }
                | Event::StepRecorded { result: hash, .. }
                | Event::PredicateFailed { text: Some(hash), .. }
                | Event::StepSettled { result: Some(hash), .. } => self.contents.push((seq, *hash)),
                Event::DeadLetterDropped { activation, .. } => {
                    self.dropped.push((*activation, seq));
                }
                _ => {}
            }
        }
    }

    /// Asks the store for everything that the batches need; the appends that they are.
    pub(super) async fn fill(self, log: &dyn Log) -> Result<Vec<Append>, Cannot> {
        let mut payloads = self.payloads(log).await?;
        let mut contents = self.contents(log).await?;
        let mut appends = Vec::with_capacity(self.batches.len());
        let mut dropped = self.dropped.iter().peekable();
        for (batch, mut rows) in self.batches {
            for row in &mut rows.artifacts {
                let payload = payloads.remove(&row.seq).ok_or(Cannot::Find("artifact", row.seq))?;
                if payload.hash() != row.draft.envelope.payload_hash {
                    return Err(Cannot::Find("artifact", row.seq));
                }
                row.payload = payload;
            }
            let last = batch.header.last;
            let later = contents.split_off(&last.next());
            rows.contents.extend(std::mem::replace(&mut contents, later).into_values());
            while let Some((activation, seq)) = dropped.next_if(|(_, seq)| *seq <= last) {
                let closed = log.closed(*activation).await.map_err(Cannot::Read)?;
                let closed = closed
                    .filter(|closed| matches!(closed.outcome, Outcome::Dropped(_)))
                    .filter(|closed| closed.ended == *seq);
                rows.closed.push(closed.ok_or(Cannot::Find("closed activation", *seq))?);
            }
            appends.push(Append { batch, rows });
        }
        Ok(appends)
    }

    async fn payloads(&self, log: &dyn Log) -> Result<BTreeMap<Seq, Content>, Cannot> {
        let mut found = BTreeMap::new();
        let mut rest = &self.artifacts[..];
        while !rest.is_empty() {
            let mut len = 0;
            let fits = rest.iter().take(ARTIFACTS_AT_ONCE).take_while(|one| {
                len += one.len;
                len <= PAYLOADS_LEN
            });
            let (some, more) = rest.split_at(fits.count().max(1));
            rest = more;
            let ids = some.iter().map(|one| one.id).collect();
            let look_up = LookUp { ids, keys: Vec::new() };
            let salts = log.look_up(&look_up).await.map_err(Cannot::Read)?.ids;
            let seqs: Vec<Seq> = some.iter().map(|one| one.seq).collect();
            for stored in log.artifacts_at(&seqs).await.map_err(Cannot::Read)? {
                let salt = salts.get(&stored.envelope.id).and_then(|existing| existing.salt);
                if let (Some(salt), Some(payload)) = (salt, stored.payload) {
                    found.insert(stored.seq, Content::new(salt, payload));
                }
            }
        }
        Ok(found)
    }

    async fn contents(&self, log: &dyn Log) -> Result<BTreeMap<Seq, ContentRow>, Cannot> {
        let mut found = BTreeMap::new();
        for some in self.contents.chunks(CONTENTS_AT_ONCE) {
            let seqs: Vec<Seq> = some.iter().map(|(seq, _)| *seq).collect();
            let rows = log.contents(&seqs).await.map_err(Cannot::Read)?;
            found.extend(rows.into_iter().map(|row| (row.seq, row)));
        }
        for (seq, hash) in &self.contents {
            if found.get(seq).is_none_or(|row| row.hash() != *hash) {
                return Err(Cannot::Find("content", *seq));
            }
        }
        Ok(found)
    }
}

/// Why a store did not say what it must have.
pub(super) enum Cannot {
    /// It cannot be read.
    Read(Error),
    /// It does not have something, or not as it was recorded.
    Find(&'static str, Seq),
}
