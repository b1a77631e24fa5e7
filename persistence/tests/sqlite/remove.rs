//! Removing a board's files, and moving them aside.

use std::fs;

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_persistence::{OpenOptions, move_aside, remove};
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, NewBoard, Scribe};

use crate::place::{Place, sample};

/// SQLITE-14: a board that somebody owns is not removed; one that nobody owns goes with all its files,
/// and leaves the place for another.
#[tokio::test]
async fn only_a_board_that_nobody_owns_is_removed() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    let error = remove(&place.url()).await.unwrap_err();
    assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "suite"), "{error:?}");
    scribe.publish(&[sample(2)]).await;
    drop((log, scribe));

    fs::write(place.folder.path().join("notes.txt"), "mine").unwrap();
    remove(&place.url()).await.unwrap();
    assert_eq!(place.files().into_keys().collect::<Vec<_>>(), ["notes.txt"]);
    let error = remove(&place.url()).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    assert_eq!(place.files().len(), 1);
    assert_eq!(place.open().await.unwrap().head().await.unwrap().seq, Seq(0));
}

/// SQLITE-14: what is no board is not removed; a damaged board is.
#[tokio::test]
async fn only_a_board_is_removed() {
    let place = Place::empty();
    fs::write(place.path(), "dear diary").unwrap();
    let before = place.files();
    for error in
        [remove(&place.url()).await.unwrap_err(), move_aside(&place.url()).await.unwrap_err()]
    {
        assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
    }
    assert_eq!(place.files(), before);

    let (place, _scribe) = Place::with_batches(50).await;
    let whole = fs::read(place.path()).unwrap();
    fs::write(place.path(), &whole[..whole.len() / 2]).unwrap();
    remove(&place.url()).await.unwrap();
    assert!(place.files().is_empty());
}

/// SQLITE-15: a board of development is moved aside with everything in it, unless somebody owns it.
#[tokio::test]
async fn a_board_of_development_is_moved_aside() {
    let place = Place::new(NewBoard { dev: true, ..NewBoard::sample() });
    for number in 1..=2 {
        let log = place.open().await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        scribe.publish(&[sample(number)]).await;
        let error = move_aside(&place.url()).await.unwrap_err();
        assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        let batches = scribe.batches.clone();
        // Not closed, so there is a write-ahead file.
        drop((log, scribe));
        let aside = move_aside(&place.url()).await.unwrap();
        assert_eq!(aside, place.folder.path().join(format!("board.db.aside-{number}")));
        let error = place.open_with(OpenOptions::existing()).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
        let url = format!("sqlite:{aside}");
        let log = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
        assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), batches);
        log.own(claim(1, "suite")).await.unwrap();
    }
}

/// SQLITE-15: any other board stays where it is.
#[tokio::test]
async fn a_board_of_production_stays_where_it_is() {
    let (place, scribe) = Place::with_batches(3).await;
    let error = move_aside(&place.url()).await.unwrap_err();
    assert!(matches!(error, Error::NotDev { .. }), "{error:?}");
    assert_eq!(error.code(), "log-not-dev");
    let log = place.open().await.unwrap();
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}

/// SQLITE-15: who reads a board while it is moved aside goes on reading it, and the new board at its
/// place has nothing in common with it.
#[tokio::test]
async fn a_board_is_moved_aside_under_a_reader() {
    let place = Place::new(NewBoard { dev: true, ..NewBoard::sample() });
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1), sample(2)]).await;
    let reader = place.open_with(OpenOptions::read_only()).await.unwrap();
    assert_eq!(reader.head().await.unwrap().seq, Seq(2));
    log.close().await;
    move_aside(&place.url()).await.unwrap();
    let left: Vec<String> = place.files().into_keys().collect();
    let beside = left.iter().filter(|name| !name.contains(".aside-")).collect::<Vec<_>>();
    assert_eq!(beside, ["board.db-owner"], "{left:?}");
    let log = place.open().await.unwrap();
    Scribe::own(&log).await.publish(&[sample(3)]).await;
    assert_eq!(log.head().await.unwrap().seq, Seq(1));
    assert_eq!(reader.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}
