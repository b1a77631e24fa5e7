//! What can go wrong at the handle. Each error answers `code()` and `retryable()`.

use std::sync::Arc;

use artel_core::artifact::ErasedArtifact;
use artel_core::command::Rejection;
use artel_core::ids::{ActivationId, ArtifactId};
use artel_core::policy::limits;
use artel_core::{log, names};
use artel_persistence::without_secrets;

use crate::committer::Failure;
pub use crate::committer::{LoadError, TakeOverError};

/// A board that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log cannot be opened.
    #[error("cannot open the board{}", unless_named(url, source))]
    Log {
        /// What was asked for, without secrets.
        url: String,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// A name is not allowed.
    #[error("cannot open the board `{url}`")]
    Name {
        /// What was asked for, without secrets.
        url: String,
        /// What is wrong with the name.
        #[source]
        source: names::Error,
    },
    /// The log cannot be folded.
    #[error("cannot read the board `{url}`")]
    Load {
        /// What was asked for, without secrets.
        url: String,
        /// Where folding ended.
        #[source]
        source: LoadError,
    },
    /// The limit on payloads is too high.
    #[error("the payload limit is {asked} bytes, at most {} are allowed", limits::PAYLOAD_LEN_MAX)]
    PayloadLimit {
        /// What was asked for.
        asked: usize,
    },
}

/// The URL, unless the log that could not be opened names it.
fn unless_named(url: &str, source: &log::Error) -> String {
    match source {
        log::Error::Url { .. } => String::new(),
        _ => format!(" `{url}`"),
    }
}

impl OpenError {
    pub(crate) fn log(url: &str, source: log::Error) -> Self {
        Self::Log { url: without_secrets(url), source }
    }

    pub(crate) fn name(url: &str, source: names::Error) -> Self {
        Self::Name { url: without_secrets(url), source }
    }

    pub(crate) fn load(url: &str, source: LoadError) -> Self {
        Self::Load { url: without_secrets(url), source }
    }
}

/// A board that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Agents were declared wrongly.
    #[error("{}", problems.join("\n"))]
    Agents {
        /// What is wrong, all of it; the error's text has one a line.
        problems: Vec<String>,
    },
    /// The board cannot be taken over.
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    /// The board refuses the program's types or agents.
    #[error("the board refuses this program")]
    Refused(#[source] Rejection),
    /// The schema of a type was changed. The text has every difference and the ways out, over
    /// several lines.
    #[error("the board refuses this program: {}", .0.report())]
    SchemaChanged(artel_core::schema::Changed),
    /// The board has an older version of a type, and the program cannot read that. The text has every
    /// difference, the beginning of an upcaster, and the other ways out, over several lines.
    #[error("the board refuses this program: {}", .0.report())]
    NoUpcaster(artel_core::schema::NoUpcaster),
    /// The schema of a type was changed, and in development mode the board could not be moved
    /// aside.
    #[error("{refused}\ncannot move the board aside")]
    MoveAside {
        /// Why the board refuses the program.
        refused: Box<Self>,
        /// Why the board stays.
        #[source]
        source: log::Error,
    },
    /// Another process took the board over while it was starting.
    #[error("another process took the board over while it was starting: {0}")]
    Lost(Arc<str>),
    /// The board stopped while it was starting.
    #[error("the board stopped while it was starting: {0}")]
    Stopped(Arc<str>),
}

