//! Boards on a server that lose their connection, or their server: they wait, find out by
//! themselves what became of what they wrote, and go on.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]
#![expect(clippy::panic, reason = "test code: a failed expectation is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use artel::{Artifact, Board, Context, Error, Health, Publication, Query, Reader, Running, Status};
use artel_testkit::check;
use artel_testkit::servers::{Kind, Proxy, Server, Way};

/// How long a board is owned without being renewed, in seconds. Long enough that a test on a machine with
/// much else to do is not taken for one that has stopped.
const OWNED: u64 = 4;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    size: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Part {
    size: u32,
}

async fn part(_: Context, order: Arc<Order>, ran: Arc<AtomicU32>) -> Result<Part, Error> {
    ran.fetch_add(1, Ordering::SeqCst);
    Ok(Part { size: order.size })
}

/// A board on a server of its own, which it reaches through a proxy.
struct Stage {
    server: Server,
    proxy: Proxy,
    running: Running,
    ran: Arc<AtomicU32>,
}

impl Stage {
    async fn set(kind: Kind, patience: Duration) -> Self {
        let server = Server::start(kind);
        let proxy = Proxy::before(server.port());
        let url = format!("{}?ownership={OWNED}s", kind.url_at(proxy.port()));
        let board = Board::builder(url).patience(patience).open().await.unwrap();
        let ran: Arc<AtomicU32> = Arc::default();
        board.agent("part").on::<Order>().shared_state(ran.clone()).run(part);
        let running = board.start().await.unwrap();
        Self { server, proxy, running, ran }
    }

    async fn until_away(&self) {
        let away = self.running.health_when(|health| *health != Health::Available);
        let away = tokio::time::timeout(PATIENCE, away).await.expect("it notices");
        assert!(matches!(away, Health::Unavailable { .. }), "{away:?}");
    }

    async fn until_back(&self) {
        let back = self.running.health_when(|health| *health == Health::Available);
        let back = tokio::time::timeout(PATIENCE, back).await.expect("it goes on");
        assert_eq!(back, Health::Available);
    }

    /// These orders are on the board, each once, and each was worked on; the log is what it should be.
    async fn has(self, mut sizes: Vec<u32>) {
        self.running.idle().await.unwrap();
        let orders = self.running.all::<Order>(Query::default()).await.unwrap();
        let mut found: Vec<u32> = orders.iter().map(|order| order.size).collect();
        let parts = self.running.all::<Part>(Query::default()).await.unwrap();
        let mut made: Vec<u32> = parts.iter().map(|part| part.size).collect();
        for list in [&mut found, &mut made, &mut sizes] {
            list.sort_unstable();
        }
        assert_eq!((&found, &made), (&sizes, &sizes));
        assert_eq!(self.ran.load(Ordering::SeqCst), u32::try_from(sizes.len()).unwrap());
        check(&self.running).await;
        let reader = Reader::of(self.running.log()).await.unwrap();
        reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
        assert!(self.running.shutdown().await.complete);
    }
}

fn keyed(size: u32) -> Publication {
    Publication::new(Order { size }).idempotency_key(size.to_string())
}

/// POSTGRES-21, REC-7, I1: the server is killed and started again, with one board in it. What was acknowledged is
/// there, what is published and read meanwhile waits, and the board goes on by itself.
async fn a_board_goes_on_when_its_server_is_back(kind: Kind) {
    let stage = Stage::set(kind, PATIENCE).await;
    let first = stage.running.publish(keyed(1)).await.unwrap();
    assert_eq!(stage.running.settled(first.correlation).await.unwrap(), Status::Done);
    stage.server.kill();
    stage.until_away().await;
    let read = stage.running.get(first.id);
    let status = stage.running.status(first.correlation);
    let meanwhile = async {
        stage.server.restart();
        Instant::now()
    };
    let published = futures_util::future::join(
        stage.running.publish(keyed(2)),
        stage.running.publish(Order { size: 3 }),
    );
    let ((keyed_too, plain), read, status, back) = tokio::join!(published, read, status, meanwhile);
    let first_again = read.unwrap().unwrap();
    assert_eq!(first_again.decode::<Order>().unwrap(), Order { size: 1 });
    assert_eq!(status.unwrap(), Status::Done);
    assert!(keyed_too.unwrap().seq != plain.unwrap().seq);
    stage.until_back().await;
    assert!(back.elapsed() < PATIENCE / 2, "it goes on soon: {:?}", back.elapsed());
    let again = stage.running.publish(keyed(1)).await.unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    stage.has(vec![1, 2, 3]).await;
}

