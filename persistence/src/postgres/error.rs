//! What an error of the server, or of the way there, means for the caller of a log.

use std::time::Duration;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use artel_core::log::Error;

/// Classes of SQLSTATE, as far as they are told apart.
mod class {
    /// What is brought cannot be stored as such.
    pub(super) const DATA: &str = "22";
    pub(super) const CONSTRAINT: &str = "23";
    pub(super) const TOO_LARGE: &str = "54";
    /// The server itself met something that cannot be.
    pub(super) const INTERNAL: &str = "XX";
}

/// A table, a function, or the schema is not there.
const UNDEFINED: [&str; 4] = ["3F000", "42P01", "42883", "42703"];
/// It is not known whether the statement was completed.
const UNKNOWN: &str = "40003";

/// An error of a call that only reads, or whose effect does not matter when it fails.
pub(super) fn reading(action: &'static str, place: &str, error: sqlx::Error) -> Error {
    classify(action, place, error, false)
}

/// An error of an append: it may have happened, unless the server says that it took the whole
/// statement back.
pub(super) fn appending(place: &str, error: sqlx::Error) -> Error {
    let Some(said) = said(&error) else { return classify("append to", place, error, true) };
    let took_back = said.severity() == PgSeverity::Error && said.code() != UNKNOWN;
    let class = said.code().get(..2).unwrap_or_default();
    if took_back && [class::DATA, class::CONSTRAINT, class::TOO_LARGE].contains(&class) {
        return Error::Unstorable { source: cause(error) };
    }
    classify("append to", place, error, !took_back)
}

/// The code of what the server said.
pub(super) fn code(error: &sqlx::Error) -> Option<&str> {
    said(error).map(PgDatabaseError::code)
}

/// Whether the server took a statement back because of this constraint.
pub(super) fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    said(error).is_some_and(|said| {
        said.severity() == PgSeverity::Error
            && said.code().starts_with(class::CONSTRAINT)
            && said.constraint() == Some(constraint)
    })
}

fn said(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn classify(action: &'static str, place: &str, error: sqlx::Error, outcome_unknown: bool) -> Error {
    let place = place.to_owned();
    let damaged = said(&error).is_some_and(|said| {
        UNDEFINED.contains(&said.code()) || said.code().starts_with(class::INTERNAL)
    });
    let undecodable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    if (damaged && !outcome_unknown) || undecodable {
        let problem = match said(&error) {
            Some(said) => said.message().to_owned(),
            None => error.to_string(),
        };
        return Error::Damaged { place, problem };
    }
    Error::Unavailable { action, place, outcome_unknown, source: cause(error) }
}

/// What the server said, without the place in its own source that said it.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
struct Said {
    message: String,
    /// The SQLSTATE.
    code: String,
}

/// What is told as the cause: not the wrapping of sqlx, which repeats what it wraps.
fn cause(error: sqlx::Error) -> Box<dyn std::error::Error + Send + Sync> {
    if let Some(said) = said(&error) {
        return Box::new(Said { message: said.message().to_owned(), code: said.code().to_owned() });
    }
    match error {
        sqlx::Error::Database(error) => error,
        sqlx::Error::Io(error) => Box::new(error),
        error => Box::new(error),
    }
}

/// The server did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the server did not answer within {limit:?}")]
pub(super) struct TimedOut {
    /// How long it had.
    pub(super) limit: Duration,
}

impl TimedOut {
    pub(super) fn error(self, action: &'static str, place: &str, outcome_unknown: bool) -> Error {
        let place = place.to_owned();
        Error::Unavailable { action, place, outcome_unknown, source: Box::new(self) }
    }
}
