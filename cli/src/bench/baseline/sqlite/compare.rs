//! The comparison of both files, by SQLite itself: each table has as many rows in one as in the
//! other, and each row of one is in the other with every value the same. That says more than equal
//! hashes would.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::bench::error::Error;

/// What is a cache of the board's, and is not appended.
const LEFT_OUT: [&str; 2] = ["snapshot", "snapshot_part"];

/// Compares every table of the file that this connection writes with the board's, and says how many
/// rows there are.
pub(super) async fn compare(written: &mut SqliteConnection, board: &Path) -> Result<u64, Error> {
    let attach = sqlx::query("ATTACH DATABASE ? AS board").bind(board.display().to_string());
    attach.execute(&mut *written).await?;
    let mut rows = 0;
    let tables = "SELECT name FROM board.sqlite_schema WHERE type = 'table' ORDER BY name";
    for table in written.fetch_all(tables).await? {
        let table: String = table.try_get(0)?;
        if !LEFT_OUT.contains(&table.as_str()) {
            rows += same(written, &table).await?;
        }
    }
    let indexes = "SELECT count(*) FROM \
        (SELECT name, tbl_name, sql FROM board.sqlite_schema \
         EXCEPT SELECT name, tbl_name, sql FROM main.sqlite_schema)";
    match count(written, indexes.to_owned()).await? {
        0 => Ok(rows),
        missing => Err(differs(format!("{missing} tables or indexes are missing"))),
    }
}

/// Compares a table, and says how many rows it has.
async fn same(written: &mut SqliteConnection, table: &str) -> Result<u64, Error> {
    let rows = |of: &str| format!("SELECT count(*) FROM {of}.{table}");
    let (expected, found) =
        (count(written, rows("board")).await?, count(written, rows("main")).await?);
    if expected != found {
        return Err(differs(format!("`{table}` has {found} rows, the board's has {expected}")));
    }
    let names = sqlx::query("SELECT name FROM pragma_table_info(?)").bind(table.to_owned());
    let names = names.fetch_all(&mut *written).await?;
    let equal = |row: &sqlx::sqlite::SqliteRow| {
        let name: String = row.try_get(0)?;
        Ok(format!("a.{name} IS b.{name}"))
    };
    let equal: Vec<String> = names.iter().map(equal).collect::<Result<_, sqlx::Error>>()?;
    // Every table has a primary key, so a row of one is at most one row of the other.
    let other = format!(
        "SELECT count(*) FROM board.{table} AS a WHERE NOT EXISTS \
         (SELECT 1 FROM main.{table} AS b WHERE {})",
        equal.join(" AND ")
    );
    match count(written, other).await? {
        0 => Ok(found),
        different => {
            Err(differs(format!("`{table}` has {different} rows that the board's has not")))
        }
    }
}

async fn count(written: &mut SqliteConnection, sql: String) -> Result<u64, Error> {
    let row = written.fetch_one(AssertSqlSafe(sql)).await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

const fn differs(problem: String) -> Error {
    Error::Differs { problem }
}
