//! Logs that lose their end: on servers that come back without their newest batch. Whoever saw that batch stops,
//! writes it down, and nobody goes on until the board is adopted.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failed expectation is a failed test"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::cmd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;

use artel::envelope::Actor;
use artel::event::Event;
use artel::ids::Seq;
use artel::log::Log;
use artel::record::BatchHeader;
use artel::{AdoptError, Adopted, Artifact, Board, Context, Error, Reader, Running, adopt_board};
use artel_testkit::check;
use artel_testkit::servers::{Kind, Server};

static BOARDS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    size: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Part {
    size: u32,
}

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

async fn board(url: &str) -> Board {
    let board = Board::open(url).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    board
}

async fn start(url: &str) -> Running {
    board(url).await.start().await.unwrap()
}

/// What the log said, as the cause of an error.
fn code(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|error| error.downcast_ref()).map_or("none", artel::log::Error::code)
}

/// A board on a server of a kind.
struct Place {
    server: Server,
    name: String,
}

impl Place {
    fn new(kind: Kind) -> Self {
        let number = BOARDS.fetch_add(1, Ordering::SeqCst);
        Self { server: Server::start(kind), name: format!("went-back-{number}") }
    }

    fn url(&self) -> String {
        format!("{}?board={}&ownership=60s", self.server.url(), self.name)
    }

    /// Takes the newest batch away, and what else a server forgets with it: who owns the board. The batch brought
    /// no artifact and ended no activation.
    async fn go_back(&self) {
        let reader = Reader::open(self.url()).await.unwrap();
        let batches = reader.log().read(Seq(1), usize::MAX).await.unwrap();
        reader.close().await;
        let [.., before, last] = &batches[..] else { panic!("there are two") };
        match &self.server {
            Server::Postgres(server) => {
                forget_row(&server.url(), &self.name, &before.header, last.header.last).await;
            }
            Server::Redis(server) => {
                forget_keys(&server.url(), &self.name, &before.header, last.header.last).await;
            }
        }
    }
}

async fn forget_row(url: &str, name: &str, before: &BatchHeader, last: Seq) {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let number = |seq: Seq| i64::try_from(seq.get()).unwrap();
    let of = "(SELECT no FROM artel.board WHERE key = $1)";
    let unlock = "ALTER TABLE artel.operation DISABLE TRIGGER USER";
    sqlx::query(unlock).execute(&mut connection).await.unwrap();
    for what in ["batch WHERE last = $2", "operation WHERE seq = $2", "owner WHERE $2 > 0"] {
        let sql = format!("DELETE FROM artel.{what} AND board_no = {of}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(name).bind(number(last));
        assert_eq!(query.execute(&mut connection).await.unwrap().rows_affected(), 1, "{what}");
    }
    let sql = "UPDATE artel.board SET seq = $2, hash = $3, at = $4 WHERE key = $1";
    let query = sqlx::query(sql).bind(name).bind(number(before.last)).bind(&before.hash.0[..]);
    query.bind(before.at.as_millis()).execute(&mut connection).await.unwrap();
}

async fn forget_keys(url: &str, name: &str, before: &BatchHeader, last: Seq) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let tag: String =
        cmd("GET").arg(format!("artel:board:{name}")).query_async(&mut connection).await.unwrap();
    let key = |name: &str| format!("artel:{{{tag}}}:{name}");
    let mut forget = redis::pipe();
    forget.cmd("XDEL").arg(key("log")).arg(format!("{last}-0"));
    forget.cmd("DEL").arg(key("owner"));
    forget.cmd("HSET").arg(key("head")).arg("seq").arg(before.last.get());
    forget.arg("hash").arg(&before.hash.0[..]).arg("at").arg(before.at.as_millis());
    let done: (i64, i64, i64) = forget.query_async(&mut connection).await.unwrap();
    assert_eq!((done.0, done.1), (1, 1), "a batch, and an owner");
}

/// Does something that is one batch without artifacts.
async fn touch(running: &Running) -> Seq {
    assert!(running.operator("ann", "there is much to do").unwrap().pause_board().await.unwrap());
    running.durable()
}

/// What a log says of its adoption, and who the log says did it.
async fn adoption(reader: &Reader) -> (Seq, Event, Actor) {
    let mut tail = reader.tail(Seq(1));
    while let Some(entry) = tail.next().await.unwrap() {
        if matches!(entry.event, Event::Adopted { .. }) {
            return (entry.seq, entry.event, entry.actor);
        }
    }
    panic!("the board was not adopted");
}

