//! What an append finds: whether the log is as it continues it, and what is there of what it brings.

use std::collections::{HashMap, HashSet};

use redis::{Pipeline, Value};

use artel_core::ids::{ActivationId, ArtifactId, Epoch, Seq};
use artel_core::log::{Append, Error};

use super::format::{Answers, text};
use super::handle::RedisLog;
use super::rows::Finished;
use crate::check::{Checked, Flaw};

/// What an append asks before it changes anything.
pub(super) struct Question {
    ids: Vec<[u8; 16]>,
    activations: Vec<ActivationId>,
    inputs: Vec<Seq>,
}

/// What was there before it.
#[derive(Debug, Default)]
pub(super) struct Before {
    closed: HashMap<ActivationId, Vec<u8>>,
    worked_on: HashMap<Seq, Vec<u8>>,
}

/// What the log is to an append.
#[derive(Debug)]
pub(super) enum Found {
    /// It ends where the append continues it.
    Open(Before),
    /// The append came before, and its answer was lost on the way.
    Done,
}

impl Question {
    pub(super) fn of(Append { rows, .. }: &Append, finished: &Finished<'_>) -> Self {
        let activations = finished.closed.keys().chain(&finished.reopened);
        Self {
            ids: rows.artifacts.iter().map(|row| *row.envelope().id.as_bytes()).collect(),
            activations: activations.copied().collect(),
            inputs: finished.worked_on.keys().copied().collect(),
        }
    }

    /// Asks it behind whatever stands there.
    pub(super) fn ask(&self, log: &RedisLog, to: &mut Pipeline) {
        to.cmd("HMGET").arg(log.key("head")).arg(&["epoch", "seq", "hash", "at"]);
        if !self.ids.is_empty() {
            to.cmd("HMGET").arg(log.key("id"));
            for id in &self.ids {
                to.arg(&id[..]);
            }
        }
        let activations = self.activations.iter().map(|activation| activation.0);
        ask(log, to, "closed", activations);
        ask(log, to, "worked_on", self.inputs.iter().copied());
    }

    /// How many answers there are to it.
    pub(super) fn len(&self) -> usize {
        let asked = [self.ids.is_empty(), self.activations.is_empty(), self.inputs.is_empty()];
        1 + asked.iter().filter(|none| !**none).count()
    }

    /// Reads the answers, in the order in which they were asked for.
    pub(super) fn found(
        &self,
        log: &RedisLog,
        checked: &Checked,
        mut answers: impl Iterator<Item = Value>,
    ) -> Result<Found, Error> {
        let mut next = |asked: bool| match asked {
            true => fields(log.answers(), answers.next()),
            false => Ok(Vec::new()),
        };
        if !continues(log, checked, next(true)?)? {
            return Ok(Found::Done);
        }
        let mut seen = HashSet::with_capacity(self.ids.len());
        for (seq, id) in next(!self.ids.is_empty())?.into_iter().zip(&self.ids) {
            if seq.is_some() || !seen.insert(id) {
                return Err(Flaw::Taken(ArtifactId::from_bytes(*id)).into());
            }
        }
        let closed = next(!self.activations.is_empty())?.into_iter().zip(&self.activations);
        let closed = closed.filter_map(|(row, activation)| Some((*activation, row?))).collect();
        let worked_on = next(!self.inputs.is_empty())?.into_iter().zip(&self.inputs);
        let worked_on = worked_on.filter_map(|(by, input)| Some((*input, by?))).collect();
        Ok(Found::Open(Before { closed, worked_on }))
    }
}

fn ask(log: &RedisLog, to: &mut Pipeline, key: &str, seqs: impl ExactSizeIterator<Item = Seq>) {
    if seqs.len() > 0 {
        to.cmd("HMGET").arg(log.key(key));
        for seq in seqs {
            to.arg(text(seq.get()));
        }
    }
}

fn fields(answers: Answers<'_>, answer: Option<Value>) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let answer = answer.ok_or_else(|| answers.damaged("an answer is missing"))?;
    answers.list(answer)?.into_iter().map(|value| answers.optional(value)).collect()
}

/// Whether the append continues the log whose head is this; not, where it is its end already.
fn continues(log: &RedisLog, checked: &Checked, head: Vec<Option<Vec<u8>>>) -> Result<bool, Error> {
    let header = &checked.append.batch.header;
    let (epoch, seq, hash, at) = match <[_; 4]>::try_from(head) {
        Ok([Some(epoch), Some(seq), Some(hash), Some(at)]) => (epoch, seq, hash, at),
        Ok([None, ..]) => return Err(log.gone()),
        _ => return Err(log.answers().damaged("its head is not whole")),
    };
    let answers = log.answers();
    let number = |bytes| answers.integer(Value::BulkString(bytes));
    let newest = Epoch(answers.seq(Value::BulkString(epoch))?.get());
    if newest != header.epoch {
        return Err(Error::Fenced { epoch: header.epoch, newest });
    }
    let (seq, before) =
        (answers.seq(Value::BulkString(seq))?, header.first.get().saturating_sub(1));
    if seq.get() != before || hash != header.previous.0 {
        if seq == header.last && hash == header.hash.0 {
            return Ok(false);
        }
        return Err(Error::Conflict { expected: Seq(before), head: seq });
    }
    if seq > Seq(0) && number(at)? > checked.earliest.as_millis() {
        return Err(Flaw::Dated { at: header.at.as_millis() }.into());
    }
    Ok(true)
}

impl Before {
    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.worked_on.is_empty()
    }

    /// How an activation was closed.
    pub(super) fn closed(&self, activation: ActivationId) -> Option<&[u8]> {
        self.closed.get(&activation).map(Vec::as_slice)
    }

    /// The activations that worked on an artifact, packed.
    pub(super) fn worked_on(&self, input: Seq) -> &[u8] {
        self.worked_on.get(&input).map(Vec::as_slice).unwrap_or_default()
    }
}