/// Artifacts that were not published. Nothing was written, unless the error says that this is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The type is not registered on the board.
    #[error(
        "the type `{type_name}` is not registered on this board; subscribe an agent to it, name it \
         with `publishes`, or declare it with `board.type_of`"
    )]
    UnknownType {
        /// The name of the type.
        type_name: String,
    },
    /// The value is of another version of its type than the one that the board has from this program.
    #[error(
        "a `{type_name}` of version {version} cannot be published: the version of this board is \
         {current}"
    )]
    OtherVersion {
        /// The name of the type.
        type_name: String,
        /// The version of the value.
        version: u32,
        /// The newest version on the board.
        current: u32,
    },
    /// The payload has no canonical form, or its schema refuses it.
    #[error("the payload of `{type_name}` is refused")]
    Payload {
        /// The name of the type.
        type_name: String,
        /// Where, and why.
        #[source]
        source: artel_core::artifact::PayloadError,
    },
    /// A tag or key is not allowed.
    #[error("an artifact of type `{type_name}` is refused")]
    Name {
        /// The name of the type.
        type_name: String,
        /// What is wrong.
        #[source]
        source: names::Error,
    },
    /// A number exceeds its limit.
    #[error("{what} is {value}, the limit is {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        value: u64,
        /// How large it may be.
        limit: u64,
    },
    /// There was no room on the agenda until the deadline.
    #[error("busy; try again in a second")]
    Busy {
        /// What is full.
        #[source]
        source: Rejection,
    },
    /// The board refuses the artifacts.
    #[error(transparent)]
    Rejected(Rejection),
    /// The store could not be asked whether the ids and keys are new.
    #[error("cannot look up the ids and keys of a publish")]
    LookUp(#[source] log::Error),
    /// The log refuses to store an artifact.
    #[error("the log refuses to store the artifact")]
    Unstorable(#[source] Arc<log::Error>),
    /// The board did not answer in time; whether the artifacts are on the board is unknown. Publish
    /// the same ids or keys again to find out.
    #[error("unavailable: the board did not answer within {0:?}")]
    Unavailable(std::time::Duration),
    /// The board stopped while the artifacts were being written; whether they are on the board is
    /// unknown. Start it, and publish the same ids or keys again to find out.
    #[error("the board stopped while the artifacts were being written, which they may be: {0}")]
    Interrupted(Arc<str>),
    /// The board is stopped.
    #[error("the board is stopped: {0}")]
    Stopped(Arc<str>),
}

impl PublishError {
    pub(crate) fn unknown(value: &dyn ErasedArtifact) -> Self {
        Self::UnknownType { type_name: value.type_name().to_owned() }
    }

    pub(crate) fn payload(
        value: &dyn ErasedArtifact,
        source: artel_core::artifact::PayloadError,
    ) -> Self {
        Self::Payload { type_name: value.type_name().to_owned(), source }
    }

    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownType { .. } => "unknown-type",
            Self::OtherVersion { .. } => "other-version",
            Self::Payload { .. } => "payload",
            Self::Name { .. } => "name",
            Self::Limit { .. } => "limit",
            Self::Busy { .. } => "busy",
            Self::Rejected(rejection) => rejection.code(),
            Self::LookUp(source) => source.code(),
            Self::Unstorable(_) => "unstorable",
            Self::Unavailable(_) => "unavailable",
            Self::Interrupted(_) => "interrupted",
            Self::Stopped(_) => "stopped",
        }
    }

    /// Whether the same publish may succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Unavailable(_) | Self::Interrupted(_) => true,
            Self::LookUp(source) => source.retryable(),
            Self::Rejected(rejection) => rejection.retryable(),
            Self::UnknownType { .. }
            | Self::OtherVersion { .. }
            | Self::Payload { .. }
            | Self::Name { .. }
            | Self::Limit { .. }
            | Self::Unstorable(_)
            | Self::Stopped(_) => false,
        }
    }
}

impl From<Failure> for PublishError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::Rejected(rejection),
            Failure::Unstorable(source) => Self::Unstorable(source),
            Failure::Timeout(patience) => Self::Unavailable(patience),
            Failure::Interrupted(why) => Self::Interrupted(why),
            Failure::Stopped(why) => Self::Stopped(why),
        }
    }
}

/// A question that a board could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log cannot be read.
    #[error("cannot read the board")]
    Log(#[source] log::Error),
    /// A type or agent that the board does not know was asked for.
    #[error("the board has no {what} `{name}`")]
    Unknown {
        /// "type", "agent", "queue" or "artifact with the tag".
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A payload is not of the type that was asked for.
    #[error("artifact {id} cannot be decoded")]
    Decode {
        /// Which artifact.
        id: ArtifactId,
        /// What the decoder said.
        #[source]
        source: serde_json::Error,
    },
    /// A payload of another version did not become one of the version that was asked for.
    #[error("artifact {id} cannot be upcast")]
    Upcast {
        /// Which artifact.
        id: ArtifactId,
        /// Its type, the versions, and what went wrong.
        #[source]
        source: Box<artel_core::artifact::UpcastError>,
    },
    /// The payload of an artifact was removed.
    #[error("the payload of artifact {0} was removed")]
    Removed(ArtifactId),
    /// What is not an artifact of the type that was asked for.
    #[error("artifact {id} is of type `{found}`, `{wanted}` was asked for")]
    OtherType {
        /// Which artifact.
        id: ArtifactId,
        /// Its type.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// The events of the board cannot be read.
    #[error(transparent)]
    Tail(artel_eventbus::TailError),
    /// The board, or its log, did not answer in time.
    #[error("unavailable: the board did not answer within {0:?}")]
    Unavailable(std::time::Duration),
    /// The board is stopped.
    #[error("the board is stopped: {0}")]
    Stopped(Arc<str>),
}

impl ReadError {
    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Log(source) => source.code(),
            Self::Unknown { .. } => "unknown-name",
            Self::Decode { .. } => "decode",
            Self::Upcast { source, .. } => source.code(),
            Self::Removed(_) => "payload-removed",
            Self::OtherType { .. } => "other-type",
            Self::Tail(source) => match source {
                artel_eventbus::TailError::Read { source, .. } => source.code(),
                artel_eventbus::TailError::Regressed { .. } => "log-regressed",
                _ => "damaged",
            },
            Self::Unavailable(_) => "unavailable",
            Self::Stopped(_) => "stopped",
        }
    }

    /// Whether the same question may be answered later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Log(source) | Self::Tail(artel_eventbus::TailError::Read { source, .. }) => {
                source.retryable()
            }
            Self::Unavailable(_) => true,
            Self::Unknown { .. }
            | Self::Tail(_)
            | Self::Decode { .. }
            | Self::Upcast { .. }
            | Self::Removed(_)
            | Self::OtherType { .. }
            | Self::Stopped(_) => false,
        }
    }
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Timeout(patience) => Self::Unavailable(patience),
            other => Self::Stopped(other.to_string().into()),
        }
    }
}

