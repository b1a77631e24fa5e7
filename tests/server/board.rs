//! What is so of a board on a server of either kind: `tests/postgres.rs` and `tests/redis.rs` hold theirs to it.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use artel::{
    Artifact, Board, Context, Error, Publication, Query, Reader, Retry, Running, StartError, Status,
};
use artel_testkit::check;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Order {
    pub(crate) size: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Part {
    pub(crate) size: u32,
}

pub(crate) async fn part(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    match (order.size, cx.attempt().get()) {
        (13, _) => Err(Error::permanent("unlucky")),
        (_, 1) => Err(Error::transient("not at once")),
        (size, _) => Ok(Part { size }),
    }
}

pub(crate) async fn start(url: &str) -> Result<Running, StartError> {
    let board = Board::open(url).await.unwrap();
    let retry = Retry::fixed(Duration::from_millis(1));
    board.agent("part").on::<Order>().retry(retry).run(part);
    board.start().await
}

/// A board goes on where it was when it is started again.
pub(crate) async fn goes_on_where_it_was(url: &str) {
    let keyed = || Publication::new(Order { size: 1 }).idempotency_key("one");
    let running = start(url).await.unwrap();
    let first = running.publish(keyed()).await.unwrap();
    let unlucky = running.publish(Order { size: 13 }).await.unwrap();
    assert_eq!(running.settled(first.correlation).await.unwrap(), Status::Done);
    assert_eq!(running.settled(unlucky.correlation).await.unwrap(), Status::DeadLetters(1));
    check(&running).await;
    let (before, _) = running.state_hash().await.unwrap();
    assert!(running.shutdown().await.complete);

    let reader = Reader::open(url).await.unwrap();
    assert!(reader.state().seq() > before, "a reader needs no owner");
    let running = start(url).await.unwrap();
    let again = running.publish(keyed()).await.unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    let second = running.publish(Order { size: 2 }).await.unwrap();
    assert_eq!(running.settled(second.correlation).await.unwrap(), Status::Done);
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.size).collect::<Vec<_>>(), [1, 2]);
    check(&running).await;
    let reader = Reader::of(running.log()).await.unwrap();
    reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    assert!(running.shutdown().await.complete);
}

/// A board has one owner, for as long as that is alive: longer than the time for which it is owned without being
/// renewed. After a shutdown another one has it at once.
pub(crate) async fn has_one_owner(url: &str, owned: Duration) {
    let first = start(url).await.unwrap();
    let began = Instant::now();
    while began.elapsed() < owned + Duration::from_millis(500) {
        let refused = start(url).await.unwrap_err();
        assert!(refused.to_string().contains("cannot take the board over"), "{refused}");
    }
    first.publish(Order { size: 1 }).await.unwrap();
    assert!(first.shutdown().await.complete);
    assert!(start(url).await.unwrap().shutdown().await.complete);
}

/// An owner whose time is over, and whose board another process has, answers neither writes nor reads, and steps
/// down; what it had is there for the other one. `age` makes an ownership as old as if nobody had renewed it.
pub(crate) async fn steps_down_when_stale(url: &str, age: impl AsyncFnOnce(&str)) {
    let first = start(url).await.unwrap();
    let receipt = first.publish(Order { size: 1 }).await.unwrap();
    assert_eq!(first.settled(receipt.correlation).await.unwrap(), Status::Done);
    // As if it had been stopped for a while: its ownership is as old as that.
    age(url).await;
    let second = start(url).await.unwrap();
    second.publish(Order { size: 2 }).await.unwrap();
    let refused = loop {
        match first.state_hash().await {
            Err(refused) => break refused,
            Ok((seq, _)) => assert!(seq <= first.durable(), "it knows nothing of what came after"),
        }
        tokio::task::yield_now().await;
    };
    assert!(refused.to_string().contains("stopped"), "{refused}");
    let refused = first.publish(Order { size: 3 }).await.unwrap_err();
    assert_eq!(refused.code(), "stopped", "{refused}");
    drop(first);
    let orders = second.all::<Order>(Query::default()).await.unwrap();
    assert_eq!(orders.iter().map(|order| order.size).collect::<Vec<_>>(), [1, 2]);
    second.idle().await.unwrap();
    check(&second).await;
    assert!(second.shutdown().await.complete);
}
