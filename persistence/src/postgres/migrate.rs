//! The tables and functions, as steps from one schema version to the next. A released step never changes;
//! a new version is a new step at the end. The version stands in the table `migration`.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use artel_core::log::Error;

use super::error::{code, reading};

/// Step n leads from version n to version n + 1.
const STEPS: [&str; 2] = [
    concat!(include_str!("first.sql"), include_str!("views.sql")),
    // Processes that share boards; an append that costs less.
    include_str!("second.sql"),
];

/// The version that this release writes, and the newest that it reads.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// The relation is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// The version of the schema; none when nothing of it is there.
pub(super) async fn version(
    place: &str,
    connection: &mut PgConnection,
) -> Result<Option<u32>, Error> {
    let found = connection.fetch_one("SELECT coalesce(max(version), 0) FROM migration").await;
    match found {
        Err(error) if code(&error) == Some(UNDEFINED_TABLE) => {
            match hidden(place, connection).await? {
                None => Ok(None),
                Some(source) => Err(Error::Unavailable {
                    action: "open",
                    place: place.to_owned(),
                    outcome_unknown: false,
                    source: Box::new(source),
                }),
            }
        }
        Err(error) => Err(reading("open", place, error)),
        Ok(row) => {
            let version: i32 = row.try_get(0).map_err(|error| reading("open", place, error))?;
            match u32::try_from(version) {
                Ok(version @ 1..=VERSION) => Ok(Some(version)),
                Ok(version @ 1..) => {
                    Err(Error::Newer { place: place.to_owned(), version, known: VERSION })
                }
                Ok(0) | Err(_) => Err(Error::Damaged {
                    place: place.to_owned(),
                    problem: format!("its schema version is {version}"),
                }),
            }
        }
    }
}

/// The schema is there, and this user may not look into it: to them it is as if it were not.
#[derive(Debug, thiserror::Error)]
#[error(
    "the user `{user}` has no right to the schema `{schema}`; its owner can give it: GRANT USAGE ON \
     SCHEMA {schema} TO {user}, and rights to its tables"
)]
struct Hidden {
    user: String,
    schema: String,
}

async fn hidden(place: &str, connection: &mut PgConnection) -> Result<Option<Hidden>, Error> {
    let found = connection
        .fetch_optional(
            "SELECT quote_ident(current_user), quote_ident(nspname) FROM pg_namespace \
             WHERE nspname = trim('\"' FROM current_setting('search_path')) \
             AND NOT has_schema_privilege(oid, 'USAGE')",
        )
        .await;
    let cannot = |error| reading("open", place, error);
    let Some(row) = found.map_err(cannot)? else { return Ok(None) };
    let user = row.try_get(0).map_err(cannot)?;
    let schema = row.try_get(1).map_err(cannot)?;
    Ok(Some(Hidden { user, schema }))
}

/// Makes the schema, or brings it up to [`VERSION`], in one transaction, and one process at a time. The
/// connection must be closed when this fails or is given up.
pub(super) async fn migrate(
    place: &str,
    schema: &str,
    connection: &mut PgConnection,
) -> Result<(), Error> {
    let cannot = |error| reading("upgrade", place, error);
    let begin = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('artel migration {schema}', 0)); \
         CREATE SCHEMA IF NOT EXISTS \"{schema}\"; \
         CREATE TABLE IF NOT EXISTS migration \
         (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());"
    );
    connection.execute(AssertSqlSafe(begin)).await.map_err(cannot)?;
    let row = connection.fetch_one("SELECT coalesce(max(version), 0) FROM migration").await;
    let from: i32 = row.and_then(|row| row.try_get(0)).map_err(cannot)?;
    for (version, step) in (1..).zip(STEPS).skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        let sql = format!("{step}; INSERT INTO migration (version) VALUES ({version});");
        connection.execute(AssertSqlSafe(sql)).await.map_err(cannot)?;
    }
    connection.execute("COMMIT").await.map_err(cannot)?;
    Ok(())
}
