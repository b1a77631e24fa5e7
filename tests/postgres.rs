//! Boards on a PostgreSQL server: they go on after a restart, and have one owner, whatever happens to the
//! others.
//!
//! Not in dev/test --quick: it starts a server.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

#[cfg(test)]
mod postgres {
    mod views;
}

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use tokio::time::Instant;

use artel::{
    Artifact, Board, Context, Error, Publication, Query, Reader, Retry, Running, StartError, Status,
};
use artel_testkit::check;
use artel_testkit::servers::PostgresServer;

static SERVER: LazyLock<PostgresServer> = LazyLock::new(PostgresServer::start);
static BOARDS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    size: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Part {
    size: u32,
}

async fn part(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    match (order.size, cx.attempt().get()) {
        (13, _) => Err(Error::permanent("unlucky")),
        (_, 1) => Err(Error::transient("not at once")),
        (size, _) => Ok(Part { size }),
    }
}

/// For how many seconds a board is owned without being renewed. Long enough that a machine with much else to do
/// is not taken for one that has stopped.
const OWNED: u64 = 5;

/// The URL of a board of its own.
fn url() -> String {
    let number = BOARDS.fetch_add(1, Ordering::SeqCst);
    format!("{}?board=test-{number}&ownership={OWNED}s", SERVER.url())
}

async fn start(url: &str) -> Result<Running, StartError> {
    let board = Board::open(url).await.unwrap();
    let retry = Retry::fixed(Duration::from_millis(1));
    board.agent("part").on::<Order>().retry(retry).run(part);
    board.start().await
}

/// Makes the ownership of a board as old as if nobody had renewed it.
async fn age(url: &str) {
    let board = url.split("board=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let options: sqlx::postgres::PgConnectOptions = SERVER.url().parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let sql = "UPDATE artel.owner SET until = clock_timestamp() - interval '1 second' \
               WHERE board_no = (SELECT no FROM artel.board WHERE key = $1)";
    let aged = sqlx::query(sql).bind(board).execute(&mut connection).await.unwrap();
    assert_eq!(aged.rows_affected(), 1);
}

/// POSTGRES-1, REST-1, I1: a board works on a server, and goes on there when it is started again.
#[tokio::test]
async fn a_board_goes_on_where_it_was() {
    let url = url();
    let keyed = || Publication::new(Order { size: 1 }).idempotency_key("one");
    let running = start(&url).await.unwrap();
    let first = running.publish(keyed()).await.unwrap();
    let unlucky = running.publish(Order { size: 13 }).await.unwrap();
    assert_eq!(running.settled(first.correlation).await.unwrap(), Status::Done);
    assert_eq!(running.settled(unlucky.correlation).await.unwrap(), Status::DeadLetters(1));
    check(&running).await;
    let (before, _) = running.state_hash().await.unwrap();
    assert!(running.shutdown().await.complete);

    let reader = Reader::open(&url).await.unwrap();
    assert!(reader.state().seq() > before, "a reader needs no owner");
    let running = start(&url).await.unwrap();
    let again = running.publish(keyed()).await.unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    let second = running.publish(Order { size: 2 }).await.unwrap();
    assert_eq!(running.settled(second.correlation).await.unwrap(), Status::Done);
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.size).collect::<Vec<_>>(), [1, 2]);
    check(&running).await;
    let reader = Reader::of(running.log()).await.unwrap();
    reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    assert!(running.shutdown().await.complete);
}

/// POSTGRES-4: a board has one owner, for as long as that is alive: longer than the time for which it is
/// owned without being renewed. After a shutdown another one has it at once.
#[tokio::test]
async fn a_board_has_one_owner() {
    let url = url();
    let first = start(&url).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(OWNED) + Duration::from_millis(500) {
        let refused = start(&url).await.unwrap_err();
        assert!(refused.to_string().contains("cannot take the board over"), "{refused}");
    }
    first.publish(Order { size: 1 }).await.unwrap();
    assert!(first.shutdown().await.complete);
    assert!(start(&url).await.unwrap().shutdown().await.complete);
}

/// POSTGRES-5, OWN-5, I3: an owner whose time is over, and whose board another process has, answers neither writes
/// nor reads, and steps down; what it had is there for the other one.
#[tokio::test]
async fn a_stale_owner_steps_down() {
    let url = url();
    let first = start(&url).await.unwrap();
    let receipt = first.publish(Order { size: 1 }).await.unwrap();
    assert_eq!(first.settled(receipt.correlation).await.unwrap(), Status::Done);
    // As if it had been stopped for a while: its row is as old as that.
    age(&url).await;
    let second = start(&url).await.unwrap();
    second.publish(Order { size: 2 }).await.unwrap();
    let refused = loop {
        match first.state_hash().await {
            Err(refused) => break refused,
            Ok((seq, _)) => assert!(seq <= first.durable(), "it knows nothing of what came after"),
        }
        tokio::task::yield_now().await;
    };
    assert!(refused.to_string().contains("stopped"), "{refused}");
    let refused = first.publish(Order { size: 3 }).await.unwrap_err();
    assert_eq!(refused.code(), "stopped", "{refused}");
    drop(first);
    let orders = second.all::<Order>(Query::default()).await.unwrap();
    assert_eq!(orders.iter().map(|order| order.size).collect::<Vec<_>>(), [1, 2]);
    second.idle().await.unwrap();
    check(&second).await;
    assert!(second.shutdown().await.complete);
}
