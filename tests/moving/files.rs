//! Moves that come to their end, between files.

use std::time::Duration;

use artel::{Board, MoveError, Reader, move_board};

use super::board::{Files, goes_on, identity, make, refusal, says_moved, start};

/// How long somebody is seen to stand by.
const MOMENT: Duration = Duration::from_millis(200);
/// How long it is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// MOVE-1, MOVE-4: a board goes on where it was moved to, as it was; where it was it can only be read.
#[tokio::test]
async fn a_board_goes_on_where_it_was_moved_to() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    make(&from).await;
    let before = identity(&from).await;
    let mut told = Vec::new();
    let moved = move_board(&from, &to, |seq, end| told.push((seq, end))).await.unwrap();
    assert_eq!(told.last(), Some(&(moved.seq, moved.seq)));
    assert!(moved.artifacts > 70 && moved.from.get() == 0, "{moved:?}");
    assert_eq!(identity(&to).await, before);
    assert_eq!(identity(&from).await, before, "what is left can be read");
    assert_eq!(moved.state_hash.to_string(), before.1);
    goes_on(&to).await;
    assert_eq!(refusal(&from).await, "log-moved");
    assert_eq!(identity(&from).await, before);
    // And back again, once nothing is left there.
    let occupied = move_board(&to, &from, |_, _| {}).await.unwrap_err();
    assert_eq!(occupied.code(), "move-occupied");
    artel::remove(&from).await.unwrap();
    move_board(&to, &from, |_, _| {}).await.unwrap();
    start(&from).await.unwrap().shutdown().await;
}

/// MOVE-2: a board that somebody owns is not moved, and nothing of it arrives.
#[tokio::test]
async fn a_board_that_is_owned_is_not_moved() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    let running = start(&from).await.unwrap();
    let refused = move_board(&from, &to, |_, _| {}).await.unwrap_err();
    assert_eq!((refused.code(), refused.retryable()), ("log-owned", true), "{refused:?}");
    assert!(matches!(refused, MoveError::Source { .. }));
    assert_eq!(artel::boards(&to).await.unwrap_err().code(), "log-missing");
    running.shutdown().await;
    move_board(&from, &to, |_, _| {}).await.unwrap();
}

/// MOVE-4, OWN-6: a log that was opened before the board was moved away does not own it afterwards, and whoever
/// stands by for the board waits no longer.
#[tokio::test]
async fn a_log_that_was_open_before_does_not_own_what_was_moved() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    make(&from).await;
    let (early, another) = (Board::open(&from).await.unwrap(), Board::open(&from).await.unwrap());
    let owner = start(&from).await.unwrap();
    let mut stands_by = Box::pin(another.stand_by());
    let waits = tokio::time::timeout(MOMENT, &mut stands_by).await;
    assert!(waits.is_err(), "the board has an owner: {waits:?}");
    owner.shutdown().await;
    move_board(&from, &to, |_, _| {}).await.unwrap();
    let stood_by = tokio::time::timeout(PATIENCE, stands_by).await.unwrap();
    for refused in [early.start().await.unwrap_err(), stood_by.unwrap_err()] {
        assert!(says_moved(&refused), "{refused:?}");
    }
}

/// MOVE-5: a place where there is a board is left alone, and so is one to which another one is on its way; the
/// same call after the end says that it is done.
#[tokio::test]
async fn a_place_that_is_taken_is_left_alone() {
    let files = Files::new();
    let (from, to, other) = (files.url("a.db"), files.url("b.db"), files.url("c.db"));
    make(&from).await;
    make(&other).await;
    let before = identity(&other).await;
    for place in [&other, &from] {
        let refused = move_board(&from, place, |_, _| {}).await.unwrap_err();
        assert_eq!(refused.code(), "move-occupied", "{refused:?}");
    }
    assert_eq!(identity(&other).await, before);
    let first = move_board(&from, &to, |_, _| {}).await.unwrap();
    let again = move_board(&from, &to, |_, _| {}).await.unwrap();
    assert_eq!((again.seq, again.batches), (first.seq, 0));
    assert_eq!((again.hash, again.state_hash), (first.hash, first.state_hash));
    let elsewhere = move_board(&from, &files.url("d.db"), |_, _| {}).await.unwrap_err();
    assert_eq!(elsewhere.code(), "log-moved", "{elsewhere:?}");
    assert!(move_board("memory:", &to, |_, _| {}).await.is_err());
    assert!(move_board(&other, "memory:", |_, _| {}).await.is_err());
    Reader::open(&other).await.unwrap().close().await;
}
