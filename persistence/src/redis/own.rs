//! Owning a board on a server: a key with a token that its owner alone knows, which is gone when its time is
//! over by the server's clock; and the epoch in the head, which every append checks. The key tells the living
//! apart; the epoch keeps out what is still on its way.
//!
//! The owner counts the time from before it asked for it, so it stops before others may begin.

use redis::Value;
use tokio::time::Instant;
use uuid::Uuid;

use artel_core::ids::Epoch;
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::error::reading;
use super::format::Answers;
use super::handle::RedisLog;
use super::read;
use super::scripts::{Arguments, FREE, OWN};
use crate::keeper::Held;

pub(super) async fn own(log: &RedisLog, claim: Claim) -> Result<Ownership, Error> {
    log.writable("own")?;
    let token = match log.owning.prepare(claim.process) {
        Ok(token) => token.unwrap_or_else(random),
        Err(()) => {
            let owner = owner(log).await?.unwrap_or_else(nobody);
            return Err(Error::Owned { place: log.place.clone(), owner });
        }
    };
    let asked = Instant::now();
    let arguments = claim_of(log, token, &claim);
    let answer = log.tell("own", &OWN, &arguments).await?;
    let mut said = log.answers().list(answer)?.into_iter();
    match &log.answers().bytes(said.next().unwrap_or(Value::Nil))?[..] {
        b"done" => {}
        b"owned" => {
            let owner = owner_of(log.answers(), said.next())?.unwrap_or_else(nobody);
            return Err(Error::Owned { place: log.place.clone(), owner });
        }
        _ => return Err(log.gone()),
    }
    log.keeper.forget(&log.owning);
    let head = read::end(log, "own").await?;
    if !log.owning.take((head.epoch, claim.process), (token, asked + log.ownership)) {
        return Err(log.closed_error());
    }
    let held = Held { token, board: log.keys.as_str().into(), time: log.ownership };
    log.keeper.remember(held, &log.owning);
    Ok(Ownership { epoch: head.epoch, head })
}

fn claim_of(log: &RedisLog, token: Uuid, claim: &Claim) -> Arguments {
    let mut arguments = log.arguments();
    arguments.push(*token.as_bytes());
    arguments.number(log.ownership.as_millis());
    arguments.number(std::process::id());
    arguments.push(claim.program.as_str());
    arguments.push(claim.endpoint.as_deref().unwrap_or_default());
    arguments
}

pub(super) async fn owner(log: &RedisLog) -> Result<Option<Owner>, Error> {
    log.usable()?;
    let mut ask = redis::cmd("HMGET");
    ask.arg(log.key("owner")).arg("pid").arg("program").arg("endpoint");
    let answer = log.reader.send(&ask).await.map_err(|error| reading("read", &log.place, error))?;
    owner_of(log.answers(), Some(answer))
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

/// A token or a name that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "no simulation has a server, and nothing of this is in a log"
)]
pub(super) fn random() -> Uuid {
    Uuid::new_v4()
}

fn nobody() -> Owner {
    let program = "somebody who has just given it up".to_owned();
    Owner { pid: None, program, endpoint: None }
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
