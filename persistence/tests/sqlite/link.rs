//! Boards that are reached by more than one path.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_persistence::{OpenOptions, move_aside, open, remove};
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, NewBoard, Scribe};

use crate::place::{Place, sample};

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// SQLITE-17, LOG-21: a board has one owner, whatever links lead to it.
#[tokio::test]
async fn a_board_that_is_reached_by_links_has_one_owner() {
    let place = Place::empty();
    let links = tempfile::tempdir().unwrap();
    let (to_file, to_folder) = (links.path().join("link.db"), links.path().join("folder"));
    symlink(place.path(), &to_file).unwrap();
    symlink(place.folder.path(), &to_folder).unwrap();
    let in_folder = to_folder.join("board.db");
    // The board itself is made through the linked folder.
    let create = OpenOptions::create(place.board.clone());
    let log = open(&url(&in_folder), create).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[sample(1)]).await;
    for path in [&to_file, &in_folder, &place.path()] {
        let other = open(&url(path), OpenOptions::existing()).await.unwrap();
        let error = other.own(claim(2, "second")).await.unwrap_err();
        assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "suite"));
        assert_eq!(other.owner().await.unwrap(), log.owner().await.unwrap());
        for error in
            [remove(&url(path)).await.unwrap_err(), move_aside(&url(path)).await.unwrap_err()]
        {
            assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        }
    }
    assert_eq!(fs::read_dir(links.path()).unwrap().count(), 2, "something lies beside the links");
    scribe.publish(&[sample(2)]).await;
    assert_eq!(log.head().await.unwrap().seq, Seq(2));
}

/// SQLITE-17, SQLITE-14: who removes a board through a link removes the board, and is told where it
/// lay.
#[tokio::test]
async fn a_board_is_removed_through_a_link() {
    let (place, _scribe) = Place::with_batches(2).await;
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("link.db");
    symlink(place.path(), &link).unwrap();
    let removed = remove(&url(&link)).await.unwrap();
    assert_eq!(removed, fs::canonicalize(place.folder.path()).unwrap().join("board.db"));
    assert!(place.files().is_empty(), "{:?}", place.files().keys());
    assert!(link.is_symlink());
    let error = remove(&url(&link)).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    // What leads nowhere gives way to a new board.
    let create = OpenOptions::create(place.board.clone());
    open(&url(&link), create).await.unwrap().close().await;
    assert!(!link.is_symlink() && link.is_file());
}

/// SQLITE-17, SQLITE-15: a board of development is moved aside where it lies.
#[tokio::test]
async fn a_board_is_moved_aside_through_a_link() {
    let place = Place::new(NewBoard { dev: true, ..NewBoard::sample() });
    place.open().await.unwrap().close().await;
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("link.db");
    symlink(place.path(), &link).unwrap();
    let aside = move_aside(&url(&link)).await.unwrap();
    let folder = fs::canonicalize(place.folder.path()).unwrap();
    assert_eq!(aside, folder.join("board.db.aside-1"));
    assert!(Path::new(&aside).is_file() && !place.path().exists());
}

/// SQLITE-17: a file that has a second name cannot be told from two boards, and is refused under
/// both.
#[tokio::test]
async fn a_file_with_two_names_is_refused() {
    let (place, _scribe) = Place::with_batches(2).await;
    let second = place.folder.path().join("second.db");
    fs::hard_link(place.path(), &second).unwrap();
    let before = place.files();
    for path in [&second, &place.path()] {
        for options in [OpenOptions::existing(), OpenOptions::read_only()] {
            let error = open(&url(path), options).await.unwrap_err();
            assert_eq!(error.code(), "log-unavailable", "{error:?}");
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(
                cause,
                "the file has 2 names (hard links), which no lock can bring together"
            );
        }
        assert_eq!(remove(&url(path)).await.unwrap_err().code(), "log-unavailable");
    }
    assert_eq!(place.files(), before);
    fs::remove_file(second).unwrap();
    place.open().await.unwrap();
}
