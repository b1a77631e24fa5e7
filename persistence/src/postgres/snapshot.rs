//! Snapshots on a server, in parts: each is written by itself, so that no statement is large. A snapshot is
//! there when its row is; parts without one are left-overs, which the next snapshot clears away.

use bytes::Bytes;

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{Error, Snapshot};

use super::connect::{Query, fetch, fetch_long};
use super::format::{get, hash, seq};
use super::handle::PostgresLog;
use super::read;
use crate::format::integer;

/// How many snapshots are kept.
const KEPT: i64 = 2;

/// Bytes of a part.
const PART_LEN: usize = 1024 * 1024;

const BATCH: &str = "SELECT 1 FROM batch WHERE board_no = $1 AND last = $2 AND hash = $3";

/// Up to this seq: another process may be about to keep one of a later moment.
const CLEAR: &str = "DELETE FROM snapshot_part p WHERE p.board_no = $1 AND p.seq <= $2 AND NOT EXISTS \
     (SELECT 1 FROM snapshot s WHERE s.board_no = $1 AND s.seq = p.seq)";

const DROP_OLD: &str = "DELETE FROM snapshot WHERE board_no = $1 AND seq NOT IN \
     (SELECT seq FROM snapshot WHERE board_no = $1 ORDER BY seq DESC LIMIT $2)";

/// Those whose batch is in the log, the newest first.
const SNAPSHOTS: &str = "SELECT s.seq, s.batch_hash, s.state_hash FROM snapshot s \
     JOIN batch b ON b.board_no = $1 AND b.last = s.seq AND b.hash = s.batch_hash \
     WHERE s.board_no = $1 AND s.seq <= $2 ORDER BY s.seq DESC";

pub(super) async fn put(log: &PostgresLog, snapshot: Snapshot) -> Result<(), Error> {
    log.writable("keep a snapshot in")?;
    let (board, seq) = (log.board_no, integer(snapshot.seq.get()));
    let batch = sqlx::query(BATCH).bind(board).bind(seq).bind(snapshot.batch_hash.0.to_vec());
    if fetch(log, batch).await?.is_empty() {
        let head = read::head(log).await?.seq;
        return Err(Error::Conflict { expected: snapshot.seq, head });
    }
    // One at a time: each clears away what has no row, and so what another one is about to write.
    let _turn = log.snapshots.acquire().await.map_err(|_| log.closed_error())?;
    let delete = "DELETE FROM snapshot WHERE board_no = $1 AND seq = $2";
    write(log, sqlx::query(delete).bind(board).bind(seq)).await?;
    write(log, sqlx::query(CLEAR).bind(board).bind(seq)).await?;
    for (number, part) in (0_i32..).zip(snapshot.bytes.chunks(PART_LEN)) {
        let insert =
            "INSERT INTO snapshot_part (board_no, seq, part, bytes) VALUES ($1, $2, $3, $4)";
        write(log, sqlx::query(insert).bind(board).bind(seq).bind(number).bind(part.to_vec()))
            .await?;
    }
    let insert = "INSERT INTO snapshot (board_no, seq, batch_hash, state_hash) \
                  VALUES ($1, $2, $3, $4) ON CONFLICT (board_no, seq) DO UPDATE SET \
                  batch_hash = excluded.batch_hash, state_hash = excluded.state_hash";
    let row = sqlx::query(insert)
        .bind(board)
        .bind(seq)
        .bind(snapshot.batch_hash.0.to_vec())
        .bind(snapshot.state_hash.0.to_vec());
    write(log, row).await?;
    write(log, sqlx::query(DROP_OLD).bind(board).bind(KEPT)).await?;
    write(log, sqlx::query(CLEAR).bind(board).bind(seq)).await
}

pub(super) async fn newest(log: &PostgresLog, until: Seq) -> Result<Option<Snapshot>, Error> {
    log.usable()?;
    let query = sqlx::query(SNAPSHOTS).bind(log.board_no).bind(integer(until.get()));
    for row in &fetch(log, query).await? {
        let (seq, state_hash) = (seq(&log.place, row, 0)?, hash(&log.place, row, 2)?);
        let sql = "SELECT bytes FROM snapshot_part WHERE board_no = $1 AND seq = $2 ORDER BY part";
        let parts = sqlx::query(sql).bind(log.board_no).bind(integer(seq.get()));
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
pub(super) async fn kept(log: &PostgresLog) -> Result<Vec<Seq>, Error> {
    log.usable()?;
    let query = sqlx::query("SELECT seq FROM snapshot WHERE board_no = $1 ORDER BY seq");
    let rows = fetch(log, query.bind(log.board_no)).await?;
    rows.iter().map(|row| seq(&log.place, row, 0)).collect()
}

/// One statement on a connection that appends do not wait for.
async fn write(log: &PostgresLog, query: Query) -> Result<(), Error> {
    fetch_long(log, "keep a snapshot in", query).await.map(drop)
}
