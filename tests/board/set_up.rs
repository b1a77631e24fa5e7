//! What the tests share: artifacts, a board with virtual time, and its end.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::log::Log;
use artel::{Artifact, Board, Reader, Running};
use artel_testkit::{FaultyLog, SeededEntropy, VirtualClock, check};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Order {
    #[artifact(tag)]
    pub(crate) colour: String,
    pub(crate) size: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Part {
    pub(crate) size: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "shop.Invoice")]
pub(crate) struct Invoice {
    #[artifact(idempotency_key)]
    pub(crate) number: String,
}

pub(crate) fn order(size: u32) -> Order {
    Order { colour: "red".to_owned(), size }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A board in memory with virtual time and seeded chance, on a log that can fail.
pub(crate) async fn memory() -> (Board, Arc<FaultyLog>) {
    let plain = Board::open("memory:").await.unwrap();
    let faulty = Arc::new(FaultyLog::new(plain.log()));
    (on(faulty.clone()).await, faulty)
}

/// A board on a log that is there, with virtual time and seeded chance.
pub(crate) async fn on(log: Arc<dyn Log>) -> Board {
    let clock = Arc::new(VirtualClock::default());
    let entropy = Arc::new(SeededEntropy::new(7));
    Board::builder("memory:").log(log).clock(clock).entropy(entropy).open().await.unwrap()
}

/// Ends a test: the board has come to rest, holds what every board holds, and shuts down.
pub(crate) async fn end(running: Running) {
    running.idle().await.unwrap();
    check(&running).await;
    let reader = Reader::of(running.log()).await.unwrap();
    reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    let shutdown = running.shutdown().await;
    assert!(shutdown.complete);
    assert_eq!(shutdown.released, 0);
}
