//! Opening: what is no board is refused and left as it was, and what is opened only to be read is
//! not written to.

use std::fs;
use std::sync::Arc;

use artel_core::ids::{Incarnation, Seq};
use artel_core::log::{Durability, Error, Log};
use artel_core::time::Timestamp;
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};

use crate::place::{Place, sample};

/// Tries to open the place in every way, and checks that nothing in its folder changes.
async fn refused(place: &Place, what: &str) -> Error {
    let before = place.files();
    let mut errors = Vec::new();
    for options in [OpenOptions::existing(), OpenOptions::read_only()] {
        errors.push(place.open_with(options).await.expect_err(what));
    }
    errors.push(place.open().await.expect_err(what));
    let codes: Vec<&str> = errors.iter().map(Error::code).collect();
    assert_eq!(codes, [codes[0]; 3], "{what}");
    let mut after = place.files();
    // Readers of a file in write-ahead mode leave these behind, empty of content.
    after.retain(|name, bytes| {
        !(name.ends_with("-shm") || (name.ends_with("-wal") && bytes.is_empty()))
    });
    assert_eq!(before, after, "{what}: the folder was written to");
    errors.remove(0)
}

/// SQLITE-2: files of other programs are refused and left alone.
#[tokio::test]
async fn a_foreign_file_is_refused() {
    let contents: [(&str, Vec<u8>); 4] = [
        ("it is an empty file", Vec::new()),
        ("it is no SQLite file", b"dear diary".to_vec()),
        ("it is no SQLite file", vec![0; 100_000]),
        ("it is no SQLite file", b"SQLite format 2\0 and so on".repeat(20)),
    ];
    for (problem, content) in contents {
        let place = Place::empty();
        fs::write(place.path(), content).unwrap();
        let error = refused(&place, problem).await;
        assert!(matches!(&error, Error::Foreign { .. }), "{error:?}");
        assert!(error.to_string().ends_with(problem), "{error}");
    }
    let place = Place::empty();
    fs::write(place.path(), "").unwrap();
    place.sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)").await;
    let error = refused(&place, "of another program").await;
    assert!(error.to_string().contains("an SQLite file of another program"), "{error}");
    let place = Place::empty();
    fs::create_dir(place.path()).unwrap();
    let error = refused(&place, "a folder").await;
    assert!(error.to_string().ends_with("it is not a file"), "{error}");
}

/// SQLITE-3: a file that was cut off is refused and left alone.
#[tokio::test]
async fn a_torn_file_is_refused() {
    let (place, _scribe) = Place::with_batches(200).await;
    let whole = fs::read(place.path()).unwrap();
    assert!(whole.len() > 100_000);
    for len in [1, 15, 16, 60, 99, 100, 4_000, 4_096, 50_000, whole.len() / 2, whole.len() - 1] {
        fs::write(place.path(), &whole[..len]).unwrap();
        let error = refused(&place, &format!("{len} bytes")).await;
        let known = matches!(error, Error::Damaged { .. } | Error::Foreign { .. });
        assert!(known, "{len} bytes: {error:?}");
    }
    fs::write(place.path(), &whole).unwrap();
    place.open_with(OpenOptions::existing()).await.unwrap();
}

