//! Sharing a board with other processes, with virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use artel::log::Share;
use artel::{Board, Context, Error, Health, Query, Shared, SharedEnded, StartError};
use artel_testkit::FaultyLog;

use super::set_up::{Order, Part, SECOND, end, order};
use super::stand_by::{board, store};

/// Says whose turn it is when a test does.
#[derive(Debug, Default)]
struct Turns {
    turn: Notify,
    surplus: Notify,
    retired: AtomicBool,
    left: AtomicBool,
}

#[async_trait]
impl Share for Turns {
    async fn turn(&self) {
        self.turn.notified().await;
    }

    async fn surplus(&self) {
        self.surplus.notified().await;
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    async fn leave(&self) {
        assert!(self.retired.load(Ordering::SeqCst));
        self.left.store(true, Ordering::SeqCst);
    }
}

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

async fn drop_part(_: Context, _: Arc<Part>) -> Result<(), Error> {
    Ok(())
}

/// A handler that takes longer than it is given.
async fn linger(cx: Context, _: Arc<Order>) -> Result<(), Error> {
    if cx.attempt() == artel::ids::AttemptNo(1) {
        std::future::pending::<()>().await;
    }
    Ok(())
}

fn declare(board: &Board) {
    board.agent("work").on::<Order>().filter(|order: &Order| order.size > 1).run(part);
}

/// A board that is shared when it is this process's turn.
fn shared(board: Board, log: &FaultyLog) -> (Shared, Arc<Turns>) {
    let turns = Arc::new(Turns::default());
    log.share_by(turns.clone());
    (board.share().unwrap(), turns)
}

/// OWN-9: where nothing is spread, who comes first runs the board until it ends, and the next one has it then.
#[tokio::test(start_paused = true)]
async fn who_comes_first_runs_a_board_that_is_not_spread() {
    let store = store();
    let (first, second) = (board(&store, 1).await.0, board(&store, 2).await.0);
    let first = first.share().unwrap();
    let running = first.here().await.unwrap();
    running.publish(order(1)).await.unwrap();
    let second = second.share().unwrap();
    assert!(timeout(SECOND * 3600, second.here()).await.is_err());
    assert!(second.running().is_none() && first.running().is_some());
    assert!(first.shutdown().await.complete);
    assert!(matches!(running.health(), Health::Stopped { .. }));
    let running = second.here().await.unwrap();
    running.publish(order(2)).await.unwrap();
    assert!(second.shutdown().await.complete);
}

/// OWN-7, OWN-8: a board runs when it is this process's turn, is shut down and given over when it is a surplus, and
/// runs again with the numbers that it has by then. Whoever had its handle finds it stopped.
#[tokio::test(start_paused = true)]
async fn a_board_goes_and_comes_back() {
    let store = store();
    let (board_here, log) = board(&store, 1).await;
    declare(&board_here);
    let (shared, turns) = shared(board_here, &log);
    assert!(timeout(SECOND * 3600, shared.here()).await.is_err(), "it is not its turn");
    turns.turn.notify_one();
    let running = shared.here().await.unwrap();
    let receipt = running.publish(order(2)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    turns.surplus.notify_one();
    running.stopped().await;
    assert_eq!(running.publish(order(3)).await.unwrap_err().code(), "stopped");

    // Another program has it meanwhile, which subscribes the agent to something else.
    let other = board(&store, 2).await.0;
    other.agent("work").on::<Part>().run(drop_part);
    other.type_of::<Order>();
    let other = other.start().await.unwrap();
    other.publish(order(4)).await.unwrap();
    turns.turn.notify_one();
    assert!(timeout(SECOND * 3600, shared.here()).await.is_err(), "somebody owns it");
    end(other).await;
    turns.turn.notify_one();
    let running = shared.here().await.unwrap();
    let receipt = running.publish(order(5)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    assert_eq!(parts, [Part { size: 2 }, Part { size: 5 }]);
    assert!(!turns.left.load(Ordering::SeqCst));
    assert!(shared.shutdown().await.complete);
    assert!(turns.left.load(Ordering::SeqCst));
}

/// OWN-8, STOP-1: a handler that does not end is given back when its board is given over, and runs where that goes.
#[tokio::test(start_paused = true)]
async fn what_runs_is_given_back() {
    let store = store();
    let (board_here, log) = board(&store, 1).await;
    board_here.agent("linger").on::<Order>().run(linger);
    let (shared, turns) = shared(board_here, &log);
    turns.turn.notify_one();
    let running = shared.here().await.unwrap();
    running.publish(order(1)).await.unwrap();
    turns.surplus.notify_one();
    running.stopped().await;
    turns.turn.notify_one();
    let running = timeout(Duration::from_secs(60), shared.here()).await.unwrap().unwrap();
    running.idle().await.unwrap();
    assert!(shared.shutdown().await.complete);
    let (again, _) = board(&store, 2).await;
    again.agent("linger").on::<Order>().run(linger);
    end(again.start().await.unwrap()).await;
}

/// OWN-9: what is declared wrongly is refused at once; a board that cannot be started is not shared any more, and says
/// why.
#[tokio::test(start_paused = true)]
async fn a_board_that_cannot_be_started_is_not_shared() {
    let store = store();
    let (wrong, _) = board(&store, 1).await;
    wrong.agent("work").on::<Order>().concurrency(0).run(part);
    let error = wrong.share().unwrap_err();
    assert!(matches!(error, StartError::Agents { .. }), "{error:?}");
    let (gone, log) = board(&store, 2).await;
    log.gone();
    let (shared, turns) = shared(gone, &log);
    turns.turn.notify_one();
    let ended = shared.here().await.unwrap_err();
    let SharedEnded::Failed(why) = &ended else { panic!("{ended:?}") };
    assert!(matches!(&**why, StartError::TakeOver(_)), "{why:?}");
    assert!(turns.left.load(Ordering::SeqCst));
}

/// OWN-9: a board whose sharing is dropped is free as after a crash, and has lost nothing.
#[tokio::test(start_paused = true)]
async fn sharing_that_is_dropped_ends() {
    let store = store();
    let first = board(&store, 1).await.0.share().unwrap();
    let running = first.here().await.unwrap();
    running.publish(order(1)).await.unwrap();
    drop((first, running));
    let next = board(&store, 2).await.0.stand_by().await.unwrap();
    assert_eq!(next.artifacts(&Query::of::<Order>()).await.unwrap().artifacts.len(), 1);
    end(next).await;
}
