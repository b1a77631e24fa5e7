//! How events lie in a log: decisions (the events of one command) inside batches (one append).
//!
//! A batch is a format number followed by its decisions in postcard form. Batches are chained: the
//! hash of each covers the hash before it. Golden files of every released format are read for ever.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::envelope::Actor;
use crate::event::Event;
use crate::hash::Hash;
use crate::ids::{CommandId, CorrelationId, Epoch, Incarnation, Seq, Shard};
use crate::time::{Elapsed, Timestamp};
use crate::trace::TraceContext;

/// The format number of batches that this release writes.
pub const FORMAT: u8 = 1;

/// The events of one command, with what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The command that asked for it.
    pub command: CommandId,
    /// Who gave the command.
    pub actor: Actor,
    /// The board's wall clock; never before that of an earlier decision.
    pub at: Timestamp,
    /// The board's own clock; never before that of an earlier decision.
    pub elapsed: Elapsed,
    /// The tree of work, where the command belongs to one.
    pub correlation: Option<CorrelationId>,
    /// Where the command belongs in a distributed trace.
    pub trace: Option<TraceContext>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl Decision {
    /// How many seqs its events take.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.events.iter().fold(0, |span: u64, event| span.saturating_add(event.span()))
    }
}

/// One append: some decisions, encoded, with their place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where it stands and what it covers.
    pub header: BatchHeader,
    /// The format number and the decisions.
    pub bytes: Bytes,
}

/// The place of a batch in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The part of the log.
    pub shard: Shard,
    /// The ownership that wrote it.
    pub epoch: Epoch,
    /// The seq of its first event.
    pub first: Seq,
    /// The seq of its last event.
    pub last: Seq,
    /// The wall clock of its last decision.
    pub at: Timestamp,
    /// The hash of the batch before it.
    pub previous: Hash,
    /// The hash of this header's other fields and of the bytes.
    pub hash: Hash,
}

/// A batch that cannot be what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes do not have the recorded hash.
    #[error("batch {first}..{last} is damaged: its hash is {found}, recorded is {recorded}")]
    Damaged {
        /// The seq of its first event.
        first: Seq,
        /// The seq of its last event.
        last: Seq,
        /// What the bytes hash to.
        found: Hash,
        /// What the log says they should hash to.
        recorded: Hash,
    },
    /// The bytes are of a format that this release does not know.
    #[error("batch {first}..{last} has format {format}, this release reads up to {FORMAT}")]
    Format {
        /// The seq of its first event.
        first: Seq,
        /// The seq of its last event.
        last: Seq,
        /// The format number that was found.
        format: u8,
    },
    /// The bytes are no decisions.
    #[error("batch {first}..{last} cannot be decoded")]
    Decode {
        /// The seq of its first event.
        first: Seq,
        /// The seq of its last event.
        last: Seq,
        /// What the decoder said.
        #[source]
        source: postcard::Error,
    },
    /// The number of events is not that of the header.
    #[error("batch {first}..{last} holds {events} events")]
    Count {
        /// The seq of its first event.
        first: Seq,
        /// The seq of its last event.
        last: Seq,
        /// How many events were found.
        events: u64,
    },
}

/// What the first batch of a log has as the hash before it.
#[must_use]
pub fn genesis(incarnation: Incarnation) -> Hash {
    Hash::of_parts(&[b"artel log ", incarnation.as_bytes()])
}

impl Batch {
    /// Seals encoded decisions into a batch.
    #[must_use]
    pub fn seal(place: Place, bytes: Bytes) -> Self {
        let mut header = BatchHeader {
            shard: Shard(0),
            epoch: place.epoch,
            first: place.first,
            last: place.last,
            at: place.at,
            previous: place.previous,
            hash: Hash::default(),
        };
        header.hash = header.hash_with(&bytes);
        Self { header, bytes }
    }

    /// Checks the hash and decodes the decisions.
    ///
    /// # Errors
    /// When the batch is damaged, of a later format, or inconsistent.
    pub fn decisions(&self) -> Result<Vec<Decision>, Error> {
        let BatchHeader { first, last, hash: recorded, .. } = self.header;
        let found = self.header.hash_with(&self.bytes);
        if found != recorded {
            return Err(Error::Damaged { first, last, found, recorded });
        }
        let (&format, mut rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        if format != FORMAT {
            return Err(Error::Format { first, last, format });
        }
        let mut decisions = Vec::new();
        while !rest.is_empty() {
            let (decision, left) = postcard::take_from_bytes::<Decision>(rest)
                .map_err(|source| Error::Decode { first, last, source })?;
            decisions.push(decision);
            rest = left;
        }
        let spans = decisions.iter().map(Decision::span);
        let events = spans.fold(0, u64::saturating_add);
        if last.get().checked_sub(first.get()).and_then(|more| more.checked_add(1)) != Some(events)
        {
            return Err(Error::Count { first, last, events });
        }
        Ok(decisions)
    }
}

/// Where a new batch goes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The ownership that writes it.
    pub epoch: Epoch,
    /// The seq of its first event.
    pub first: Seq,
    /// The seq of its last event.
    pub last: Seq,
    /// The wall clock of its last decision.
    pub at: Timestamp,
    /// The hash of the batch before it.
    pub previous: Hash,
}

impl BatchHeader {
    fn hash_with(&self, bytes: &[u8]) -> Hash {
        Hash::of_parts(&[
            &self.previous.0,
            &self.shard.get().to_le_bytes(),
            &self.epoch.get().to_le_bytes(),
            &self.first.get().to_le_bytes(),
            &self.last.get().to_le_bytes(),
            &self.at.as_millis().to_le_bytes(),
            bytes,
        ])
    }
}

/// Writes behind what is there. Postcard's own way to do that goes through an iterator, byte by byte.
pub(crate) struct Behind<'a>(pub(crate) &'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Behind<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Decisions on their way into a batch, encoded one by one as they are made.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { bytes: vec![FORMAT] }
    }
}

impl Encoder {
    /// Appends one decision.
    ///
    /// # Panics
    /// Never: postcard refuses only values of unknown length, and a decision has none.
    pub fn push(&mut self, decision: &Decision) {
        postcard::serialize_with_flavor(decision, Behind(&mut self.bytes))
            .expect("a decision can be encoded");
    }

    /// How many bytes there are so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was pushed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.len() <= 1
    }

    /// Takes what was encoded, in exactly as much memory as it needs, and starts anew in the memory
    /// that it has.
    #[must_use]
    pub fn take(&mut self) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        self.bytes.truncate(1);
        bytes
    }
}
