//! Boards that are moved between files and servers of either kind.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]
#![expect(clippy::panic, reason = "test code: a failed expectation is a failed test")]

#[path = "moving/board.rs"]
mod board;

use std::time::Duration;

use artel::{Board, Reader, move_board};
use artel_testkit::servers::{Kind, Server};

use board::{Files, begin, goes_on, identity, make, refusal, says_moved};

/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// MOVE-1, MOVE-3, MOVE-4, OWN-6: a board goes from a file to PostgreSQL, to Redis, to PostgreSQL again and back into
/// a file. Each move is cut off, and the next one waits until the ownerships of that are over, and goes on with it;
/// the board is what it was everywhere, and whoever stood by for it where it was waits no longer.
#[tokio::test]
async fn a_board_goes_from_server_to_server() {
    let (redis, postgres) = (Server::start(Kind::Redis), Server::start(Kind::Postgres));
    let files = Files::new();
    let on = |server: &Server, board: &str| format!("{}?board={board}&ownership=1s", server.url());
    let places = [
        files.url("a.db"),
        on(&postgres, "orders"),
        on(&redis, "orders"),
        on(&postgres, "again"),
        files.url("b.db"),
    ];
    make(&places[0]).await;
    let before = identity(&places[0]).await;
    for pair in places.windows(2) {
        let [from, to] = pair else { unreachable!("windows of two") };
        let stands_by = Board::open(from).await.unwrap();
        for _ in 0..2 {
            begin(from, to, 20).await;
            assert_eq!(refusal(to).await, "log-unfinished", "{to}");
        }
        let moved = move_board(from, to, |_, _| {}).await.unwrap();
        assert!(moved.from.get() >= 40, "{moved:?}");
        assert_eq!(moved.state_hash.to_string(), before.1, "{to}");
        assert_eq!(identity(to).await, before, "{to}");
        assert_eq!((identity(from).await, refusal(from).await), (before.clone(), "log-moved"));
        let stood_by = tokio::time::timeout(PATIENCE, stands_by.stand_by()).await.unwrap();
        assert!(says_moved(&stood_by.unwrap_err()), "{from}");
        let reader = Reader::open(to).await.unwrap();
        let verified = reader.verify(|_| {}).await.unwrap();
        reader.verify_store(verified.seq, |_| {}).await.unwrap();
        reader.close().await;
    }
    goes_on(&places[4]).await;
    for left in &places[..4] {
        artel::remove(left).await.unwrap();
    }
}
