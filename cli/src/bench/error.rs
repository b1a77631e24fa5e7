//! Why a run of the load generator came to nothing.

use artel::{PublishError, ReadError, StartError, log};

use crate::error::exit;

/// Why a run of the load generator came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is something at `{place}` already, and a bench makes a board of its own")]
    Exists { place: String },
    #[error("--board names a board that is there; a bench makes its own, where --log says")]
    Board,
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
    #[cfg(feature = "sqlite")]
    #[error("cannot read back what the scratch board wrote")]
    Reopen(#[source] Box<artel::OpenError>),
    #[error("cannot remove what the bench left at `{place}`")]
    Remove { place: String, source: std::io::Error },
    #[cfg(feature = "sqlite")]
    #[error("cannot write the rows of the baseline")]
    Baseline(#[from] sqlx::Error),
    #[error("the baseline is not the same rows: {problem}")]
    Differs { problem: String },
}

impl From<StartError> for Error {
    fn from(error: StartError) -> Self {
        Self::Start(Box::new(error))
    }
}

impl Error {
    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::Exists { .. } => exit::REFUSED,
            Self::Board => exit::USAGE,
            Self::Differs { .. } => exit::NO,
            _ => exit::UNREADABLE,
        }
    }

    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "bench-exists",
            Self::Board => "usage",
            Self::Differs { .. } => "bench-differs",
            _ => "bench",
        }
    }
}
