//! Connections to the server, and how long anybody waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio::time::{Instant, timeout};

use artel_core::log::Error;

use super::error::{TimedOut, reading};
use super::handle::PostgresLog;
use super::target::Target;
use crate::connections::{Connections, unanswered};

/// How long the server works on one statement before it gives it up.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long anybody waits for an answer: the server gives up before.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// How long it may take to get a connection.
const OPENING_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without use a connection is asked whether it still answers, and how long it may take.
const ASKED_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));
/// After how many seconds without a word the server asks whether we are still there, and how often, and how
/// far apart, before it gives us up: what a lost connection holds there is free again.
const KEEPALIVE: (u32, u32, u32) = (10, 3, 5);

/// A statement that waits for a lock is given up soon after its connection was closed here, and does not keep one of
/// the connections that a user may have. Servers before version 14, and those on some systems, cannot.
const NOTICES_OUR_END: &str = "DO $$ BEGIN SET client_connection_check_interval = '2s'; \
     EXCEPTION WHEN OTHERS THEN NULL; END $$";

/// A query with what is bound to it.
pub(super) type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// What a new connection does first. All that a log asks is found through an index, however large the
/// tables are said to be: statistics are old on a board that grows, and plans are kept. What is nearly in
/// order is sorted piece by piece. What is switched off and done all the same is said to cost so much that
/// the server would compile it first, which takes longer than any listing.
pub(super) fn setup(schema: &str) -> String {
    let (idle, count, interval) = KEEPALIVE;
    format!(
        "SET search_path = \"{schema}\"; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; SET plan_cache_mode = force_generic_plan; \
         SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET enable_sort = off; SET jit = off; \
         SET client_min_messages = warning; SET tcp_keepalives_idle = {idle}; \
         SET tcp_keepalives_count = {count}; SET tcp_keepalives_interval = {interval}; \
         {NOTICES_OUR_END}",
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
fn unopened(place: &str, error: sqlx::Error) -> Error {
    reading("open", place, error)
}

/// A connection of its own, for what is done once.
pub(super) async fn connect(target: &Target) -> Result<PgConnection, sqlx::Error> {
    let connected = timeout(OPENING_TIMEOUT, target.options.connect()).await;
    connected.unwrap_or_else(|_| Err(unanswered(OPENING_TIMEOUT)))
}

/// The same, set up as those of a log are.
pub(super) async fn ready(target: &Target) -> Result<PgConnection, Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    run(&mut connection, setup(&target.schema)).await.map_err(cannot)?;
    Ok(connection)
}

/// Waits for what is done once, on a connection of its own, for as long as for any answer.
pub(super) async fn in_time<T>(
    (action, place): (&'static str, &str),
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let limit = ANSWER_TIMEOUT;
    let done = timeout(limit, work).await;
    done.unwrap_or_else(|_| Err(TimedOut { limit }.error(action, place, false)))
}

/// What connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Use {
    Reads,
    Writes,
    /// What is lost is brought again.
    WritesLazily,
}

/// Connections to a server, so many at most, for whoever reads or for whoever writes. Those that read are
/// asked whether they still answer when nobody used them for a while; those that write only where another one
/// was lost, since an append is to be one way there and back, and is given up when the ownership is over.
pub(super) fn connections(target: &Target, count: u32, how: Use) -> Connections<PgConnection> {
    let lazy = if how == Use::WritesLazily { "; SET synchronous_commit = off" } else { "" };
    let start = (format!("{}{lazy}", setup(&target.schema)), run as _);
    let options = target.options.clone();
    let connections = Connections::new(options, start, unopened, count);
    let connections = connections.opened_within(OPENING_TIMEOUT);
    let (idle, time) = ASKED_AFTER;
    connections.asked_after(if how == Use::Reads { idle } else { Duration::MAX }, time)
}

/// Runs a query to its end on one of some connections, in a limited time.
pub(super) async fn fetch_on(
    connections: &Connections<PgConnection>,
    (action, place, limit): (&'static str, &str, Duration),
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    let asked = AtomicBool::new(false);
    let fetched = async {
        let mut connection = connections.check_out(place).await?;
        asked.store(true, Ordering::Relaxed);
        // To the end of the answer: before it the server may still take back what it said.
        let rows = connection.connection().fetch_all(query).await;
        let rows = rows.map_err(|error| reading(action, place, error))?;
        connection.give_back();
        Ok(rows)
    };
    let fetched = timeout(limit, fetched).await;
    let fetched = fetched.unwrap_or_else(|_| Err(TimedOut { limit }.error(action, place, false)));
    if asked.load(Ordering::Relaxed) && matches!(fetched, Err(Error::Unavailable { .. })) {
        connections.doubt();
    }
    fetched
}

/// Runs a query to its end on a connection that writes, when nothing else is written to the board.
pub(super) async fn fetch_writing(
    log: &PostgresLog,
    (action, limit): (&'static str, Duration),
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    let began = Instant::now();
    let place = &*log.place;
    let turn = timeout(limit, log.pool.turn_to_write.acquire()).await;
    let Ok(_turn) = turn else { return Err(TimedOut { limit }.error(action, place, false)) };
    let left = limit.saturating_sub(began.elapsed());
    fetch_on(&log.pool.writers, (action, place, left), query).await
}

/// How long anybody waits for what takes a moment: the time of the ownership, and not less than this. A
/// connection that has gone silent is told from a server that is slow by nothing else.
const SOON_MIN: Duration = Duration::from_secs(5);
/// How long for what brings much, such as batches and payloads: three times that of the ownership, and not less.
const LONG_MIN: Duration = Duration::from_secs(10);

/// How long an answer may take that is a few rows found by what they are called.
pub(super) fn soon(log: &PostgresLog) -> Duration {
    log.ownership.clamp(SOON_MIN, ANSWER_TIMEOUT)
}

fn later(log: &PostgresLog) -> Duration {
    (log.ownership * 3).clamp(LONG_MIN, ANSWER_TIMEOUT)
}

/// Runs a query on a connection that reads, whose answer may be long.
pub(super) async fn fetch(log: &PostgresLog, query: Query) -> Result<Vec<PgRow>, Error> {
    fetch_on(&log.pool.readers, ("read", &log.place, later(log)), query).await
}

/// Runs a query on a connection that reads, whose answer takes a moment.
pub(super) async fn fetch_soon(log: &PostgresLog, query: Query) -> Result<Vec<PgRow>, Error> {
    fetch_on(&log.pool.readers, ("read", &log.place, soon(log)), query).await
}

/// Runs a query on a connection that reads, for which the server may have to look through much.
pub(super) async fn fetch_slowly(log: &PostgresLog, query: Query) -> Result<Vec<PgRow>, Error> {
    fetch_long(log, "read", query).await
}

/// Runs a query that may take as long as the server lets it, and leaves connections to those that take a moment.
pub(super) async fn fetch_long(
    log: &PostgresLog,
    action: &'static str,
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    let limit = ANSWER_TIMEOUT;
    let began = Instant::now();
    let Ok(_turn) = timeout(limit, log.pool.turn_to_read_slowly()).await else {
        return Err(TimedOut { limit }.error(action, &log.place, false));
    };
    let left = limit.saturating_sub(began.elapsed());
    fetch_on(&log.pool.readers, (action, &log.place, left), query).await
}

/// Runs a query on a connection that writes.
pub(super) async fn write(
    log: &PostgresLog,
    action: &'static str,
    query: Query,
) -> Result<Vec<PgRow>, Error> {
    fetch_writing(log, (action, later(log)), query).await
}