/// An operator's command that was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// An activation does not exist, or is not what the command needs.
    #[error("there is no dead letter {0}; `artel dlq ls` lists those there are")]
    NoDeadLetter(ActivationId),
    /// An agent or a dependency that the board does not know was asked for.
    #[error("the board has no {what} `{name}`")]
    Unknown {
        /// "agent", "queue" or "dependency".
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The store could not be asked.
    #[error("cannot look the dead letters up")]
    LookUp(#[source] log::Error),
    /// The board refuses the command.
    #[error(transparent)]
    Rejected(Rejection),
    /// The name of a step is not allowed.
    #[error("cannot settle a step")]
    StepName(#[source] names::Error),
    /// The result of a step has no canonical form.
    #[error("the result of step `{step}` is refused")]
    StepResult {
        /// The step.
        step: String,
        /// Why.
        #[source]
        source: artel_core::canonical::Error,
    },
    /// The result of a step is too long.
    #[error("the result of step `{step}` has {len} bytes, the limit is {len_max}")]
    StepResultLen {
        /// The step.
        step: String,
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        len_max: usize,
    },
    /// The operator's name or reason is not allowed.
    #[error("an operator's command needs a name and a reason")]
    Operator(#[source] names::Error),
    /// Some dead letters were changed, and then something went wrong.
    #[error("{changed} dead letters were changed, up to {last}, and the others are as they were")]
    Partly {
        /// How many were changed.
        changed: u64,
        /// The last one that was looked at; whoever goes on begins behind it.
        last: ActivationId,
        /// What went wrong.
        #[source]
        source: Box<Self>,
    },
    /// The board did not answer in time.
    #[error("unavailable: the board did not answer within {0:?}")]
    Unavailable(std::time::Duration),
    /// The board stopped while the command was being written; whether it was is unknown.
    #[error("the board stopped while the command was being written, which it may be: {0}")]
    Interrupted(Arc<str>),
    /// The board is stopped.
    #[error("the board is stopped: {0}")]
    Stopped(Arc<str>),
}

impl OperateError {
    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoDeadLetter(_) => "no-dead-letter",
            Self::Unknown { .. } => "unknown-name",
            Self::LookUp(source) => source.code(),
            Self::Rejected(rejection) => rejection.code(),
            Self::Operator(_) | Self::StepName(_) => "name",
            Self::StepResult { .. } => "payload",
            Self::StepResultLen { .. } => "limit",
            Self::Partly { source, .. } => source.code(),
            Self::Unavailable(_) => "unavailable",
            Self::Interrupted(_) => "interrupted",
            Self::Stopped(_) => "stopped",
        }
    }

    /// Whether the same command may be carried out later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::LookUp(source) => source.retryable(),
            Self::Rejected(rejection) => rejection.retryable(),
            Self::Partly { source, .. } => source.retryable(),
            Self::Unavailable(_) | Self::Interrupted(_) => true,
            Self::NoDeadLetter(_)
            | Self::Unknown { .. }
            | Self::Operator(_)
            | Self::StepName(_)
            | Self::StepResult { .. }
            | Self::StepResultLen { .. }
            | Self::Stopped(_) => false,
        }
    }
}

impl From<Failure> for OperateError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::Rejected(rejection),
            Failure::Unstorable(_) => Self::Stopped("the log refuses to store it".into()),
            Failure::Timeout(patience) => Self::Unavailable(patience),
            Failure::Interrupted(why) => Self::Interrupted(why),
            Failure::Stopped(why) => Self::Stopped(why),
        }
    }
}
