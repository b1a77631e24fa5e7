//! What an error of SQLite, of the file system or of a stored row means for the caller of a log.

use std::path::Path;

use artel_core::log::Error;

/// Primary result codes of SQLite, as far as they are told apart.
mod code {
    pub(super) const INTERNAL: i32 = 1;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const NOTADB: i32 = 26;
}

/// An error of a call that only reads, or whose effect does not matter when it fails.
pub(super) fn reading(action: &'static str, place: &str, error: sqlx::Error) -> Error {
    classify(action, place, error, false)
}

/// An error of an append: it may have happened, unless SQLite refused the statement as such.
pub(super) fn appending(place: &str, error: sqlx::Error) -> Error {
    match primary(&error) {
        Some(code::TOOBIG | code::CONSTRAINT | code::MISMATCH) => {
            Error::Unstorable { source: cause(error) }
        }
        Some(code::BUSY | code::LOCKED | code::READONLY | code::CANTOPEN) => {
            classify("append to", place, error, false)
        }
        _ => classify("append to", place, error, true),
    }
}

/// An error of the file system.
pub(super) fn io(action: &'static str, path: &Path, error: std::io::Error) -> Error {
    let place = path.display().to_string();
    Error::Unavailable { action, place, outcome_unknown: false, source: Box::new(error) }
}

/// What a constraint or a `RAISE` of an append said.
pub(super) fn refusal(error: &sqlx::Error) -> Option<&str> {
    let database = error.as_database_error()?;
    (primary(error) == Some(code::CONSTRAINT)).then(|| database.message())
}

/// Whether SQLite says that a file is none of its own.
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    primary(error) == Some(code::NOTADB)
}

fn classify(action: &'static str, place: &str, error: sqlx::Error, outcome_unknown: bool) -> Error {
    let place = place.to_owned();
    let damaged = matches!(primary(&error), Some(code::INTERNAL | code::CORRUPT | code::NOTADB));
    let undecodable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    if (damaged && !outcome_unknown) || undecodable {
        return Error::Damaged { place, problem: text(&error) };
    }
    let forbidden = primary(&error) == Some(code::READONLY);
    let cause = cause(error);
    let source = if forbidden { Box::new(Forbidden(cause)) } else { cause };
    Error::Unavailable { action, place, outcome_unknown, source }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// SQLite's own words for this do not tell that a read has to write as well.
#[derive(Debug, thiserror::Error)]
#[error("SQLite may not write to the file or beside it, which it does also to read")]
struct Forbidden(#[source] Cause);

/// What is told as the cause: not the wrapping of sqlx, which repeats what it wraps.
fn cause(error: sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Database(error) => error,
        sqlx::Error::Io(error) => Box::new(error),
        error => Box::new(error),
    }
}

fn text(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// The result code without its extension.
fn primary(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{ConnectOptions, Executor};

    use super::*;

    /// An error and its causes, as a person reads them.
    fn told(error: &Error) -> Vec<String> {
        let mut told = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            told.push(error.to_string());
            cause = error.source();
        }
        told
    }

    async fn empty() -> SqliteConnection {
        SqliteConnectOptions::new().in_memory(true).connect().await.unwrap()
    }

    #[tokio::test]
    async fn each_cause_is_told_once() {
        let error = empty().await.execute("SELECT 1 FROM nowhere").await.unwrap_err();
        let error = appending("x.db", error);
        assert_eq!(
            told(&error),
            ["cannot append to the log at `x.db`", "(code: 1) no such table: nowhere"]
        );
        let error = reading("read", "x.db", sqlx::Error::Io(std::io::Error::other("no disk")));
        assert_eq!(told(&error), ["cannot read the log at `x.db`", "no disk"]);
        let error = empty().await.execute("SELECT zeroblob(9999999999)").await.unwrap_err();
        let error = appending("x.db", error);
        assert_eq!(
            told(&error),
            ["the log refuses to store this content", "(code: 18) string or blob too big"]
        );
    }

    #[tokio::test]
    async fn a_lack_of_permission_is_named() {
        let sql = "PRAGMA query_only = 1; CREATE TABLE t (x)";
        let error = empty().await.execute(sql).await.unwrap_err();
        let error = reading("read", "x.db", error);
        assert_eq!(
            told(&error),
            [
                "cannot read the log at `x.db`",
                "SQLite may not write to the file or beside it, which it does also to read",
                "(code: 8) attempt to write a readonly database"
            ]
        );
    }
}
