//! The full check of a board: nothing that is missing, changed or hidden in a real file passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use artel::{Board, Context, Error, Publication, Reader, Retry};

use super::set_up::{Order, Part, order};

async fn moody(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    cx.step("look", async { Ok::<_, Error>(order.size) }).await?;
    match order.size {
        1..=4 => Err(Error::permanent("too small")),
        9 => std::future::pending().await,
        size => Ok(Part { size }),
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// A board with something of everything that lies beside a log: a redriven dead letter, a dropped
/// one, one that waits, a cancelled tree, a key that was used, steps and reports.
async fn board(folder: &Path) -> PathBuf {
    let path = folder.join("board.db");
    let board = Board::builder(url(&path)).name("checked").open().await.unwrap();
    let retry = Retry::fixed(std::time::Duration::from_millis(1)).max_attempts(1);
    board.agent("moody").on::<Order>().retry(retry).run(moody);
    let running = board.start().await.unwrap();
    for size in [1, 2, 3, 8] {
        let one = Publication::new(order(size)).idempotency_key(format!("key {size}"));
        let receipt = running.publish(one).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
    }
    let hung = running.publish(order(9)).await.unwrap();
    let ann = running.operator("ann", "it is over").unwrap();
    ann.cancel(hung.correlation).await.unwrap();
    let reader = Reader::of(running.log()).await.unwrap();
    let dead = reader.activations(&artel::ActivationFilter::default()).await.unwrap().activations;
    ann.redrive(&[dead[0].id]).await.unwrap();
    ann.drop_dead(&[dead[1].id]).await.unwrap();
    running.idle().await.unwrap();
    let _ = running.shutdown().await;
    path
}

async fn change(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.unwrap();
    let done = connection.execute(AssertSqlSafe(sql)).await.unwrap();
    assert!(done.rows_affected() > 0, "it changes nothing: {sql}");
    sqlx::Connection::close(connection).await.unwrap();
}

/// An error with all that it comes from.
fn chain(error: impl std::error::Error) -> String {
    artel_core::classify::chain_of(&error).join(": ")
}

/// What a full check of a file finds; empty when it is whole.
async fn finding(path: &Path) -> String {
    let reader = Reader::open(url(path)).await.unwrap();
    let verified = match reader.verify(|_| {}).await {
        Ok(verified) => verified,
        Err(error) => return chain(error),
    };
    let store = reader.verify_store(verified.seq, |_| {}).await;
    reader.close().await;
    store.err().map_or_else(String::new, chain)
}

#[tokio::test]
async fn a_whole_board_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = board(folder.path()).await;
    assert_eq!(finding(&path).await, "");
    let reader = Reader::open(url(&path)).await.unwrap();
    let store = reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    assert_eq!((store.artifacts, store.closed), (6, 5));
    assert!(store.contents >= 8, "{store:?}");
}

/// What is done to the file, and what the finding says.
const DAMAGES: [(&str, &str); 26] = [
    ("DELETE FROM content", "it is missing, and no event removed it"),
    ("UPDATE artifact SET payload = NULL", "its payload is missing, and no event removed it"),
    ("DELETE FROM artifact WHERE seq = (SELECT max(seq) FROM artifact)", "it is missing"),
    (
        "INSERT INTO artifact SELECT (SELECT seq FROM head), x'01', correlation, type_no, agent_no, \
         at, envelope, salt, payload FROM artifact WHERE seq = (SELECT max(seq) FROM artifact)",
        "the log has no artifact there",
    ),
    ("UPDATE artifact SET at = at + 1", "its time is another"),
    ("UPDATE artifact SET id = randomblob(16)", "it is not found by its id"),
    ("UPDATE artifact SET correlation = randomblob(16)", "it is not listed by its correlation"),
    ("UPDATE artifact SET type_no = type_no + 7", "it is not listed by its type"),
    (
        "UPDATE artifact SET agent_no = 7 WHERE agent_no IS NOT NULL",
        "it is not listed by its agent",
    ),
    ("DELETE FROM stretch WHERE kind = 0", "it is not listed by its type"),
    ("DELETE FROM stretch WHERE kind = 1", "it is not listed by its agent"),
    ("DELETE FROM new_tag WHERE tag = 'red'", "it is not listed by its tag `red`"),
    ("DELETE FROM used_key WHERE key = 'key 2'", "key `key 2` does not lead to it"),
    (
        "UPDATE used_key SET seq = (SELECT max(seq) FROM artifact) WHERE key = 'key 2'",
        "key `key 2` leads to ",
    ),
    ("DELETE FROM closed", "it is missing"),
    ("DELETE FROM closed WHERE outcome = 3", "it is missing"),
    ("UPDATE closed SET outcome = 2 WHERE outcome = 1", "it is not listed by its outcome (Dead)"),
    ("UPDATE closed SET agent_no = 7", "it is not listed by its agent"),
    ("UPDATE closed SET correlation = randomblob(16)", "it is not listed by its correlation"),
    ("DELETE FROM worked_on", "it is not listed by its"),
    (
        "INSERT INTO closed SELECT (SELECT seq FROM head), outcome, agent_no, correlation, apart, \
         body FROM closed LIMIT 1",
        "activation",
    ),
    ("DELETE FROM cancelled", "it was cancelled, and is not there"),
    (
        "INSERT INTO cancelled SELECT correlation FROM artifact ORDER BY seq LIMIT 1",
        "it is cancelled there, and not by the log",
    ),
    ("UPDATE head SET board = 'other'", "the head of the log says board `other`"),
    ("UPDATE head SET dev = 1 - dev", "the head of the log says development mode"),
    ("UPDATE snapshot_part SET bytes = x'00'", "cannot be read"),
];

#[tokio::test]
async fn each_damage_to_a_file_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = board(folder.path()).await;
    let mut passed = Vec::new();
    for (number, (sql, expected)) in DAMAGES.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.db"));
        std::fs::copy(&whole, &path).unwrap();
        change(&path, sql).await;
        let found = finding(&path).await;
        if !found.contains(expected) {
            passed.push(format!("{sql}\n  expected: {expected}\n  found:    {found}"));
        }
    }
    assert!(passed.is_empty(), "{}", passed.join("\n"));
}

/// I10: a log of which the beginning is gone is not folded as if it began later.
#[tokio::test]
async fn a_log_without_its_beginning_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.db");
    let board = Board::open(url(&path)).await.unwrap();
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    assert!(running.shutdown().await.complete);
    change(&path, "DELETE FROM snapshot").await;
    change(&path, "DELETE FROM batch WHERE last = (SELECT min(last) FROM batch)").await;
    let found = chain(Reader::open(url(&path)).await.unwrap_err());
    assert!(found.contains("the hash chain is broken"), "{found}");
}
