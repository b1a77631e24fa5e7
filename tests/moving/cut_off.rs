//! Moves that are cut off: in the middle, and between the two marks at the end.

use artel::finding::{Code, Severity};
use artel::{Board, OpenError, Reader, examine, log, move_board};
use artel_persistence::{Mark, OpenOptions, mark, marked};

use super::board::{Files, begin, goes_on, identity, make, refusal};

/// MOVE-3, DOCTOR-4: what has arrived in part is refused, to readers too, with where it comes from; and each further call
/// goes on where the one before it stopped, until all is there.
#[tokio::test]
async fn a_move_goes_on_where_it_was_cut_off() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    make(&from).await;
    let before = identity(&from).await;
    for _ in 0..3 {
        begin(&from, &to, 20).await;
        assert_eq!(refusal(&to).await, "log-unfinished");
        match Reader::open(&to).await {
            Err(OpenError::Log { source: log::Error::Unfinished { from, .. }, .. }) => {
                assert!(from.ends_with("a.db"));
            }
            other => panic!("{other:?}"),
        }
        let found = examine(&to).await.unwrap();
        let last = found.last().unwrap();
        assert_eq!((last.code, last.severity), (Code::Board, Severity::Problem), "{last:?}");
        // Nothing has changed where it was.
        Board::open(&from).await.unwrap();
    }
    let other = files.url("c.db");
    make(&other).await;
    let refused = move_board(&other, &to, |_, _| {}).await.unwrap_err();
    assert_eq!(refused.code(), "move-another", "{refused:?}");
    let moved = move_board(&from, &to, |_, _| {}).await.unwrap();
    assert!(moved.from.get() >= 60, "{moved:?}");
    let found = examine(&from).await.unwrap();
    let left = found.iter().find(|finding| finding.severity == Severity::Warning).unwrap();
    assert!(left.code == Code::Board && left.found.contains("goes on there"), "{left:?}");
    assert_eq!(identity(&to).await, before);
    goes_on(&to).await;
}

/// MOVE-3, MOVE-4: between the two marks neither can be owned, and the same call takes the last step.
#[tokio::test]
async fn between_the_marks_nobody_goes_on() {
    let files = Files::new();
    let (from, to) = (files.url("a.db"), files.url("b.db"));
    make(&from).await;
    move_board(&from, &to, |_, _| {}).await.unwrap();
    let arrived = artel_persistence::open(&to, OpenOptions::existing()).await.unwrap();
    let epoch = arrived.head().await.unwrap().epoch;
    arrived.close().await;
    let arriving = Mark::Arriving { from: from.clone() };
    mark(&to, epoch, Some(arriving.clone())).await.unwrap();
    assert_eq!((refusal(&from).await, refusal(&to).await), ("log-moved", "log-unfinished"));
    let refused = mark(&to, epoch.next(), None).await.unwrap_err();
    assert_eq!(refused.code(), "log-fenced", "only its owner marks a board");
    assert_eq!(marked(&to).await.unwrap(), Some(arriving));
    move_board(&from, &to, |_, _| {}).await.unwrap();
    assert_eq!(marked(&to).await.unwrap(), None);
    goes_on(&to).await;
}
