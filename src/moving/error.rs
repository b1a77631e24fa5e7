//! What keeps a board from being moved.

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log;

use crate::error::LoadError;

/// Why a board was not moved, or not to the end. The source is as it was; what has arrived of it stays where it
/// is, and the same call goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The log that the board is moved from cannot be used. Where it is owned, its owner must stop first.
    #[error("cannot move the board from `{place}`")]
    Source {
        /// Where it lies, without secrets.
        place: String,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// The log that the board is moved to cannot be used.
    #[error("cannot move the board to `{place}`")]
    Target {
        /// Where it is to lie, without secrets.
        place: String,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// There is a board at the place already.
    #[error(
        "there is a board at `{place}` already; name another place, or remove that board first"
    )]
    Occupied {
        /// Where, without secrets.
        place: String,
    },
    /// What has arrived there belongs to another board.
    #[error(
        "another board is being moved to `{place}`; finish that, or remove with `artel board rm` what has arrived"
    )]
    Another {
        /// Where, without secrets.
        place: String,
    },
    /// The log of the source cannot be folded.
    #[error("the board at `{place}` does not verify")]
    Fold {
        /// Where it lies, without secrets.
        place: String,
        /// What is wrong with it.
        #[source]
        source: LoadError,
    },
    /// The source has beside its log not what its log records.
    #[error(
        "the {what} of seq {seq} is not beside the log as the log records it; `artel board verify` says more"
    )]
    Missing {
        /// What is not there: "artifact", "content", "closed activation".
        what: &'static str,
        /// The seq of its event.
        seq: Seq,
    },
    /// One of the logs was taken over by another process meanwhile.
    #[error("a log was taken over by another process meanwhile; give the command again")]
    Lost,
    /// What has arrived is not what was sent.
    #[error(
        "what has arrived has the {what} {arrived}, the source has {sent}; remove it and begin anew"
    )]
    Differs {
        /// What was compared: "hash of the last batch", "hash of the state".
        what: &'static str,
        /// That of the source.
        sent: Hash,
        /// That of the target.
        arrived: Hash,
    },
}

impl MoveError {
    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Source { source, .. } | Self::Target { source, .. } => source.code(),
            Self::Occupied { .. } => "move-occupied",
            Self::Another { .. } => "move-another",
            Self::Fold { .. } | Self::Missing { .. } => "log-damaged",
            Self::Lost => "log-not-owned",
            Self::Differs { .. } => "move-differs",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Source { source, .. } | Self::Target { source, .. } => source.retryable(),
            Self::Lost => true,
            Self::Occupied { .. }
            | Self::Another { .. }
            | Self::Fold { .. }
            | Self::Missing { .. }
            | Self::Differs { .. } => false,
        }
    }
}
