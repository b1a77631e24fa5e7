//! Rows: what an append writes beside its batch so that it can be looked up later. They are derived
//! from the events and the contents of the commands, and never folded.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::told::{NameRow, OperationRow};
use crate::content::{Content, Value};
use crate::envelope::{Draft, Envelope, Inputs, Members};
use crate::event::DeadReason;
use crate::fingerprint::Fingerprint;
use crate::hash::{Hash, Salt};
use crate::ids::{ActivationId, AgentNo, ArtifactId, CorrelationId, Seq, SubscriptionNo};
use crate::names::{IdempotencyKey, OrderingKey};
use crate::policy::ErrorKind;
use crate::step::Step;
use crate::time::{Elapsed, Timestamp};

/// Everything that goes with one batch. Seqs are ascending in each list.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Artifacts that the batch commits.
    pub artifacts: Vec<ArtifactRow>,
    /// Step results and reports that the batch records.
    pub contents: Vec<ContentRow>,
    /// Idempotency keys that the batch uses up.
    pub keys: Vec<KeyRow>,
    /// Activations that the batch closes; a later closing of the same one replaces it.
    pub closed: Vec<ClosedActivation>,
    /// Closed activations that the batch opens again. A batch may open one again and then close
    /// it: openings come first.
    pub reopened: Vec<ActivationId>,
    /// Correlations that the batch cancels.
    pub cancelled: Vec<CorrelationId>,
    /// Names that the batch gives to numbers, for stores that people query by themselves.
    pub names: Vec<NameRow>,
    /// What operators did in the batch, for the same stores.
    pub operations: Vec<OperationRow>,
}

/// An artifact on its way into the store.
#[derive(Clone, Debug)]
pub struct ArtifactRow {
    /// The seq of the event that commits it.
    pub seq: Seq,
    /// The wall clock of that event.
    pub at: Timestamp,
    /// The envelope (and verdicts, which are not stored again).
    pub draft: Arc<Draft>,
    /// The payload, canonical JSON, with its salt.
    pub payload: Content,
    /// The value that the payload was made from, for handlers in the same process; not stored.
    pub value: Option<Value>,
}

impl ArtifactRow {
    /// The artifact without its payload.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.draft.envelope
    }
}

/// Bytes that lie beside the log under the seq of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRow {
    /// The seq of the event whose bytes they are.
    pub seq: Seq,
    /// The salt.
    pub salt: Salt,
    /// The bytes.
    pub bytes: Bytes,
}

impl ContentRow {
    /// The hash that the event holds for these bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Content::hash_of(self.salt, &self.bytes)
    }
}

/// An idempotency key that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub key: IdempotencyKey,
    /// The seq of the artifact that it stands for.
    pub seq: Seq,
    /// The id of that artifact.
    pub id: ArtifactId,
}

/// An activation that is over: all that is needed to show it or to open it again. Backends may
/// store it in postcard form behind a format number, so its fields and their order are part of a
/// stored format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedActivation {
    /// Which one.
    pub activation: ActivationId,
    /// The agent.
    pub agent: AgentNo,
    /// The subscription that was met.
    pub subscription: SubscriptionNo,
    /// What it worked on.
    pub inputs: Inputs,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// What it was ordered or counted by.
    pub key: Option<OrderingKey>,
    /// What became of it.
    pub outcome: Outcome,
    /// The seq of the event that closed it.
    pub ended: Seq,
    /// The wall clock of that event.
    pub at: Timestamp,
    /// How many attempts it had.
    pub attempts: u32,
    /// The seqs of the starts and ends of its attempts, ascending.
    pub trail: Vec<Seq>,
    /// Its recorded steps.
    pub steps: Vec<Step>,
    /// What it died of, where it is, or was, a dead letter.
    pub death: Option<Death>,
    /// The members of the group whose subscription it was, of whom any might run it.
    pub members: Members,
    /// When it might have begun at the earliest, where it ended before that.
    pub not_before: Option<Elapsed>,
}

/// What an activation died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The kind of the failure, where it was an attempt that failed.
    pub kind: Option<ErrorKind>,
    /// What it is grouped by.
    pub fingerprint: Fingerprint,
}

/// What became of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Its outputs are on the board.
    Done,
    /// It is a dead letter.
    Dead(DeadReason),
    /// It was cancelled.
    Cancelled,
    /// It was a dead letter, and somebody dropped it.
    Dropped(DeadReason),
    /// What it waited for was no longer so before it ran.
    Expired,
}
