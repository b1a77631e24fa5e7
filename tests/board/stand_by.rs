//! Standing by for the owner of a board, with virtual time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use artel::log::Log;
use artel::{Board, Context, CreateBoard, Error, MemoryStore, StartError};
use artel_testkit::{FaultyLog, SeededEntropy};

use super::set_up::{Order, SECOND, end, order};

pub(crate) fn store() -> MemoryStore {
    let incarnation = artel::ids::Incarnation::new(uuid::Uuid::from_u64_pair(7, 7));
    let board = artel::names::BoardName::new("orders").unwrap();
    MemoryStore::new(CreateBoard { board, incarnation, dev: false })
}

pub(crate) async fn board(store: &MemoryStore, process: u64) -> (Board, Arc<FaultyLog>) {
    board_on(store.open(), process).await
}

async fn board_on(log: Arc<dyn Log>, process: u64) -> (Board, Arc<FaultyLog>) {
    let log = Arc::new(FaultyLog::new(log));
    let entropy = Arc::new(SeededEntropy::new(process));
    let board = Board::builder("memory:").log(log.clone()).entropy(entropy).open().await.unwrap();
    board.type_of::<Order>();
    (board, log)
}

async fn nothing(_: Context, _: Arc<Order>) -> Result<(), Error> {
    Ok(())
}

/// OWN-6: of two that stand by one gets the board when its owner dies, and the other one when that is shut down.
#[tokio::test(start_paused = true)]
async fn a_board_passes_from_one_to_the_next() {
    let store = store();
    let (first, dies) = board(&store, 1).await;
    let first = first.stand_by().await.unwrap();
    first.publish(order(1)).await.unwrap();
    let (second, third) = (board(&store, 2).await.0, board(&store, 3).await.0);
    let mut waiting = vec![Box::pin(second.stand_by()), Box::pin(third.stand_by())];
    let both = futures_util::future::select_all(waiting.iter_mut());
    let early = timeout(Duration::from_hours(1), both).await;
    assert!(early.is_err(), "the owner lives");
    dies.crash();
    drop(first);
    let (next, _, mut waiting) = futures_util::future::select_all(waiting).await;
    let next = next.unwrap();
    next.publish(order(2)).await.unwrap();
    assert!(timeout(SECOND * 60, &mut waiting[0]).await.is_err());
    assert!(next.shutdown().await.complete);
    let last = waiting.pop().unwrap().await.unwrap();
    last.publish(order(3)).await.unwrap();
    assert_eq!(last.artifacts(&artel::Query::of::<Order>()).await.unwrap().artifacts.len(), 3);
    end(last).await;
}

/// OWN-6: a log that is away is waited for; one that cannot be used is not.
#[tokio::test(start_paused = true)]
async fn a_log_that_is_away_is_waited_for() {
    let store = store();
    let (first, log) = board(&store, 1).await;
    log.away(20);
    end(first.stand_by().await.unwrap()).await;
    let (second, log) = board(&store, 2).await;
    log.gone();
    let error = second.stand_by().await.unwrap_err();
    assert!(matches!(error, StartError::TakeOver(_)), "{error:?}");
    let third = board(&store, 3).await.0;
    third.agent("nothing").on::<Order>().concurrency(0).run(nothing);
    let error = third.stand_by().await.unwrap_err();
    assert!(matches!(error, StartError::Agents { .. }), "{error:?}");
}

/// OWN-6: whoever loses the board to another process while it starts is told so; who stands by waits for it once more.
#[tokio::test(start_paused = true)]
async fn a_board_that_is_lost_while_it_starts_is_waited_for() {
    for stands_by in [false, true] {
        let store = store();
        let inner = store.open();
        let (first, log) = board_on(inner.clone(), 1).await;
        log.delay(SECOND * 10);
        let mut starting = Box::pin(async {
            if stands_by { first.stand_by().await } else { first.start().await }
        });
        let early = timeout(SECOND * 5, &mut starting).await;
        assert!(early.is_err(), "what it registers is on its way");
        // Its time is over, and it does not know.
        inner.disown(inner.head().await.unwrap().epoch).await.unwrap();
        let second = board(&store, 2).await.0.start().await.unwrap();
        if stands_by {
            let early = timeout(SECOND * 3600, &mut starting).await;
            assert!(early.is_err(), "the other one has it");
            end(second).await;
            end(starting.await.unwrap()).await;
        } else {
            let error = starting.await.unwrap_err();
            assert!(matches!(error, StartError::Lost(_)), "{error:?}");
            end(second).await;
        }
    }
}
