//! What an error of the server, or of the way there, means for the caller of a log.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

use artel_core::log::Error;

/// With these the server says that it did not begin with what it was asked.
const NOT_BEGUN: [&str; 14] = [
    "BUSY",
    "CLUSTERDOWN",
    "EXECABORT",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "NOREPLICAS",
    "NOSCRIPT",
    "OOM",
    "READONLY",
    "TRYAGAIN",
];

/// An error of a call that only reads, or whose effect does not matter when it fails.
pub(super) fn reading(action: &'static str, place: &str, error: RedisError) -> Error {
    let place = place.to_owned();
    let source: Box<dyn std::error::Error + Send + Sync> = match error.kind() {
        ErrorKind::UnexpectedReturnType => {
            return Error::Damaged { place, problem: error.to_string() };
        }
        ErrorKind::Parse => Box::new(NotRedis),
        _ => Box::new(Said(error)),
    };
    Error::Unavailable { action, place, outcome_unknown: false, source }
}

/// What the server said, or what was met on the way to it. The error that it is repeats its own cause.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(pub(super) RedisError);

/// What answers is something else.
#[derive(Debug, thiserror::Error)]
#[error("what answers there does not speak the protocol of Redis")]
struct NotRedis;

/// An error of an append: it may have happened, unless the server says that it did not begin with it.
pub(super) fn appending(place: &str, error: RedisError) -> Error {
    let not_begun = error.code().is_some_and(|code| NOT_BEGUN.contains(&code));
    Error::Unavailable {
        action: "append to",
        place: place.to_owned(),
        outcome_unknown: !not_begun,
        source: Box::new(Said(error)),
    }
}

/// The server did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the server did not answer within {0:?}")]
pub(super) struct TimedOut(Duration);

impl TimedOut {
    pub(super) fn error(action: &'static str, place: &str, limit: Duration) -> Error {
        let (place, source) = (place.to_owned(), Box::new(Self(limit)));
        Error::Unavailable { action, place, outcome_unknown: false, source }
    }
}

/// Fewer replicas than were asked for have what was appended.
#[derive(Debug, thiserror::Error)]
#[error("{found} replicas have it, {wanted} were asked for")]
pub(super) struct TooFewReplicas {
    pub(super) found: i64,
    pub(super) wanted: u32,
}
