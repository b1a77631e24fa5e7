//! A board with something of everything that lies beside a log, how to look whether it is all there, and how a
//! move begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::state::State;
use artel::{
    Artifact, Board, Context, DeadLetterFilter, Error, OpenError, Publication, Query, Reader,
    Retry, Running, StartError, log, move_board,
};
use artel_testkit::check;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Order {
    pub(crate) size: u32,
    pub(crate) note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Part {
    size: u32,
}

/// How many orders a board begins with.
const ORDERS: u32 = 40;

async fn part(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    cx.log(format!("looking at {}", order.size));
    let size = cx.step("measure", async { Ok::<_, Error>(order.size) }).await?;
    match (size % 10, cx.attempt().get()) {
        (3, _) => Err(Error::permanent("unlucky")),
        (7, 1) => Err(Error::transient("not at once")),
        _ => Ok(Part { size }),
    }
}

pub(crate) async fn start(url: &str) -> Result<Running, StartError> {
    let board = Board::builder(url).name("orders").open().await.unwrap();
    let retry = Retry::fixed(Duration::from_millis(1));
    board.agent("part").on::<Order>().retry(retry).run(part);
    board.start().await
}

pub(crate) fn order(size: u32) -> Publication {
    let note = "\u{1f600} ".repeat(size as usize % 50);
    let order = Publication::new(Order { size, note }).idempotency_key(format!("order-{size}"));
    order.tag("new").tag(format!("size-{}", size % 3))
}

/// The seqs of the dead letters.
async fn dead(running: &Running) -> Vec<artel::ids::ActivationId> {
    let reader = Reader::of(running.log()).await.unwrap();
    let found = reader.dead_letters(&DeadLetterFilter::default(), 100).await.unwrap();
    found.activations.iter().map(|view| view.id).collect()
}

/// Makes a board in several ownerships: with work that was done at once and later, dead letters of which some
/// were dropped and some redriven, a tree of work that was cancelled, and work that waits.
pub(crate) async fn make(url: &str) {
    let running = start(url).await.unwrap();
    for size in 0..ORDERS {
        running.publish(order(size)).await.unwrap();
    }
    running.idle().await.unwrap();
    let letters = dead(&running).await;
    assert_eq!(letters.len(), 4);
    let ann = running.operator("ann", "a look").unwrap();
    ann.drop_dead(&letters[..1]).await.unwrap();
    ann.redrive(&letters[1..2]).await.unwrap();
    running.idle().await.unwrap();
    assert!(running.shutdown().await.complete);
    let running = start(url).await.unwrap();
    let ann = running.operator("ann", "it can wait").unwrap();
    ann.pause_agent("part").await.unwrap();
    let waits = running.publish(order(100)).await.unwrap();
    let gone = running.publish(order(101)).await.unwrap();
    ann.cancel(gone.correlation).await.unwrap();
    assert!(running.status(waits.correlation).await.is_ok());
    assert!(running.shutdown().await.complete);
}

/// Looks whether all of a board is there, and goes on with it.
pub(crate) async fn goes_on(url: &str) {
    let reader = Reader::open(url).await.unwrap();
    let verified = reader.verify(|_| {}).await.unwrap();
    let beside = reader.verify_store(verified.seq, |_| {}).await.unwrap();
    assert!(beside.contents > u64::from(ORDERS), "reports and step results are there: {beside:?}");
    assert!(beside.closed >= u64::from(ORDERS), "{beside:?}");
    reader.close().await;
    let running = start(url).await.unwrap();
    let again = running.publish(order(5)).await.unwrap();
    assert!(again.duplicate, "keys are known");
    running.operator("ann", "go on").unwrap().resume_agent("part").await.unwrap();
    running.publish(order(200)).await.unwrap();
    running.idle().await.unwrap();
    let parts = running.all::<Part>(Query::default().limit(1_000)).await.unwrap();
    assert!(parts.contains(&Part { size: 100 }) && parts.contains(&Part { size: 200 }));
    assert!(!parts.contains(&Part { size: 101 }));
    check(&running).await;
    assert!(running.shutdown().await.complete);
}

/// What a board says of itself: its identity and its state.
pub(crate) async fn identity(url: &str) -> (String, String) {
    let reader = Reader::open(url).await.unwrap();
    let head = reader.head().await.unwrap();
    let state: &State = reader.state();
    let found = (
        format!("{} {} {} {}", head.board, head.incarnation, head.seq, head.hash),
        state.hash().to_string(),
    );
    reader.close().await;
    found
}

/// Moves a board until it has come some events further, and drops the move there.
pub(crate) async fn begin(from: &str, to: &str, events: u64) {
    let (seen, first) = (AtomicU64::new(0), AtomicU64::new(0));
    let moving = move_board(from, to, |seq, _| {
        let _ = first.compare_exchange(0, seq.get(), Ordering::Relaxed, Ordering::Relaxed);
        seen.store(seq.get(), Ordering::Relaxed);
    });
    let enough = async {
        while seen.load(Ordering::Relaxed) < first.load(Ordering::Relaxed) + events {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = enough => {}
        moved = moving => panic!("it came to its end before it was cut off: {moved:?}"),
    }
}

/// URLs of files in a folder.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("sqlite:{}", self.0.path().join(name).display())
    }
}

/// The code of what keeps a board from being opened to write.
pub(crate) async fn refusal(url: &str) -> &'static str {
    match Board::open(url).await {
        Err(OpenError::Log { source, .. }) => source.code(),
        other => panic!("{other:?}"),
    }
}

/// Whether an error comes of a board that was moved.
pub(crate) fn says_moved(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(log::Error::Moved { .. }) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
}
