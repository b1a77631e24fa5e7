//! Finding on a server what has a known id, key, seq or correlation. Each look-up is one statement,
//! and a statement sees the log as of one moment.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{
    ClosedActivation, ClosedWork, ContentRow, Error, Existing, LookUp, LookedUp, StoredArtifact,
};
use artel_core::names::IdempotencyKey;

use super::connect::{fetch, fetch_soon};
use super::format::{self, ARTIFACT, get, integers, seq, uuid};
use super::handle::PostgresLog;
use super::read::gone;
use crate::format::integer;

/// The head, then what has one of the ids, then what has one of the keys.
const LOOK_UP: &str = "SELECT 0, h.seq, NULL::text, NULL::bytea, NULL::bytea \
     FROM board h WHERE h.no = $1 \
     UNION ALL SELECT 1, a.seq, NULL, a.envelope, a.salt FROM artifact a \
     WHERE a.board_no = $1 AND a.id = ANY ($2) \
     UNION ALL SELECT 2, a.seq, k.key, a.envelope, a.salt \
     FROM used_key k JOIN artifact a ON a.board_no = $1 AND a.seq = k.seq \
     WHERE k.board_no = $1 AND k.key = ANY ($3)";

const CONTENTS: &str =
    "SELECT seq, salt, hash, bytes FROM content WHERE board_no = $1 AND seq = ANY ($2)";

const CORRELATION: &str = "SELECT h.seq, \
     EXISTS (SELECT 1 FROM artifact WHERE board_no = $1 AND correlation = $2), \
     (SELECT count(*) FROM closed WHERE board_no = $1 AND correlation = $2 AND outcome = 1), \
     EXISTS (SELECT 1 FROM cancelled WHERE board_no = $1 AND correlation = $2) \
     FROM board h WHERE h.no = $1";

pub(super) async fn look_up(log: &PostgresLog, look_up: &LookUp) -> Result<LookedUp, Error> {
    log.usable()?;
    let ids: Vec<Uuid> = look_up.ids.iter().map(|id| uuid(id.as_bytes())).collect();
    let keys: Vec<String> = look_up.keys.iter().map(|key| key.as_str().to_owned()).collect();
    let query = sqlx::query(LOOK_UP).bind(log.board_no).bind(ids).bind(keys);
    let rows = fetch_soon(log, query).await?;
    if rows.is_empty() {
        return Err(gone(&log.place));
    }
    let mut found = LookedUp::default();
    for row in &rows {
        let seq = seq(&log.place, row, 1)?;
        match get::<i32>(&log.place, row, 0)? {
            0 => found.as_of = seq,
            1 => {
                let existing = existing(&log.place, row, seq)?;
                found.ids.insert(existing.id, existing);
            }
            _ => {
                let key: &str = get(&log.place, row, 2)?;
                let key = IdempotencyKey::new(key).map_err(|error| Error::Damaged {
                    place: log.place.clone(),
                    problem: error.to_string(),
                })?;
                found.keys.insert(key, existing(&log.place, row, seq)?);
            }
        }
    }
    Ok(found)
}

pub(super) async fn artifact(
    log: &PostgresLog,
    id: ArtifactId,
) -> Result<Option<StoredArtifact>, Error> {
    log.usable()?;
    let sql = format!("SELECT {ARTIFACT} FROM artifact a WHERE a.board_no = $1 AND a.id = $2");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(log.board_no).bind(uuid(id.as_bytes()));
    let rows = fetch_soon(log, query).await?;
    rows.first().map(|row| format::artifact(&log.place, row, 0)).transpose()
}

/// Artifacts by seq, of these columns: with their payloads or without.
pub(super) async fn artifacts_at(
    log: &PostgresLog,
    columns: &'static str,
    seqs: &[Seq],
) -> Result<Vec<StoredArtifact>, Error> {
    log.usable()?;
    let sql =
        format!("SELECT {columns} FROM artifact a WHERE a.board_no = $1 AND a.seq = ANY ($2)");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(log.board_no).bind(integers(seqs));
    let mut found = BTreeMap::new();
    for row in &fetch(log, query).await? {
        let artifact = format::artifact(&log.place, row, 0)?;
        found.insert(artifact.seq, artifact);
    }
    Ok(seqs.iter().filter_map(|seq| found.get(seq).cloned()).collect())
}

pub(super) async fn contents(log: &PostgresLog, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
    log.usable()?;
    let query = sqlx::query(CONTENTS).bind(log.board_no).bind(integers(seqs));
    let mut found = BTreeMap::new();
    for row in &fetch(log, query).await? {
        let content = content(&log.place, row)?;
        found.insert(content.seq, content);
    }
    Ok(seqs.iter().filter_map(|seq| found.get(seq).cloned()).collect())
}

pub(super) async fn closed(
    log: &PostgresLog,
    activation: ActivationId,
) -> Result<Option<ClosedActivation>, Error> {
    log.usable()?;
    let sql = "SELECT activation, body FROM closed WHERE board_no = $1 AND activation = $2";
    let query = sqlx::query(sql).bind(log.board_no).bind(integer(activation.0.get()));
    let rows = fetch_soon(log, query).await?;
    rows.first().map(|row| format::closed(&log.place, row, 0)).transpose()
}

pub(super) async fn correlation(
    log: &PostgresLog,
    correlation: CorrelationId,
) -> Result<ClosedWork, Error> {
    log.usable()?;
    let correlation = uuid(correlation.as_bytes());
    let query = sqlx::query(CORRELATION).bind(log.board_no).bind(correlation);
    let rows = fetch_soon(log, query).await?;
    let Some(row) = rows.first() else { return Err(gone(&log.place)) };
    let dead: i64 = get(&log.place, row, 2)?;
    Ok(ClosedWork {
        known: get(&log.place, row, 1)?,
        dead: u32::try_from(dead).unwrap_or(u32::MAX),
        cancelled: get(&log.place, row, 3)?,
        as_of: seq(&log.place, row, 0)?,
    })
}

fn existing(place: &str, row: &PgRow, seq: Seq) -> Result<Existing, Error> {
    crate::format::existing(place, seq, get(place, row, 3)?, get(place, row, 4)?)
}

fn content(place: &str, row: &PgRow) -> Result<ContentRow, Error> {
    let salted = (get(place, row, 1)?, format::hash(place, row, 2)?);
    crate::format::content(place, seq(place, row, 0)?, salted, get(place, row, 3)?)
}
