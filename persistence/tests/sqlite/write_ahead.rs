//! How long the write-ahead file may get.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};

use artel_core::ids::Seq;
use artel_core::log::Log;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::Place;

const MIB: u64 = 1024 * 1024;

/// Reads in a loop until it is told to stop, and says how often.
async fn read_steadily(log: &Arc<dyn Log>, stop: &AtomicBool) -> u64 {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let batches = log.read(Seq(1), 4 * MIB as usize).await.unwrap();
        assert!(batches.first().is_none_or(|batch| batch.header.first == Seq(1)));
        reads += 1;
    }
    reads
}

/// Appends so many MiB, and says how long the write-ahead file was at most.
async fn write(scribe: &mut Scribe, wal: &Path, mib: u64, stop: &AtomicBool) -> u64 {
    let mut longest = 0;
    for _ in 0..mib {
        let mut sketch = scribe.sketch();
        sketch.content(vec![b'c'; MIB as usize]);
        scribe.append(sketch).await;
        longest = longest.max(fs::metadata(wal).unwrap().len());
    }
    stop.store(true, Ordering::Relaxed);
    longest
}

async fn begin(connection: &mut SqliteConnection) {
    connection.execute("BEGIN").await.unwrap();
    connection.fetch_all("SELECT seq FROM head").await.unwrap();
}

/// Reads as another program does, without a moment at which nobody reads: each read begins before
/// the one before it ends.
async fn read_in_turns(path: &Path, stop: &AtomicBool) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut now = options.connect().await.unwrap();
    let mut next = options.connect().await.unwrap();
    begin(&mut now).await;
    while !stop.load(Ordering::Relaxed) {
        begin(&mut next).await;
        now.execute("COMMIT").await.unwrap();
        std::mem::swap(&mut now, &mut next);
    }
}

/// SQLITE-18: readers that never leave the write-ahead file alone do not make it grow without bound,
/// and get on with their work.
#[tokio::test]
async fn steady_readers_do_not_make_the_write_ahead_file_grow() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let other = place.open_with(OpenOptions::read_only()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let (path, wal) = (place.path(), place.folder.path().join("board.db-wal"));
    let stop = AtomicBool::new(false);
    let (longest, first, second, third, ()) = tokio::join!(
        write(&mut scribe, &wal, 120, &stop),
        read_steadily(&log, &stop),
        read_steadily(&log, &stop),
        read_steadily(&other, &stop),
        read_in_turns(&path, &stop),
    );
    // Somebody else's read may be in the way for so long that the next try is due.
    assert!(longest < 60 * MIB, "it had {} MiB", longest / MIB);
    for reads in [first, second, third] {
        assert!(reads > 20, "{first}, {second} and {third} reads");
    }
    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
}

/// SQLITE-18: where nobody else reads, it has 32 MiB and one write more at most, also while it is
/// being moved.
#[tokio::test]
async fn the_write_ahead_file_has_a_bound() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let wal = place.folder.path().join("board.db-wal");
    let stop = AtomicBool::new(false);
    let (longest, reads) =
        tokio::join!(write(&mut scribe, &wal, 120, &stop), read_steadily(&log, &stop));
    assert!(longest < 34 * MIB, "it had {} MiB", longest / MIB);
    assert!(reads > 20, "{reads} reads");
    log.close().await;
    assert!(!wal.exists(), "nobody has it open any more");
}
