//! Restarts: what a file keeps, and what a program that changed finds.

use std::sync::Arc;

use artel::{Board, Context, Error, OpenError, Publication, Query, Running, StartError, Status};
use artel_testkit::check;

use super::set_up::{Order, Part, SECOND, end, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

async fn hangs(_: Context, _: Arc<Order>) -> Result<Part, Error> {
    std::future::pending().await
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("test.db").display())
}

async fn stop(running: Running) {
    drop(running.stopped());
    running.shutdown().await;
}

/// REST-1, I1, I4: what was acknowledged is there after a restart; keys still stand for what they
/// stood for; what waited runs.
#[tokio::test]
async fn a_restart_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = || Publication::new(order(1)).idempotency_key("one");
    let board = Board::open(url(&folder)).await.unwrap();
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let first = running.publish(keyed()).await.unwrap();
    let hash = running.state_hash().await.unwrap();
    stop(running).await;

    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    assert!(running.durable() > hash.0);
    let again = running.publish(keyed()).await.unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    let second = running.publish(order(2)).await.unwrap();
    assert_eq!(running.settled(second.correlation).await.unwrap(), Status::Done);
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    assert_eq!(made.artifacts.len(), 1, "an agent wakes on what is committed after it");
    end(running).await;
}

/// SESS-2: attempts that ran when their process died run again at the next start, at once.
#[tokio::test]
async fn a_dead_process_leaves_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(hangs);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert!(matches!(running.status(receipt.correlation).await.unwrap(), Status::Open(_)));
    // Dropped without a shutdown: the session is still open in the log.
    let log = running.log();
    drop(running);
    log.close().await;
    drop(log);

    let board = reopen(&folder).await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    let checked = check(&running).await;
    assert_eq!((checked.started, checked.done), (2, 1));
    end(running).await;
}

/// Opens a board whose former owner is about to let go of it.
async fn reopen(folder: &tempfile::TempDir) -> Board {
    Board::open(url(folder)).await.unwrap()
}

/// OWN-2: a second owner is refused by name.
#[tokio::test]
async fn a_second_owner_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = Board::builder(url(&folder)).program("first").open().await.unwrap();
    let running = first.start().await.unwrap();
    let second = Board::builder(url(&folder)).program("second").open().await.unwrap();
    let error = second.start().await.unwrap_err();
    let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let text = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(text.contains("is owned by `first`"), "{text}");
    end(running).await;
}

/// DEF-2: work of an agent that is no longer declared waits, and goes on when it is back.
#[tokio::test]
async fn work_waits_for_an_agent_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Board::builder(url(&folder)).wind_down(SECOND / 100);
    let board = builder.open().await.unwrap();
    board.agent("part").on::<Order>().run(hangs);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    let released = running.shutdown().await.released;
    assert_eq!(released, 1);

    let board = Board::open(url(&folder)).await.unwrap();
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let status = running.status(receipt.correlation).await.unwrap();
    assert!(format!("{status:?}").contains("Unregistered"), "{status:?}");
    running.idle().await.unwrap();
    end(running).await;

    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    end(running).await;
}

mod changed {
    use artel::Artifact;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// `Order` with another schema under the same name and version.
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    pub(super) struct Order {
        pub(super) colour: String,
        pub(super) weight: f64,
    }
}

/// TYPE-1: a changed schema is refused with the difference and the ways out, and nothing changes.
#[tokio::test]
async fn a_changed_schema_is_refused_with_its_difference() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::open(url(&folder)).await.unwrap();
    board.type_of::<Order>();
    end(board.start().await.unwrap()).await;
    let board = Board::open(url(&folder)).await.unwrap();
    board.type_of::<changed::Order>();
    let StartError::SchemaChanged(changed) = board.start().await.unwrap_err() else {
        panic!("a changed schema is not refused");
    };
    let report = changed.report();
    for part in ["size", "weight", "ARTEL_DEV=1"] {
        assert!(report.contains(part), "{part:?} is not in {report}");
    }
    let board = Board::open(url(&folder)).await.unwrap();
    board.type_of::<Order>();
    end(board.start().await.unwrap()).await;
}

/// LOG-URL: a URL that names no backend of this build says what there is.
#[tokio::test]
async fn an_unknown_scheme_is_refused() {
    let OpenError::Log { source, .. } = Board::open("carrier-pigeon:coop").await.unwrap_err()
    else {
        panic!("the log refuses it");
    };
    assert!(source.to_string().contains("sqlite:"), "{source}");
}
