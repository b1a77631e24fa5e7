//! Removing a board from a server, and moving it out of the way.

use redis::{Value, cmd};

use artel_core::ids::ProcessId;
use artel_core::log::{Claim, Error, Log};
use artel_core::names::ProgramName;

use super::connect::Line;
use super::error::reading;
use super::format::Answers;
use super::handle::RedisLog;
use super::mark;
use super::open::{open, tag};
use super::read;
use super::scripts::{Arguments, CLEAR};
use super::target::Target;
use crate::mark::Mark;
use crate::open::OpenOptions;
use crate::server::random;

/// How many names are tried for a board that is moved aside.
const TRIES_MAX: u32 = 1_000;

/// Removes a board with everything in it, and says where it lay. Its head goes first: nobody owns it from then on, and
/// nothing is appended. Its name goes last, so that a removal which is interrupted can be given again.
pub(crate) async fn remove(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("remove", &place, error);
    let (line, _) = Line::open(target).await?;
    let tag = tag(target, &line, &target.board).await?;
    let tag = tag.ok_or_else(|| Error::Missing { place: place.clone() })?;
    let keys = target.keys(&tag);
    let head = format!("{keys}head");
    // Who may not do the rest is not to begin.
    line.send(cmd("SCAN").arg(0).arg("COUNT").arg(1)).await.map_err(cannot)?;
    if line.send(cmd("EXISTS").arg(&head)).await.map_err(cannot)? == Value::Int(1) {
        let options = match mark::read(target, &line, &keys).await? {
            Some(Mark::Arriving { from }) => OpenOptions::resuming(from),
            Some(Mark::Regressed { .. }) => OpenOptions::adopting(),
            Some(Mark::Moved { .. }) | None => OpenOptions::leaving(),
        };
        let log = owned(target, options, "remove").await?;
        line.send(cmd("UNLINK").arg(&head)).await.map_err(cannot)?;
        drop(log);
    }
    clear(&place, &line, &keys).await?;
    let mut del = cmd("DEL");
    del.arg(target.name_key(&target.board));
    line.send(&del).await.map_err(cannot)?;
    Ok(place)
}

/// Gives a board that was created in development mode another name, and says which.
pub(crate) async fn move_aside(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("move aside", &place, error);
    let log = owned(target, OpenOptions::leaving(), "move aside").await?;
    if !read::head(&log).await?.dev {
        log.close().await;
        return Err(Error::NotDev { place });
    }
    let tag = tag(target, &log.writer, &target.board).await?;
    let tag = tag.ok_or(Error::Missing { place: place.clone() })?;
    for number in 1..=TRIES_MAX {
        let board = format!("{}.aside-{number}", target.board);
        let mut set = cmd("SET");
        set.arg(target.name_key(&board)).arg(&tag).arg("NX");
        if log.writer.send(&set).await.map_err(cannot)? != Value::Nil {
            let mut del = cmd("DEL");
            del.arg(target.name_key(&target.board));
            log.writer.send(&del).await.map_err(cannot)?;
            log.close().await;
            return Ok(Target { board, ..target.clone() }.place());
        }
    }
    log.close().await;
    Err(Error::Unavailable {
        action: "move aside",
        place,
        outcome_unknown: false,
        source: format!("all names up to `{}.aside-{TRIES_MAX}` are taken", target.board).into(),
    })
}

/// The board, which nobody else owns meanwhile.
async fn owned(
    target: &Target,
    options: OpenOptions,
    action: &'static str,
) -> Result<RedisLog, Error> {
    let log = open(target.clone(), options).await?;
    let program = ProgramName::new("artel").map_err(|error| Error::Unavailable {
        action,
        place: target.place(),
        outcome_unknown: false,
        source: Box::new(error),
    })?;
    let process = ProcessId::from_bytes(random().into_bytes());
    log.own(Claim { process, program, endpoint: None }).await?;
    Ok(log)
}

/// Unlinks all keys of a board, a bounded number at a time.
async fn clear(place: &str, line: &Line, keys: &str) -> Result<(), Error> {
    let mut cursor = "0".to_owned();
    loop {
        let mut arguments = Arguments::default();
        arguments.push(format!("{keys}*"));
        arguments.push(cursor);
        let next = line.run(&CLEAR, &[format!("{keys}head").into_bytes()], &arguments).await;
        let next = next.map_err(|error| reading("remove", place, error))?;
        cursor = Answers { place }.string(next)?;
        if cursor == "0" {
            return Ok(());
        }
    }
}
