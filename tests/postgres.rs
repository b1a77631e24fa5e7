//! Boards on a PostgreSQL server: they go on after a restart, and have one owner, whatever happens to the
//! others.
//!
//! Not in dev/test --quick: it starts a server.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

#[cfg(test)]
mod postgres {
    mod views;
}

#[path = "server/board.rs"]
mod board;
#[path = "server/policies.rs"]
mod policies;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions;

use artel_testkit::servers::PostgresServer;

static SERVER: LazyLock<PostgresServer> = LazyLock::new(PostgresServer::start);
static BOARDS: AtomicU32 = AtomicU32::new(0);

/// For how many seconds a board is owned without being renewed. Long enough that a machine with much else to do
/// is not taken for one that has stopped.
const OWNED: u64 = 5;

/// The URL of a board of its own.
fn url() -> String {
    let number = BOARDS.fetch_add(1, Ordering::SeqCst);
    format!("{}?board=test-{number}&ownership={OWNED}s", SERVER.url())
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
    board::goes_on_where_it_was(&url()).await;
}

/// POSTGRES-4: a board has one owner, for as long as that is alive.
#[tokio::test]
async fn a_board_has_one_owner() {
    board::has_one_owner(&url(), Duration::from_secs(OWNED)).await;
}

/// POSTGRES-5, OWN-5, I3: an owner whose time is over steps down.
#[tokio::test]
async fn a_stale_owner_steps_down() {
    board::steps_down_when_stale(&url(), age).await;
}

/// I2, I3, REST-1: what policies decide is stored, and goes on with the next owner.
#[tokio::test]
async fn policies_are_kept() {
    Box::pin(policies::are_kept(&url())).await;
}
