//! Damage on a server: it shows where it is read, and is named.

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_testkit::conformance::LogPlace;
use artel_testkit::conformance::sketch::artifact_id;

use crate::place::Place;

/// POSTGRES-6: a damaged batch in the middle is not noticed at open, and is named by whoever reads it; what
/// comes after it can be read.
#[tokio::test]
async fn a_damaged_batch_is_named_by_whoever_reads_it() {
    let (place, scribe) = Place::with_batches(5).await;
    place
        .sql(
            "UPDATE artel.batch SET bytes = set_byte(bytes, 3, 255 - get_byte(bytes, 3)) \
              WHERE board_no = BOARD AND last = 3",
        )
        .await;
    let log = place.open().await.unwrap();
    let error = log.read(Seq(1), usize::MAX).await.unwrap_err();
    assert_eq!(error.code(), "log-damaged", "{error:?}");
    assert_eq!(log.read(Seq(4), usize::MAX).await.unwrap(), scribe.batches[3..]);
}

/// POSTGRES-6: a batch that is missing between two others is named.
#[tokio::test]
async fn a_missing_batch_is_named() {
    let (place, _) = Place::with_batches(5).await;
    place.sql("DELETE FROM artel.batch WHERE board_no = BOARD AND last = 3").await;
    let log = place.open().await.unwrap();
    let error = log.read(Seq(1), usize::MAX).await.unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { problem, .. } if problem.contains("batch 4")),
        "{error}"
    );
}

/// POSTGRES-6: a head that does not agree with the last batch is refused when the log is opened.
#[tokio::test]
async fn a_damaged_head_is_found_at_open() {
    for change in [
        "UPDATE artel.board SET seq = seq + 1 WHERE no = BOARD",
        "UPDATE artel.board SET seq = -1 WHERE no = BOARD",
        "UPDATE artel.board SET hash = '\\x00' WHERE no = BOARD",
        "UPDATE artel.board SET at = at - 1 WHERE no = BOARD",
        "UPDATE artel.board SET epoch = 0 WHERE no = BOARD",
        "UPDATE artel.board SET name = 'two words' WHERE no = BOARD",
        "DELETE FROM artel.batch WHERE board_no = BOARD AND last = 3",
        "DELETE FROM artel.batch WHERE board_no = BOARD",
    ] {
        let (place, _) = Place::with_batches(3).await;
        place.sql(change).await;
        let error = place.open().await.expect_err(change);
        assert_eq!(error.code(), "log-damaged", "{change}: {error:?}");
    }
}

/// POSTGRES-6: a payload and an envelope that are not what was written are named by their artifact.
#[tokio::test]
async fn a_damaged_artifact_is_named() {
    for column in ["payload", "envelope"] {
        let (place, _) = Place::with_batches(3).await;
        let flip = format!(
            "UPDATE artel.artifact SET {column} = set_byte({column}, 3, 255 - get_byte({column}, 3)) \
             WHERE board_no = BOARD AND seq = 2"
        );
        place.sql(&flip).await;
        let log = place.open().await.unwrap();
        let error = log.artifact(artifact_id(1)).await.unwrap_err();
        assert!(error.to_string().contains("artifact 2"), "{column}: {error}");
        assert!(log.artifact(artifact_id(2)).await.unwrap().is_some());
    }
}
