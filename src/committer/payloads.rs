//! The payload cache: the newest artifacts with their typed values, so that a handler in the same
//! process gets what its publisher had without reading or parsing. Bounded by bytes; the oldest go,
//! and are read from the store when they are needed.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use artel_core::content::Value;
use artel_core::envelope::{Draft, Envelope};
use artel_core::ids::Seq;
use artel_core::log::{ArtifactRow, StoredArtifact};

/// What the place in the cache and the typed value are counted as.
const ENTRY_LEN: usize = 256;

/// An artifact that an attempt works on.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) seq: Seq,
    pub(crate) envelope: Shared,
    pub(crate) payload: Bytes,
    pub(crate) value: Option<Value>,
}

impl Input {
    /// An artifact as the store has it; none when it or its payload is gone.
    pub(crate) fn stored(found: Option<StoredArtifact>) -> Option<Self> {
        let found = found?;
        Some(Self {
            seq: found.seq,
            envelope: Shared::Stored(Arc::new(found.envelope)),
            payload: found.payload?,
            value: None,
        })
    }
}

/// An envelope as it came: with its draft from a publisher, alone from the store.
#[derive(Clone, Debug)]
pub(crate) enum Shared {
    Draft(Arc<Draft>),
    Stored(Arc<Envelope>),
}

impl std::ops::Deref for Shared {
    type Target = Envelope;

    fn deref(&self) -> &Envelope {
        match self {
            Self::Draft(draft) => &draft.envelope,
            Self::Stored(envelope) => envelope,
        }
    }
}

/// The newest artifacts, ascending by seq.
#[derive(Debug)]
pub(crate) struct Payloads {
    entries: VecDeque<Input>,
    len: usize,
    len_max: usize,
}

impl Payloads {
    /// None yet, and at most so many bytes of them.
    pub(crate) const fn new(len_max: usize) -> Self {
        Self { entries: VecDeque::new(), len: 0, len_max }
    }

    pub(crate) fn push(&mut self, row: &ArtifactRow) {
        let len = row.envelope().byte_len() + row.payload.bytes().len() + ENTRY_LEN;
        self.len += len;
        self.entries.push_back(Input {
            seq: row.seq,
            envelope: Shared::Draft(row.draft.clone()),
            payload: row.payload.bytes().clone(),
            value: row.value.clone(),
        });
        while self.len > self.len_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.len -= oldest.envelope.byte_len() + oldest.payload.len() + ENTRY_LEN;
        }
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Input> {
        let index = self.entries.binary_search_by_key(&seq, |input| input.seq).ok()?;
        self.entries.get(index)
    }
}
