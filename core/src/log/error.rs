//! What can go wrong with a log. Callers branch on [`Error::code`], [`Error::retryable`] and
//! [`Error::outcome_unknown`], never on the text.

use crate::ids::{Epoch, Seq};
use crate::log::Owner;
use crate::record;

/// Why a log did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL does not name a log that can be opened.
    #[error("cannot open the log `{url}`: {problem}")]
    Url {
        /// What was asked for, without secrets.
        url: String,
        /// What is wrong with it, and what to write instead.
        problem: String,
    },
    /// There is no log at this place, and none was to be made.
    #[error("there is no board at `{place}`")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// What lies there is not a log of this program.
    #[error("`{place}` is not an Artel board: {problem}")]
    Foreign {
        /// Where it lies.
        place: String,
        /// How it shows.
        problem: String,
    },
    /// A later release wrote the log.
    #[error("the log at `{place}` has schema version {version}, this release reads up to {known}")]
    Newer {
        /// Where it lies.
        place: String,
        /// The version of its schema.
        version: u32,
        /// The newest version that this release reads.
        known: u32,
    },
    /// The log is damaged.
    #[error("the log at `{place}` is damaged: {problem}; restore it from a backup")]
    Damaged {
        /// Where it lies.
        place: String,
        /// How it shows.
        problem: String,
    },
    /// A batch of the log is damaged.
    #[error("the log at `{place}` is damaged; restore it from a backup")]
    Batch {
        /// Where it lies.
        place: String,
        /// What is wrong with the batch.
        #[source]
        source: record::Error,
    },
    /// Another live process owns the board.
    #[error("the board at `{place}` is owned by `{}`{}", owner.program, pid_text(owner))]
    Owned {
        /// Where it lies.
        place: String,
        /// Who owns it.
        owner: Owner,
    },
    /// The caller does not own the board under this epoch, or an append under it was given up
    /// before its outcome was known.
    #[error("epoch {epoch} does not own the board at `{place}`: own it, then read its tail")]
    NotOwned {
        /// Where it lies.
        place: String,
        /// The epoch that was named.
        epoch: Epoch,
    },
    /// The log was opened only to be read.
    #[error("cannot {action} the log at `{place}`: it was opened only to be read")]
    ReadOnly {
        /// What was attempted: "own", "keep a snapshot in".
        action: &'static str,
        /// Where it lies.
        place: String,
    },
    /// The place does not keep, or cannot keep, what a log promises.
    #[error("the log at `{place}` cannot be used: {problem}; {instead}")]
    Unfit {
        /// Where it lies.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        instead: String,
    },
    /// The board was moved away, and goes on elsewhere. What is left can still be read.
    #[error("the board at `{place}` was moved to `{to}` and goes on there")]
    Moved {
        /// Where it lay.
        place: String,
        /// Where it lies now, without secrets.
        to: String,
    },
    /// The log has lost its end, and whoever saw it wrote that down: the board does not go on before a person
    /// has decided how. What is left can still be read.
    #[error(
        "log regressed: the log at `{place}` does not hold any more what was durable up to seq {known}; \
         put the newest copy of it back, or go on with what is there (`artel board adopt`)"
    )]
    Regressed {
        /// Where it lies.
        place: String,
        /// How far it went.
        known: Seq,
    },
    /// A board is on its way to this place and not whole yet.
    #[error("the board at `{place}` is on its way from `{from}` and not whole yet")]
    Unfinished {
        /// Where it will lie.
        place: String,
        /// Where it comes from, without secrets.
        from: String,
    },
    /// Only a board that was created in development mode is moved aside.
    #[error("the board at `{place}` was not created in development mode, so it stays where it is")]
    NotDev {
        /// Where it lies.
        place: String,
    },
    /// A newer ownership exists: this owner must stop.
    #[error("epoch {epoch} was fenced off by epoch {newest}")]
    Fenced {
        /// The epoch of the append.
        epoch: Epoch,
        /// The newest epoch.
        newest: Epoch,
    },
    /// The log is not where the owner believes it to be.
    #[error(
        "the log regressed or diverged: the owner expects to continue after seq {expected}, the log ends at seq {head}"
    )]
    Conflict {
        /// The seq after which the append was to go.
        expected: Seq,
        /// The seq at which the log ends.
        head: Seq,
    },
    /// The log begins after what was asked for.
    #[error("the log is truncated at seq {base}, seq {asked} was asked for")]
    Truncated {
        /// The seq at which it begins.
        base: Seq,
        /// What was asked for.
        asked: Seq,
    },
    /// The backend refuses the content of an append.
    #[error("the log refuses to store this content")]
    Unstorable {
        /// What the backend said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The log cannot be reached or did not answer; a write may have happened.
    #[error("cannot {action} the log at `{place}`")]
    Unavailable {
        /// What was attempted: "append to", "read".
        action: &'static str,
        /// Where it lies.
        place: String,
        /// Whether a write may have happened all the same.
        outcome_unknown: bool,
        /// What the backend said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The log was closed by this process.
    #[error("the log at `{place}` is closed")]
    Closed {
        /// Where it lies.
        place: String,
    },
}

fn pid_text(owner: &Owner) -> String {
    match (owner.pid, &owner.endpoint) {
        (Some(pid), Some(at)) => format!(" (process {pid} at {at})"),
        (Some(pid), None) => format!(" (process {pid})"),
        (None, Some(at)) => format!(" (at {at})"),
        (None, None) => String::new(),
    }
}

impl Error {
    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "log-url",
            Self::Missing { .. } => "log-missing",
            Self::Foreign { .. } => "log-foreign",
            Self::Newer { .. } => "log-newer",
            Self::Damaged { .. } | Self::Batch { .. } => "log-damaged",
            Self::Owned { .. } => "log-owned",
            Self::NotOwned { .. } => "log-not-owned",
            Self::ReadOnly { .. } => "log-read-only",
            Self::Unfit { .. } => "log-unfit",
            Self::Moved { .. } => "log-moved",
            Self::Unfinished { .. } => "log-unfinished",
            Self::NotDev { .. } => "log-not-dev",
            Self::Fenced { .. } => "log-fenced",
            Self::Regressed { .. } | Self::Conflict { .. } => "log-regressed",
            Self::Truncated { .. } => "log-truncated",
            Self::Unstorable { .. } => "log-unstorable",
            Self::Unavailable { .. } => "log-unavailable",
            Self::Closed { .. } => "log-closed",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Owned { .. })
    }

    /// Whether a write may have happened although it was not acknowledged.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        matches!(self, Self::Unavailable { outcome_unknown: true, .. })
    }
}
