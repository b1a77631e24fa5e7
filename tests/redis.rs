//! Boards on a Redis server: they go on after a restart, and have one owner, whatever happens to the
//! others.
//!
//! Not in dev/test --quick: it starts a server.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

#[path = "server/board.rs"]
mod board;
#[path = "server/policies.rs"]
mod policies;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::cmd;

use artel::Reader;
use artel_testkit::servers::RedisServer;

use board::{Order, start};

static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
static BOARDS: AtomicU32 = AtomicU32::new(0);

/// For how many seconds a board is owned without being renewed. Long enough that a machine with much else to do
/// is not taken for one that has stopped.
const OWNED: u64 = 5;

/// The URL of a board of its own.
fn url() -> String {
    let number = BOARDS.fetch_add(1, Ordering::SeqCst);
    format!("{}?board=test-{number}&ownership={OWNED}s", SERVER.url())
}

/// Runs a command as somebody from outside.
async fn run<T: redis::FromRedisValue>(command: &redis::Cmd) -> T {
    let client = redis::Client::open(SERVER.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

/// One of the keys of a board.
async fn key(url: &str, name: &str) -> String {
    let board = url.split("board=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let tag: String = run(cmd("GET").arg(format!("artel:board:{board}"))).await;
    format!("artel:{{{tag}}}:{name}")
}

/// Makes the ownership of a board as old as if nobody had renewed it.
async fn age(url: &str) {
    let gone: i64 = run(cmd("DEL").arg(key(url, "owner").await)).await;
    assert_eq!(gone, 1);
}

/// REDIS-1, REST-1, I1: a board works on a server, and goes on there when it is started again.
#[tokio::test]
async fn a_board_goes_on_where_it_was() {
    board::goes_on_where_it_was(&url()).await;
}

/// REDIS-4: a board has one owner, for as long as that is alive.
#[tokio::test]
async fn a_board_has_one_owner() {
    board::has_one_owner(&url(), Duration::from_secs(OWNED)).await;
}

/// REDIS-5, OWN-5, I3: an owner whose time is over steps down.
#[tokio::test]
async fn a_stale_owner_steps_down() {
    board::steps_down_when_stale(&url(), age).await;
}

/// REDIS-13: a server that comes back without the end of the log stops the board's owner, and whoever follows.
#[tokio::test]
async fn a_server_that_went_back_stops_the_board() {
    let url = url();
    let first = start(&url).await.unwrap();
    first.publish(Order { size: 1 }).await.unwrap();
    first.idle().await.unwrap();
    let mut reader = Reader::open(&url).await.unwrap();
    reader.refresh().await.unwrap();
    // The last batch was not on the disk when the server died, and is not there when it comes back.
    let (log, head) = (key(&url, "log").await, key(&url, "head").await);
    let last: Vec<(String, Vec<Vec<u8>>)> =
        run(cmd("XREVRANGE").arg(&log).arg("+").arg("-").arg("COUNT").arg(2)).await;
    let before = &last[1];
    let seq = before.0.strip_suffix("-0").unwrap();
    let (at, hash) = (before.1[1][16..24].try_into().unwrap(), before.1[1][56..].to_vec());
    run::<i64>(cmd("XDEL").arg(&log).arg(&last[0].0)).await;
    let mut back = cmd("HSET");
    back.arg(&head).arg("seq").arg(seq).arg("hash").arg(hash).arg("at").arg(i64::from_be_bytes(at));
    run::<i64>(&back).await;

    let error = reader.refresh().await.unwrap_err();
    assert!(error.to_string().contains("log regressed"), "{error}");
    let refused = first.publish(Order { size: 2 }).await.unwrap_err();
    assert!(refused.to_string().contains("log regressed"), "{refused}");
}

/// I2, I3, REST-1: what policies decide is stored, and goes on with the next owner.
#[tokio::test]
async fn policies_are_kept() {
    Box::pin(policies::are_kept(&url())).await;
}
