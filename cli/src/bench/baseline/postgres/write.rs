//! The loop that is measured.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, Connection, Executor, Row};

use artel::Board;
use artel::record::BatchHeader;

use super::read::{Raw, Reader, columns, signed};
use super::tables::{Place, TABLES};
use crate::bench::Progress;
use crate::bench::baseline::Baseline;
use crate::bench::baseline::source::{Part, Source, Watch};
use crate::bench::error::Error;

/// Writes a board's rows to tables beside it, and says what those of the part took.
pub(crate) async fn write(
    url: &str,
    part: Part,
    progress: &dyn Progress,
) -> Result<Baseline, Error> {
    let place = Place::of(url)?;
    let opened = |error| Error::Reopen(Box::new(error));
    let log = Board::open(url).await.map_err(opened)?.log();
    progress.begin("baseline", log.head().await?.seq.get());
    place.copy_tables().await?;
    let mut reading = place.connect(&place.schema).await?;
    let board_no: i32 = sqlx::query("SELECT no FROM board WHERE key = $1")
        .bind(&place.board)
        .fetch_one(&mut reading)
        .await?
        .try_get(0)?;
    let mut reader = Reader::new(reading, board_no).await?;
    let mut writer = place.connect(&place.baseline()).await?;
    let statement = statement(&mut writer).await?;
    let mut source = Source::new(&*log, false);
    let mut watch = Watch::default();
    while let Some(chunk) = source.next().await? {
        let mut closed = &chunk.closed[..];
        let mut batches = Vec::with_capacity(chunk.batches.len());
        for batch in &chunk.batches {
            let header = batch.header;
            let of_batch = closed.partition_point(|one| one.ended <= header.last);
            let (own, rest) = closed.split_at(of_batch);
            closed = rest;
            batches.push((header, reader.rows(&header, own).await?));
        }
        for (header, rows) in batches {
            watch.batch(part, header.last);
            let arguments = arguments(board_no, &header, rows)?;
            let query = sqlx::query_with(AssertSqlSafe(statement.clone()), arguments);
            query.fetch_all(&mut writer).await?;
            progress.reach(header.last.get());
        }
        watch.pause();
    }
    let rows = place.compare(board_no).await?;
    writer.close().await?;
    log.close().await;
    Ok(Baseline { took: watch.took, batches: watch.batches, rows })
}

/// Removes what the baseline wrote.
pub(crate) async fn remove(url: &str) -> Result<(), Error> {
    let place = Place::of(url)?;
    let sql = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", place.baseline());
    place.connect(&place.schema).await?.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// One statement that moves the head and inserts the rows of every table, out of an array for each
/// column, which are taken apart side by side. The parameters before them are the board's number and the head's seq, hash and time.
async fn statement(connection: &mut PgConnection) -> Result<String, Error> {
    let mut sql =
        "WITH head AS (UPDATE board SET seq = $2, hash = $3, at = $4 WHERE no = $1)".to_owned();
    let mut next = 5;
    for table in TABLES {
        let columns = columns(connection, table).await?;
        let name = table.name;
        let names = columns.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ");
        let arrays =
            (next..).zip(&columns).map(|(number, (_, of))| format!("unnest(${number}::{of}[])"));
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        next += columns.len();
        sql.push_str(&format!(
            ", {name}_rows AS (INSERT INTO {name} (board_no, {names}) \
             SELECT $1, {arrays})"
        ));
    }
    sql.push_str(" SELECT 1");
    Ok(sql)
}

fn arguments(board_no: i32, header: &BatchHeader, rows: Vec<Raw>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    let encoded = |result: Result<(), _>| result.map_err(sqlx::Error::Encode);
    encoded(arguments.add(board_no))?;
    encoded(arguments.add(signed(header.last.get())))?;
    encoded(arguments.add(&header.hash.0[..]))?;
    encoded(arguments.add(header.at.as_millis()))?;
    for column in rows {
        encoded(arguments.add(column))?;
    }
    Ok(arguments)
}