/// The board goes on behind everything that anybody knows, and is what it should be.
async fn goes_on(url: &str, adopted: &Adopted) {
    let running = start(url).await;
    assert!(running.durable() > adopted.last);
    let operator = running.operator("ann", "there is less to do").unwrap();
    operator.resume_board().await.unwrap();
    let receipt = running.publish(Order { size: 7 }).await.unwrap();
    assert!(receipt.seq > adopted.last);
    running.idle().await.unwrap();
    check(&running).await;
    assert!(running.shutdown().await.complete);
    let reader = Reader::open(url).await.unwrap();
    let header = reader.state().header();
    assert_eq!(header.incarnation, Some(adopted.incarnation));
    assert_ne!(header.origin, header.incarnation);
    let (seq, event, actor) = adoption(&reader).await;
    let Event::Adopted { incarnation, span } = event else { panic!("{event:?}") };
    assert_eq!((seq, incarnation), (adopted.kept.next(), adopted.incarnation));
    assert_eq!(Seq(adopted.kept.get() + span), adopted.last);
    let Actor::Operator { name, reason } = actor else { panic!("{actor:?}") };
    assert_eq!((name.as_str(), &*reason), ("bob", "the server lost its last second"));
    // Whoever goes on within what is left out is told why nothing has these seqs.
    let mut tail = reader.tail(Seq(adopted.last.get() - 3));
    for expected in [seq, adopted.last.next()] {
        assert_eq!(tail.next().await.unwrap().unwrap().seq, expected);
    }
}

async fn adopt(url: &str, above: Option<Seq>) -> Result<Adopted, AdoptError> {
    adopt_board(url, above, "bob", "the server lost its last second").await
}

/// The owner of a board whose server went back stops, and so does who follows; nobody starts the board again, not
/// even a process that was not there, until it is adopted.
async fn stops_until_it_is_adopted(kind: Kind) {
    let place = Place::new(kind);
    let url = place.url();
    let error = adopt(&url, None).await.unwrap_err();
    assert_eq!(error.code(), "log-missing", "{error}");
    let owner = start(&url).await;
    owner.publish(Order { size: 1 }).await.unwrap();
    owner.idle().await.unwrap();
    let error = adopt(&url, None).await.unwrap_err();
    assert_eq!(error.code(), "log-owned", "{error}");
    let kept = owner.durable();
    let known = touch(&owner).await;
    let mut reader = Reader::open(&url).await.unwrap();
    let mut follows = reader.tail(Seq(1));
    while follows.next().await.unwrap().is_some() {}
    let waiting = board(&url).await;
    place.go_back().await;

    let error = follows.next().await.unwrap_err();
    assert_eq!(error.code(), "log-regressed", "{error}");
    let error = reader.refresh().await.unwrap_err();
    assert!(error.to_string().starts_with("log regressed: it was folded up to"), "{error}");
    let refused = owner.publish(Order { size: 2 }).await.unwrap_err();
    assert!(refused.to_string().contains("log regressed"), "{refused}");
    let why = owner.stopped().await;
    assert!(
        why.contains(&format!("seq {known} as durable")) && why.contains("board adopt"),
        "{why}"
    );
    owner.shutdown().await;

    // Whoever comes later knows it from the log.
    let later = Reader::open(&url).await.unwrap();
    assert_eq!(later.head().await.unwrap().regressed, Some(known));
    let error = Board::open(&url).await.unwrap_err();
    assert_eq!(code(&error), "log-regressed", "{error}");
    let error = waiting.stand_by().await.unwrap_err();
    assert_eq!(code(&error), "log-regressed", "{error}");

    let adopted = adopt(&url, None).await.unwrap();
    assert_eq!((adopted.kept, adopted.known), (kept, known));
    let left_out = Seq(adopted.last.get() - 3);
    let mut tail = Reader::open(&url).await.unwrap().tail(left_out);
    let told = tail.next().await.unwrap().unwrap();
    assert_eq!((told.seq, told.event.span()), (kept.next(), adopted.last.get() - kept.get()));
    assert!(tail.next().await.unwrap().is_none(), "nothing has a seq that is left out");
    assert!(adopted.last > known);
    let error = adopt(&url, None).await.unwrap_err();
    assert_eq!(error.code(), "adopt-whole", "{error}");
    goes_on(&url, &adopted).await;
    let error = follows.next().await.unwrap_err();
    assert_eq!(error.code(), "log-regressed", "{error}");
    let error = reader.refresh().await.unwrap_err();
    assert!(error.to_string().starts_with("log regressed: it was folded up to"), "{error}");
}

/// An owner that finds another one on the shorter log, which knows of nothing, stops that one too.
async fn an_owner_stops_the_next_one(kind: Kind) {
    let place = Place::new(kind);
    let url = place.url();
    let first = start(&url).await;
    let known = touch(&first).await;
    place.go_back().await;
    let second = start(&url).await;
    for size in 0..3 {
        second.publish(Order { size }).await.unwrap();
    }
    let refused = first.publish(Order { size: 9 }).await.unwrap_err();
    assert!(refused.to_string().contains("log regressed"), "{refused}");
    let refused = second.publish(Order { size: 9 }).await.unwrap_err();
    assert!(refused.to_string().contains("log regressed"), "{refused}");
    let head = Reader::open(&url).await.unwrap().head().await.unwrap();
    assert_eq!(head.regressed, Some(known));
    first.shutdown().await;
    second.shutdown().await;
    let adopted = adopt(&url, None).await.unwrap();
    assert_eq!((adopted.kept, adopted.known), (head.seq, known));
    goes_on(&url, &adopted).await;
}

