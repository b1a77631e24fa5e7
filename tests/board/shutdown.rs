//! Shutdown: handlers are asked, then dropped; nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use artel::{Context, Error, Query, Status};

use super::set_up::{Order, Part, SECOND, end, memory, on, order};

/// STOP-1: a handler that listens, or is nearly done, ends by itself and its result counts; one
/// that does neither is given back after 10 s and runs again at the next start.
#[tokio::test(start_paused = true)]
async fn handlers_are_asked_and_then_given_back() {
    async fn listens(cx: Context, order: Arc<Order>) -> Result<Option<Part>, Error> {
        cx.cancelled().cancelled().await;
        Ok(Some(Part { size: order.size }))
    }
    async fn deaf(_: Context, _: Arc<Order>) -> Result<(), Error> {
        std::future::pending().await
    }
    async fn quick(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Ok(())
    }
    let (board, log) = memory().await;
    board.agent("listens").on::<Order>().run(listens);
    board.agent("deaf").on::<Order>().run(deaf);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(4)).await.unwrap();
    let began = tokio::time::Instant::now();
    let shutdown = running.shutdown().await;
    assert_eq!((shutdown.released, shutdown.complete), (1, true));
    assert_eq!(began.elapsed(), SECOND * 10);

    let board = on(log).await;
    board.agent("listens").on::<Order>().run(listens);
    board.agent("deaf").on::<Order>().run(quick);
    let running = board.start().await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    assert_eq!(made.artifacts.len(), 1);
    end(running).await;
}

/// `wind_down`: how long a handler that does not listen may go on.
#[tokio::test(start_paused = true)]
async fn wind_down_says_how_long_handlers_may_go_on() {
    async fn deaf(_: Context, _: Arc<Order>) -> Result<(), Error> {
        std::future::pending().await
    }
    for (wind_down, expected) in [(None, SECOND * 10), (Some(SECOND * 3), SECOND * 3)] {
        let mut builder = artel::Board::builder("memory:");
        if let Some(time) = wind_down {
            builder = builder.wind_down(time);
        }
        let board = builder.open().await.unwrap();
        board.agent("deaf").on::<Order>().run(deaf);
        let running = board.start().await.unwrap();
        running.publish(order(1)).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(running.shutdown().await.released, 1);
        assert_eq!(began.elapsed(), expected);
    }
}

/// STOP-2: a board with nothing to do shuts down at once.
#[tokio::test(start_paused = true)]
async fn an_idle_board_stops_at_once() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(running.shutdown().await.complete);
    assert_eq!(began.elapsed(), Duration::ZERO);
}
