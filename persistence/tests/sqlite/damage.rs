//! Damage inside of a file: it shows where it is read, it is named, and what is whole stays
//! readable.

use std::error::Error as _;

use artel_core::event::DeadReason;
use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{ArtifactQuery, ClosedActivation, Error, LookUp, Outcome, Snapshot};
use artel_core::record::{self, Batch};
use artel_core::time::Timestamp;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::sketch::{artifact_id, closed, correlation};
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::{Place, sample};

/// SQLITE-7, SQLITE-6: a damaged batch in the middle is not noticed at open, and is named by whoever
/// reads it; what comes after it can be read.
#[tokio::test]
async fn a_damaged_batch_is_named_by_whoever_reads_it() {
    let (place, scribe) = Place::with_batches(9).await;
    place.flip(&scribe.batches[4].bytes[2..40]);
    let log = place.open_with(OpenOptions::existing()).await.unwrap();
    for from in [1, 5] {
        let error = log.read(Seq(from), usize::MAX).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Batch {
                    source: record::Error::Damaged { first: Seq(5), last: Seq(5), .. },
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.to_string().contains("restore it from a backup"), "{error}");
        assert!(error.source().unwrap().to_string().starts_with("batch 5..5 is damaged"));
    }
    assert_eq!(log.read(Seq(6), usize::MAX).await.unwrap(), scribe.batches[5..]);
    assert_eq!(log.read(Seq(1), 1).await.unwrap(), scribe.batches[..1]);
}

/// SQLITE-6: a file whose last batch is damaged is refused.
#[tokio::test]
async fn a_damaged_last_batch_is_found_at_open() {
    let (place, scribe) = Place::with_batches(9).await;
    place.flip(&scribe.batches[8].bytes[2..40]);
    let error = place.open().await.unwrap_err();
    assert!(matches!(error, Error::Batch { .. }), "{error:?}");
    assert_eq!(error.code(), "log-damaged");
}

/// SQLITE-6: a head that does not agree with the last batch is refused.
#[tokio::test]
async fn a_damaged_head_is_found_at_open() {
    let changes = [
        "UPDATE head SET seq = seq + 1",
        "UPDATE head SET seq = -1",
        "UPDATE head SET hash = x'00'",
        "UPDATE head SET hash = zeroblob(32)",
        "UPDATE head SET at = at - 1",
        "UPDATE head SET epoch = 0",
        "UPDATE head SET incarnation = x'01'",
        "UPDATE head SET board = 'two words'",
        "UPDATE batch SET epoch = epoch + 1 WHERE last = 3",
        "UPDATE batch SET previous = zeroblob(32) WHERE last = 3",
        "DELETE FROM head",
        "DELETE FROM batch WHERE last = 3",
        "DELETE FROM batch",
    ];
    for change in changes {
        let (place, _scribe) = Place::with_batches(3).await;
        place.sql(change).await;
        let error = place.open().await.expect_err(change);
        assert_eq!(error.code(), "log-damaged", "{change}: {error:?}");
    }
    for change in ["UPDATE head SET seq = 1", "UPDATE head SET hash = zeroblob(32)"] {
        let (place, _scribe) = Place::with_batches(0).await;
        place.sql(change).await;
        let error = place.open().await.expect_err(change);
        assert_eq!(error.code(), "log-damaged", "an empty log, {change}: {error:?}");
    }
}

/// SQLITE-8: a batch that is missing in the middle is a hole, and is named.
#[tokio::test]
async fn a_hole_is_named() {
    let (place, scribe) = Place::with_batches(9).await;
    place.sql("DELETE FROM batch WHERE last = 5").await;
    let log = place.open().await.unwrap();
    let error = log.read(Seq(3), usize::MAX).await.unwrap_err();
    assert!(
        error.to_string().contains("batch 6 does not continue the one that ends at 4"),
        "{error}"
    );
    assert_eq!(log.read(Seq(6), usize::MAX).await.unwrap(), scribe.batches[5..]);
}

