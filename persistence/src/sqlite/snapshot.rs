//! Snapshots in a file, in parts: each is written by itself, so that an append waits for one part at
//! most. A snapshot is there when its row is; parts without one are left-overs, which the next
//! snapshot clears away.

use bytes::Bytes;

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{Error, Snapshot};

use super::error::reading;
use super::format::{get, hash, seq};
use super::handle::SqliteLog;
use super::look_up::fetch;
use super::{read, write_ahead};
use crate::format::integer;

/// How many snapshots are kept.
const KEPT: u32 = 2;

/// Bytes of a part.
const PART_LEN: usize = 32 * 1024;

/// How many parts are cleared away at once.
const PARTS_CLEARED: u64 = 4;

const BATCH: &str = "SELECT 1 FROM batch WHERE last = ?1 AND hash = ?2";

/// Up to this seq: another process may be about to keep one of a later moment.
const CLEAR: &str = "DELETE FROM snapshot_part WHERE rowid IN \
     (SELECT rowid FROM snapshot_part \
     WHERE seq <= ?1 AND seq NOT IN (SELECT seq FROM snapshot) LIMIT ?2)";

/// Those whose batch is in the log, the newest first.
const SNAPSHOTS: &str = "SELECT s.seq, s.batch_hash, s.state_hash \
     FROM snapshot s JOIN batch b ON b.last = s.seq AND b.hash = s.batch_hash \
     WHERE s.seq <= ?1 ORDER BY s.seq DESC";

pub(super) async fn put(log: &SqliteLog, snapshot: Snapshot) -> Result<(), Error> {
    log.writable("keep a snapshot in")?;
    let seq = integer(snapshot.seq.get());
    let batch = sqlx::query(BATCH).bind(seq).bind(&snapshot.batch_hash.0[..]);
    if fetch(log, batch).await?.is_empty() {
        let head = read::head(log).await?.seq;
        return Err(Error::Conflict { expected: snapshot.seq, head });
    }
    // One at a time: each clears away what has no row, and so what another one is about to write.
    let _turn = log.snapshots.acquire().await.map_err(|_| log.closed_error())?;
    write(log, sqlx::query("DELETE FROM snapshot WHERE seq = ?1").bind(seq)).await?;
    clear(log, seq).await?;
    for (number, part) in (0_i64..).zip(snapshot.bytes.chunks(PART_LEN)) {
        let insert = "INSERT INTO snapshot_part (seq, part, bytes) VALUES (?1, ?2, ?3)";
        log.write_ahead.count(part.len());
        write(log, sqlx::query(insert).bind(seq).bind(number).bind(part)).await?;
    }
    let insert = "INSERT INTO snapshot (seq, batch_hash, state_hash) VALUES (?1, ?2, ?3)";
    let row = sqlx::query(insert)
        .bind(seq)
        .bind(&snapshot.batch_hash.0[..])
        .bind(&snapshot.state_hash.0[..]);
    write(log, row).await?;
    let drop_old = "DELETE FROM snapshot WHERE seq NOT IN \
         (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?1)";
    write(log, sqlx::query(drop_old).bind(KEPT)).await?;
    clear(log, seq).await
}

pub(super) async fn newest(log: &SqliteLog, until: Seq) -> Result<Option<Snapshot>, Error> {
    let rows = fetch(log, sqlx::query(SNAPSHOTS).bind(integer(until.get()))).await?;
    for row in &rows {
        let (seq, state_hash) = (seq(&log.place, row, 0)?, hash(&log.place, row, 2)?);
        let parts = sqlx::query("SELECT bytes FROM snapshot_part WHERE seq = ?1 ORDER BY part")
            .bind(integer(seq.get()));
        let parts = match fetch(log, parts).await {
            Err(Error::Damaged { .. }) => continue,
            parts => parts?,
        };
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(get(&log.place, part, 0)?);
        }
        if Hash::of(&bytes) == state_hash {
            let batch_hash = hash(&log.place, row, 1)?;
            return Ok(Some(Snapshot { seq, batch_hash, state_hash, bytes: Bytes::from(bytes) }));
        }
    }
    Ok(None)
}

/// The seqs of all that are kept, those that [`newest`] passes over included.
pub(super) async fn kept(log: &SqliteLog) -> Result<Vec<Seq>, Error> {
    let rows = fetch(log, sqlx::query("SELECT seq FROM snapshot ORDER BY seq")).await?;
    rows.iter().map(|row| seq(&log.place, row, 0)).collect()
}

/// Removes parts that belong to no snapshot.
async fn clear(log: &SqliteLog, until: i64) -> Result<(), Error> {
    let limit = integer(PARTS_CLEARED);
    while write(log, sqlx::query(CLEAR).bind(until).bind(limit)).await? == PARTS_CLEARED {}
    Ok(())
}

/// One statement on the writing connection, in its turn. Says how many rows it changed.
async fn write(
    log: &SqliteLog,
    query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
) -> Result<u64, Error> {
    let mut writer = write_ahead::writer(log).await?;
    let done = query.execute(writer.connection()).await;
    let done = done.map_err(|error| reading("keep a snapshot in", &log.place, error))?;
    writer.give_back();
    Ok(done.rows_affected())
}
