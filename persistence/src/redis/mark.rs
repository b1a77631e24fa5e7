//! The mark of a board that is moved, or whose log has lost its end.

use redis::{Value, cmd};

use artel_core::ids::{Epoch, Seq};
use artel_core::log::Error;

use super::connect::Line;
use super::error::reading;
use super::format::Answers;
use super::handle::RedisLog;
use super::open::tag;
use super::scripts::{Arguments, MARK, REGRESS};
use super::target::Target;
use crate::mark::Mark;

/// Marks a board, if it still has this epoch. What was appended before is on the disk when this is, where the
/// server writes what it acknowledges to its disk first.
pub(crate) async fn mark(target: &Target, epoch: Epoch, mark: Option<Mark>) -> Result<(), Error> {
    let place = target.place();
    let (line, keys) = board(target).await?;
    let mut arguments = Arguments::default();
    arguments.push(&*keys);
    arguments.number(epoch);
    arguments.push(mark.map(|mark| mark.text()).unwrap_or_default());
    let done = line.run(&MARK, &[format!("{keys}head").into_bytes()], &arguments).await;
    let newest = match done.map_err(|error| reading("mark", &place, error))? {
        Value::Nil => return Err(Error::Missing { place }),
        newest => Epoch(Answers { place: &place }.seq(newest)?.get()),
    };
    if newest == epoch { Ok(()) } else { Err(Error::Fenced { epoch, newest }) }
}

/// The mark of a board.
pub(crate) async fn marked(target: &Target) -> Result<Option<Mark>, Error> {
    let (line, keys) = board(target).await?;
    read(target, &line, &keys).await
}

/// The mark of a board whose keys are known.
pub(super) async fn read(target: &Target, line: &Line, keys: &str) -> Result<Option<Mark>, Error> {
    read_at(&target.place(), line, keys).await
}

async fn read_at(place: &str, line: &Line, keys: &str) -> Result<Option<Mark>, Error> {
    let mut get = cmd("HGET");
    get.arg(format!("{keys}head")).arg("mark");
    let found = line.send(&get).await.map_err(|error| reading("read", place, error))?;
    let found = Answers { place }.optional(found)?;
    found.map(|mark| Mark::parse(place, &String::from_utf8_lossy(&mark))).transpose()
}

/// Marks a board that does not hold any more what was durable up to a seq, if it still has this epoch.
pub(super) async fn regress(log: &RedisLog, known: Seq, seen: Epoch) -> Result<(), Error> {
    log.writable("mark")?;
    loop {
        let before = read_at(&log.place, &log.writer, &log.keys).await?;
        let Some(mark) = Mark::regressed(before.as_ref(), known) else { return Ok(()) };
        let mut arguments = log.arguments();
        arguments.push(before.map(|mark| mark.text()).unwrap_or_default());
        arguments.push(mark.text());
        arguments.number(seen);
        let done = log.tell("mark", &REGRESS, &arguments).await?;
        if done == Value::Nil {
            return Err(log.gone());
        }
        match &log.answers().bytes(done)?[..] {
            b"done" => return Ok(()),
            // Somebody else marked it in between.
            b"marked" => {}
            newest => {
                let newest = Value::BulkString(newest.to_vec());
                let newest = Epoch(log.answers().seq(newest)?.get());
                return Err(Error::Fenced { epoch: seen, newest });
            }
        }
    }
}

async fn board(target: &Target) -> Result<(Line, String), Error> {
    let (line, _) = Line::open(target).await?;
    match tag(target, &line, &target.board).await? {
        Some(tag) => Ok((line, target.keys(&tag))),
        None => Err(Error::Missing { place: target.place() }),
    }
}
