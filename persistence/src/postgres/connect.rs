//! Connections to the server, and how long anybody waits for it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::timeout;

use artel_core::log::Error;

use super::error::{TimedOut, reading};
use super::handle::PostgresLog;
use crate::connections::Connections;

/// How long the server works on one statement before it gives it up.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long anybody waits for an answer: the server gives up before.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// A query with what is bound to it.
pub(super) type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// What a new connection does first. All that a log asks is found through an index, however large the
/// tables are said to be: statistics are old on a board that grows, and plans are kept. What is nearly in
/// order is sorted piece by piece. What is switched off and done all the same is said to cost so much that
/// the server would compile it first, which takes longer than any listing.
pub(super) fn setup(schema: &str) -> String {
    format!(
        "SET search_path = \"{schema}\"; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; SET plan_cache_mode = force_generic_plan; \
         SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET enable_sort = off; SET jit = off; \
         SET client_min_messages = warning",
        STATEMENT_TIMEOUT.as_millis(),
        ANSWER_TIMEOUT.as_millis()
    )
}

/// Runs statements on a connection.
pub(super) fn run(
    connection: &mut PgConnection,
    sql: String,
) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move { connection.execute(AssertSqlSafe(sql)).await.map(drop) })
}

/// What it means that the server cannot be reached.
pub(super) fn unopened(place: &str, error: sqlx::Error) -> Error {
    reading("open", place, error)
}

/// Runs a query to its end on one of some connections, in a limited time.
pub(super) async fn fetch_on(
    connections: &Connections<PgConnection>,
    (action, place): (&'static str, &str),
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    let fetched = async {
        let mut connection = connections.check_out().await?;
        // To the end of the answer: before it the server may still take back what it said.
        let rows = connection.connection().fetch_all(query).await;
        let rows = rows.map_err(|error| reading(action, place, error))?;
        connection.give_back();
        Ok(rows)
    };
    match timeout(ANSWER_TIMEOUT, fetched).await {
        Ok(fetched) => fetched,
        Err(_) => Err(TimedOut::error(action, place, false)),
    }
}

/// Runs a query on a connection that reads.
pub(super) async fn fetch(log: &PostgresLog, query: Query) -> Result<Vec<PgRow>, Error> {
    fetch_on(&log.readers, ("read", &log.place), query).await
}

/// Runs a query on the connection that writes.
pub(super) async fn write(
    log: &PostgresLog,
    action: &'static str,
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    fetch_on(&log.writer, (action, &log.place), query).await
}
