//! Reading the head and the batches, by seq and by time. Each batch is checked against its hash,
//! and each answer for holes.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use artel_core::ids::{Epoch, Incarnation, Seq, Shard};
use artel_core::log::{Error, Head};
use artel_core::names::BoardName;
use artel_core::record::{Batch, BatchHeader, genesis};
use artel_core::time::Timestamp;

use super::connect::{fetch, fetch_soon, write};
use super::format::{get, hash, seq};
use super::handle::PostgresLog;
use crate::check;
use crate::format::integer;
use crate::mark::Mark;

/// How many batches one read looks at.
const BATCHES_MAX: i32 = 1_000;

const HEAD: &str = "SELECT h.name, h.incarnation, h.dev, h.epoch, h.seq, h.hash, h.at, h.mark \
     FROM board h WHERE h.no = $1";

const END: &str = "SELECT h.name, h.incarnation, h.dev, h.epoch, h.seq, h.hash, h.at, h.mark, \
     b.first, b.last, b.epoch, b.at, b.previous, b.hash, b.bytes \
     FROM board h LEFT JOIN LATERAL \
     (SELECT * FROM batch WHERE board_no = $1 ORDER BY last DESC LIMIT 1) b ON true WHERE h.no = $1";

/// The batches from the one that holds a seq on. The walk goes from batch to batch by their lengths,
/// which are found without reading the bytes, and stops where the sum would be too much.
const READ: &str = "WITH RECURSIVE walk (last, total, count) AS (\
         (SELECT last, octet_length(bytes)::bigint, 1 FROM batch \
         WHERE board_no = $1 AND last >= $2 ORDER BY last LIMIT 1) \
         UNION ALL \
         SELECT b.last, walk.total + b.len, walk.count + 1 FROM walk CROSS JOIN LATERAL \
         (SELECT last, octet_length(bytes) AS len FROM batch \
         WHERE board_no = $1 AND last > walk.last ORDER BY last LIMIT 1) b \
         WHERE walk.total + b.len <= $3 AND walk.count < $4) \
     SELECT first, last, epoch, at, previous, hash, bytes FROM batch \
     WHERE board_no = $1 AND last >= $2 AND last <= (SELECT max(last) FROM walk) ORDER BY last";

/// The last batch up to a moment, and the first one after it.
const AROUND: &str = "SELECT coalesce(\
         (SELECT last FROM batch WHERE board_no = $1 AND at <= $2 \
         ORDER BY at DESC, last DESC LIMIT 1), 0), \
     b.first, b.last, b.epoch, b.at, b.previous, b.hash, b.bytes \
     FROM board h LEFT JOIN LATERAL \
     (SELECT * FROM batch WHERE board_no = $1 AND at > $2 ORDER BY at, last LIMIT 1) b ON true \
     WHERE h.no = $1";

pub(super) async fn head(log: &PostgresLog) -> Result<Head, Error> {
    log.usable()?;
    let rows = fetch_soon(log, sqlx::query(HEAD).bind(log.board_no)).await?;
    only_head(&log.place, &rows).map(|(head, _)| head)
}

/// The head, checked against the last batch, which is checked against its bytes. On the connection that
/// writes: what was done on it before is seen.
pub(super) async fn end(log: &PostgresLog, action: &'static str) -> Result<Head, Error> {
    let rows = write(log, action, sqlx::query(END).bind(log.board_no)).await?;
    checked_end(&log.place, &rows)
}

fn checked_end(place: &str, rows: &[PgRow]) -> Result<Head, Error> {
    let (head, row) = only_head(place, rows)?;
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

/// As [`end`], on a connection that reads.
pub(super) async fn check_end(log: &PostgresLog) -> Result<Head, Error> {
    let rows = fetch(log, sqlx::query(END).bind(log.board_no)).await?;
    checked_end(&log.place, &rows)
}

pub(super) async fn read(
    log: &PostgresLog,
    from: Seq,
    bytes_max: usize,
) -> Result<Vec<Batch>, Error> {
    log.usable()?;
    let query = sqlx::query(READ)
        .bind(log.board_no)
        .bind(integer(from.get()))
        .bind(i64::try_from(bytes_max).unwrap_or(i64::MAX))
        .bind(BATCHES_MAX);
    let rows = fetch(log, query).await?;
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

pub(super) async fn seq_at(log: &PostgresLog, at: Timestamp) -> Result<Seq, Error> {
    log.usable()?;
    let query = sqlx::query(AROUND).bind(log.board_no).bind(at.as_millis());
    let rows = fetch(log, query).await?;
    let Some(row) = rows.first() else { return Err(gone(&log.place)) };
    let before = seq(&log.place, row, 0)?;
    let there = get::<Option<i64>>(&log.place, row, 1)?.is_some();
    let next = if there { Some(batch(&log.place, row, 1)?) } else { None };
    check::last_until(at, before, next.as_ref())
        .map_err(|source| Error::Batch { place: log.place.clone(), source })
}

/// The board was removed while it was open.
pub(super) fn gone(place: &str) -> Error {
    Error::Missing { place: place.to_owned() }
}

fn only_head<'r>(place: &str, rows: &'r [PgRow]) -> Result<(Head, &'r PgRow), Error> {
    let damaged = |problem: String| Error::Damaged { place: place.to_owned(), problem };
    let Some(row) = rows.first() else { return Err(gone(place)) };
    let board = BoardName::new(get::<&str>(place, row, 0)?)
        .map_err(|error| damaged(format!("its head: {error}")))?;
    let mark: Option<String> = get(place, row, 7)?;
    let mark = mark.map(|mark| Mark::parse(place, &mark)).transpose()?;
    let head = Head {
        board,
        incarnation: Incarnation::from_bytes(get::<Uuid>(place, row, 1)?.into_bytes()),
        dev: get(place, row, 2)?,
        epoch: Epoch(seq(place, row, 3)?.get()),
        seq: seq(place, row, 4)?,
        hash: hash(place, row, 5)?,
        at: Timestamp(get(place, row, 6)?),
        regressed: mark.and_then(|mark| mark.known()),
    };
    Ok((head, row))
}

/// A batch out of seven columns, which has its recorded hash.
fn batch(place: &str, row: &PgRow, column: usize) -> Result<Batch, Error> {
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
