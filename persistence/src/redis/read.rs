//! Reading the head and the batches, by seq and by time. Each batch is checked against its hash, and each
//! answer for holes.

use redis::Value;

use artel_core::ids::{Epoch, Incarnation, Seq};
use artel_core::log::{Error, Head};
use artel_core::names::BoardName;
use artel_core::record::{Batch, BatchHeader, genesis};
use artel_core::time::Timestamp;

use super::format::text;
use super::handle::RedisLog;
use super::scripts::{AROUND, HEAD, READ};
use crate::check;
use crate::format::hash;
use crate::mark::Mark;

/// How many batches one read looks at.
const BATCHES_MAX: u32 = 1_000;

pub(super) async fn head(log: &RedisLog) -> Result<Head, Error> {
    let mut arguments = log.arguments();
    arguments.push("head");
    let answer = log.ask(&HEAD, &arguments).await?;
    let [head, _] = log.answers().fields(answer)?;
    head_of(log, head)
}

/// The head, checked against the last batch, which is checked against its bytes. On the connection that
/// writes: what was done on it before is seen.
pub(super) async fn end(log: &RedisLog, action: &'static str) -> Result<Head, Error> {
    let mut arguments = log.arguments();
    arguments.push("end");
    let answer = log.tell(action, &HEAD, &arguments).await?;
    let answers = log.answers();
    let [head, last] = answers.fields(answer)?;
    let head = head_of(log, head)?;
    let Some(last) = answers.list(last)?.into_iter().next() else {
        if head.seq == Seq(0) && head.hash == genesis(head.incarnation) {
            return Ok(head);
        }
        return Err(answers.damaged("its head names a batch, but there is none"));
    };
    let BatchHeader { last, at, hash, epoch, .. } = answers.batch(last)?.header;
    if (last, at, hash) != (head.seq, head.at, head.hash) || epoch > head.epoch {
        return Err(answers.damaged("its head and its last batch contradict each other"));
    }
    Ok(head)
}

fn head_of(log: &RedisLog, fields: Value) -> Result<Head, Error> {
    let answers = log.answers();
    let [name, incarnation, dev, epoch, seq, last_hash, at, mark] = answers.fields(fields)?;
    if name == Value::Nil {
        return Err(log.gone());
    }
    let board = BoardName::new(answers.string(name)?)
        .map_err(|error| answers.damaged(format!("its head: {error}")))?;
    let incarnation = answers.bytes(incarnation)?.try_into().map(Incarnation::from_bytes);
    let incarnation =
        incarnation.map_err(|_| answers.damaged("its incarnation has another length"))?;
    let mark = answers.optional(mark)?.map(|mark| String::from_utf8_lossy(&mark).into_owned());
    let mark = mark.map(|mark| Mark::parse(&log.place, &mark)).transpose()?;
    Ok(Head {
        board,
        incarnation,
        dev: answers.integer(dev)? == 1,
        epoch: Epoch(answers.seq(epoch)?.get()),
        seq: answers.seq(seq)?,
        hash: hash(&log.place, &answers.bytes(last_hash)?)?,
        at: Timestamp(answers.integer(at)?),
        regressed: mark.and_then(|mark| mark.known()),
    })
}

pub(super) async fn read(log: &RedisLog, from: Seq, bytes_max: usize) -> Result<Vec<Batch>, Error> {
    let mut arguments = log.arguments();
    arguments.push(text(from.get()));
    arguments.number(bytes_max);
    arguments.number(BATCHES_MAX);
    let answer = log.ask(&READ, &arguments).await?;
    let answers = log.answers();
    let mut batches: Vec<Batch> = Vec::new();
    for entry in answers.list(answer)? {
        let batch = answers.batch(entry)?;
        let before = batches.last().map(|batch| batch.header);
        let follows = match before {
            Some(before) => {
                batch.header.first == before.last.next() && batch.header.previous == before.hash
            }
            None => batch.header.first <= from.max(Seq(1)),
        };
        if !follows {
            let problem = format!("the batch before seq {} is missing", batch.header.first);
            return Err(answers.damaged(problem));
        }
        batches.push(batch);
    }
    Ok(batches)
}

pub(super) async fn seq_at(log: &RedisLog, at: Timestamp) -> Result<Seq, Error> {
    let mut arguments = log.arguments();
    arguments.number(at.as_millis());
    let answer = log.ask(&AROUND, &arguments).await?;
    let answers = log.answers();
    let [before, next] = answers.fields(answer)?;
    let before = Seq(answers.packed(before)?.unwrap_or(0));
    let next = answers.list(next)?.into_iter().next();
    let next = next.map(|entry| answers.batch(entry)).transpose()?;
    check::last_until(at, before, next.as_ref())
        .map_err(|source| Error::Batch { place: log.place.clone(), source })
}