/// REC-7: while the server is away, what a program asks fails when its time is over, and says that it may be
/// asked again; the board is as it was when the server is back.
async fn what_waits_for_too_long_is_unavailable(kind: Kind) {
    let patience = Duration::from_secs(2);
    let stage = Stage::set(kind, patience).await;
    let receipt = stage.running.publish(keyed(1)).await.unwrap();
    stage.running.settled(receipt.correlation).await.unwrap();
    stage.proxy.refuse(true);
    stage.proxy.drop_all();
    let began = Instant::now();
    let running = &stage.running;
    let look_up = running.publish(keyed(2)).await.unwrap_err();
    let plain = running.publish(Order { size: 3 }).await.unwrap_err();
    let (read, list) = (running.get(receipt.id), running.all::<Order>(Query::default()));
    let (read, list) = (read.await.unwrap_err(), list.await.unwrap_err());
    let live = running.look(|state| state.seq()).await.unwrap_err();
    let closed = running.status(receipt.correlation).await.unwrap_err();
    for error in [look_up, plain] {
        assert_eq!((error.code(), error.retryable()), ("unavailable", true), "{error}");
        assert!(error.to_string().contains("within 2s"), "{error}");
    }
    for error in [read, list, live, closed] {
        assert_eq!((error.code(), error.retryable()), ("unavailable", true), "{error}");
    }
    let operator = running.operator("ann", "later").unwrap();
    let refused = operator.pause_board().await.unwrap_err();
    assert_eq!((refused.code(), refused.retryable()), ("unavailable", true), "{refused}");
    assert!(began.elapsed() >= patience * 7, "each of them waits: {:?}", began.elapsed());
    let Health::Unavailable { why, .. } = running.health() else {
        panic!("{:?}", running.health())
    };
    assert!(why.contains("cannot") || why.contains("does not own"), "{why}");
    stage.proxy.heal();
    stage.until_back().await;
    // It was asked for without an answer, and done when the board could.
    let operator = stage.running.operator("ann", "again").unwrap();
    operator.resume_board().await.unwrap();
    stage.running.publish(keyed(2)).await.unwrap();
    // What was not answered may have been done or not, but not twice.
    let orders = stage.running.all::<Order>(Query::default()).await.unwrap();
    let third = orders.iter().any(|order| order.size == 3);
    stage.has(if third { vec![1, 2, 3] } else { vec![1, 2] }).await;
}

/// POSTGRES-22, REC-1, I1, I3: the connection is cut after an append was committed and before that was told: the
/// publish is answered from the log, and what it brought is there once.
async fn what_was_committed_without_an_answer_is_there_once(kind: Kind) {
    let stage = Stage::set(kind, PATIENCE).await;
    stage.running.publish(keyed(1)).await.unwrap();
    stage.running.idle().await.unwrap();
    for size in [2_000_002, 2_000_003, 2_000_004] {
        let mark = size.to_string().into_bytes();
        stage.proxy.cut_after(move |bytes| bytes.windows(mark.len()).any(|window| window == mark));
        let cuts = stage.proxy.cuts();
        // The first bytes that have its number are those of the append.
        let receipt = stage.running.publish(Order { size }).await.unwrap();
        assert_eq!(stage.proxy.cuts(), cuts + 1, "it was cut");
        assert!(!receipt.duplicate);
        assert_eq!(stage.running.settled(receipt.correlation).await.unwrap(), Status::Done);
    }
    stage.until_back().await;
    stage.has(vec![1, 2_000_002, 2_000_003, 2_000_004]).await;
}

