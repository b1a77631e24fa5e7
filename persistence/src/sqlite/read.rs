//! Reading the head and the batches, by seq and by time. Each batch is checked against its hash,
//! and each answer for holes.

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use artel_core::ids::{Epoch, Incarnation, Seq, Shard};
use artel_core::log::{Error, Head};
use artel_core::names::BoardName;
use artel_core::record::{Batch, BatchHeader, genesis};
use artel_core::time::Timestamp;

use super::error::reading;
use super::format::{get, hash, seq};
use super::handle::SqliteLog;
use crate::check;
use crate::format::integer;
use crate::mark::Mark;

/// How many batches one read looks at.
const BATCHES_MAX: u32 = 1_000;

const HEAD: &str = "SELECT h.board, h.incarnation, h.dev, h.epoch, h.seq, h.hash, h.at, h.mark \
     FROM head h";

const END: &str = "SELECT h.board, h.incarnation, h.dev, h.epoch, h.seq, h.hash, h.at, h.mark, \
     b.first, b.last, b.epoch, b.at, b.previous, b.hash, b.bytes \
     FROM head h LEFT JOIN batch b ON b.last = (SELECT max(last) FROM batch)";

/// The batches from the one that holds a seq on. The walk goes from batch to batch by their lengths,
/// which are found without reading the bytes, and stops where the sum would be too much.
const READ: &str = "WITH RECURSIVE walk (last, total) AS (\
         SELECT last, len FROM (\
             SELECT last, length(bytes) AS len FROM batch WHERE last >= ?1 ORDER BY last LIMIT 1) \
         UNION ALL \
         SELECT b.last, walk.total + length(b.bytes) FROM walk \
         CROSS JOIN batch b ON b.last = (SELECT min(last) FROM batch WHERE last > walk.last) \
         WHERE walk.total + length(b.bytes) <= ?2 LIMIT ?3) \
     SELECT first, last, epoch, at, previous, hash, bytes FROM batch \
     WHERE last >= ?1 AND last <= (SELECT max(last) FROM walk) ORDER BY last";

/// The last batch up to a moment, and the first one after it.
const AROUND: &str = "SELECT coalesce(\
         (SELECT last FROM batch WHERE at <= ?1 ORDER BY at DESC, last DESC LIMIT 1), 0), \
     b.first, b.last, b.epoch, b.at, b.previous, b.hash, b.bytes \
     FROM head h LEFT JOIN batch b ON b.last = \
         (SELECT last FROM batch WHERE at > ?1 ORDER BY at, last LIMIT 1)";

pub(super) async fn head(log: &SqliteLog) -> Result<Head, Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let rows = sqlx::query(HEAD).fetch_all(reader.connection()).await;
    let rows = rows.map_err(|error| reading("read", &log.place, error))?;
    reader.give_back();
    only_head(&log.place, &rows).map(|(head, _)| head)
}

/// The head, checked against the last batch, which is checked against its bytes.
pub(super) async fn end(place: &str, connection: &mut SqliteConnection) -> Result<Head, Error> {
    let rows = sqlx::query(END).fetch_all(connection).await;
    let rows = rows.map_err(|error| reading("read", place, error))?;
    let (head, row) = only_head(place, &rows)?;
    let damaged = |problem: &str| {
        Err(Error::Damaged { place: place.to_owned(), problem: problem.to_owned() })
    };
    if get::<Option<i64>>(place, row, 8)?.is_none() {
        if head.seq == Seq(0) && head.hash == genesis(head.incarnation) {
            return Ok(head);
        }
        return damaged("its head names a batch, but there is none");
    }
    let BatchHeader { last, at, hash, epoch, .. } = batch(place, row, 8)?.header;
    if (last, at, hash) != (head.seq, head.at, head.hash) || epoch > head.epoch {
        return damaged("its head and its last batch contradict each other");
    }
    Ok(head)
}

pub(super) async fn read(
    log: &SqliteLog,
    from: Seq,
    bytes_max: usize,
) -> Result<Vec<Batch>, Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let rows = sqlx::query(READ)
        .bind(integer(from.get()))
        .bind(i64::try_from(bytes_max).unwrap_or(i64::MAX))
        .bind(BATCHES_MAX)
        .fetch_all(reader.connection())
        .await
        .map_err(|error| reading("read", &log.place, error))?;
    reader.give_back();
    let mut batches: Vec<Batch> = Vec::with_capacity(rows.len());
    for row in &rows {
        let batch = batch(&log.place, row, 0)?;
        if let Some(before) = batches.last()
            && (before.header.last.next(), before.header.hash)
                != (batch.header.first, batch.header.previous)
        {
            let (last, first) = (before.header.last, batch.header.first);
            let problem = format!("batch {first} does not continue the one that ends at {last}");
            return Err(Error::Damaged { place: log.place.clone(), problem });
        }
        batches.push(batch);
    }
    Ok(batches)
}

pub(super) async fn seq_at(log: &SqliteLog, at: Timestamp) -> Result<Seq, Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let row = sqlx::query(AROUND)
        .bind(at.as_millis())
        .fetch_one(reader.connection())
        .await
        .map_err(|error| reading("read", &log.place, error))?;
    reader.give_back();
    let before = seq(&log.place, &row, 0)?;
    let there = get::<Option<i64>>(&log.place, &row, 1)?.is_some();
    let next = if there { Some(batch(&log.place, &row, 1)?) } else { None };
    check::last_until(at, before, next.as_ref())
        .map_err(|source| Error::Batch { place: log.place.clone(), source })
}

fn only_head<'r>(place: &str, rows: &'r [SqliteRow]) -> Result<(Head, &'r SqliteRow), Error> {
    let damaged = |problem: String| Error::Damaged { place: place.to_owned(), problem };
    let [row] = rows else {
        return Err(damaged(format!("it has {} heads", rows.len())));
    };
    let board = BoardName::new(get::<&str>(place, row, 0)?)
        .map_err(|error| damaged(format!("its head: {error}")))?;
    let incarnation = <[u8; 16]>::try_from(get::<&[u8]>(place, row, 1)?)
        .map_err(|_| damaged("its head has no incarnation".to_owned()))?;
    let mark: Option<String> = get(place, row, 7)?;
    let mark = mark.map(|mark| Mark::parse(place, &mark)).transpose()?;
    let head = Head {
        board,
        incarnation: Incarnation::from_bytes(incarnation),
        dev: get::<i64>(place, row, 2)? != 0,
        epoch: Epoch(seq(place, row, 3)?.get()),
        seq: seq(place, row, 4)?,
        hash: hash(place, row, 5)?,
        at: Timestamp(get(place, row, 6)?),
        regressed: mark.and_then(|mark| mark.known()),
    };
    Ok((head, row))
}

/// A batch out of seven columns, which has its recorded hash.
fn batch(place: &str, row: &SqliteRow, column: usize) -> Result<Batch, Error> {
    let header = BatchHeader {
        shard: Shard(0),
        first: seq(place, row, column)?,
        last: seq(place, row, column + 1)?,
        epoch: Epoch(seq(place, row, column + 2)?.get()),
        at: Timestamp(get(place, row, column + 3)?),
        previous: hash(place, row, column + 4)?,
        hash: hash(place, row, column + 5)?,
    };
    let bytes: Vec<u8> = get(place, row, column + 6)?;
    let batch = Batch { header, bytes: Bytes::from(bytes) };
    check::verify(&batch).map_err(|source| Error::Batch { place: place.to_owned(), source })?;
    Ok(batch)
}
