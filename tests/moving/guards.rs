//! What a move looks at before it lets a board go on somewhere else, and what it does first.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection, Executor, SqliteConnection};

use artel::{MoveError, Reader, log, move_board};

use super::board::{Files, begin, goes_on, identity, make, order, refusal, start};

fn path(url: &str) -> &str {
    url.strip_prefix("sqlite:").unwrap()
}

/// Copies a board that nobody has open.
fn copy(from: &str, to: &str) {
    std::fs::copy(path(from), path(to)).unwrap();
    let ahead = format!("{}-wal", path(from));
    if Path::new(&ahead).exists() {
        std::fs::copy(ahead, format!("{}-wal", path(to))).unwrap();
    }
}

/// Publishes orders of these sizes on a board that has been made.
async fn publish(url: &str, sizes: Range<u32>) {
    let running = start(url).await.unwrap();
    for size in sizes {
        running.publish(order(size)).await.unwrap();
    }
    assert!(running.shutdown().await.complete);
}

/// MOVE-3: what has arrived of a board does not go on with what a copy of that board came to by itself.
#[tokio::test]
async fn a_copy_that_went_its_own_way_is_not_mixed_with_what_has_arrived() {
    let files = Files::new();
    let (from, other, to) = (files.url("a.db"), files.url("b.db"), files.url("c.db"));
    make(&from).await;
    copy(&from, &other);
    let reader = Reader::open(&from).await.unwrap();
    let same = reader.head().await.unwrap().seq.get();
    reader.close().await;
    publish(&from, 300..340).await;
    publish(&other, 400..440).await;
    begin(&from, &to, same + 20).await;
    let refused = move_board(&other, &to, |_, _| {}).await.unwrap_err();
    let differs = matches!(refused, MoveError::Differs { what: "hash of a batch", .. });
    assert!(differs, "{refused:?}");
    move_board(&from, &to, |_, _| {}).await.unwrap();
    goes_on(&to).await;
}

/// MOVE-4: where a board may still go on it does not yet go on elsewhere: first it is marked where it was, and
/// if that fails, what has arrived stays as unfinished as it was. The same call goes on with it.
#[tokio::test]
async fn a_board_goes_on_elsewhere_when_it_no_longer_can_where_it_was() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    make(&from).await;
    // As somebody from outside, lets nobody who has the board do anything with it any more.
    let mut outside = SqliteConnection::connect(path(&from)).await.unwrap();
    let began = AtomicBool::new(false);
    let fence = async {
        while !began.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        outside.execute("UPDATE head SET epoch = epoch + 1").await.unwrap();
        outside.close().await.unwrap();
    };
    let moving = move_board(&from, &to, |_, _| began.store(true, Ordering::Relaxed));
    let (moved, ()) = tokio::join!(moving, fence);
    let refused = moved.unwrap_err();
    let fenced = matches!(refused, MoveError::Source { source: log::Error::Fenced { .. }, .. });
    assert!(fenced, "{refused:?}");
    assert_eq!(refusal(&to).await, "log-unfinished");
    move_board(&from, &to, |_, _| {}).await.unwrap();
    assert_eq!(refusal(&from).await, "log-moved");
    assert_eq!(identity(&from).await, identity(&to).await);
    goes_on(&to).await;
}
