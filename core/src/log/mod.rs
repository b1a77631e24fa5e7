//! The port to a log: the authoritative, ordered store of a board's events, with the look-ups of
//! what is closed. Backends implement [`Log`]; semantics stay in core.
//!
//! ```text
//!                 own ──► epoch n          append(epoch n, expected, previous)
//!  owner ───────────────────────────────────────────────┐
//!                                                        ▼
//!   genesis ◄─ batch 1..3 ◄─ batch 4..4 ◄─ batch 5..9 ◄─ batch 10..12        (hash chain)
//!                 │             │             │             │
//!                 └── rows ─────┴── rows ─────┴── rows ─────┘   artifacts, contents, keys, closings:
//!                     written with their batch, or not at all   looked up by id, key, query
//!
//!   snapshot @9 (a cache: any reader may delete it)        readers: any number, at their own pace
//! ```
//!
//! The numbered clauses of this contract stand in `docs/specs/log.md`; the conformance suite has a
//! case for each.

mod error;
mod query;
mod rows;
mod share;
mod told;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::Error;
pub use query::{
    ActivationQuery, ArtifactQuery, Direction, Existing, LookUp, LookedUp, OutcomeFilter, Page,
    StoredArtifact,
};
pub use rows::{ArtifactRow, ClosedActivation, ContentRow, Death, KeyRow, Outcome, Rows};
pub use share::Share;
pub use told::{Affected, NameRow, Named, OperationRow};

use crate::hash::Hash;
use crate::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Incarnation, ProcessId, Seq};
use crate::names::{BoardName, ProgramName};
use crate::record::Batch;
use crate::time::Timestamp;

/// The authoritative, ordered store of one board's events.
///
/// Clause numbers refer to `docs/specs/log.md`.
///
/// # Cancel safety
/// A caller that drops the future of [`append`](Self::append) or [`own`](Self::own) does not know
/// whether it happened and must [`own`](Self::own) again before it reads the tail. All other calls
/// only read, or write a cache, and may be dropped at any time.
#[async_trait]
pub trait Log: Send + Sync + std::fmt::Debug {
    /// What kind of log this is and what it promises. Costs nothing.
    fn describe(&self) -> Description;

    /// Who this log is and how far it goes, as of now. A reader MUST NOT take the answer for the
    /// state at any later moment.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn head(&self) -> Result<Head, Error>;

    /// Takes the board over: from the moment this returns, no append under an earlier epoch
    /// succeeds, and every earlier append either is in the head returned or never will be.
    ///
    /// # Errors
    /// [`Error::Owned`] when another live process owns the board. The same process may own again.
    async fn own(&self, claim: Claim) -> Result<Ownership, Error>;

    /// Whether this log still owns the board under this epoch, as far as that can be told without asking
    /// anybody. What a live state says is the truth only while it does. Costs next to nothing.
    ///
    /// # Errors
    /// [`Error::NotOwned`] when another process may own the board by now.
    fn confirm(&self, epoch: Epoch) -> Result<(), Error>;

    /// Does what an ownership needs to last, such as renewing it, for as long as this is polled; whoever
    /// owns a board polls it beside everything else. It ends when the ownership was lost, or the log is
    /// closed. Where an ownership lasts by itself it never ends.
    ///
    /// # Cancel safety
    /// May be dropped and called again at any time; meanwhile the ownership is not renewed.
    async fn keep(&self);

    /// Who owns the board at this moment, as far as this log can see it; none when nobody does. A
    /// hint: it may have changed when the answer arrives.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn owner(&self) -> Result<Option<Owner>, Error>;

    /// How long whoever wants the board is to wait until it looks again, because somebody owns it; none when
    /// nobody does. So it is free when the owner is dead and its time is over, or soon after it was given
    /// up, and looking costs no more than owning. A hint: it may have changed when the answer arrives.
    ///
    /// # Errors
    /// When it cannot be found out.
    async fn owned_for(&self) -> Result<Option<Duration>, Error>;

    /// Gives the board up. Idempotent; without effect when somebody else owns the board by now.
    ///
    /// # Errors
    /// When the log cannot be reached; the ownership then ends with the process.
    async fn disown(&self, epoch: Epoch) -> Result<(), Error>;

    /// Takes part in spreading boards over the live processes of a server, for as long as what this gives is
    /// held; `program` is who does, as people are told. None where boards are not spread: in memory, and in a
    /// file. Costs nothing by itself.
    fn share(&self, program: &ProgramName) -> Option<Arc<dyn Share>>;

    /// Writes a batch with its rows: durably, all or nothing, at the very end of the log. The batch
    /// must continue the log: its `first` is one above the head, its `previous` the hash of the
    /// head, its epoch the newest.
    ///
    /// # Errors
    /// [`Error::Fenced`] and [`Error::Conflict`] when it does not continue the log,
    /// [`Error::NotOwned`] when this log does not own the board under the batch's epoch or has not
    /// owned it again since an append whose outcome is unknown, [`Error::Unstorable`] when the
    /// content is refused: nothing was written. An error for which [`Error::outcome_unknown`] says
    /// so may have been written.
    async fn append(&self, append: Append) -> Result<(), Error>;

    /// Notes durably that the log does not hold any more what was durable up to a seq: whoever owns it owns it
    /// no more, and nobody does again, until a person has decided how the board goes on. Whoever calls this
    /// has seen it, under the epoch `seen`, and need not be the owner.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the log has another epoch by now: what was seen may be the past, and wants another
    /// look. Others when it cannot be noted.
    async fn mark_regressed(&self, known: Seq, seen: Epoch) -> Result<(), Error>;

