//! Boards on one server, which all tests of this program share, and on one cluster.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};

use artel_core::log::{Error, Log};
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{RedisCluster, RedisServer};

pub(crate) static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
pub(crate) static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start);
static NAMES: AtomicU32 = AtomicU32::new(0);

/// A name that nobody else has.
pub(crate) fn new_name() -> String {
    format!("test-{}", NAMES.fetch_add(1, Ordering::SeqCst))
}

/// A connection for whoever does what a log does not.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Runs a command as somebody from outside.
pub(crate) async fn run<T: FromRedisValue>(command: &Cmd) -> T {
    command.query_async(&mut connect(&SERVER.url()).await).await.unwrap()
}

/// How to make a board.
pub(crate) fn create(board: NewBoard) -> OpenOptions {
    let NewBoard { board, incarnation, dev } = board;
    OpenOptions::create(CreateBoard { board, incarnation, dev })
}

/// A board of its own.
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) url: String,
}

impl Place {
    pub(crate) async fn new(board: NewBoard) -> Self {
        Self::at(&SERVER.url(), board).await
    }

    pub(crate) async fn on_cluster(board: NewBoard) -> Self {
        Self::at(&CLUSTER.url(), board).await
    }

    pub(crate) async fn at(server: &str, board: NewBoard) -> Self {
        let key = new_name();
        let url = format!("{server}?board={key}&ownership=3s");
        artel_persistence::open(&url, create(board)).await.unwrap().close().await;
        Self { key, url }
    }

    /// With so many batches of an artifact each.
    pub(crate) async fn with_batches(batches: u32) -> (Self, Scribe) {
        let place = Self::new(NewBoard::sample()).await;
        let log = place.open().await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        for number in 0..batches {
            scribe.publish(&[Sample::new(number)]).await;
        }
        log.close().await;
        (place, scribe)
    }

    /// One of the board's keys.
    pub(crate) async fn key(&self, name: &str) -> String {
        let tag: String = run(redis::cmd("GET").arg(format!("artel:board:{}", self.key))).await;
        format!("artel:{{{tag}}}:{name}")
    }
}

impl LogPlace for Place {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        artel_persistence::open(&self.url, OpenOptions::existing()).await
    }
}
