//! Why a run of the load generator came to nothing.

use artel::{OpenError, PublishError, ReadError, StartError, log};

use crate::error::exit;

/// Why a run of the load generator came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is something at `{place}` already, and a bench makes a board of its own")]
    Exists { place: String },
    #[error("--board names a board that is there; a bench makes its own, where --log says")]
    Board,
    #[error("cannot make the scratch board")]
    Open(#[source] Box<OpenError>),
    #[error("cannot start the scratch board")]
    Start(#[source] Box<StartError>),
    #[error("cannot publish an input")]
    Publish(#[from] PublishError),
    #[error("cannot wait for the scratch board")]
    Wait(#[from] ReadError),
    #[error("a task of the load generator ended early")]
    Task(#[from] tokio::task::JoinError),
    #[error("the scratch board was not let go of: its shutdown did not end in time")]
    Shutdown,
    #[error("cannot read back what the scratch board wrote")]
    ReadBack(#[from] log::Error),
    #[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
    #[error("cannot read back what the scratch board wrote")]
    Reopen(#[source] Box<OpenError>),
    #[error("cannot remove what the bench left at `{place}`")]
    Remove { place: String, source: std::io::Error },
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[error("cannot write the rows of the baseline")]
    Baseline(#[from] sqlx::Error),
    #[cfg(feature = "redis")]
    #[error("cannot write the entries of the baseline")]
    Entries(#[from] redis::RedisError),
    #[error("the baseline is not the same rows: {problem}")]
    Differs { problem: String },
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Start(Box::new(error))
    }
}

impl Error {
    /// The next step.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists { .. } => Some(
                "name another place, or remove what is there: a board with `artel board rm`, and the files beside one",
            ),
            Self::Board => Some("leave --board out; --log says where the scratch board lies"),
            Self::Open(_) if self.is_url() => {
                Some("write --log memory: (with the colon), or --log sqlite:PATH")
            }
            Self::Open(_) if self.is_file() => {
                Some("see whether the folder is there, and whether this user may write to it")
            }
            _ => None,
        }
    }

    /// Whether it is a file that cannot be opened.
    fn is_file(&self) -> bool {
        let Self::Open(error) = self else { return false };
        matches!(&**error, OpenError::Log { url, .. } if url.starts_with("sqlite:"))
    }

    /// Whether what --log says is no place of a log.
    fn is_url(&self) -> bool {
        let Self::Open(error) = self else { return false };
        matches!(**error, OpenError::Log { source: log::Error::Url { .. }, .. })
    }

    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Exists { .. } => exit::REFUSED,
            Self::Board => exit::USAGE,
            Self::Open(_) if self.is_url() => exit::USAGE,
            Self::Differs { .. } => exit::NO,
            _ => exit::UNREADABLE,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "bench-exists",
            Self::Board => "usage",
            Self::Open(_) if self.is_url() => "usage",
            Self::Differs { .. } => "bench-differs",
            _ => "bench",
        }
    }
}
