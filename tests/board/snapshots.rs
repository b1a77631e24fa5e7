//! Snapshots that a board takes of itself while it runs: when there is one, who goes on from it, and
//! what becomes of a board that cannot keep any.

use std::sync::Arc;

use artel::{Board, Bounds, Context, CreateBoard, Error, MemoryStore, Reader, Running};
use artel_core::ids::{Incarnation, Seq};
use artel_core::names::BoardName;
use artel_testkit::{FaultyLog, SeededEntropy, VirtualClock};

use super::set_up::{Order, Part, end, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

async fn hangs(_: Context, _: Arc<Order>) -> Result<(), Error> {
    std::future::pending().await
}

fn store() -> MemoryStore {
    let incarnation = Incarnation::from_bytes([7; 16]);
    let board = BoardName::new("snapshots").unwrap();
    MemoryStore::new(CreateBoard { board, incarnation, dev: false })
}

/// A process that has the board in a store, with a snapshot after every so many events.
async fn process(store: &MemoryStore, number: u64, events: u64) -> (Board, Arc<FaultyLog>) {
    let log = Arc::new(FaultyLog::new(store.open()).lasting());
    let mut bounds = Bounds::default();
    bounds.snapshot_events = events;
    let board = Board::builder("memory:")
        .log(log.clone())
        .clock(Arc::new(VirtualClock::default()))
        .entropy(Arc::new(SeededEntropy::new(number)))
        .bounds(bounds);
    (board.open().await.unwrap(), log)
}

/// Publishes until there is a snapshot at or behind a seq; says which is the newest.
async fn work_until_kept(running: &Running, at: Seq) -> Seq {
    for size in 0..1_000 {
        let receipt = running.publish(order(size)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        let newest = running.log().snapshots().await.unwrap().last().copied().unwrap_or_default();
        if newest >= at {
            return newest;
        }
    }
    panic!("there is no snapshot behind seq {at} at seq {}", running.durable());
}

/// SNAP-1: `snapshot_events` of the bounds: a snapshot comes after so many events, again and again,
/// and a process that takes the board over from a dead one reads what is behind the newest alone.
#[tokio::test(start_paused = true)]
async fn a_board_that_was_cut_off_goes_on_from_its_last_snapshot() {
    let store = store();
    let (board, log) = process(&store, 1, 50).await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    let first = work_until_kept(&running, Seq(50)).await;
    assert!(first < Seq(70), "{first}");
    let second = work_until_kept(&running, Seq(first.get() + 50)).await;
    assert!(second < Seq(first.get() + 70), "{first}, {second}");
    running.publish(order(1)).await.unwrap();
    log.crash();
    drop(running);

    let (board, log) = process(&store, 2, 50).await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    assert_eq!(log.read_from(), Some(second.next()));
    let reader = Reader::of(store.open()).await.unwrap();
    assert_eq!(reader.verify(|_| {}).await.unwrap().snapshot, Some(second));
    end(running).await;
    let kept = store.open().snapshots().await.unwrap();
    let head = store.open().head().await.unwrap().seq;
    assert_eq!(kept.last(), Some(&head), "a shutdown leaves the last one");
}

/// SNAP-2: a log that keeps no snapshot stops nothing, and the next one is tried after as many events.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_cannot_be_kept_is_survived() {
    let store = store();
    let (board, log) = process(&store, 1, 50).await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    log.refuse_snapshots(2);
    let kept = work_until_kept(&running, Seq(1)).await;
    assert!((150..210).contains(&kept.get()), "after two that were lost, at {kept}");
    end(running).await;
}

/// SNAP-1, I10: a state that is too large to be worked on at once is decoded, folded and encoded on
/// other threads, and is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_state_is_kept_and_gone_on_from() {
    let store = store();
    let (board, log) = process(&store, 1, 6_000).await;
    board.agent("hangs").on::<Order>().concurrency(1).run(hangs);
    let running = board.start().await.unwrap();
    let mut kept = Vec::new();
    // The second goes on from the first.
    while kept.len() < 2 {
        running.publish_many((0..500).map(order)).await.unwrap();
        kept = running.log().snapshots().await.unwrap();
    }
    let live = running.state_hash().await.unwrap();
    log.crash();
    drop(running);

    let reader = Reader::of(store.open()).await.unwrap();
    assert!(reader.state().encode().len() > 64 * 1024, "it is no large state");
    assert_eq!((reader.state().seq(), reader.state().hash()), live);
    assert_eq!(reader.verify(|_| {}).await.unwrap().snapshot, kept.last().copied());
}
