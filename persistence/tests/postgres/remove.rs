//! Removing boards that are large, and what an interrupted removal leaves.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, Row};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use artel_core::ids::Epoch;
use artel_core::log::Error;
use artel_persistence::{OpenOptions, boards, examine, mark, marked, move_aside, remove};
use artel_testkit::VirtualClock;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{NewBoard, Sample, Scribe};

use crate::place::{Place, SERVER, connect, create, new_name, sql};

/// How many rows of the boards of a schema there are.
async fn rows(schema: &str) -> i64 {
    let tables = ["batch", "artifact", "stretch", "used_key", "tag", "owner"];
    let counts = tables.map(|table| format!("(SELECT count(*) FROM {schema}.{table})"));
    sql(&format!("SELECT {}", counts.join(" + "))).await[0].get(0)
}

/// POSTGRES-8: a large board is removed some rows at a time, each in a transaction of its own; nobody owns it meanwhile. What
/// a removal left that was interrupted goes with the next one, and nothing else does.
#[tokio::test]
async fn a_large_board_is_removed_piece_by_piece() {
    let schema = new_name();
    let url = |board: &str| format!("{}?schema={schema}&board={board}", SERVER.url());
    let mut logs = Vec::new();
    for board in ["large", "left", "kept"] {
        let log = artel_persistence::open(&url(board), create(NewBoard::sample())).await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        for batch in 0..3 {
            let samples: Vec<_> = (batch * 1_000..(batch + 1) * 1_000).map(Sample::new).collect();
            scribe.publish(&samples).await;
        }
        log.disown(scribe.epoch).await.unwrap();
        logs.push((log, scribe));
    }
    sql(&format!(
        "CREATE TABLE {schema}.steps (at xid8); \
         CREATE FUNCTION {schema}.step() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO {schema}.steps VALUES (pg_current_xact_id()); RETURN NULL; END $$; \
         CREATE TRIGGER step AFTER DELETE ON {schema}.artifact \
             FOR EACH STATEMENT EXECUTE FUNCTION {schema}.step()"
    ))
    .await;
    // As where a removal was killed after its first transaction.
    sql(&format!("DELETE FROM {schema}.board WHERE key = 'left'")).await;
    let error = logs[1].0.own(claim(1, "late")).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. } | Error::Damaged { .. }), "{error:?}");
    let before = rows(&schema).await;
    remove(&url("large")).await.unwrap();
    let steps = &sql(&format!("SELECT count(*), count(DISTINCT at) FROM {schema}.steps")).await[0];
    let (steps, transactions): (i64, i64) = (steps.get(0), steps.get(1));
    assert!(steps >= 6 && transactions == steps, "{steps} steps in {transactions} transactions");
    let after = rows(&schema).await;
    assert_eq!((before, after * 3), (before, before), "one board of three is left");
    let kept = &mut logs[2];
    let own = kept.0.own(claim(1, "goes on")).await.unwrap();
    assert_eq!(own.head.seq, kept.1.seq);

    // The same where the board itself is not there any more.
    kept.0.close().await;
    sql(&format!("DELETE FROM {schema}.board WHERE key = 'kept'")).await;
    remove(&url("kept")).await.unwrap();
    assert!(matches!(remove(&url("kept")).await, Err(Error::Missing { .. })));
    assert_eq!(rows(&schema).await, 0);
}

/// Nothing that is done once waits for ever for a server that accepts a connection and says nothing.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_silent_server() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://me@{}/db", silent.local_addr().unwrap());
    let began = Instant::now();
    let errors = [
        remove(&url).await.unwrap_err(),
        move_aside(&url).await.unwrap_err(),
        boards(&url).await.unwrap_err(),
        marked(&url).await.unwrap_err(),
        mark(&url, Epoch(1), None).await.unwrap_err(),
        examine(&url, &VirtualClock::default()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), "log-unavailable", "{error:?}");
    }
    assert_eq!(began.elapsed().as_secs(), 6 * 5);
}

/// POSTGRES-23: a statement that waits for a lock is given up soon after whoever sent it has left, and keeps no connection.
#[tokio::test]
async fn a_statement_that_was_left_is_given_up() {
    let place = Place::new(NewBoard::sample()).await;
    let url = format!("{}&connections=20", place.url);
    let log = artel_persistence::open(&url, OpenOptions::existing()).await;
    let log = log.unwrap();
    let number: i32 = place.sql("SELECT BOARD").await[0].get(0);
    let mut other = connect().await;
    let lock = format!("BEGIN; SELECT FROM artel.board WHERE no = {number} FOR UPDATE");
    other.execute(AssertSqlSafe(lock)).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock' AND query LIKE 'WITH mine AS%'";
    let waiting = async || sql(waiting).await[0].get::<i64, _>(0);
    for _ in 0..3 {
        let mut own = Box::pin(log.own(claim(1, "waits")));
        while waiting().await == 0 {
            let early = timeout(Duration::from_millis(10), &mut own).await;
            assert!(early.is_err(), "{early:?}");
        }
        drop(own);
        let left = Instant::now();
        while waiting().await > 0 {}
        assert!(left.elapsed() < Duration::from_secs(20), "the server gave it up for its time");
    }
    drop(other);
    log.own(claim(1, "at last")).await.unwrap();
}
