//! A log that fails: nothing is lost, nothing is there twice, and every caller gets an answer.

use std::sync::Arc;

use artel::{Context, Error, Publication, Query, Status};
use artel_testkit::{Fault, check};

use super::set_up::{Order, Part, end, memory, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

/// REC-1, I1, I3: whatever becomes of an append, a publish that was acknowledged is there once, and
/// so is what it caused.
#[tokio::test(start_paused = true)]
async fn every_fault_is_survived() {
    for fault in [Fault::Lost, Fault::Landed, Fault::LandsLate] {
        for after in 0..6 {
            let (board, log) = memory().await;
            board.agent("part").on::<Order>().run(part);
            let running = board.start().await.unwrap();
            log.fail(std::iter::repeat_n(Fault::None, after).chain([fault, fault]));
            for size in 0..5 {
                let receipt = running.publish(order(size)).await.unwrap();
                assert!(!receipt.duplicate);
                assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
            }
            assert!(log.spent(), "{fault:?} after {after}");
            let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
            let sizes: Vec<u32> =
                made.artifacts.iter().map(|made| made.decode::<Part>().unwrap().size).collect();
            assert_eq!(sizes, [0, 1, 2, 3, 4], "{fault:?} after {after}");
            let orders = running.artifacts(&Query::of::<Order>()).await.unwrap();
            assert_eq!(orders.artifacts.len(), 5);
            assert_eq!(check(&running).await.done, 5);
            end(running).await;
        }
    }
}

/// REC-2: many callers at once, each answered once, across several failures.
#[tokio::test(start_paused = true)]
async fn many_callers_are_answered() {
    let (board, log) = memory().await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    log.fail([Fault::LandsLate, Fault::Lost, Fault::None, Fault::Landed, Fault::LandsLate]);
    let publishes = (0..200).map(|size| running.publish(order(size)));
    let receipts = futures_util::future::join_all(publishes).await;
    let mut seqs: Vec<_> = receipts.into_iter().map(|receipt| receipt.unwrap().seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 200);
    running.idle().await.unwrap();
    let made = running.artifacts(&Query::of::<Part>().limit(1_000)).await.unwrap();
    assert_eq!(made.artifacts.len(), 200);
    end(running).await;
}

/// REC-3: content that the log refuses is refused to whoever brought it, and to nobody else.
#[tokio::test(start_paused = true)]
async fn refused_content_is_found_out() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.fail([Fault::Refused]);
    let error = running.publish(order(1)).await.unwrap_err();
    assert_eq!(error.code(), "unstorable");
    running.publish(order(2)).await.unwrap();

    // Of several in one append, the culprit is found by appending them one by one.
    log.fail([Fault::None, Fault::Refused, Fault::None, Fault::None, Fault::Refused]);
    let publishes = (0..4).map(|size| {
        running.publish(Publication::new(order(size)).idempotency_key(format!("key {size}")))
    });
    let answers = futures_util::future::join_all(publishes).await;
    let refused = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(refused <= 1, "{answers:?}");
    end(running).await;
}
