//! The loop that is measured.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection, Executor};

use artel::Board;
use artel::record::Batch;

use super::moves::Moves;
use super::read::{Ahead, Chunk, number};
use super::records::{NUMBERS, Records, select};
use super::rows::TABLES;
use super::{compare, file};
use crate::bench::Progress;
use crate::bench::baseline::Baseline;
use crate::bench::baseline::source::{Part, Watch};
use crate::bench::error::Error;
use crate::bench::place;

/// The columns of the view that are not those of a table.
const HEADER: [&str; 7] = ["last", "first", "epoch", "at", "previous", "hash", "bytes"];

/// As many values as the view has columns.
const INSERT: &str =
    "INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// New tags are sorted in when there are many, as the board does.
const SORT_IN: &str = "CREATE TEMP TRIGGER sort_in INSTEAD OF INSERT ON incoming \
     WHEN length(NEW.new_tag_rows) > 0 AND (SELECT count(*) FROM new_tag) > 8192 BEGIN \
     INSERT INTO tag (tag, seq) SELECT tag, seq FROM new_tag ORDER BY tag, seq; \
     DELETE FROM new_tag; END;";

/// Writes a board's rows to a file beside it, and says what those of the part took.
pub(crate) async fn write(
    url: &str,
    board: &Path,
    part: Part,
    progress: &dyn Progress,
) -> Result<Baseline, Error> {
    let log = Board::open(url).await.map_err(opened)?.log();
    progress.begin("baseline", log.head().await?.seq.get());
    let path = place::baseline(board);
    let mut reader = file::reader(board).await?;
    let options = file::writing(&path, url);
    let mut writer = options.connect().await?;
    file::copy_schema(&mut reader, &mut writer).await?;
    writer.execute(AssertSqlSafe(setup())).await?;
    let mut ahead = Ahead::new(&*log, reader).await?;
    let mut moves = Moves::by(&options).await?;
    let mut watch = Watch::default();
    while let Some(chunk) = ahead.next().await? {
        let last = chunk.batches.last().map_or(0, |batch| batch.header.last.get());
        write_chunk((&mut writer, &mut moves), chunk, part, &mut watch).await?;
        progress.reach(last);
    }
    drop(ahead);
    moves.close().await?;
    let rows = compare::compare(&mut writer, board).await?;
    writer.close().await?;
    log.close().await;
    Ok(Baseline { took: watch.took, batches: watch.batches, rows })
}

fn opened(error: artel::OpenError) -> Error {
    Error::Reopen(Box::new(error))
}

/// What the writing connection has besides: a view that takes a whole batch as one row, so that a
/// batch is one statement, which is a transaction, and one way to the connection's thread and back.
fn setup() -> String {
    let mut columns = HEADER.map(str::to_owned).to_vec();
    let mut inserts = String::new();
    for table in TABLES {
        let name = table.name;
        columns.extend([format!("{name}_rows"), format!("{name}_data")]);
        let rows = select(&table, &format!("NEW.{name}_rows"), &format!("NEW.{name}_data"));
        inserts.push_str(&format!("INSERT INTO {name} ({}) {rows}; ", table.names()));
    }
    let columns = columns.iter().map(|name| format!("0 AS {name}")).collect::<Vec<_>>().join(", ");
    format!(
        "{NUMBERS}
         CREATE TEMP VIEW incoming AS SELECT {columns};
         CREATE TEMP TRIGGER spread INSTEAD OF INSERT ON incoming BEGIN
         INSERT INTO batch (last, first, epoch, at, previous, hash, bytes) VALUES
         (NEW.last, NEW.first, NEW.epoch, NEW.at, NEW.previous, NEW.hash, NEW.bytes);
         UPDATE head SET seq = NEW.last, hash = NEW.hash, at = NEW.at;
         {inserts} END; {SORT_IN}"
    )
}

async fn write_chunk(
    (writer, moves): (&mut SqliteConnection, &mut Moves),
    chunk: Chunk,
    part: Part,
    watch: &mut Watch,
) -> Result<(), Error> {
    let mut rows = chunk.rows.map(|rows| rows.into_iter().peekable());
    for batch in chunk.batches {
        watch.batch(part, batch.header.last);
        let last = batch.header.last.get();
        let mut arguments = SqliteArguments::default();
        header(&mut arguments, &batch)?;
        for (table, rows) in TABLES.iter().zip(&mut rows) {
            let mut records = Records::default();
            while let Some(row) = rows.next_if(|row| row.seq <= last) {
                records.push(table, row);
            }
            arguments.add(records.rows).map_err(sqlx::Error::Encode)?;
            arguments.add(records.data).map_err(sqlx::Error::Encode)?;
        }
        writer.fetch_many(sqlx::query_with(INSERT, arguments)).try_next().await?;
        moves.go_on(writer).await?;
    }
    watch.pause();
    Ok(())
}

/// Binds what the row of a batch has, in the order of [`HEADER`].
fn header(arguments: &mut SqliteArguments, batch: &Batch) -> Result<(), sqlx::Error> {
    let header = &batch.header;
    let epoch = i64::try_from(header.epoch.get()).unwrap_or(i64::MAX);
    for value in [number(header.last), number(header.first), epoch, header.at.as_millis()] {
        arguments.add(value).map_err(sqlx::Error::Encode)?;
    }
    for value in [&header.previous.0[..], &header.hash.0, &batch.bytes] {
        arguments.add(value).map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}
