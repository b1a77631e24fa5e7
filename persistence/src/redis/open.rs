//! Opening and making a board on a server. The check at open looks at the server's settings, the version of
//! the keys, the head and the last batch, so it costs the same however long the log is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use redis::{Value, cmd};

use artel_core::log::Error;
use artel_core::record::genesis;

use super::connect::Line;
use super::error::reading;
use super::fence::Fence;
use super::format::Answers;
use super::handle::RedisLog;
use super::keep::keeper;
use super::scripts::{Arguments, CREATE};
use super::target::Target;
use super::{mark, read, settings};
use crate::open::{CreateBoard, Mode, Moving, OpenOptions};
use crate::owning::Owning;
use crate::server::random;

/// The version of the keys that this release writes.
pub(super) const VERSION: u32 = 1;

pub(crate) async fn open(target: Target, options: OpenOptions) -> Result<RedisLog, Error> {
    let OpenOptions { mode, moving } = options;
    let place = target.place();
    let (writer, about) = Line::open(&target).await?;
    let writer = Arc::new(writer);
    settings::check(&target, &writer, &about).await?;
    let found = tag(&target, &writer, &target.board).await?;
    let tag = match (found, &mode) {
        (Some(tag), _) => tag,
        (None, Mode::Create(create)) => make(&target, &writer, (create, &moving)).await?,
        (None, Mode::Existing | Mode::ReadOnly) => return Err(Error::Missing { place }),
    };
    let keys = target.keys(&tag);
    let (reader, _) = Line::open(&target).await?;
    version(&target, &reader, &keys).await?;
    if let Some(mark) = mark::read(&target, &reader, &keys).await? {
        mark.admit(&place, &moving, matches!(mode, Mode::ReadOnly))?;
    }
    let log = RedisLog {
        promise: target.promise,
        ownership: target.ownership,
        replicas: target.replicas,
        read_only: matches!(mode, Mode::ReadOnly),
        moving,
        keeper: keeper(&target, &writer),
        reader,
        writer,
        fence: Fence::new(target.clone()),
        owning: Arc::new(Owning::default()),
        closed: AtomicBool::new(false),
        board: target.board,
        keys,
        place,
    };
    read::end(&log, "open").await?;
    Ok(log)
}

/// What the keys of a board are tagged with; none where there is no such board.
pub(super) async fn tag(
    target: &Target,
    link: &Line,
    board: &str,
) -> Result<Option<String>, Error> {
    let place = target.place();
    let mut get = cmd("GET");
    get.arg(target.name_key(board));
    let found = link.send(&get).await.map_err(|error| reading("open", &place, error))?;
    let answers = Answers { place: &place };
    if found == Value::Nil { Ok(None) } else { answers.string(found).map(Some) }
}

/// Makes a board: its head, and then the name that leads to it. Of two that do at once, one name stays.
async fn make(
    target: &Target,
    link: &Line,
    (create, moving): (&CreateBoard, &Moving),
) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let CreateBoard { board, incarnation, dev } = create;
    let own = random().simple().to_string();
    let keys = target.keys(&own);
    let mut arguments = Arguments::default();
    arguments.push(&*keys);
    arguments.number(VERSION);
    arguments.push(board.as_str());
    arguments.push(*incarnation.as_bytes());
    arguments.number(u8::from(*dev));
    arguments.push(genesis(*incarnation).0);
    arguments.push(moving.first_mark().map(|mark| mark.text()).unwrap_or_default());
    let head = format!("{keys}head").into_bytes();
    link.run(&CREATE, std::slice::from_ref(&head), &arguments).await.map_err(cannot)?;
    let mut name = cmd("SET");
    name.arg(target.name_key(&target.board)).arg(&own).arg("NX");
    if link.send(&name).await.map_err(cannot)? == Value::Nil {
        link.send(cmd("DEL").arg(head)).await.map_err(cannot)?;
    }
    tag(target, link, &target.board).await?.ok_or(Error::Missing { place })
}

/// Refuses keys of a later release.
pub(super) async fn version(target: &Target, link: &Line, keys: &str) -> Result<(), Error> {
    let place = target.place();
    let mut get = cmd("HGET");
    get.arg(format!("{keys}head")).arg("version");
    let found = link.send(&get).await.map_err(|error| reading("open", &place, error))?;
    if found == Value::Nil {
        let problem = "its name leads to no head: where it was being removed, remove it again";
        return Err(Error::Damaged { place, problem: problem.to_owned() });
    }
    let found = Answers { place: &place }.integer(found)?;
    match u32::try_from(found) {
        Ok(VERSION) => Ok(()),
        Ok(version) if version > VERSION => Err(Error::Newer { place, version, known: VERSION }),
        _ => Err(Error::Damaged { place, problem: format!("it has version {found}") }),
    }
}