/// POSTGRES-23, OWN-5: a connection that has gone silent is noticed when the ownership is over, and not when the
/// operating system gives it up; a read on one that was left alone is not held up by it.
async fn a_silent_connection_is_noticed_in_time(kind: Kind) {
    for way in [Way::ToServer, Way::ToClient] {
        let stage = Stage::set(kind, PATIENCE).await;
        let first = stage.running.publish(keyed(1)).await.unwrap();
        stage.running.settled(first.correlation).await.unwrap();
        stage.proxy.swallow(way);
        let went = Instant::now();
        let publish = stage.running.publish(Order { size: 2 });
        let noticed = async {
            stage.until_away().await;
            went.elapsed()
        };
        let healed = async {
            let noticed = noticed.await;
            stage.proxy.heal();
            noticed
        };
        let (published, noticed) = tokio::join!(publish, healed);
        let owned = Duration::from_secs(OWNED);
        assert!(noticed < owned + Duration::from_secs(4), "{way:?}: noticed after {noticed:?}");
        published.unwrap();
        assert!(
            went.elapsed() < noticed + Duration::from_secs(20),
            "it went on: {:?}",
            went.elapsed()
        );
        // What reads has connections too, which are as silent as the others were.
        let asked = Instant::now();
        assert!(stage.running.get(first.id).await.unwrap().is_some());
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{way:?}: read after {:?}",
            asked.elapsed()
        );
        stage.has(vec![1, 2]).await;
    }
}

/// POSTGRES-24, OWN-5: a renewal that gets no answer is tried again on another connection before the time is over:
/// the board goes on as if nothing had been.
async fn one_lost_connection_costs_no_ownership(kind: Kind) {
    let stage = Stage::set(kind, PATIENCE).await;
    let (seq, _) = stage.running.state_hash().await.unwrap();
    for _ in 0..3 {
        // The next renewal falls into this time, and must have come to an end before the ownership does.
        let opened = stage.proxy.opened();
        stage.proxy.silence();
        let lost = stage.running.health_when(|health| *health != Health::Available);
        let lost = tokio::time::timeout(Duration::from_secs(OWNED), lost).await;
        assert!(lost.is_err(), "{lost:?}");
        assert!(stage.proxy.opened() > opened, "it was renewed on another connection");
    }
    assert_eq!(stage.running.state_hash().await.unwrap().0, seq, "no other ownership was taken");
    // The connection that writes is as silent; the ownership being renewed says nothing of it.
    let asked = Instant::now();
    stage.running.publish(keyed(1)).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(15), "published after {:?}", asked.elapsed());
    stage.has(vec![1]).await;
}

#[cfg(test)]
mod postgres {
    use artel_testkit::servers::Kind;

    /// POSTGRES-21, REC-7, I1.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_board_goes_on_when_its_server_is_back() {
        super::a_board_goes_on_when_its_server_is_back(Kind::Postgres).await;
    }

    /// REC-7.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_waits_for_too_long_is_unavailable() {
        super::what_waits_for_too_long_is_unavailable(Kind::Postgres).await;
    }

    /// POSTGRES-22, REC-1, I1, I3.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_committed_without_an_answer_is_there_once() {
        super::what_was_committed_without_an_answer_is_there_once(Kind::Postgres).await;
    }

    /// POSTGRES-23, OWN-5.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_silent_connection_is_noticed_in_time() {
        super::a_silent_connection_is_noticed_in_time(Kind::Postgres).await;
    }

    /// POSTGRES-24, OWN-5.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_lost_connection_costs_no_ownership() {
        super::one_lost_connection_costs_no_ownership(Kind::Postgres).await;
    }
}

#[cfg(test)]
mod redis {
    use artel_testkit::servers::Kind;

    /// REDIS-12, REC-7, I1.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_board_goes_on_when_its_server_is_back() {
        super::a_board_goes_on_when_its_server_is_back(Kind::Redis).await;
    }

    /// REC-7.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_waits_for_too_long_is_unavailable() {
        super::what_waits_for_too_long_is_unavailable(Kind::Redis).await;
    }

    /// REDIS-12, REC-1, I1, I3.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_committed_without_an_answer_is_there_once() {
        super::what_was_committed_without_an_answer_is_there_once(Kind::Redis).await;
    }

    /// REDIS-12, OWN-5.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_silent_connection_is_noticed_in_time() {
        super::a_silent_connection_is_noticed_in_time(Kind::Redis).await;
    }

    /// REDIS-12, OWN-5.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_lost_connection_costs_no_ownership() {
        super::one_lost_connection_costs_no_ownership(Kind::Redis).await;
    }
}
