//! Appending: a look at what is there, and one transaction or script, which changes
//! nothing when the log is not as it was any more.

use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::Instant;

use artel_core::log::{Append, Error};

use super::connect::ANSWER_TIMEOUT;
use super::error::{TooFewReplicas, appending};
use super::fence::{by_script, by_transaction};
use super::format::SEQ_MAX;
use super::handle::RedisLog;
use super::own::soon;
use super::read;
use crate::check::{Checked, Flaw};

/// How many bytes of an append have another second.
const SECOND_LEN: u64 = 1 << 20;
/// What part of an ownership's time is waited for replicas: renewals come behind it on the same connection.
const REPLICAS_WAIT_PART: u32 = 6;

pub(super) async fn append(log: &RedisLog, append: Append) -> Result<(), Error> {
    log.writable("append to")?;
    let checked = Checked::new(append)?;
    let header = checked.append.batch.header;
    if header.last.get() > SEQ_MAX {
        return Err(Flaw::Range { first: header.first, last: header.last }.into());
    }
    if !log.owning.begin(header.epoch) {
        let newest = read::head(log).await?.epoch;
        if header.epoch < newest {
            return Err(Error::Fenced { epoch: header.epoch, newest });
        }
        return Err(Error::NotOwned { place: log.place.clone(), epoch: header.epoch });
    }
    // From here on the ownership is in doubt until the outcome is known. If the caller goes away in
    // between, it stays so, and the next append is refused until the board is owned again.
    let limit = limit(log, &checked);
    let began = Instant::now();
    let result = tokio::select! {
        // An answer that is there counts, however late it is read.
        biased;
        result = send(log, &checked) => result,
        // Past its time an owner has to find out whose the board is, whatever became of the append.
        () = log.owning.over(began + limit) => {
            log.writer.give_up();
            // What one of them lost the other may have lost too.
            log.reader.give_up();
            Err(appending(&log.place, std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        }
    };
    match &result {
        Err(error) if error.outcome_unknown() => {}
        Ok(()) | Err(_) => log.owning.settle(header.epoch),
    }
    result
}

/// How long an append may take: the ownership may be renewed all the time, while the connection that this one
/// is on has gone silent.
fn limit(log: &RedisLog, checked: &Checked) -> Duration {
    (soon(log) + Duration::from_secs(checked.len() / SECOND_LEN)).min(ANSWER_TIMEOUT)
}

async fn send(log: &RedisLog, checked: &Checked) -> Result<(), Error> {
    loop {
        let changed = if log.writer.is_cluster() {
            by_script(log, checked).await?
        } else {
            by_transaction(log, checked).await?
        };
        if changed {
            return Ok(());
        }
    }
}

/// Waits until as many replicas as were asked for have all that was written so far. What was written is there
/// all the same: so whoever owns the board next has to wait for it too, before it takes it for acknowledged.
pub(super) async fn replicated(log: &RedisLog, action: &'static str) -> Result<(), Error> {
    if log.replicas == 0 {
        return Ok(());
    }
    let answer = log.writer.wait(&wait_for(log)).await;
    let answer = answer.map_err(|error| appending(&log.place, error))?;
    enough(log, &answer).map_err(|error| match error {
        Error::Unavailable { place, outcome_unknown, source, .. } => {
            Error::Unavailable { action, place, outcome_unknown, source }
        }
        other => other,
    })
}

/// The command that waits for as many replicas as were asked for.
pub(super) fn wait_for(log: &RedisLog) -> Cmd {
    let mut wait = redis::cmd("WAIT");
    wait.arg(log.replicas).arg((log.ownership / REPLICAS_WAIT_PART).as_millis().to_string());
    wait
}

/// Whether there were as many.
pub(super) fn enough(log: &RedisLog, answer: &Value) -> Result<(), Error> {
    let found = match answer {
        Value::Int(found) => *found,
        _ => 0,
    };
    if found >= i64::from(log.replicas) {
        return Ok(());
    }
    let (place, wanted) = (log.place.clone(), log.replicas);
    let source = Box::new(TooFewReplicas { found, wanted });
    Err(Error::Unavailable { action: "append to", place, outcome_unknown: true, source })
}
