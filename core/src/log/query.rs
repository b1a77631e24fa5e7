//! Questions to a log about what is closed, and their answers.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::envelope::{Envelope, Producer};
use crate::hash::{Hash, Salt};
use crate::ids::{AgentNo, ArtifactId, CorrelationId, Seq, TypeNo};
use crate::names::{IdempotencyKey, Tag};
use crate::time::Timestamp;

/// An artifact as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArtifact {
    /// The seq of the event that committed it.
    pub seq: Seq,
    /// The wall clock of that event.
    pub at: Timestamp,
    /// Everything but the payload.
    pub envelope: Envelope,
    /// The payload, canonical JSON; none when it was removed or erased.
    pub payload: Option<Bytes>,
}

/// Ids and keys to find.
#[derive(Clone, Debug, Default)]
pub struct LookUp {
    /// Artifact ids that a client made.
    pub ids: Vec<ArtifactId>,
    /// Idempotency keys.
    pub keys: Vec<IdempotencyKey>,
}

/// What was found of a [`LookUp`]. What is not in the maps is not on the board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedUp {
    /// The seq that the answer is complete to: the head at that moment.
    pub as_of: Seq,
    /// The artifacts that have the ids.
    pub ids: BTreeMap<ArtifactId, Existing>,
    /// The artifacts that have the keys.
    pub keys: BTreeMap<IdempotencyKey, Existing>,
}

/// An artifact that is on the board, as far as a second publish of it must be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// The seq of the event that committed it.
    pub seq: Seq,
    /// Its id.
    pub id: ArtifactId,
    /// Its type and version.
    pub type_no: TypeNo,
    /// The tree of work that it belongs to.
    pub correlation: CorrelationId,
    /// The salt of its payload; none when the payload was erased.
    pub salt: Option<Salt>,
    /// The hash of salt and payload.
    pub hash: Hash,
}

/// Which artifacts to list. All conditions hold together; an empty list means any.
#[derive(Clone, Debug)]
pub struct ArtifactQuery {
    /// Of one of these types.
    pub types: Vec<TypeNo>,
    /// Made by one of these agents.
    pub agents: Vec<AgentNo>,
    /// Of this tree of work.
    pub correlation: Option<CorrelationId>,
    /// With all of these tags.
    pub tags: Vec<Tag>,
    /// Committed at or after this moment of the wall clock.
    pub since: Option<Timestamp>,
    /// Committed before this moment of the wall clock.
    pub until: Option<Timestamp>,
    /// Strictly after (or, newest first, before) this seq.
    pub cursor: Option<Seq>,
    /// With a seq of at most this one: what is committed later is not seen.
    pub up_to: Seq,
    /// Which come first.
    pub direction: Direction,
    /// At most this many, and at least one.
    pub limit: u32,
    /// With their payloads. Without, what is listed has none, and none is read.
    pub payloads: bool,
}

impl Default for ArtifactQuery {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            agents: Vec::new(),
            correlation: None,
            tags: Vec::new(),
            since: None,
            until: None,
            cursor: None,
            up_to: Seq(u64::MAX),
            direction: Direction::OldestFirst,
            limit: 100,
            payloads: true,
        }
    }
}

impl ArtifactQuery {
    /// How many bytes of payloads a page has at most, unless its first item alone has more.
    pub const PAYLOADS_LEN_MAX: u64 = 16 * 1024 * 1024;

    /// Whether an artifact meets all conditions but those on its place: the definition that every
    /// backend's query must agree with.
    #[must_use]
    pub fn admits(&self, at: Timestamp, envelope: &Envelope) -> bool {
        (self.types.is_empty() || self.types.contains(&envelope.type_no))
            && (self.agents.is_empty()
                || matches!(&envelope.producer,
                    Producer::Agent { agent, .. } if self.agents.contains(agent)))
            && self.correlation.is_none_or(|correlation| correlation == envelope.correlation)
            && self.tags.iter().all(|tag| envelope.tags.contains(tag))
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}

/// Which end a listing starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Ascending seq.
    #[default]
    OldestFirst,
    /// Descending seq.
    NewestFirst,
}

/// Which closed activations to list.
#[derive(Clone, Debug)]
pub struct ActivationQuery {
    /// With one of these outcomes; empty for any.
    pub outcomes: Vec<OutcomeFilter>,
    /// Of one of these agents; empty for any.
    pub agents: Vec<AgentNo>,
    /// Of this tree of work.
    pub correlation: Option<CorrelationId>,
    /// That worked on the artifact with this seq.
    pub input: Option<Seq>,
    /// With an id strictly after (or, newest first, before) this seq.
    pub cursor: Option<Seq>,
    /// Which come first, by id.
    pub direction: Direction,
    /// At most this many, and at least one.
    pub limit: u32,
}

impl Default for ActivationQuery {
    fn default() -> Self {
        Self {
            outcomes: Vec::new(),
            agents: Vec::new(),
            correlation: None,
            input: None,
            cursor: None,
            direction: Direction::OldestFirst,
            limit: 100,
        }
    }
}

/// An outcome without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeFilter {
    /// Its outputs are on the board.
    Done,
    /// It is a dead letter.
    Dead,
    /// It was cancelled.
    Cancelled,
    /// It was a dead letter, and somebody dropped it.
    Dropped,
    /// What it waited for was no longer so before it ran.
    Expired,
}

/// Some of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// The cursor of the next page; none when this is the last.
    pub next: Option<Seq>,
    /// The seq that this answer is complete to.
    pub as_of: Seq,
}
