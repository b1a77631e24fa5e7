//! The two files: the board's, which is only read, and the one beside it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

/// Pages that the writer keeps, in KiB: as many as the board's writer.
const CACHE_KIB: u32 = 32 * 1024;

/// A connection that reads the board's file. What it sorts lies in tables of its own.
pub(super) async fn reader(board: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(board)
        .read_only(true)
        .disable_statement_logging()
        .connect()
        .await
}

/// How a fresh file is written: with the settings of the connection that writes a board.
pub(super) fn writing(path: &Path, url: &str) -> SqliteConnectOptions {
    let synchronous = match url.split_once('?') {
        Some((_, parameters)) if parameters.contains("normal") => SqliteSynchronous::Normal,
        Some(_) | None => SqliteSynchronous::Full,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("fullfsync", "ON")
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging()
}

/// Makes the board's tables and indexes in the fresh file, and the row that says where the log ends.
pub(super) async fn copy_schema(
    reader: &mut SqliteConnection,
    writer: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    let schema = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    for made in reader.fetch_all(schema).await? {
        writer.execute(AssertSqlSafe(made.try_get::<String, _>(0)?)).await?;
    }
    let head = "SELECT only, board, incarnation, dev, epoch, seq, hash, at FROM head";
    let head = reader.fetch_one(head).await?;
    sqlx::query(
        "INSERT INTO head (only, board, incarnation, dev, epoch, seq, hash, at) \
         VALUES (?, ?, ?, ?, ?, 0, ?, 0)",
    )
    .bind(head.try_get::<i64, _>(0)?)
    .bind(head.try_get::<String, _>(1)?)
    .bind(head.try_get::<Vec<u8>, _>(2)?)
    .bind(head.try_get::<i64, _>(3)?)
    .bind(head.try_get::<i64, _>(4)?)
    .bind(head.try_get::<Vec<u8>, _>(6)?)
    .execute(writer)
    .await?;
    Ok(())
}
