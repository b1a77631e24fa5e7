//! Boards on one server, which all tests of this program share, and on one cluster.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Connection, FromRedisValue, RedisResult, cmd};

use artel_core::log::{Error, Log};
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{RedisCluster, RedisServer};

pub(crate) static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
pub(crate) static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(RedisCluster::start);
/// Both as a user with the rights that the documentation names, and no others.
static USER: LazyLock<String> = LazyLock::new(|| as_user(&SERVER.url()));
static CLUSTER_USER: LazyLock<String> = LazyLock::new(|| as_user(&CLUSTER.url()));
static DOCUMENTATION: &str = include_str!("../../../docs/specs/redis.md");
static NAMES: AtomicU32 = AtomicU32::new(0);

/// A name that nobody else has.
pub(crate) fn new_name() -> String {
    format!("test-{}", NAMES.fetch_add(1, Ordering::SeqCst))
}

/// Makes the user of the documentation on a server or on each node of a cluster, and says the URL for that user.
/// Blocks meanwhile.
pub(crate) fn as_user(url: &str) -> String {
    let mut connection = Client::open(url).unwrap().get_connection().unwrap();
    let nodes: RedisResult<String> = cmd("CLUSTER").arg("NODES").query(&mut connection);
    admit(&mut connection);
    for node in nodes.unwrap_or_default().lines() {
        let address = node.split([' ', '@']).nth(1).unwrap();
        let client = Client::open(format!("redis://{address}")).unwrap();
        admit(&mut client.get_connection().unwrap());
    }
    let (_, address) = url.rsplit_once('@').unwrap_or_else(|| url.split_once("//").unwrap());
    format!("redis://artel:secret@{address}")
}

fn admit(connection: &mut Connection) {
    let lines = DOCUMENTATION.lines().filter_map(|line| line.strip_prefix("ACL SETUSER "));
    for line in lines {
        let words = line.replace("PASSWORD", "secret");
        let words: Vec<&str> = words.split(' ').collect();
        cmd("ACL").arg("SETUSER").arg(words).exec(connection).unwrap();
    }
}

/// A server and a replica of it, which is there.
pub(crate) async fn with_replica() -> (RedisServer, RedisServer) {
    let primary = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = RedisServer::with(&["--replicaof", &of]);
    let mut connection = connect(&primary.url()).await;
    loop {
        let mut info = cmd("INFO");
        info.arg("replication");
        let told: String = info.query_async(&mut connection).await.unwrap();
        if told.contains("state=online") {
            return (primary, replica);
        }
    }
}

/// A connection for whoever does what a log does not.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).unwrap();
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
        Self::at(&USER, board).await
    }

    pub(crate) async fn on_cluster(board: NewBoard) -> Self {
        Self::at(&CLUSTER_USER, board).await
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
        let tag: String = run(cmd("GET").arg(format!("artel:board:{}", self.key))).await;
        format!("artel:{{{tag}}}:{name}")
    }
}

impl LogPlace for Place {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        artel_persistence::open(&self.url, OpenOptions::existing()).await
    }
}
