//! Finding on a server what has a known id, key, seq or correlation.

use redis::{Pipeline, Value, cmd, pipe};

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{
    ClosedActivation, ClosedWork, ContentRow, Error, Existing, LookUp, LookedUp, StoredArtifact,
};

use super::error::reading;
use super::format::text;
use super::handle::RedisLog;
use super::scripts::CORRELATION;

/// What has these ids and keys, all as of one moment.
pub(super) async fn look_up(log: &RedisLog, look_up: &LookUp) -> Result<LookedUp, Error> {
    log.usable()?;
    let mut asked = pipe();
    asked.atomic();
    asked.cmd("HGET").arg(log.key("head")).arg("seq");
    names(&mut asked, log.key("id"), look_up.ids.iter().map(|id| &id.as_bytes()[..]));
    names(&mut asked, log.key("key"), look_up.keys.iter().map(|key| key.as_str().as_bytes()));
    let answered = log.reader.send_all(&asked).await;
    let answers = log.answers();
    let mut answered = answered.map_err(|error| reading("read", &log.place, error))?.into_iter();
    let head = match answered.next() {
        None | Some(Value::Nil) => return Err(log.gone()),
        Some(head) => answers.seq(head)?,
    };
    let mut seqs = Vec::new();
    for list in answered {
        for seq in answers.list(list)? {
            let seq = answers.optional(seq)?.map(|seq| answers.seq(Value::BulkString(seq)));
            seqs.push(seq.transpose()?);
        }
    }
    let all: Vec<Seq> = seqs.iter().flatten().copied().collect();
    let mut rows = fields(log, "artifact", all.iter().map(|seq| text(seq.get())).collect()).await?;
    let mut rows = rows.drain(..).zip(all);
    let mut next = |seq: &Option<Seq>| -> Result<Option<Existing>, Error> {
        if seq.is_none() {
            return Ok(None);
        }
        let (row, seq) = rows.next().ok_or_else(|| answers.damaged("an answer is too short"))?;
        answers.existing(seq, &row.unwrap_or_default()).map(Some)
    };
    let (by_id, by_key) = seqs.split_at(look_up.ids.len().min(seqs.len()));
    let mut found = LookedUp { as_of: head, ..LookedUp::default() };
    for seq in by_id {
        found.ids.extend(next(seq)?.map(|one| (one.id, one)));
    }
    for (key, seq) in look_up.keys.iter().zip(by_key) {
        found.keys.extend(next(seq)?.map(|one| (key.clone(), one)));
    }
    Ok(found)
}

/// Asks what a hash has under some names, if there are any.
fn names<'a>(to: &mut Pipeline, key: Vec<u8>, names: impl ExactSizeIterator<Item = &'a [u8]>) {
    if names.len() > 0 {
        to.cmd("HMGET").arg(key);
        for name in names {
            to.arg(name);
        }
    }
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
