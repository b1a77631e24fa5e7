//! Damage on a server: it shows where it is read, and is named.

use redis::cmd;

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_testkit::conformance::LogPlace;
use artel_testkit::conformance::sketch::artifact_id;

use crate::place::{Place, run};

/// Changes one byte of a field of one of the board's hashes.
async fn flip(place: &Place, key: &str, field: &str, byte: usize) {
    let key = place.key(key).await;
    let mut value: Vec<u8> = run(cmd("HGET").arg(&key).arg(field)).await;
    value[byte] ^= 0xff;
    run::<i64>(cmd("HSET").arg(&key).arg(field).arg(value)).await;
}

/// REDIS-6: a batch that is missing between two others is named; what comes after it can be read.
#[tokio::test]
async fn a_missing_batch_is_named() {
    let (place, scribe) = Place::with_batches(5).await;
    assert_eq!(run::<i64>(cmd("XDEL").arg(place.key("log").await).arg("3-0")).await, 1);
    let log = place.open().await.unwrap();
    for from in [1, 3] {
        let error = log.read(Seq(from), usize::MAX).await.unwrap_err();
        let named =
            matches!(&error, Error::Damaged { problem, .. } if problem.contains("before seq 4"));
        assert!(named, "{error}");
    }
    assert_eq!(log.read(Seq(4), usize::MAX).await.unwrap(), scribe.batches[3..]);
}

/// REDIS-6: a batch whose bytes are not what was written is named.
#[tokio::test]
async fn a_damaged_batch_is_named() {
    let (place, _) = Place::with_batches(1).await;
    let log = place.key("log").await;
    let open = place.open().await.unwrap();
    let header = vec![0_u8; 88];
    run::<i64>(cmd("XDEL").arg(&log).arg("1-0")).await;
    run::<i64>(cmd("DEL").arg(&log)).await;
    let mut add = cmd("XADD");
    add.arg(&log).arg("1-0").arg("h").arg(header).arg("b").arg("else");
    run::<String>(&add).await;
    assert_eq!(open.read(Seq(1), usize::MAX).await.unwrap_err().code(), "log-damaged");
    assert_eq!(place.open().await.unwrap_err().code(), "log-damaged");
}

/// REDIS-6: a head that does not agree with the last batch is refused when the log is opened.
#[tokio::test]
async fn a_damaged_head_is_found_at_open() {
    for (field, value) in [
        ("seq", "4"),
        ("seq", "-1"),
        ("seq", "many"),
        ("hash", "short"),
        ("at", "1"),
        ("epoch", "0"),
        ("name", "two words"),
        ("incarnation", "short"),
        ("version", "0"),
    ] {
        let (place, _) = Place::with_batches(3).await;
        run::<i64>(cmd("HSET").arg(place.key("head").await).arg(field).arg(value)).await;
        let error = place.open().await.expect_err(field);
        assert_eq!(error.code(), "log-damaged", "{field}: {error:?}");
    }
    let (place, _) = Place::with_batches(3).await;
    run::<i64>(cmd("DEL").arg(place.key("log").await)).await;
    assert_eq!(place.open().await.unwrap_err().code(), "log-damaged");
}

/// REDIS-6: a payload and an envelope that are not what was written are named by their artifact, and the others
/// stay readable.
#[tokio::test]
async fn a_damaged_artifact_is_named() {
    for key in ["payload", "artifact"] {
        let (place, _) = Place::with_batches(3).await;
        flip(&place, key, "2", 3).await;
        let log = place.open().await.unwrap();
        let error = log.artifact(artifact_id(1)).await.unwrap_err();
        assert!(error.to_string().contains("artifact 2"), "{key}: {error}");
        assert!(log.artifact(artifact_id(2)).await.unwrap().is_some());
    }
}
