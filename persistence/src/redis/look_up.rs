//! Finding on a server what has a known id, key, seq or correlation.

use redis::{Value, cmd};

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{
    ClosedActivation, ClosedWork, ContentRow, Error, LookUp, LookedUp, StoredArtifact,
};

use super::error::reading;
use super::format::text;
use super::handle::RedisLog;
use super::scripts::{CORRELATION, LOOK_UP};

pub(super) async fn look_up(log: &RedisLog, look_up: &LookUp) -> Result<LookedUp, Error> {
    let mut arguments = log.arguments();
    arguments.list(look_up.ids.iter(), |to, id| to.push(id.as_bytes()));
    arguments.extend(look_up.keys.iter().map(|key| key.as_str()));
    let answer = log.ask(&LOOK_UP, &arguments).await?;
    let answers = log.answers();
    let [head, rows] = answers.fields(answer)?;
    let mut found = LookedUp { as_of: answers.seq(head)?, ..LookedUp::default() };
    let mut existing = Vec::new();
    for row in answers.list(rows)? {
        let [seq, row] = answers.fields(row)?;
        let seq = answers.bytes(seq)?;
        if seq.is_empty() {
            existing.push(None);
            continue;
        }
        let seq = answers.seq(Value::BulkString(seq))?;
        existing.push(Some(answers.existing(seq, &answers.bytes(row)?)?));
    }
    let by_key = existing.split_off(look_up.ids.len().min(existing.len()));
    found.ids = existing.into_iter().flatten().map(|one| (one.id, one)).collect();
    let keys = look_up.keys.iter().zip(by_key);
    found.keys = keys.filter_map(|(key, one)| Some((key.clone(), one?))).collect();
    Ok(found)
}

pub(super) async fn artifact(
    log: &RedisLog,
    id: ArtifactId,
) -> Result<Option<StoredArtifact>, Error> {
    log.usable()?;
    let found = fields(log, "id", vec![id.as_bytes().to_vec()]).await?;
    let Some(seq) = found.into_iter().next().flatten() else { return Ok(None) };
    let seq = log.answers().seq(Value::BulkString(seq))?;
    Ok(artifacts_at(log, &[seq], true).await?.pop())
}

/// Artifacts by seq, with their payloads or without.
pub(super) async fn artifacts_at(
    log: &RedisLog,
    seqs: &[Seq],
    payloads: bool,
) -> Result<Vec<StoredArtifact>, Error> {
    log.usable()?;
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<Vec<u8>> = seqs.iter().map(|seq| text(seq.get())).collect();
    let rows = fields(log, "artifact", names.clone()).await?;
    let payloads =
        if payloads { fields(log, "payload", names).await? } else { vec![None; seqs.len()] };
    let mut found = Vec::with_capacity(seqs.len());
    for ((seq, row), payload) in seqs.iter().zip(rows).zip(payloads) {
        if let Some(row) = row {
            found.push(log.answers().artifact(*seq, &row, payload)?);
        }
    }
    Ok(found)
}

pub(super) async fn contents(log: &RedisLog, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
    log.usable()?;
    let names = seqs.iter().map(|seq| text(seq.get())).collect();
    let rows = fields(log, "content", names).await?;
    let found = seqs.iter().zip(rows).filter_map(|(seq, row)| Some((seq, row?)));
    found.map(|(seq, row)| log.answers().content(*seq, &row)).collect()
}

pub(super) async fn closed(
    log: &RedisLog,
    activation: ActivationId,
) -> Result<Option<ClosedActivation>, Error> {
    log.usable()?;
    let found = fields(log, "closed", vec![text(activation.0.get())]).await?;
    let row = found.into_iter().next().flatten();
    row.map(|row| log.answers().closed(activation.0, &row)).transpose()
}

pub(super) async fn correlation(
    log: &RedisLog,
    correlation: CorrelationId,
) -> Result<ClosedWork, Error> {
    let mut arguments = log.arguments();
    arguments.push(correlation.to_string());
    let answer = log.ask(&CORRELATION, &arguments).await?;
    let answers = log.answers();
    let [head, known, dead, cancelled] = answers.fields(answer)?;
    Ok(ClosedWork {
        known: answers.integer(known)? > 0,
        dead: u32::try_from(answers.integer(dead)?).unwrap_or(u32::MAX),
        cancelled: answers.integer(cancelled)? > 0,
        as_of: answers.seq(head)?,
    })
}

/// What one of the board's hashes has under these names, in their order.
pub(super) async fn fields(
    log: &RedisLog,
    key: &str,
    names: Vec<Vec<u8>>,
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut get = cmd("HMGET");
    get.arg(log.key(key));
    for name in names {
        get.arg(name);
    }
    let answer = log.reader.send(&get).await.map_err(|error| reading("read", &log.place, error))?;
    let values = log.answers().list(answer)?;
    values.into_iter().map(|value| log.answers().optional(value)).collect()
}
