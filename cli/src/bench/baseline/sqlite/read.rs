//! Reads the board's file ahead, a chunk of batches at a time: the rows of each table, in the order
//! in which they were appended.

use std::collections::HashMap;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Executor, Row as _};

use artel::ids::Seq;
use artel::log::{ClosedActivation, Log};
use artel::record::Batch;

use super::rows::{ARTIFACT, CLOSED, CONTENT, NEW_TAG, Row, STRETCH, TABLES, Table, Value};
use crate::bench::baseline::source::Source;
use crate::bench::error::Error;

/// Some batches, and the rows of each of [`TABLES`].
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) batches: Vec<Batch>,
    pub(super) rows: [Vec<Row>; TABLES.len()],
}

/// What reads the file in chunks.
#[derive(Debug)]
pub(super) struct Ahead<'a> {
    source: Source<'a>,
    reader: SqliteConnection,
    from: Seq,
    to: Seq,
}

impl<'a> Ahead<'a> {
    /// Sorts by seq what the file has sorted otherwise.
    pub(super) async fn new(log: &'a dyn Log, mut reader: SqliteConnection) -> Result<Self, Error> {
        let tags = "(SELECT seq, tag FROM main.tag UNION ALL SELECT seq, tag FROM main.new_tag)";
        for (table, seq, from) in [(STRETCH, "last", "main.stretch"), (NEW_TAG, "seq", tags)] {
            let (name, columns) = (table.name, table.names());
            let sorted = format!(
                "CREATE TEMP TABLE {name}_sorted AS \
                 SELECT {seq} AS appended, {columns} FROM {from}; \
                 CREATE INDEX temp.{name}_appended ON {name}_sorted (appended)"
            );
            reader.execute(AssertSqlSafe(sorted)).await?;
        }
        let source = Source::new(log, false);
        Ok(Self { source, reader, from: Seq(1), to: Seq(0) })
    }

    /// The next chunk; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Error> {
        let Some(chunk) = self.source.next().await? else { return Ok(None) };
        self.from = self.to.next();
        self.to = chunk.batches.last().map_or(self.to, |batch| batch.header.last);
        let artifact = self.range(ARTIFACT, "artifact", "seq").await?;
        let stretch = self.range(STRETCH, "stretch_sorted", "appended").await?;
        let tag = self.range(NEW_TAG, "new_tag_sorted", "appended").await?;
        let content = self.range(CONTENT, "content", "seq").await?;
        let (mut closed, mut worked_on) = (Vec::new(), Vec::new());
        let bodies = self.closed(&chunk.closed).await?;
        for one in &chunk.closed {
            let seq = one.ended.get();
            let values = bodies.get(&number(one.activation.0)).cloned().unwrap_or_default();
            closed.push(Row { seq, values });
            let mut inputs: Vec<Seq> = one.inputs.iter().copied().collect();
            inputs.dedup();
            for input in inputs {
                let values = [input, one.activation.0].map(|seq| Value::Number(Some(number(seq))));
                worked_on.push(Row { seq, values: values.into() });
            }
        }
        let rows = [artifact, stretch, tag, content, closed, worked_on];
        Ok(Some(Chunk { batches: chunk.batches, rows }))
    }

    /// The rows of closed activations, by id.
    async fn closed(
        &mut self,
        activations: &[ClosedActivation],
    ) -> Result<HashMap<i64, Vec<Value>>, Error> {
        let ids: Vec<i64> = activations.iter().map(|one| number(one.activation.0)).collect();
        let columns = CLOSED.names();
        let sql = format!(
            "SELECT {columns} FROM closed WHERE activation IN (SELECT value FROM json_each(?))"
        );
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        let found = sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(&mut self.reader).await?;
        let row = |found: &SqliteRow| Ok((found.try_get(0)?, CLOSED.values(found, 0)?));
        Ok(found.iter().map(row).collect::<Result<_, sqlx::Error>>()?)
    }

    /// The rows of a table that were appended with the chunk.
    async fn range(&mut self, table: Table, from: &str, seq: &str) -> Result<Vec<Row>, Error> {
        let columns = table.names();
        let sql = format!(
            "SELECT {seq}, {columns} FROM {from} WHERE {seq} BETWEEN ? AND ? ORDER BY {seq}"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(number(self.from)).bind(number(self.to));
        let found = query.fetch_all(&mut self.reader).await?;
        let row = |found: &SqliteRow| {
            let seq = found.try_get::<i64, _>(0)?.unsigned_abs();
            Ok(Row { seq, values: table.values(found, 1)? })
        };
        Ok(found.iter().map(row).collect::<Result<_, sqlx::Error>>()?)
    }
}

/// A seq as SQLite has it.
pub(super) fn number(seq: Seq) -> i64 {
    i64::try_from(seq.get()).unwrap_or(i64::MAX)
}
