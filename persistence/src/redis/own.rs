//! Owning a board on a server: a key with a token that its owner alone knows, which is gone when its time is
//! over by the server's clock; and the epoch in the head, which every append checks. The key tells the living
//! apart; the epoch keeps out what is still on its way.
//!
//! The owner counts the time from before it asked for it, so it stops before others may begin.

use std::time::Duration;

use redis::Value;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use artel_core::ids::Epoch;
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::append::replicated;
use super::connect::{ANSWER_TIMEOUT, Line};
use super::error::{TimedOut, reading};
use super::format::Answers;
use super::handle::RedisLog;
use super::read;
use super::scripts::{FREE, OWN};
use crate::keeper::{Held, wait_for};
use crate::mark::Mark;
use crate::server::random;

/// How long whoever owns a board, or wants to, waits for an answer at least; for the time of the ownership
/// where that is longer.
const ANSWER_MIN: Duration = Duration::from_secs(5);

pub(super) async fn own(log: &RedisLog, claim: Claim) -> Result<Ownership, Error> {
    let owned = own_once(log, claim).await;
    if matches!(owned, Err(Error::Owned { .. })) {
        log.owning.not_taken();
    }
    owned
}

async fn own_once(log: &RedisLog, claim: Claim) -> Result<Ownership, Error> {
    log.writable("own")?;
    let Ok((token, owns)) = log.owning.prepare(claim.process, random) else {
        return Err(owned(log, owner(log).await?));
    };
    let step = u64::from(log.moving.step(owns));
    let asked = Instant::now();
    let limit = soon(log);
    let taken = async {
        let epoch = take(log, &claim, (token, step)).await?;
        log.keeper.forget(&log.owning);
        let head = read::end(log, "own").await?;
        if head.epoch == epoch {
            if let Err(error) = replicated(log, "own").await {
                if !owns {
                    // Whoever tries next is not to wait for somebody who is not there.
                    log.owning.not_taken();
                    free(log, token).await?;
                }
                return Err(error);
            }
            return Ok(head);
        }
        // It was taken over since, by somebody for whom its time was over.
        Err(owned(log, owner(log).await?))
    };
    let head = timeout(limit, taken).await;
    let head = head.unwrap_or_else(|_| {
        log.writer.give_up();
        log.reader.give_up();
        Err(TimedOut::error("own", &log.place, limit))
    })?;
    if !log.owning.take((head.epoch, claim.process), (token, asked + log.ownership)) {
        return Err(log.closed_error());
    }
    let held = Held { token, board: log.keys.as_str().into(), time: log.ownership };
    log.keeper.remember(held, &log.owning);
    Ok(Ownership { epoch: head.epoch, head })
}

/// How long anybody waits who has to know soon.
pub(super) fn soon(log: &RedisLog) -> Duration {
    log.ownership.clamp(ANSWER_MIN, ANSWER_TIMEOUT)
}

/// Takes the board over, and says the epoch. The script is told the epoch that it raises, so that one which
/// was given up, and comes late, changes nothing.
async fn take(log: &RedisLog, claim: &Claim, (token, step): (Uuid, u64)) -> Result<Epoch, Error> {
    let answers = log.answers();
    let mut before = None;
    loop {
        let mut get = redis::cmd("HGET");
        get.arg(log.key("head")).arg("epoch");
        let epoch = log.writer.send(&get).await;
        let epoch = epoch.map_err(|error| reading("own", &log.place, error))?;
        if epoch == Value::Nil {
            return Err(log.gone());
        }
        let epoch = answers.seq(epoch)?.get();
        let mut arguments = log.arguments();
        arguments.push(*token.as_bytes());
        arguments.number(log.ownership.as_millis());
        arguments.number(std::process::id());
        arguments.push(claim.program.as_str());
        arguments.push(claim.endpoint.as_deref().unwrap_or_default());
        arguments.number(epoch);
        arguments.number(step);
        arguments.push(log.moving.bears());
        let mut said = answers.list(log.tell("own", &OWN, &arguments).await?)?.into_iter();
        match &answers.bytes(said.next().unwrap_or(Value::Nil))?[..] {
            b"done" => return Ok(Epoch(epoch + step)),
            b"marked" => {
                let mark = answers.string(said.next().unwrap_or(Value::Nil))?;
                // Nobody is to own the board, whoever did.
                log.keeper.forget(&log.owning);
                log.owning.lose();
                return Err(Mark::parse(&log.place, &mark)?.refusal(&log.place));
            }
            b"owned" => {
                let owner = owner_of(answers, said.next())?;
                return Err(owned(log, owner));
            }
            // Somebody had it in between.
            b"epoch" if before != Some(epoch) => before = Some(epoch),
            b"epoch" => return Err(owned(log, owner(log).await?)),
            _ => return Err(log.gone()),
        }
    }
}

fn owned(log: &RedisLog, owner: Option<Owner>) -> Error {
    let owner = owner.unwrap_or_else(|| {
        let program = "somebody who has just given it up".to_owned();
        Owner { pid: None, program, endpoint: None }
    });
    Error::Owned { place: log.place.clone(), owner }
}

pub(super) async fn owned_for(log: &RedisLog) -> Result<Option<Duration>, Error> {
    log.usable()?;
    let mut left = redis::cmd("PTTL");
    left.arg(log.key("owner"));
    let left = log.reader.send(&left).await.map_err(|error| reading("read", &log.place, error))?;
    let Ok(left) = u64::try_from(log.answers().integer(left)?) else { return Ok(None) };
    Ok(Some(wait_for(Duration::from_millis(left))))
}

pub(super) async fn owner(log: &RedisLog) -> Result<Option<Owner>, Error> {
    log.usable()?;
    owner_at(&log.place, &log.reader, &log.keys).await
}

/// Who owns the board whose keys begin so.
pub(super) async fn owner_at(place: &str, line: &Line, keys: &str) -> Result<Option<Owner>, Error> {
    let mut ask = redis::cmd("HMGET");
    ask.arg(format!("{keys}owner")).arg("pid").arg("program").arg("endpoint");
    let answer = line.send(&ask).await.map_err(|error| reading("read", place, error))?;
    owner_of(Answers { place }, Some(answer))
}

/// The owner out of three fields; none when the key is gone.
fn owner_of(answers: Answers<'_>, fields: Option<Value>) -> Result<Option<Owner>, Error> {
    let [pid, program, endpoint] = answers.fields(fields.unwrap_or(Value::Nil))?;
    if program == Value::Nil {
        return Ok(None);
    }
    Ok(Some(Owner {
        pid: u32::try_from(answers.integer(pid)?).ok(),
        program: answers.string(program)?,
        endpoint: if endpoint == Value::Nil { None } else { Some(answers.string(endpoint)?) },
    }))
}

pub(super) async fn disown(log: &RedisLog, epoch: Epoch) -> Result<(), Error> {
    log.usable()?;
    let Some(token) = log.owning.give_up(epoch) else { return Ok(()) };
    log.keeper.forget(&log.owning);
    free(log, token).await
}

/// Lets others have the board at once.
pub(super) async fn free(log: &RedisLog, token: Uuid) -> Result<(), Error> {
    let mut arguments = log.arguments();
    arguments.push(*token.as_bytes());
    let freed = log.writer.run(&FREE, &[log.key("owner")], &arguments).await;
    freed.map(drop).map_err(|error| reading("give up", &log.place, error))
}
