//! How long the write-ahead file may get.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};

use artel_core::ids::Seq;
use artel_core::log::Log;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::Place;

const MIB: u64 = 1024 * 1024;

/// Reads in a loop until it is told to stop.
async fn read_steadily(log: Arc<dyn Log>, stop: Arc<AtomicBool>, reads: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let batches = log.read(Seq(1), 4 * MIB as usize).await.unwrap();
        assert!(batches.first().is_none_or(|batch| batch.header.first == Seq(1)));
        reads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steady_readers_do_not_make_the_write_ahead_file_grow() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let other = place.open_with(OpenOptions::read_only()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut readers = Vec::new();
    for log in [&log, &log, &log, &log, &other] {
        let reader = read_steadily(Arc::clone(log), Arc::clone(&stop), Arc::clone(&reads));
        readers.push(tokio::spawn(reader));
    }
    let (path, told) = (place.path(), Arc::clone(&stop));
    readers.push(tokio::spawn(async move { read_in_turns(&path, &told).await }));

    let wal = place.folder.path().join("board.db-wal");
    let (mut longest, mut written) = (0, 0);
    while written < 120 * MIB {
        let mut sketch = scribe.sketch();
        sketch.content(vec![b'c'; MIB as usize]);
        scribe.append(sketch).await;
        written += MIB;
        longest = longest.max(fs::metadata(&wal).unwrap().len());
    }
    let before = reads.load(Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(longest < 60 * MIB, "it had {} MiB", longest / MIB);
    assert!(before > 100, "only {before} reads");
    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
}