/// SQLITE-8: a batch that was exchanged for another one is named, even where that one is whole.
#[tokio::test]
async fn a_batch_of_another_log_is_named() {
    let (place, scribe) = Place::with_batches(9).await;
    let header = scribe.batches[4].header;
    let at = Timestamp(header.at.as_millis() + 1);
    let other = Batch::seal(
        record::Place {
            epoch: header.epoch,
            first: header.first,
            last: header.last,
            at,
            previous: header.previous,
        },
        scribe.batches[4].bytes.clone(),
    );
    let (hash, at) = (other.header.hash, at.as_millis());
    place.sql(&format!("UPDATE batch SET at = {at}, hash = x'{hash}' WHERE last = 5")).await;
    let log = place.open().await.unwrap();
    let error = log.read(Seq(3), usize::MAX).await.unwrap_err();
    assert!(error.to_string().contains("batch 6 does not continue the one that ends at 5"));
    assert_eq!(log.read(Seq(5), 1).await.unwrap(), [other]);
}

/// SQLITE-7: a damaged payload or envelope is named, and the others can be read.
#[tokio::test]
async fn a_damaged_artifact_is_named_by_whoever_reads_it() {
    let (place, scribe) = Place::with_batches(3).await;
    place.flip(&scribe.artifacts[1].payload.clone().unwrap());
    let log = place.open().await.unwrap();
    let payload = "artifact 2: its payload does not have the recorded hash";
    for error in [
        log.artifact(artifact_id(2)).await.unwrap_err(),
        log.artifacts_at(&[Seq(1), Seq(2)]).await.unwrap_err(),
        log.artifacts(&ArtifactQuery::default()).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(payload), "{error}");
    }
    assert_eq!(log.artifact(artifact_id(3)).await.unwrap().as_ref(), scribe.artifacts.last());
    // LOG-50: whoever asks for no payload reads none.
    assert_eq!(log.envelopes_at(&[Seq(1), Seq(2)]).await.unwrap().len(), 2);

    place.sql("UPDATE artifact SET envelope = CAST(substr(envelope, 1, 40) || x'00' || substr(envelope, 42) AS BLOB)").await;
    let look_up = LookUp { ids: vec![artifact_id(3)], keys: Vec::new() };
    for error in
        [log.artifact(artifact_id(3)).await.unwrap_err(), log.look_up(&look_up).await.unwrap_err()]
    {
        assert!(error.to_string().contains("artifact 3: it does not have its recorded check sum"));
    }
}

/// SQLITE-7: a damaged content or closed activation is named.
#[tokio::test]
async fn a_damaged_row_is_named_by_whoever_reads_it() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let mut sketch = scribe.sketch();
    let content = sketch.content("the result of a step");
    let activation = sketch.activation(&[content], correlation(1));
    let outcome = Outcome::Dead(DeadReason::Loop);
    let row = closed(activation, &[content], correlation(1));
    sketch.close(&ClosedActivation { outcome, ..row });
    scribe.append(sketch).await;
    place.sql("UPDATE content SET bytes = CAST(bytes || x'20' AS BLOB)").await;
    place
        .sql(
            "UPDATE closed SET body = CAST(substr(body, 1, 5) || x'ff' || substr(body, 7) AS BLOB)",
        )
        .await;
    let error = log.contents(&[content]).await.unwrap_err();
    assert!(error.to_string().contains("content 1: it does not have its recorded check sum"));
    let error = log.closed(activation).await.unwrap_err();
    assert!(error.to_string().contains("closed activation 2: it does not have its recorded"));
}

