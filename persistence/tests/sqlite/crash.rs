//! Crashes, as far as the files show them: a copy of the files at any moment, with the write-ahead
//! file cut at any byte, opens as a whole prefix of the log.

use std::fs;

use artel_core::event::DeadReason;
use artel_core::ids::Seq;
use artel_core::log::{ClosedActivation, Outcome};
use artel_core::record::Batch;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::sketch::{closed, correlation};
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::{Place, sample};

/// Opens the files and checks that they hold some first batches, each with all of its rows.
async fn prefix(copy: &Place, batches: &[Batch], what: &str) -> usize {
    let log = copy.open_with(OpenOptions::existing()).await.expect(what);
    let read = log.read(Seq(1), usize::MAX).await.expect(what);
    assert_eq!(read, batches[..read.len()], "{what}");
    let head = log.head().await.expect(what);
    assert_eq!(head.seq, read.last().map_or(Seq(0), |batch| batch.header.last), "{what}");
    for (number, batch) in (1..).zip(batches) {
        let there = number <= read.len();
        let first = batch.header.first.get();
        let found = log.artifacts_at(&[Seq(first)]).await.expect(what);
        assert_eq!(found.len() == 1, there, "{what}: artifact of batch {number}");
        let found = log.contents(&[Seq(first + 1)]).await.expect(what);
        assert_eq!(found.len() == 1, there, "{what}: content of batch {number}");
        let work = log.correlation(correlation(number as u32)).await.expect(what);
        assert_eq!((work.known, work.dead == 1), (there, there), "{what}: batch {number}");
    }
    // And the log can be gone on with.
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(9_999)]).await;
    log.close().await;
    read.len()
}

/// SQLITE-11, LOG-11, LOG-13: whatever part of the write-ahead file reached the disk, the log is a whole prefix,
/// and it has every batch that was acknowledged when the copy was taken.
#[tokio::test]
async fn a_crash_leaves_a_whole_prefix() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let mut most = 0;
    for number in 1..=8_u32 {
        let mut sketch = scribe.sketch();
        let input = sketch.artifact(&sample(number));
        sketch.content(vec![b'c'; 3_000]);
        let activation = sketch.activation(&[input], correlation(number));
        let row = closed(activation, &[input], correlation(number));
        sketch.close(&ClosedActivation { outcome: Outcome::Dead(DeadReason::Loop), ..row });
        scribe.append(sketch).await;

        let files = place.files();
        let wal = &files["board.db-wal"];
        for cut in 0..6 {
            let len = if cut == 0 { wal.len() } else { wal.len() * cut / 6 + cut * 7 };
            let copy = Place::empty();
            fs::write(copy.path(), &files["board.db"]).unwrap();
            fs::write(copy.folder.path().join("board.db-wal"), &wal[..len.min(wal.len())]).unwrap();
            let what = format!("after {number} batches, {len} bytes of the write-ahead file");
            let found = prefix(&copy, &scribe.batches, &what).await;
            assert!(cut > 0 || found == scribe.batches.len(), "{what}: {found}");
            most = most.max(found);
        }
    }
    assert_eq!(most, 8);
}
