//! Why a campaign cannot go on. What is wrong with a board is no error: it is in the report.

use std::io;
use std::path::PathBuf;

use artel::{OpenError, PublishError, ReadError, StartError};
use artel_core::{log, record};

/// Why a campaign cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read, written or removed.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The program could not be started, or a signal could not be sent to it.
    #[error("cannot {action} the program")]
    Process {
        /// What was attempted.
        action: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The board could not be opened.
    #[error("cannot read the board")]
    Open(#[source] Box<OpenError>),
    /// The board could not be started.
    #[error("cannot start the board")]
    Start(#[source] Box<StartError>),
    /// The board did not answer.
    #[error("cannot ask the board")]
    Ask(#[source] Box<ReadError>),
    /// A publish was refused for good.
    #[error("cannot publish")]
    Publish(#[source] Box<PublishError>),
    /// The log could not be read.
    #[error("cannot read the log")]
    Log(#[source] Box<log::Error>),
    /// A batch of the log is damaged.
    #[error("the log is damaged")]
    Batch(#[source] record::Error),
    /// The program ended otherwise than it should.
    #[error("the program {how}: {said}")]
    Ended {
        /// How it ended.
        how: String,
        /// The end of what it said.
        said: String,
    },
    /// The program did not get anywhere.
    #[error("the program did not {what} within {seconds} s: {last}")]
    Stuck {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What was seen last.
        last: String,
    },
    /// Too many of the program's runs ended before they could be killed.
    #[error("{ended} runs ended before they could be killed, {killed} kills came about")]
    TooFast {
        /// How many ended.
        ended: u64,
        /// How many kills there were.
        killed: u64,
    },
}

impl Error {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(super) fn open(source: OpenError) -> Self {
        Self::Open(Box::new(source))
    }

    pub(super) fn log(source: log::Error) -> Self {
        Self::Log(Box::new(source))
    }

    pub(super) const fn process(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Process { action, source }
    }
}
