//! The payload cache: the artifacts that open work is about, with their typed values, so that a
//! handler in the same process gets what its publisher had without reading or parsing. What no
//! activation is about any more goes at once, while it is still near the processor. Bounded by bytes;
//! beyond them the oldest go, and are read from the store when they are needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use artel_core::content::Value;
use artel_core::envelope::{Draft, Envelope};
use artel_core::event::Event;
use artel_core::ids::Seq;
use artel_core::log::{ArtifactRow, ClosedActivation, Outcome, StoredArtifact};

/// What the place in the cache and the parts of memory that it names are counted as, beside what is
/// in them.
const ENTRY_LEN: usize = 256;

/// An artifact that an attempt works on.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) envelope: Shared,
    pub(crate) payload: Payload,
}

/// What a handler gets of an artifact. Whoever has the value needs no bytes: to keep both would take
/// the memory twice.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// The value as its publisher had it.
    Value(Value),
    /// The canonical JSON of it, behind a pointer: where many wait, nearly all have a value.
    Json(Box<Bytes>),
}

impl Input {
    /// An artifact as the store has it; none when it or its payload is gone.
    pub(crate) fn stored(found: Option<StoredArtifact>) -> Option<Self> {
        let found = found?;
        Some(Self {
            envelope: Shared::Stored(Arc::new(found.envelope)),
            payload: Payload::Json(Box::new(found.payload?)),
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

/// Artifacts that waiting or running work is about, by seq.
#[derive(Debug)]
pub(crate) struct Payloads {
    entries: BTreeMap<Seq, Entry>,
    len: usize,
    len_max: usize,
}

#[derive(Debug)]
struct Entry {
    input: Input,
    /// How many activations are about it: four bytes, since these entries are many.
    uses: u32,
    /// What it is counted as, for the same reason: an artifact has 16 MiB at most, and some tags.
    len: u32,
}

impl Payloads {
    /// None yet, and at most so many bytes of them.
    pub(crate) const fn new(len_max: usize) -> Self {
        Self { entries: BTreeMap::new(), len: 0, len_max }
    }

    /// Keeps the artifacts that activations are created for, and lets those go whose last activation
    /// is closed.
    pub(crate) fn note(
        &mut self,
        rows: &[ArtifactRow],
        events: &[Event],
        closed: &[ClosedActivation],
    ) {
        let mut used: SmallVec<[Seq; 8]> = SmallVec::new();
        for event in events {
            match event {
                Event::ActivationCreated { inputs, .. } => used.extend_from_slice(inputs),
                Event::ActivationRedriven(redriven) => used.extend_from_slice(&redriven.inputs),
                Event::BoardCreated { .. }
                | Event::OwnerChanged { .. }
                | Event::ClockJumped { .. }
                | Event::TypeRegistered { .. }
                | Event::AgentDefined { .. }
                | Event::AgentRetired { .. }
                | Event::SessionOpened { .. }
                | Event::SessionEnded { .. }
                | Event::ArtifactCommitted(_)
                | Event::AttemptStarted { .. }
                | Event::AttemptEnded { .. }
                | Event::StepRecorded { .. }
                | Event::ActivationClosed { .. }
                | Event::DeadLetterDropped { .. }
                | Event::CorrelationCancelled { .. }
                | Event::DependencyDefined { .. }
                | Event::BreakerOpened { .. }
                | Event::BreakerHalfOpened { .. }
                | Event::BreakerClosed { .. }
                | Event::Paused { .. }
                | Event::Resumed { .. }
                | Event::DebtPaid { .. }
                | Event::AlertEnded { .. }
                | Event::PredicateFailed { .. }
                | Event::Adopted { .. }
                | Event::StepIntended { .. }
                | Event::StepWithdrawn { .. }
                | Event::StepSettled { .. }
                | Event::LimitReached { .. } => {}
            }
        }
        used.sort_unstable();
        for of_one in used.chunk_by(|one, next| one == next) {
            let (seq, uses) = (of_one[0], small(of_one.len()));
            match rows.binary_search_by_key(&seq, |row| row.seq) {
                Ok(index) => self.keep(&rows[index], uses),
                Err(_) => {
                    if let Some(entry) = self.entries.get_mut(&seq) {
                        entry.uses += uses;
                    }
                }
            }
        }
        // What is dropped was closed before.
        for closed in closed.iter().filter(|it| !matches!(it.outcome, Outcome::Dropped(_))) {
            for &seq in &closed.inputs {
                self.release(seq);
            }
        }
    }

    fn keep(&mut self, row: &ArtifactRow, uses: u32) {
        let len = small(row.envelope().byte_len() + row.payload.bytes().len() + ENTRY_LEN);
        let payload = match &row.value {
            Some(value) => Payload::Value(value.clone()),
            None => Payload::Json(Box::new(row.payload.bytes().clone())),
        };
        let input = Input { envelope: Shared::Draft(row.draft.clone()), payload };
        self.len += len as usize;
        self.entries.insert(row.seq, Entry { input, uses, len });
        while self.len > self.len_max {
            let Some((_, oldest)) = self.entries.pop_first() else { break };
            self.len -= oldest.len as usize;
        }
    }

    fn release(&mut self, seq: Seq) {
        let Some(entry) = self.entries.get_mut(&seq) else { return };
        entry.uses -= 1;
        if entry.uses == 0 {
            self.len -= entry.len as usize;
            self.entries.remove(&seq);
        }
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Input> {
        self.entries.get(&seq).map(|entry| &entry.input)
    }
}

/// Nothing here comes near this bound: a command has 64 MiB.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use artel_core::content::Content;
    use artel_core::envelope::{Producer, Verdicts};
    use artel_core::hash::Salt;
    use artel_core::ids::{
        ActivationId, AgentNo, ArtifactId, CorrelationId, SubscriptionNo, TypeNo,
    };
    use artel_core::time::Timestamp;
    use artel_core::visibility::Visibility;

    use super::*;

    const CORRELATION: CorrelationId = CorrelationId::from_bytes([1; 16]);

    fn row(seq: u64) -> ArtifactRow {
        let payload = Content::new(Salt([0; 16]), Bytes::from_static(b"{\"n\":1}"));
        let envelope = Envelope {
            id: ArtifactId::from_bytes([2; 16]),
            type_no: TypeNo(0),
            producer: Producer::Board,
            correlation: CORRELATION,
            parents: Vec::new(),
            causes: SmallVec::new(),
            depth: 0,
            tags: Vec::new(),
            visibility: Visibility::PUBLIC,
            ordering_key: None,
            idempotency_key: None,
            not_before: None,
            expires_at: None,
            trace: None,
            payload_len: 7,
            payload_hash: payload.hash(),
        };
        let draft = Arc::new(Draft { envelope, verdicts: Verdicts::default() });
        ArtifactRow { seq: Seq(seq), at: Timestamp(0), draft, payload, value: None }
    }

    fn created(input: u64) -> Event {
        let (subscription, inputs) = (SubscriptionNo(0), smallvec::smallvec![Seq(input)]);
        Event::ActivationCreated {
            subscription,
            inputs,
            correlation: CORRELATION,
            key: None,
            not_before: None,
            members: Box::default(),
        }
    }

    fn closed(input: u64) -> ClosedActivation {
        ClosedActivation {
            activation: ActivationId(Seq(99)),
            agent: AgentNo(0),
            subscription: SubscriptionNo(0),
            inputs: smallvec::smallvec![Seq(input)],
            correlation: CORRELATION,
            key: None,
            outcome: Outcome::Done,
            ended: Seq(100),
            at: Timestamp(0),
            attempts: 1,
            trail: Vec::new(),
            steps: Vec::new(),
            death: None,
            members: Box::default(),
            not_before: None,
        }
    }

    /// I13: what nobody is about is not kept, and what somebody is about leaves with the last of them.
    #[test]
    fn a_payload_leaves_with_its_last_activation() {
        let mut payloads = Payloads::new(usize::MAX);
        payloads.note(&[row(1), row(4)], &[created(1), created(1)], &[]);
        assert!(payloads.get(Seq(4)).is_none());
        payloads.note(&[], &[], &[closed(1)]);
        assert!(payloads.get(Seq(1)).is_some());
        payloads.note(&[], &[], &[closed(1)]);
        assert!(payloads.get(Seq(1)).is_none());
        assert_eq!(payloads.len, 0);
    }

    /// I13: beyond the bound the oldest go.
    #[test]
    fn the_cache_has_a_bound() {
        let mut payloads = Payloads::new(usize::MAX);
        payloads.note(&[row(1)], &[created(1)], &[]);
        let mut payloads = Payloads::new(payloads.len * 2);
        for seq in 1..10 {
            payloads.note(&[row(seq)], &[created(seq)], &[]);
            assert!(payloads.len <= payloads.len_max);
        }
        let kept: Vec<u64> = payloads.entries.keys().map(|seq| seq.get()).collect();
        assert_eq!(kept, [8, 9]);
        payloads.note(&[], &[], &[closed(1), closed(9)]);
        assert_eq!(payloads.entries.len(), 1);
    }
}
