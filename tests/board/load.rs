//! Load: what a board does with more than it can do at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use artel::{Context, Error, Publication};

use super::set_up::{Order, Part, end, memory, order};

async fn done(_: Context, _: Arc<Order>) -> Result<(), Error> {
    Ok(())
}

/// LOAD-2: however many artifacts a publish has, a board that is busy takes them in as it works
/// them off.
#[tokio::test(start_paused = true)]
async fn large_publishes_do_not_run_ahead_of_the_board() {
    let (board, _) = memory().await;
    board.agent("done").on::<Order>().concurrency(64).run(done);
    let running = Arc::new(board.start().await.unwrap());
    let publisher = |_| async {
        let mut longest = 0;
        for _ in 0..20 {
            running.publish_many((0..64).map(|size| Publication::new(order(size)))).await.unwrap();
            let backlog = running.look(|state| state.backlog()).await.unwrap();
            longest = longest.max(backlog);
        }
        longest
    };
    let longest = join_all((0..32).map(publisher)).await.into_iter().max().unwrap();
    running.idle().await.unwrap();
    // 40 960 in all; each publisher has one under way before the first attempts have ended.
    assert!(longest < 8_192, "{longest} waited at once");
    end(Arc::into_inner(running).unwrap()).await;
}

async fn hangs(_: Context, _: Arc<Part>) -> Result<(), Error> {
    std::future::pending().await
}

/// LOAD-2: what waits for an agent that is slow by itself does not wait for the board, and holds
/// nobody else up.
#[tokio::test(start_paused = true)]
async fn a_backlog_of_a_slow_agent_slows_no_other_publishes() {
    let mut appends = Vec::new();
    for waiting in [1, 1_000] {
        let (board, log) = memory().await;
        board.agent("done").on::<Order>().concurrency(64).run(done);
        board.agent("hangs").on::<Part>().concurrency(8).run(hangs);
        let running = board.start().await.unwrap();
        running.publish_many((0..waiting).map(|size| Part { size })).await.unwrap();
        log.delay(Duration::from_millis(20));
        let before = log.appends().0;
        for _ in 0..4 {
            let publishes = (0..512).map(|size| running.publish(order(size)));
            assert!(join_all(publishes).await.iter().all(Result::is_ok));
        }
        appends.push(log.appends().0 - before);
        log.crash();
    }
    assert!(appends[1] <= appends[0] * 2, "{appends:?} appends");
}
