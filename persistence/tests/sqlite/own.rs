//! The lock of a file's owner.

use std::fs;

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::{Place, sample};

/// SQLITE-12, LOG-21: a lock whose holder has not said who it is refuses all the same.
#[tokio::test]
async fn an_owner_without_a_name_is_an_owner() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let path = place.folder.path().join("board.db-owner");
    for text in ["", "{\"pid\":", "[]"] {
        fs::write(&path, text).unwrap();
        let holder = fs::File::open(&path).unwrap();
        holder.lock().unwrap();
        let error = log.own(claim(1, "second")).await.unwrap_err();
        assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        assert!(error.to_string().ends_with("is owned by `another process`"), "{error}");
        assert_eq!(log.owner().await.unwrap().unwrap().pid, None);
        drop(holder);
        let epoch = log.own(claim(1, "second")).await.unwrap().epoch;
        log.disown(epoch).await.unwrap();
    }
}

/// SQLITE-12, LOG-25: what an owner wrote about itself means nothing once it is gone.
#[tokio::test]
async fn a_name_without_a_lock_is_no_owner() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    log.own(claim(1, "first")).await.unwrap();
    let files = place.files();
    let text = String::from_utf8(files["board.db-owner"].clone()).unwrap();
    assert!(text.contains("\"program\":\"first\""), "{text}");
    drop(log);
    assert!(place.files().contains_key("board.db-owner"));
    let log = place.open().await.unwrap();
    assert_eq!(log.owner().await.unwrap(), None);
    log.own(claim(2, "second")).await.unwrap();
}

/// SQLITE-12, LOG-6: an owner whose lock file was taken away under it is stopped by the epoch.
#[tokio::test]
async fn the_epoch_stops_an_owner_whose_lock_is_gone() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    fs::remove_file(place.folder.path().join("board.db-owner")).unwrap();
    let other = place.open().await.unwrap();
    let mut second = Scribe::own(&other).await;
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = log.append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
    assert_eq!(second.publish(&[sample(2)]).await, [Seq(2)]);
}

/// SQLITE-12, LOG-21: an owner whose lock file was taken away, and who owns again, holds no lock any
/// more: it meets the one who came after it instead of fencing that one off.
#[tokio::test]
async fn an_owner_whose_lock_is_gone_does_not_take_the_board_back() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    fs::remove_file(place.folder.path().join("board.db-owner")).unwrap();
    let other = place.open().await.unwrap();
    let second = other.own(claim(2, "second")).await.unwrap();
    for _ in 0..2 {
        let error = log.own(claim(1, "suite")).await.unwrap_err();
        assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "second"));
        assert_eq!(log.owner().await.unwrap().unwrap().program, "second");
        assert_eq!(log.head().await.unwrap().epoch, second.epoch);
    }
    // The lock that it had is not given up in the other one's place.
    log.disown(scribe.epoch).await.unwrap();
    assert_eq!(other.owner().await.unwrap().unwrap().program, "second");
    other.disown(second.epoch).await.unwrap();
    let third = log.own(claim(1, "suite")).await.unwrap();
    assert!(third.epoch > second.epoch);
    let error = other.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "suite"));
}

/// SQLITE-12, LOG-22: where nobody came after it, it gets a new lock, which keeps others out.
#[tokio::test]
async fn an_owner_whose_lock_is_gone_locks_anew() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    log.own(claim(1, "first")).await.unwrap();
    fs::remove_file(place.folder.path().join("board.db-owner")).unwrap();
    log.own(claim(1, "first")).await.unwrap();
    let other = place.open().await.unwrap();
    let error = other.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "first"));
}
