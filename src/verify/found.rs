//! What a full check of a board counts, and what it can find.

use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, CorrelationId, Seq};
use artel_eventbus::TailError;

use crate::error::LoadError;

/// What a full check of a log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many batches were read and hashed.
    pub batches: u64,
    /// The last event.
    pub seq: Seq,
    /// The hash of the folded state.
    pub state_hash: Hash,
    /// The seq of the newest snapshot, which the fold agreed with; none without one.
    pub snapshot: Option<Seq>,
}

/// What a full check of the store beside a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedStore {
    /// How many artifacts the log records: each is in the store as it is recorded, with its payload,
    /// and is found by all that it can be asked for.
    pub artifacts: u64,
    /// How many reports and step results the log records: each is there and has the recorded hash.
    pub contents: u64,
    /// How many closed activations the log leaves: each is in the store as the log closed it, and
    /// is found by all that it can be asked for.
    pub closed: u64,
}

/// A board that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log cannot be folded from its beginning.
    #[error("the log does not verify")]
    Fold(#[source] LoadError),
    /// The log cannot be read.
    #[error("cannot read the board")]
    Read(#[source] artel_core::log::Error),
    /// The events of the log cannot be read.
    #[error("cannot read the board")]
    Tail(#[source] TailError),
    /// The log says of itself what its events do not.
    #[error("the head of the log says {what} {head}, its events say {events}")]
    Head {
        /// What differs.
        what: &'static str,
        /// What the head says.
        head: String,
        /// What the events say.
        events: String,
    },
    /// The newest snapshot is not the fold of the log.
    #[error(
        "the snapshot at seq {seq} is not the fold of the log: it has hash {recorded}, the fold \
         has {folded}; the log is the truth, so remove the snapshot"
    )]
    Snapshot {
        /// The seq of the snapshot.
        seq: Seq,
        /// What the snapshot hashes to.
        recorded: Hash,
        /// What the fold hashes to.
        folded: Hash,
    },
    /// A snapshot cannot be read.
    #[error(
        "the snapshot at seq {seq} cannot be read; the board does without it, and its next \
         snapshots replace it"
    )]
    SnapshotUnreadable {
        /// The seq of the snapshot.
        seq: Seq,
    },
    /// The store has an artifact otherwise than the log records it, or not at all.
    #[error("the artifact at seq {seq} is not in the store as the log records it: {problem}")]
    Artifact {
        /// The seq of the event that committed it.
        seq: Seq,
        /// How it shows.
        problem: String,
    },
    /// The store has a report or a step result otherwise than the log records it, or not at all.
    #[error("what lies beside the event at seq {seq} is not as the event records it: {problem}")]
    Content {
        /// The seq of the event.
        seq: Seq,
        /// How it shows.
        problem: &'static str,
    },
    /// The store has a closed activation otherwise than the log closed it, or not at all.
    #[error("activation {activation} is not in the store as the log records it: {problem}")]
    Activation {
        /// Which one.
        activation: ActivationId,
        /// How it shows.
        problem: String,
    },
    /// The store says of a tree of work what the log does not.
    #[error("the tree of work {correlation} is not in the store as the log records it: {problem}")]
    Correlation {
        /// Which one.
        correlation: CorrelationId,
        /// How it shows.
        problem: String,
    },
    /// The store has closed activations that the log does not have.
    #[error("the store has {stored} closed activations, the log has {recorded}")]
    Closed {
        /// How many the store has.
        stored: u64,
        /// How many the log has.
        recorded: u64,
    },
}
