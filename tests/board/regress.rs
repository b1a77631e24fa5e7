//! A log that went back under its owner: somebody restored an old copy, or put another log in its place.

use std::sync::Arc;

use uuid::Uuid;

use artel::{LoadError, MemoryStore, Reader, SharedEnded};
use artel_core::ids::{CommandId, Seq};
use artel_core::record::{Batch, Encoder, Place};
use artel_testkit::{Fault, FaultyLog};

use super::prefixes::{copy, store};
use super::set_up::{Order, SECOND, end, on, order};

/// A batch behind another one, with the decisions of this one, but by another command.
fn forged(batch: &Batch, after: &Batch) -> Batch {
    let mut encoder = Encoder::default();
    for mut decision in batch.decisions().unwrap() {
        decision.command = CommandId::new(Uuid::from_u128(77));
        encoder.push(&decision);
    }
    let (header, first) = (batch.header, after.header.last.next());
    let last = Seq(first.get() + header.last.get() - header.first.get());
    let (epoch, at, previous) = (header.epoch, header.at, after.header.hash);
    Batch::seal(Place { epoch, first, last, at, previous }, encoder.take())
}

/// What a log is replaced by that has all of these batches but the last, and so many others behind
/// them.
async fn regressed(mut batches: Vec<Batch>, forgeries: u32) -> MemoryStore {
    let last = batches.pop().unwrap();
    for _ in 0..forgeries {
        let forgery = forged(&last, batches.last().unwrap());
        batches.push(forgery);
    }
    copy(&batches).await
}

/// I10: a reader that goes on with a log that went back says so, and does not take the old for new.
#[tokio::test(start_paused = true)]
async fn a_log_that_went_back_stops_its_reader() {
    for (forgeries, name) in [(0, "it is shorter"), (1, "its end differs"), (2, "it went on")] {
        let first = store();
        let board = on(first.open()).await;
        board.type_of::<Order>();
        let running = board.start().await.unwrap();
        running.publish(order(1)).await.unwrap();
        end(running).await;
        let log = Arc::new(FaultyLog::new(first.open()));
        let mut reader = Reader::of(log.clone()).await.unwrap();
        reader.refresh().await.unwrap();
        let batches = first.open().read(Seq(1), usize::MAX).await.unwrap();
        log.replace(regressed(batches, forgeries).await.open());
        let error = reader.refresh().await.expect_err(name);
        assert!(matches!(error, LoadError::Regressed { .. }), "{name}: {error}");
    }
}

/// I1, ADOPT-1: an owner that takes its board over again, and finds that the log ends before what it knows as
/// durable, or says something else there, stops and names the seq; it writes nothing but that.
#[tokio::test(start_paused = true)]
async fn a_log_that_went_back_stops_its_owner() {
    for (forgeries, name) in [(0, "it is shorter"), (1, "its end differs"), (2, "it went on")] {
        let first = store();
        let log = Arc::new(FaultyLog::new(first.open()));
        let board = on(log.clone()).await;
        board.type_of::<Order>();
        let running = board.start().await.unwrap();
        for size in 0..3 {
            running.publish(order(size)).await.unwrap();
        }
        let known = running.durable();
        let batches = first.open().read(Seq(1), usize::MAX).await.unwrap();
        let other = regressed(batches, forgeries).await;
        let before = other.open().head().await.unwrap();
        log.replace(other.open());
        log.fail([Fault::Lost]);
        let publish = tokio::time::timeout(SECOND * 20, running.publish(order(9))).await;
        let error = publish.expect("it is answered").expect_err(name);
        assert_eq!(error.code(), "interrupted", "{name}");
        let why = running.stopped().await;
        let says = format!("log regressed: this owner knows seq {known} as durable");
        assert!(why.contains(&says), "{name}: {why}");
        let after = other.open().head().await.unwrap();
        assert_eq!((after.seq, after.hash), (before.seq, before.hash), "{name}");
        assert_eq!(after.regressed, Some(known), "{name}");
    }
}

/// I1, OWN-9: a shared board whose log went back is not started again, and says why.
#[tokio::test(start_paused = true)]
async fn a_log_that_went_back_ends_its_sharing() {
    let first = store();
    let log = Arc::new(FaultyLog::new(first.open()));
    let board = on(log.clone()).await;
    board.type_of::<Order>();
    let shared = board.share().unwrap();
    let running = shared.here().await.unwrap();
    for size in 0..3 {
        running.publish(order(size)).await.unwrap();
    }
    let batches = first.open().read(Seq(1), usize::MAX).await.unwrap();
    log.replace(regressed(batches, 0).await.open());
    log.fail([Fault::Lost]);
    running.publish(order(9)).await.unwrap_err();
    running.stopped().await;
    // Until it has noticed, it names the board that is stopped.
    tokio::time::sleep(SECOND).await;
    let ended = tokio::time::timeout(SECOND * 60, shared.here()).await.unwrap().unwrap_err();
    let SharedEnded::Failed(why) = &ended else { panic!("{ended:?}") };
    assert!(why.to_string().contains("log regressed"), "{why}");
    assert!(shared.running().is_none());
}
