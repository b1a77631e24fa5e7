//! Boards on one server, which all tests of this program share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio::sync::OnceCell;

use artel_core::log::{Error, Log};
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{PgBouncer, PostgresServer};

pub(crate) static SERVER: LazyLock<PostgresServer> = LazyLock::new(PostgresServer::start);
/// A pool before it that gives each session a connection of its own.
pub(crate) static POOL: LazyLock<PgBouncer> =
    LazyLock::new(|| PgBouncer::start(&SERVER, "session"));
/// Where a user with no more rights than the documentation names finds the server.
static WRITER: OnceCell<String> = OnceCell::const_new();
static NAMES: AtomicU32 = AtomicU32::new(0);

/// A name that nobody else has.
pub(crate) fn new_name() -> String {
    format!("test_{}", NAMES.fetch_add(1, Ordering::SeqCst))
}

/// A connection for whoever does what a log does not.
pub(crate) async fn connect() -> PgConnection {
    let options: PgConnectOptions = SERVER.url().parse().unwrap();
    options.connect().await.unwrap()
}

/// Runs statements as somebody from outside.
pub(crate) async fn sql(text: &str) -> Vec<PgRow> {
    connect().await.fetch_all(AssertSqlSafe(text.to_owned())).await.unwrap()
}

/// The server as a user sees it who has some rights to the tables of the schema, and no others.
async fn as_user(user: &str, rights: &str) -> String {
    // There is a schema.
    Place::new(NewBoard::sample()).await;
    sql(&format!(
        "CREATE ROLE {user} LOGIN; GRANT USAGE ON SCHEMA artel TO {user}; \
         GRANT {rights} ON ALL TABLES IN SCHEMA artel TO {user};"
    ))
    .await;
    SERVER.url().replace("postgres@", &format!("{user}@"))
}

/// The server as a user sees it who has no more rights than the documentation names for a board's programs.
pub(crate) async fn as_writer() -> &'static str {
    WRITER.get_or_init(|| as_user("writer", "SELECT, INSERT, UPDATE, DELETE")).await
}

/// The server as a user sees it who may read.
pub(crate) async fn as_reader() -> String {
    as_user(&new_name(), "SELECT").await
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
        Self::through(&SERVER.url(), board).await
    }

    /// On the way that a URL takes to the server.
    pub(crate) async fn through(way: &str, board: NewBoard) -> Self {
        let key = new_name();
        let url = format!("{way}?board={key}&ownership=3s");
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

    /// Runs a statement in which `BOARD` stands for the number of this board.
    pub(crate) async fn sql(&self, text: &str) -> Vec<PgRow> {
        let number = format!("(SELECT no FROM artel.board WHERE key = '{}')", self.key);
        sql(&text.replace("BOARD", &number)).await
    }
}

impl LogPlace for Place {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        artel_persistence::open(&self.url, OpenOptions::existing()).await
    }
}