/// SQLITE-3: a write-ahead file without its file is not taken for a new board's.
#[tokio::test]
async fn a_write_ahead_file_alone_is_refused() {
    let (place, _scribe) = Place::with_batches(1).await;
    let wal = place.folder.path().join("board.db-wal");
    fs::rename(place.path(), &wal).unwrap();
    let error = refused(&place, "only a write-ahead file").await;
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

/// SQLITE-4: a file of a later release is refused, by its version, and left alone.
#[tokio::test]
async fn a_file_of_a_later_schema_is_refused() {
    let (place, _scribe) = Place::with_batches(3).await;
    place.sql("PRAGMA user_version = 3").await;
    let error = refused(&place, "a later version").await;
    assert!(matches!(error, Error::Newer { version: 3, known: 2, .. }), "{error:?}");
    assert_eq!((error.code(), error.retryable()), ("log-newer", false));
    for version in [0, -1] {
        place.sql(&format!("PRAGMA user_version = {version}")).await;
        let error = refused(&place, "no version").await;
        assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    }
    place.sql("PRAGMA user_version = 2; DROP TABLE used_key").await;
    let error = refused(&place, "a table less").await;
    assert!(error.to_string().contains("12 tables instead of 13"), "{error}");
}

/// SQLITE-4: a file of an earlier release is brought up to date by whoever opens it to write, and by nobody else;
/// it has the same board in it.
#[tokio::test]
async fn a_file_of_an_earlier_schema_is_brought_up_to_date() {
    let (place, scribe) = Place::with_batches(3).await;
    place.sql("ALTER TABLE head DROP COLUMN mark; PRAGMA user_version = 1").await;
    let error = place.open_with(OpenOptions::read_only()).await.unwrap_err();
    assert_eq!(error.code(), "log-read-only", "{error:?}");
    assert_eq!(artel_persistence::marked(&place.url()).await.unwrap(), None);
    let log = place.open_with(OpenOptions::existing()).await.unwrap();
    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
    Scribe::own(&log).await.publish(&[sample(4)]).await;
    log.close().await;
    place.open_with(OpenOptions::read_only()).await.unwrap().close().await;
}

/// SQLITE-5: where there is nothing, only asking for a new board makes one, and two who ask at once
/// get the same.
#[tokio::test]
async fn a_board_is_made_only_on_request_and_once() {
    let place = Place::empty();
    for options in [OpenOptions::existing(), OpenOptions::read_only()] {
        let error = place.open_with(options).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
        assert!(place.files().is_empty());
    }
    let create = |number| {
        let NewBoard { board, dev, .. } = NewBoard::sample();
        let incarnation = Incarnation::new(uuid::Uuid::from_u128(number));
        place.open_with(OpenOptions::create(CreateBoard { board, incarnation, dev }))
    };
    let (left, right) = tokio::join!(create(1), create(2));
    // Whoever comes while the other is at it is told so, or gets what the other has made.
    let made: Vec<Arc<dyn Log>> = [left, right]
        .into_iter()
        .filter_map(|opened| match opened {
            Ok(log) => Some(log),
            Err(Error::Owned { .. }) => None,
            Err(error) => panic!("{error:?}"),
        })
        .collect();
    let mut heads = Vec::new();
    for log in &made {
        heads.push(log.head().await.unwrap().incarnation);
    }
    heads.push(create(3).await.unwrap().head().await.unwrap().incarnation);
    heads.dedup();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(!place.files().contains_key("board.db-new"));
}

/// SQLITE-5: what a creation left behind that was cut short is in nobody's way.
#[tokio::test]
async fn a_creation_that_was_cut_short_is_begun_anew() {
    let place = Place::empty();
    for suffix in ["", "-wal", "-journal"] {
        fs::write(place.folder.path().join(format!("board.db-new{suffix}")), b"half").unwrap();
    }
    let log = place.open().await.unwrap();
    Scribe::own(&log).await.publish(&[sample(1)]).await;
    log.close().await;
    let names: Vec<String> = place.files().into_keys().collect();
    assert_eq!(names, ["board.db", "board.db-owner"]);
}

/// SQLITE-1, LOG-1: the weaker mode is named, and is a log like any other.
#[tokio::test]
async fn the_weaker_mode_is_named() {
    let place = Place::empty();
    place.open().await.unwrap().close().await;
    let url = format!("{}?synchronous=normal", place.url());
    let log = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    assert_eq!(log.describe().durability, Durability::Process);
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    drop((log, scribe));
    let log = place.open().await.unwrap();
    assert_eq!(log.describe().durability, Durability::Host);
    assert_eq!(log.head().await.unwrap().seq, Seq(1));
}

/// SQLITE-10: a log that was opened only to be read follows the owner, and refuses to write.
#[tokio::test]
async fn a_log_opened_to_be_read_follows_and_never_writes() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let reader = place.open_with(OpenOptions::read_only()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for number in 1..=20 {
        scribe.publish(&[sample(number)]).await;
        assert_eq!(reader.head().await.unwrap().seq, scribe.seq);
        let found = reader.artifacts_at(&[scribe.seq]).await.unwrap();
        assert_eq!(found.last(), scribe.artifacts.last());
    }
    assert_eq!(reader.owner().await.unwrap(), log.owner().await.unwrap());
    let mut sketch = scribe.sketch();
    sketch.filler();
    let append = scribe.seal(sketch);
    let bytes = bytes::Bytes::new();
    let snapshot = artel_core::log::Snapshot {
        seq: scribe.seq,
        batch_hash: scribe.hash,
        state_hash: artel_core::hash::Hash::of(&bytes),
        bytes,
    };
    log.disown(scribe.epoch).await.unwrap();
    let errors = [
        reader.own(claim(2, "reader")).await.map(drop),
        reader.append(append).await,
        reader.put_snapshot(snapshot).await,
    ];
    for result in errors {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
        assert_eq!((error.code(), error.retryable()), ("log-read-only", false));
    }
    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
}

/// SQLITE-10: also when nobody else has the file open, and a write-ahead file is left over.
#[tokio::test]
async fn a_log_opened_to_be_read_needs_no_owner() {
    let (place, scribe) = Place::with_batches(5).await;
    let reader = place.open_with(OpenOptions::read_only()).await.unwrap();
    assert_eq!(reader.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
    assert_eq!(reader.seq_at(Timestamp(i64::MAX)).await.unwrap(), Seq(5));
    reader.close().await;
    let log = place.open().await.unwrap();
    let mut again = Scribe::own(&log).await;
    again.publish(&[Sample::new(99)]).await;
    // Neither is closed: the last batch is in the write-ahead file only.
    let copy = place.as_a_crash_leaves_it();
    let reader = copy.open_with(OpenOptions::read_only()).await.unwrap();
    assert_eq!(reader.head().await.unwrap().seq, Seq(6));
}

/// SQLITE-6: a copy that SQLite made while the board was written to is a board, which can be gone on
/// with.
#[tokio::test]
async fn a_copy_by_sqlite_is_a_board() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1), sample(2)]).await;
    let copy = Place::empty();
    place.sql(&format!("VACUUM INTO '{}'", copy.path().display())).await;
    scribe.publish(&[sample(3)]).await;
    let reader = copy.open_with(OpenOptions::read_only()).await.unwrap();
    assert_eq!(reader.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches[..1]);
    let log = copy.open_with(OpenOptions::existing()).await.unwrap();
    assert_eq!(Scribe::own(&log).await.publish(&[sample(4)]).await, [Seq(3)]);
    assert_eq!(reader.head().await.unwrap().seq, Seq(3));
}
