//! What whoever gave a command is told.

use crate::ids::{ArtifactId, CatalogueNo, CorrelationId, Seq};

/// What a board answers to a command that it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The artifacts are on the board.
    Published(Vec<Receipt>),
    /// The program's types and agents are those of the board.
    Registered(CatalogueNo),
    /// So many activations were changed.
    Changed(u32),
}

/// What a publisher gets back for an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The artifact's id.
    pub id: ArtifactId,
    /// The seq of the event that committed it.
    pub seq: Seq,
    /// The tree of work that it belongs to; for a duplicate, that of the first artifact.
    pub correlation: CorrelationId,
    /// Whether it had been there before: same id or same idempotency key, same payload.
    pub duplicate: bool,
}
