//! What a board that nobody does anything with costs its server: the renewals of its ownership, and nothing
//! else.
//!
//! Not in dev/test --quick: it starts servers, and watches them for a quarter of a minute. dev/nightly gives it
//! `ARTEL_IDLE_SECONDS`, for which it watches boards with the default ownership.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::{Artifact, Board, Context, Error, Running};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    size: u32,
}

/// How long a server is watched at least, and the time for which boards are owned without being renewed:
/// renewals come after a third of it.
#[derive(Clone, Copy)]
struct Length {
    watched: Duration,
    ownership: Duration,
}

/// A few seconds of a short ownership; or as many as the environment says, of the ownership that boards have by
/// default.
#[expect(clippy::disallowed_methods, reason = "nobody configures a test otherwise")]
fn length() -> Length {
    let seconds = |seconds| Duration::from_secs(seconds);
    let Ok(watched) = std::env::var("ARTEL_IDLE_SECONDS") else {
        return Length { watched: seconds(5), ownership: seconds(1) };
    };
    Length { watched: seconds(watched.parse().unwrap()), ownership: seconds(10) }
}

/// What an idle board may cost beside its renewals.
const BESIDE: u64 = 2;

async fn work(_: Context, _: Arc<Order>) -> Result<(), Error> {
    Ok(())
}

/// So many boards at a place, each of which has done something.
async fn boards(place: &str, count: u32) -> Vec<Running> {
    let mut all = Vec::new();
    let ownership = length().ownership.as_secs();
    for number in 0..count {
        let url = format!("{place}?board=b{number}&ownership={ownership}s");
        let board = Board::open(url).await.unwrap();
        board.agent("work").on::<Order>().run(work);
        let running = board.start().await.unwrap();
        let receipt = running.publish(Order { size: number }).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        all.push(running);
    }
    all
}

/// What renewals there may be in a time: one after each third of an ownership.
fn renewals(time: Duration) -> u64 {
    (time.as_secs_f64() / (length().ownership / 3).as_secs_f64()).ceil() as u64
}

#[cfg(test)]
mod postgres {
    use std::time::Duration;

    use sqlx::postgres::{PgConnectOptions, PgConnection};
    use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

    use artel::Running;
    use artel_testkit::servers::PostgresServer;

    use super::{BESIDE, length, renewals};

    /// After this time a connection of the server's has told what it did, however idle it is.
    const TOLD: Duration = Duration::from_secs(12);

    async fn connect(server: &PostgresServer) -> PgConnection {
        server.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap()
    }

    /// So many boards in a database of their own, each of which has done something.
    async fn boards(server: &PostgresServer, database: &str, count: u32) -> Vec<Running> {
        let create = format!("CREATE DATABASE {database}");
        connect(server).await.execute(AssertSqlSafe(create)).await.unwrap();
        let place = server
            .url()
            .rsplit_once('/')
            .map(|(server, _)| format!("{server}/{database}"))
            .unwrap();
        super::boards(&place, count).await
    }

    /// The server's clock, and how many transactions each database has had, as far as its connections have
    /// told. It is asked from a third database, and takes its time, so as not to take that of others.
    async fn look(connection: &mut PgConnection) -> (Duration, [u64; 2]) {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::float8, \
             (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'one'), \
             (SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'many') \
             FROM (SELECT pg_sleep(0.02)) AS a_moment";
        let row = connection.fetch_one(sql).await.unwrap();
        let count = |column: usize| u64::try_from(row.get::<i64, _>(column)).unwrap();
        (Duration::from_secs_f64(row.get(0)), [count(1), count(2)])
    }

    /// Looks until a moment of the server's clock, and then until the count of a database rises: whoever
    /// renews has just told all that it did.
    async fn rise(connection: &mut PgConnection, from: Duration, which: usize) -> (Duration, u64) {
        let mut before = None;
        loop {
            let (now, counts) = look(connection).await;
            if now >= from {
                let count = counts[which];
                if before.is_some_and(|before| before < count) {
                    return (now, count);
                }
                before = Some(count);
            }
            tokio::task::yield_now().await;
        }
    }

    /// How many transactions a database has had in a while, in which it had no more than renewals.
    async fn watch(server: &PostgresServer, idle: Duration, which: usize) -> u64 {
        let mut connection = connect(server).await;
        let (began, before) = rise(&mut connection, idle + TOLD, which).await;
        let (ended, after) = rise(&mut connection, began + length().watched, which).await;
        let (made, time) = (after - before, ended - began);
        let renewals = renewals(time);
        let told =
            format!("{made} transactions in {time:?}, in which there are {renewals} renewals");
        assert!(made <= renewals + BESIDE, "{told}");
        assert!(made >= renewals / 2, "the renewals are not counted: {told}");
        made
    }