/// An owner that wakes up when its board was adopted steps down and disturbs nobody, whether the board goes on by then
/// or not.
async fn an_owner_that_sleeps_is_left_behind(kind: Kind) {
    for goes_on_first in [true, false] {
        let place = Place::new(kind);
        let url = place.url();
        let first = start(&url).await;
        let known = touch(&first).await;
        place.go_back().await;
        let adopted = adopt(&url, Some(known)).await.unwrap();
        assert_eq!(adopted.known, known);
        assert_eq!(adopt(&url, Some(known)).await.unwrap(), adopted, "its answer was lost");
        let second = if goes_on_first { Some(start(&url).await) } else { None };
        let refused = first.publish(Order { size: 9 }).await.unwrap_err();
        assert!(refused.to_string().contains("the board was adopted"), "{refused}");
        let second = match second {
            Some(second) => second,
            None => start(&url).await,
        };
        second.publish(Order { size: 9 }).await.unwrap();
        assert_eq!(Reader::open(&url).await.unwrap().head().await.unwrap().regressed, None);
        first.shutdown().await;
        assert!(second.shutdown().await.complete);
        goes_on(&url, &adopted).await;
    }
}

mod postgres {
    use super::*;

    /// ADOPT-1, ADOPT-2, ADOPT-3, POSTGRES-18: see above.
    #[tokio::test]
    async fn a_board_that_went_back_stops_until_it_is_adopted() {
        Box::pin(stops_until_it_is_adopted(Kind::Postgres)).await;
    }

    /// ADOPT-1: see above.
    #[tokio::test]
    async fn an_owner_on_a_shorter_log_is_stopped() {
        an_owner_stops_the_next_one(Kind::Postgres).await;
    }

    /// ADOPT-4: see above.
    #[tokio::test]
    async fn an_owner_of_before_an_adoption_steps_down() {
        Box::pin(an_owner_that_sleeps_is_left_behind(Kind::Postgres)).await;
    }
}

mod redis_server {
    use super::*;

    /// ADOPT-1, ADOPT-2, ADOPT-3, REDIS-13: see above.
    #[tokio::test]
    async fn a_board_that_went_back_stops_until_it_is_adopted() {
        Box::pin(stops_until_it_is_adopted(Kind::Redis)).await;
    }

    /// ADOPT-1, REDIS-13: see above.
    #[tokio::test]
    async fn an_owner_on_a_shorter_log_is_stopped() {
        an_owner_stops_the_next_one(Kind::Redis).await;
    }

    /// ADOPT-4: see above.
    #[tokio::test]
    async fn an_owner_of_before_an_adoption_steps_down() {
        Box::pin(an_owner_that_sleeps_is_left_behind(Kind::Redis)).await;
    }
}

/// Marks a log as an owner does that has just looked at it.
async fn mark(log: &dyn Log, known: Seq) {
    let seen = log.head().await.unwrap().epoch;
    log.mark_regressed(known, seen).await.unwrap();
}

/// ADOPT-2, ADOPT-5: a board in a file, whose owner wrote down what it missed. An adoption that was cut off before
/// the mark was gone is given again, and is one.
#[tokio::test]
async fn a_board_in_a_file_is_adopted_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("board.db").display());
    let owner = start(&url).await;
    owner.publish(Order { size: 1 }).await.unwrap();
    owner.idle().await.unwrap();
    touch(&owner).await;
    let known = Seq(owner.durable().get() + 5);
    let log = owner.log();
    mark(&*log, known).await;
    mark(&*log, Seq(2)).await;
    owner.shutdown().await;
    let error = Board::open(&url).await.unwrap_err();
    assert_eq!(code(&error), "log-regressed", "{error}");
    let error = adopt(&url, Some(Seq(u64::MAX))).await.unwrap_err();
    assert_eq!(error.code(), "adopt-above", "{error}");
    let error = adopt_board(&url, None, "bob", "").await.unwrap_err();
    assert_eq!(error.code(), "invalid-operator", "{error}");

    let above = Seq(known.get() + 7);
    let adopted = adopt(&url, Some(above)).await.unwrap();
    assert_eq!(adopted.known, above);
    // As if that call had been cut off before its end.
    let log = board(&url).await.log();
    mark(&*log, above).await;
    log.close().await;
    assert_eq!(adopt(&url, None).await.unwrap(), adopted);
    goes_on(&url, &adopted).await;
}