/// SQLITE-9: a damaged snapshot, or one of a batch that is not in the log, is passed over for an
/// older one.
#[tokio::test]
async fn a_damaged_snapshot_is_passed_over() {
    let changes = [
        "UPDATE snapshot_part SET bytes = zeroblob(length(bytes)) WHERE seq = 2 AND part = 1",
        "DELETE FROM snapshot_part WHERE seq = 2 AND part = 0",
        "DELETE FROM snapshot_part WHERE seq = 2",
        "UPDATE snapshot SET state_hash = zeroblob(32) WHERE seq = 2",
        "UPDATE snapshot SET batch_hash = zeroblob(32) WHERE seq = 2",
    ];
    for change in changes {
        let place = Place::empty();
        let log = place.open().await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        let mut kept = Vec::new();
        for number in 1..=2 {
            scribe.publish(&[sample(number)]).await;
            let bytes = bytes::Bytes::from(vec![7_u8; 600_000]);
            let snapshot = Snapshot {
                seq: scribe.seq,
                batch_hash: scribe.hash,
                state_hash: Hash::of(&bytes),
                bytes,
            };
            log.put_snapshot(snapshot.clone()).await.unwrap();
            kept.push(snapshot);
        }
        assert!(log.snapshot(Seq(9)).await.unwrap() == Some(kept[1].clone()));
        place.sql(change).await;
        assert!(log.snapshot(Seq(9)).await.unwrap() == Some(kept[0].clone()), "{change}");
        // The next one clears away what is left of it.
        scribe.publish(&[sample(3)]).await;
        let newest = Snapshot { seq: scribe.seq, batch_hash: scribe.hash, ..kept[1].clone() };
        log.put_snapshot(newest.clone()).await.unwrap();
        assert!(log.snapshot(Seq(9)).await.unwrap() == Some(newest), "{change}");
    }
}

/// SQLITE-13, LOG-4, LOG-6: the checks of an append are made against the file, not against what the owner
/// believes: a file that was put back, or that another owner wrote to, stops it.
#[tokio::test]
async fn an_append_is_checked_against_the_file() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for number in 1..=3 {
        scribe.publish(&[sample(number)]).await;
    }
    let mut sketch = scribe.sketch();
    sketch.artifact(&sample(4));
    let append = scribe.seal(sketch);
    place.sql("UPDATE head SET epoch = epoch + 1").await;
    let error = log.append(append.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");

    place.sql("UPDATE head SET epoch = epoch - 1").await;
    let back =
        "UPDATE head SET (seq, hash, at) = (SELECT last, hash, at FROM batch WHERE last = 2);
         DELETE FROM batch WHERE last = 3; DELETE FROM artifact WHERE seq = 3";
    place.sql(back).await;
    let error = log.append(append).await.unwrap_err();
    assert!(matches!(error, Error::Conflict { expected: Seq(3), head: Seq(2) }), "{error:?}");
    assert!(error.to_string().contains("the log regressed"), "{error}");
    assert_eq!(log.artifact(artifact_id(4)).await.unwrap(), None);
}

/// LOG-18: an append that fails in a way that leaves open whether it happened is not followed by
/// another before the board was owned again.
#[tokio::test]
async fn after_a_failure_of_the_file_the_board_is_owned_again_first() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    place.sql("ALTER TABLE tag RENAME TO elsewhere").await;
    let mut sketch = scribe.sketch();
    sketch.artifact(&sample(2));
    let append = scribe.seal(sketch);
    let error = log.append(append.clone()).await.unwrap_err();
    assert!(error.outcome_unknown() && error.retryable(), "{error:?}");
    assert_eq!(error.code(), "log-unavailable");
    place.sql("ALTER TABLE elsewhere RENAME TO tag").await;
    let error = log.append(append).await.unwrap_err();
    assert!(matches!(error, Error::NotOwned { .. }), "{error:?}");
    scribe.own_again().await;
    assert_eq!(scribe.seq, Seq(1));
    scribe.publish(&[sample(3)]).await;
    assert_eq!(log.artifact(artifact_id(2)).await.unwrap(), None);
}