    /// POSTGRES-10, POSTGRES-31: an idle board makes no transaction but the renewals of its ownership, and twenty
    /// boards of a process make as many as one.
    #[tokio::test]
    async fn idle_boards_cost_their_renewals() {
        let server = PostgresServer::start();
        // What the server does by itself has transactions too.
        let mut connection = connect(&server).await;
        connection.execute("ALTER SYSTEM SET autovacuum = off").await.unwrap();
        connection.execute("SELECT pg_reload_conf()").await.unwrap();
        let (one, many) = (boards(&server, "one", 1).await, boards(&server, "many", 20).await);
        let (idle, _) = look(&mut connection).await;
        let made = tokio::join!(watch(&server, idle, 0), watch(&server, idle, 1));
        let made = [made.0, made.1];
        assert!(made[1] <= made[0] + BESIDE * 2, "one board made {}, twenty {}", made[0], made[1]);
        for running in one.into_iter().chain(many) {
            assert!(running.shutdown().await.complete);
        }
    }
}

#[cfg(test)]
mod redis {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use redis::aio::MultiplexedConnection;
    use redis::{Cmd, FromRedisValue, cmd};

    use artel_testkit::servers::RedisServer;

    use super::{BESIDE, length, renewals};

    /// For how long a board that has done something may do the rest of it.
    const SETTLES: Duration = Duration::from_secs(3);
    /// The script that renews ownerships, what it calls for each board, and what this test asks.
    const SCRIPT: &str = "evalsha";
    const IN_SCRIPT: [&str; 2] = ["hget", "pexpire"];
    const ASKED_HERE: [&str; 3] = ["info", "time", "blpop"];

    type Counts = BTreeMap<String, u64>;

    async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, command: &Cmd) -> T {
        command.query_async(connection).await.unwrap()
    }

    /// The server's clock, and how often each command was called.
    async fn look(connection: &mut MultiplexedConnection) -> (Duration, Counts) {
        let (seconds, micros): (u64, u64) = ask(connection, &cmd("TIME")).await;
        let told: String = ask(connection, cmd("INFO").arg("commandstats")).await;
        let counts = told.lines().filter_map(|line| {
            let (name, told) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = told.strip_prefix("calls=")?.split(',').next()?.parse().ok()?;
            Some((name.to_owned(), calls))
        });
        (Duration::from_secs(seconds) + Duration::from_micros(micros), counts.collect())
    }

    /// Looks again when so much of the server's time is over.
    async fn look_after(
        time: Duration,
        connection: &mut MultiplexedConnection,
    ) -> (Duration, Counts) {
        let (began, _) = look(connection).await;
        loop {
            // It takes its time, so as not to take that of others.
            let mut pause = cmd("BLPOP");
            pause.arg("nothing").arg("0.05");
            let _: Option<(String, String)> = ask(connection, &pause).await;
            let (now, counts) = look(connection).await;
            if now - began >= time {
                return (now, counts);
            }
        }
    }

    /// What was called how often in a while, on a server with so many boards on which nothing happens.
    async fn watch(count: u32) -> u64 {
        let server = RedisServer::start();
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let boards = super::boards(&server.url(), count).await;
        let (began, before) = look_after(SETTLES, &mut connection).await;
        let (ended, mut after) = look_after(length().watched, &mut connection).await;
        for (name, calls) in before {
            *after.get_mut(&name).unwrap() -= calls;
        }
        let renewals = renewals(ended - began);
        let made = after[SCRIPT];
        let told = format!("{after:?}, in which there are {renewals} renewals of {count} boards");
        for name in IN_SCRIPT {
            assert_eq!(after.remove(name), Some(made * u64::from(count)), "{name}: {told}");
        }
        after.retain(|name, _| !ASKED_HERE.contains(&name.as_str()));
        let all: u64 = after.values().sum();
        assert!(all <= renewals + BESIDE, "{told}");
        assert!(made >= renewals / 2, "the renewals are not counted: {told}");
        for running in boards {
            assert!(running.shutdown().await.complete);
        }
        all
    }

    /// REDIS-10, REDIS-17: an idle board makes no call but the renewals of its ownership, and twenty boards of a
    /// process make as many as one.
    #[tokio::test]
    async fn idle_boards_cost_their_renewals() {
        let (one, many) = tokio::join!(watch(1), watch(20));
        assert!(many <= one + BESIDE * 2, "one board made {one}, twenty {many}");
    }
}
