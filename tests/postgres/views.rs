//! What people see of a board with SQL: the views, and the table that nobody changes.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use artel::{Board, Context, Error, Publication, Retry, Running, Status};

use crate::board::{Order, Part, part};
use crate::{SERVER, url};

async fn connect() -> PgConnection {
    PgConnection::connect(&SERVER.url()).await.unwrap()
}

/// The rows of a query, in which `BOARD` stands for what the URL calls the board.
async fn rows(url: &str, sql: &str) -> Vec<PgRow> {
    let mut connection = connect().await;
    connection.execute("SET search_path = artel").await.unwrap();
    connection.fetch_all(AssertSqlSafe(of(url, sql))).await.unwrap()
}

/// The statement about a board.
fn of(url: &str, sql: &str) -> String {
    let board = url.split("board=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    sql.replace("BOARD", &format!("'{board}'"))
}

/// Each row as one text, its columns with a bar between them.
async fn texts(url: &str, sql: &str) -> Vec<String> {
    let rows = rows(url, sql).await;
    let text = |row: &PgRow| {
        let columns = (0..row.len()).map(|column| {
            row.try_get::<Option<String>, _>(column).unwrap().unwrap_or_else(|| "-".to_owned())
        });
        columns.collect::<Vec<_>>().join("|")
    };
    rows.iter().map(text).collect()
}

async fn start(url: &str) -> Running {
    let board = Board::builder(url).program("shop").open().await.unwrap();
    board.agent("part").on::<Order>().retry(Retry::never()).run(part_at_once);
    board.start().await.unwrap()
}

async fn part_at_once(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    if order.size == 13 { part(cx, order).await } else { Ok(Part { size: order.size }) }
}

/// POSTGRES-11: artifacts, finished work and dead letters are shown by name, with tags, producers, times
/// and what they hold.
#[tokio::test]
async fn people_see_names() {
    let url = url();
    let running = start(&url).await;
    let first = Publication::new(Order { size: 1 }).tag("red").tag("in stock");
    let first = running.publish(first).await.unwrap();
    let unlucky = running.publish(Order { size: 13 }).await.unwrap();
    assert_eq!(running.settled(first.correlation).await.unwrap(), Status::Done);
    assert_eq!(running.settled(unlucky.correlation).await.unwrap(), Status::DeadLetters(1));
    assert!(running.shutdown().await.complete);

    let sql = "SELECT type, version::text, producer, array_to_string(tags, ','), payload->>'size', \
               payload_text, (abs(extract(epoch FROM now() - at)) < 60)::text, \
               (correlation = (SELECT correlation FROM artifacts WHERE board = BOARD ORDER BY seq LIMIT 1))::text \
               FROM artifacts WHERE board = BOARD ORDER BY payload->>'size', seq";
    assert_eq!(
        texts(&url, sql).await,
        [
            r#"Order|1|program:shop|in stock,red|1|{"size":1}|true|true"#,
            r#"Part|1|agent:part||1|{"size":1}|true|true"#,
            r#"Order|1|program:shop||13|{"size":13}|true|false"#,
        ]
    );
    let sql = "SELECT agent, outcome, reason, attempts::text, (SELECT payload->>'size' FROM artifacts a \
               WHERE a.board = w.board AND a.seq = w.input) \
               FROM finished_work w WHERE board = BOARD ORDER BY activation";
    assert_eq!(texts(&url, sql).await, ["part|done|-|1|1", "part|dead|not-retryable|1|13"]);
    let sql = "SELECT agent, reason, kind, length(fingerprint)::text, report->'error'->>0 \
               FROM dead_letters WHERE board = BOARD";
    assert_eq!(texts(&url, sql).await, ["part|not-retryable|permanent|16|unlucky"]);
}

/// POSTGRES-11: JSONB cannot hold U+0000. Such a payload is shown as text and not as JSON, and keeps
/// nobody from seeing the others.
#[tokio::test]
async fn what_jsonb_cannot_hold_is_shown_as_text() {
    let url = url();
    let running = start(&url).await;
    let sql = "SELECT coalesce(as_json(convert_to(t, 'UTF8'))::text, 'none') \
               FROM unnest(ARRAY[E'{\"a\":\"x\\\\u0000\"}', E'{\"a\":\"\\\\\\\\u0000\"}', '{\"a\":1}']) t";
    assert_eq!(texts(&url, sql).await, ["none", r#"{"a": "\\u0000"}"#, r#"{"a": 1}"#]);
    assert!(running.shutdown().await.complete);
}

/// POSTGRES-12: what an operator did is there with who and why. Nobody changes it, also who owns the table;
/// it goes with its board.
#[tokio::test]
async fn what_operators_did_is_never_changed() {
    let url = url();
    let running = start(&url).await;
    let unlucky = running.publish(Order { size: 13 }).await.unwrap();
    assert_eq!(running.settled(unlucky.correlation).await.unwrap(), Status::DeadLetters(1));
    let letters = "SELECT activation FROM dead_letters WHERE board = BOARD";
    let id: i64 = rows(&url, letters).await[0].get(0);
    let operator = running.operator("ann", "they \"said\" so").unwrap();
    operator.pause_agent("part").await.unwrap();
    operator.resume_agent("part").await.unwrap();
    let id = artel::ids::ActivationId(artel::ids::Seq(id.unsigned_abs()));
    assert_eq!(operator.redrive(&[id]).await.unwrap(), 1);
    assert_eq!(running.settled(unlucky.correlation).await.unwrap(), Status::DeadLetters(1));
    assert!(running.shutdown().await.complete);

    let audit = "SELECT operator, action, reason, agent, (activation IS NOT NULL)::text \
                 FROM operator_audit WHERE board = BOARD ORDER BY seq";
    let told = [
        r#"ann|paused|they "said" so|part|false"#,
        r#"ann|resumed|they "said" so|part|false"#,
        r#"ann|redriven|they "said" so|-|true"#,
    ];
    assert_eq!(texts(&url, audit).await, told);
    let mut connection = connect().await;
    for statement in [
        "UPDATE artel.operation SET operator = 'bob'",
        "DELETE FROM artel.operation",
        "TRUNCATE artel.operation",
    ] {
        let refused = connection.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{statement}: {refused}");
    }
    assert_eq!(texts(&url, audit).await, told);
    let number = rows(&url, "SELECT no FROM board WHERE key = BOARD").await[0].get::<i32, _>(0);
    artel::remove(&url).await.unwrap();
    for table in ["operation", "name", "open_work", "shown", "artifact"] {
        let left = format!("SELECT 1 FROM artel.{table} WHERE board_no = {number}");
        assert!(connection.fetch_all(AssertSqlSafe(left)).await.unwrap().is_empty(), "{table}");
    }
}

async fn never(_: Context, _: Arc<Order>) -> Result<Part, Error> {
    std::future::pending().await
}

/// Waits until what is shown of the open work is what the log has.
async fn caught_up(url: &str, running: &Running) {
    let sql = "SELECT s.seq FROM shown s JOIN board b ON b.no = s.board_no WHERE b.key = BOARD";
    let durable = i64::try_from(running.durable().get()).unwrap();
    loop {
        let shown = rows(url, sql).await.first().map(|row| row.get::<i64, _>(0));
        if shown.is_some_and(|shown| shown >= durable) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// POSTGRES-13: what waits and what runs is shown as of a seq, soon after it happened, and also by an owner who
/// comes after one that showed nothing.
#[tokio::test]
async fn open_work_is_shown_as_of_a_seq() {
    let url = url();
    let start = async || {
        let board = Board::builder(&url).wind_down(Duration::ZERO).open().await.unwrap();
        board.agent("slow").on::<Order>().concurrency(1).run(never);
        board.start().await.unwrap()
    };
    let running = start().await;
    let mut receipts = Vec::new();
    for size in 1..=3 {
        receipts.push(running.publish(Order { size }).await.unwrap());
    }
    caught_up(&url, &running).await;
    let agenda = "SELECT agent, types, attempts::text, behind::text, \
                  (SELECT payload->>'size' FROM artifacts a WHERE a.board = g.board AND a.seq = g.input) \
                  FROM agenda g WHERE board = BOARD ORDER BY activation";
    let attempts = "SELECT agent, attempt::text, (deadline > began_at)::text, (began_at > now() - interval '1 min')::text \
                    FROM attempts WHERE board = BOARD";
    assert_eq!(texts(&url, agenda).await, ["slow|Order|0|0|2", "slow|Order|0|0|3"]);
    assert_eq!(texts(&url, attempts).await, ["slow|1|true|true"]);

    // The one that ran is given back, which an owner shows before it leaves.
    assert!(running.shutdown().await.complete);
    assert_eq!(rows(&url, "SELECT 1 FROM attempts WHERE board = BOARD").await.len(), 0);
    let waits = "SELECT behind::text FROM agenda WHERE board = BOARD";
    assert_eq!(texts(&url, waits).await, ["0", "0", "0"]);

    // The next owner begins with one of both; what is cancelled is gone.
    let running = start().await;
    running.operator("ann", "enough").unwrap().cancel(receipts[1].correlation).await.unwrap();
    caught_up(&url, &running).await;
    let sizes = "SELECT payload->>'size' FROM artifacts a WHERE board = BOARD AND (\
                 seq IN (SELECT input FROM agenda WHERE board = BOARD) \
                 OR seq IN (SELECT input FROM attempts WHERE board = BOARD)) ORDER BY seq";
    assert_eq!(texts(&url, sizes).await, ["1", "3"]);
    assert_eq!((texts(&url, agenda).await.len(), texts(&url, attempts).await.len()), (1, 1));
    running.operator("ann", "enough").unwrap().cancel(receipts[0].correlation).await.unwrap();
    running.operator("ann", "enough").unwrap().cancel(receipts[2].correlation).await.unwrap();
    caught_up(&url, &running).await;
    assert_eq!(rows(&url, "SELECT 1 FROM agenda WHERE board = BOARD").await.len(), 0);
    assert_eq!(rows(&url, "SELECT 1 FROM attempts WHERE board = BOARD").await.len(), 0);
    assert!(running.shutdown().await.complete);
}

/// POSTGRES-11, POSTGRES-12, MOVE-1: a board that is moved here is seen by name as well, and so is what operators did
/// where it was.
#[tokio::test]
async fn a_board_that_was_moved_is_seen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let from = format!("sqlite:{}", folder.path().join("board.db").display());
    let running = start(&from).await;
    let receipt = running.publish(Order { size: 1 }).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    running.operator("ann", "a look").unwrap().pause_agent("part").await.unwrap();
    assert!(running.shutdown().await.complete);
    let url = url();
    artel::move_board(&from, &url, |_, _| {}).await.unwrap();
    let sql = "SELECT type, producer FROM artifacts WHERE board = BOARD ORDER BY seq";
    assert_eq!(texts(&url, sql).await, ["Order|program:shop", "Part|agent:part"]);
    let sql = "SELECT count(*)::text FROM operator_audit WHERE board = BOARD";
    assert_eq!(texts(&url, sql).await, ["1"]);
}