    /// Batches from the one that holds `from` on, in order, at most about `bytes_max` bytes but at
    /// least one batch if there is one. Empty at the end of the log.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the log begins after `from`; otherwise when it cannot be read.
    async fn read(&self, from: Seq, bytes_max: usize) -> Result<Vec<Batch>, Error>;

    /// The seq of the last event at or before a moment of the wall clock; 0 when there is none.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn seq_at(&self, at: Timestamp) -> Result<Seq, Error>;

    /// Keeps a snapshot. A backend keeps at least the newest two and may drop older ones.
    ///
    /// # Errors
    /// [`Error::Conflict`] when no batch of the log ends at its seq with its batch hash; otherwise
    /// when it cannot be written. The log is then as it was.
    async fn put_snapshot(&self, snapshot: Snapshot) -> Result<(), Error>;

    /// The newest snapshot whose seq is at most `until`.
    ///
    /// # Errors
    /// When the log cannot be read. A damaged snapshot is skipped, not an error.
    async fn snapshot(&self, until: Seq) -> Result<Option<Snapshot>, Error>;

    /// The seqs of the snapshots that are kept, ascending, whether or not they can be read.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn snapshots(&self) -> Result<Vec<Seq>, Error>;

    /// Finds ids and keys, all as of one seq, which the answer names.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn look_up(&self, look_up: &LookUp) -> Result<LookedUp, Error>;

    /// An artifact by id, with its payload.
    ///
    /// # Errors
    /// When the log cannot be read, or the payload does not have its recorded hash.
    async fn artifact(&self, id: ArtifactId) -> Result<Option<StoredArtifact>, Error>;

    /// Artifacts by seq, with their payloads, in the order asked for; unknown seqs are left out.
    ///
    /// # Errors
    /// When the log cannot be read, or a payload does not have its recorded hash.
    async fn artifacts_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error>;

    /// Artifacts by seq as [`artifacts_at`](Self::artifacts_at) finds them, without their payloads, of
    /// which none is read: for whoever has to know what they are, and not what is in them.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn envelopes_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error>;

    /// Artifacts by what they are, as of `query.up_to`.
    ///
    /// # Errors
    /// When the log cannot be read, or a payload does not have its recorded hash.
    async fn artifacts(&self, query: &ArtifactQuery) -> Result<Page<StoredArtifact>, Error>;

    /// The bytes that lie beside the log under the seqs of these events (reports, step results),
    /// in the order asked for; those that are gone or never were are left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn contents(&self, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error>;

    /// A closed activation by id; none when it is open or never was.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn closed(&self, activation: ActivationId) -> Result<Option<ClosedActivation>, Error>;

    /// Closed activations by what became of them.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn closed_activations(
        &self,
        query: &ActivationQuery,
    ) -> Result<Page<ClosedActivation>, Error>;

    /// What is recorded of a correlation among what is closed.
    ///
    /// # Errors
    /// When the log cannot be read.
    async fn correlation(&self, correlation: CorrelationId) -> Result<ClosedWork, Error>;

    /// Lets go of files and connections. Idempotent. Dropping the log without it loses nothing.
    async fn close(&self);
}

/// What kind of log a [`Log`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The scheme of its URL.
    pub scheme: &'static str,
    /// What an acknowledged append survives.
    pub durability: Durability,
}

/// The worst failure that an acknowledged append survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// None: the log goes with the process.
    Nothing,
    /// The death of the process.
    Process,
    /// The death of the machine's operating system, or of its power.
    Host,
}

/// Who a log is and how far it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The board's name.
    pub board: BoardName,
    /// The identity that the log began with. The state knows the one that it has by now.
    pub incarnation: Incarnation,
    /// Made in development mode.
    pub dev: bool,
    /// The newest epoch that anybody has owned it under; 0 before the first.
    pub epoch: Epoch,
    /// The seq of the last event; 0 when the log is empty.
    pub seq: Seq,
    /// The hash of the last batch, or [`genesis`](crate::record::genesis).
    pub hash: Hash,
    /// The wall clock of the last batch.
    pub at: Timestamp,
    /// How far the log went before it lost its end, where somebody wrote that down and the board was not adopted
    /// since.
    pub regressed: Option<Seq>,
}

/// Who wants to own a board.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The life of the process that wants it.
    pub process: ProcessId,
    /// What the process calls itself; named to whoever is refused.
    pub program: ProgramName,
    /// Where the process answers the control API; none when it does not.
    pub endpoint: Option<String>,
}

/// A board that was taken over.
#[derive(Clone, Debug)]
pub struct Ownership {
    /// The fencing number of this ownership.
    pub epoch: Epoch,
    /// The log as it was taken over; nothing but this ownership's appends can change it.
    pub head: Head,
}

/// The owner of a board, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The operating system's number of the process; none where the backend has none.
    pub pid: Option<u32>,
    /// What it calls itself.
    pub program: String,
    /// Where it answers the control API.
    pub endpoint: Option<String>,
}

/// A batch to write, with the rows that go with it.
#[derive(Clone, Debug)]
pub struct Append {
    /// The batch; its header says what the log must look like before it.
    pub batch: Batch,
    /// What is looked up later.
    pub rows: Rows,
}

/// A stored fold of the log up to a seq: only a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event that it covers, always the last of a batch.
    pub seq: Seq,
    /// The hash of that batch.
    pub batch_hash: Hash,
    /// The hash of the bytes.
    pub state_hash: Hash,
    /// The state, canonically encoded, its format number first.
    pub bytes: Bytes,
}

/// What is recorded of a correlation among what is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosedWork {
    /// Whether any artifact of it is on the board.
    pub known: bool,
    /// How many dead letters it has left.
    pub dead: u32,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The seq that this answer is complete to.
    pub as_of: Seq,
}
