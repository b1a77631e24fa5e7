//! Finding in a file what has a known id, key, seq or correlation. Each look-up is one statement,
//! and a statement sees the file as of one moment.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Executor, Sqlite};

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{
    ClosedActivation, ClosedWork, ContentRow, Error, Existing, LookUp, LookedUp, StoredArtifact,
};
use artel_core::names::IdempotencyKey;

use super::error::reading;
use super::format::{self, ARTIFACT, get, seq};
use super::handle::SqliteLog;
use crate::format::integer;

/// The head, then what has one of the ids, then what has one of the keys.
const LOOK_UP: &str = "SELECT 0, h.seq, NULL, NULL, NULL FROM head h \
     UNION ALL SELECT 1, a.seq, NULL, a.envelope, a.salt FROM artifact a \
     WHERE a.id IN (SELECT unhex(value) FROM json_each(?1)) \
     UNION ALL SELECT 2, a.seq, k.key, a.envelope, a.salt \
     FROM used_key k CROSS JOIN artifact a ON a.seq = k.seq \
     WHERE k.key IN (SELECT value FROM json_each(?2))";

const CONTENTS: &str = "SELECT seq, salt, hash, bytes FROM content \
     WHERE seq IN (SELECT value FROM json_each(?1))";

const CORRELATION: &str = "SELECT h.seq, \
     EXISTS (SELECT 1 FROM artifact INDEXED BY artifact_correlation WHERE correlation = ?1), \
     (SELECT count(*) FROM closed INDEXED BY closed_dead WHERE correlation = ?1 AND outcome = 1), \
     EXISTS (SELECT 1 FROM cancelled WHERE correlation = ?1) FROM head h";

pub(super) async fn look_up(log: &SqliteLog, look_up: &LookUp) -> Result<LookedUp, Error> {
    let ids: Vec<String> = look_up.ids.iter().map(|id| id.uuid().simple().to_string()).collect();
    let keys: Vec<&str> = look_up.keys.iter().map(IdempotencyKey::as_str).collect();
    let query = sqlx::query(LOOK_UP).bind(json(&ids)).bind(json(&keys));
    let mut found = LookedUp::default();
    for row in &fetch(log, query).await? {
        let seq = seq(&log.place, row, 1)?;
        match get::<i64>(&log.place, row, 0)? {
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
    log: &SqliteLog,
    id: ArtifactId,
) -> Result<Option<StoredArtifact>, Error> {
    let sql = format!("SELECT {ARTIFACT} FROM artifact a WHERE a.id = ?1");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(&id.as_bytes()[..]);
    let row = first(log, query).await?;
    row.map(|row| format::artifact(&log.place, &row, 0)).transpose()
}

/// Artifacts by seq, of these columns: with their payloads or without.
pub(super) async fn artifacts_at(
    log: &SqliteLog,
    columns: &'static str,
    seqs: &[Seq],
) -> Result<Vec<StoredArtifact>, Error> {
    let sql = format!(
        "SELECT {columns} FROM artifact a WHERE a.seq IN (SELECT value FROM json_each(?1))"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(seqs_json(seqs));
    let mut found = BTreeMap::new();
    for row in &fetch(log, query).await? {
        let artifact = format::artifact(&log.place, row, 0)?;
        found.insert(artifact.seq, artifact);
    }
    Ok(seqs.iter().filter_map(|seq| found.get(seq).cloned()).collect())
}

pub(super) async fn contents(log: &SqliteLog, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
    let query = sqlx::query(CONTENTS).bind(seqs_json(seqs));
    let mut found = BTreeMap::new();
    for row in &fetch(log, query).await? {
        let content = content(&log.place, row)?;
        found.insert(content.seq, content);
    }
    Ok(seqs.iter().filter_map(|seq| found.get(seq).cloned()).collect())
}

pub(super) async fn closed(
    log: &SqliteLog,
    activation: ActivationId,
) -> Result<Option<ClosedActivation>, Error> {
    let query = sqlx::query("SELECT activation, body FROM closed WHERE activation = ?1")
        .bind(integer(activation.0.get()));
    let row = first(log, query).await?;
    row.map(|row| closed_row(&log.place, &row, 0)).transpose()
}

pub(super) async fn correlation(
    log: &SqliteLog,
    correlation: CorrelationId,
) -> Result<ClosedWork, Error> {
    let query = sqlx::query(CORRELATION).bind(&correlation.as_bytes()[..]);
    let Some(row) = &first(log, query).await? else {
        let problem = "it has no head".to_owned();
        return Err(Error::Damaged { place: log.place.clone(), problem });
    };
    let dead: i64 = get(&log.place, row, 2)?;
    Ok(ClosedWork {
        known: get::<i64>(&log.place, row, 1)? != 0,
        dead: u32::try_from(dead).unwrap_or(u32::MAX),
        cancelled: get::<i64>(&log.place, row, 3)? != 0,
        as_of: seq(&log.place, row, 0)?,
    })
}

/// A closed activation out of its id and its row.
pub(super) fn closed_row(
    place: &str,
    row: &SqliteRow,
    column: usize,
) -> Result<ClosedActivation, Error> {
    crate::format::closed(place, seq(place, row, column)?, get(place, row, column + 1)?)
}

/// Runs a query that has one row at most. Whoever waits for the end of the answer as well is woken up
/// twice.
async fn first(
    log: &SqliteLog,
    query: sqlx::query::Query<'_, Sqlite, sqlx::sqlite::SqliteArguments>,
) -> Result<Option<SqliteRow>, Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let answer = reader.connection().fetch_many(query).try_next().await;
    // Without a word the thread of the connection has ended, and nothing is known.
    let answer = answer.and_then(|answer| answer.ok_or(sqlx::Error::WorkerCrashed));
    let answer = answer.map_err(|error| reading("read", &log.place, error))?;
    reader.give_back();
    Ok(answer.right())
}

/// Runs a query on a connection that reads.
pub(super) async fn fetch(
    log: &SqliteLog,
    query: sqlx::query::Query<'_, Sqlite, sqlx::sqlite::SqliteArguments>,
) -> Result<Vec<SqliteRow>, Error> {
    let mut reader = log.readers.check_out(&log.place).await?;
    let rows = query.fetch_all(reader.connection()).await;
    let rows = rows.map_err(|error| reading("read", &log.place, error))?;
    reader.give_back();
    Ok(rows)
}

fn existing(place: &str, row: &SqliteRow, seq: Seq) -> Result<Existing, Error> {
    crate::format::existing(place, seq, get(place, row, 3)?, get(place, row, 4)?)
}

fn content(place: &str, row: &SqliteRow) -> Result<ContentRow, Error> {
    let salted = (get(place, row, 1)?, format::hash(place, row, 2)?);
    crate::format::content(place, seq(place, row, 0)?, salted, get(place, row, 3)?)
}

fn seqs_json(seqs: &[Seq]) -> String {
    json(&seqs.iter().map(|seq| integer(seq.get())).collect::<Vec<_>>())
}

/// A list as SQL takes it: one parameter, whatever its length.
pub(super) fn json(list: &[impl serde::Serialize]) -> String {
    serde_json::to_string(list).expect("numbers and texts are JSON")
}
