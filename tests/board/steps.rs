//! Steps: once for each activation and name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use artel::{Context, Error, Query, Status};

use super::set_up::{Order, Part, end, memory, order};

/// STEP-1, STEP-2: a step runs once; a later attempt gets the record; its key is the same in every
/// attempt.
#[tokio::test(start_paused = true)]
async fn a_later_attempt_gets_the_record() {
    async fn work(cx: Context, _: Arc<Order>, runs: Arc<AtomicU32>) -> Result<Part, Error> {
        let size: u32 = cx
            .step("charge", async {
                runs.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(41 + cx.attempt().get())
            })
            .await?;
        if cx.attempt().get() < 3 {
            return Err(Error::transient("after the step"));
        }
        assert!(cx.step_key("charge").ends_with("/charge"));
        Ok(Part { size })
    }
    let runs = Arc::new(AtomicU32::new(0));
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(runs.clone()).run(work);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    assert_eq!(made.artifacts[0].decode::<Part>().unwrap().size, 42);
    end(running).await;
}

/// STEP-3: a name that is used twice in one attempt is an error.
#[tokio::test(start_paused = true)]
async fn a_step_name_is_used_once() {
    async fn work(cx: Context, _: Arc<Order>) -> Result<(), Error> {
        cx.step("same", async { Ok::<_, Error>(1) }).await?;
        cx.step("same", async { Ok::<_, Error>(2) }).await?;
        Ok(())
    }
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().run(work);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    end(running).await;
}
