//! The boards under a prefix, listed for whoever asks what there is; nobody is disturbed.

use redis::{Value, cmd};

use artel_core::log::Error;
use artel_core::time::Timestamp;

use super::connect::Line;
use super::error::reading;
use super::format::Answers;
use super::open::tag;
use super::own::owner_at;
use super::target::Target;
use crate::boards::BoardThere;
use crate::mark::Mark;

/// About how many keys one call looks at.
const LOOKS: u32 = 1_000;

/// All boards under the prefix, by name. Looks at every key of the server, or of each node of a cluster, some at a
/// time: a board that is made or removed meanwhile may be there or not.
pub(crate) async fn boards(target: &Target) -> Result<Vec<BoardThere>, Error> {
    let (line, _) = Line::open(target).await?;
    let mut boards = Vec::new();
    for name in names(target, &line).await? {
        boards.extend(board(target, &line, name).await?);
    }
    Ok(boards)
}

/// What boards are called.
async fn names(target: &Target, line: &Line) -> Result<Vec<String>, Error> {
    let place = target.place();
    let cannot = |error| reading("read", &place, error);
    let answers = Answers { place: &place };
    let begin = target.name_key("");
    let scan = |cursor: &str| {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg([&begin[..], b"*"].concat()).arg("COUNT").arg(LOOKS);
        scan
    };
    let mut names = Vec::new();
    for (node, mut answer) in line.ask_each(&scan("0")).await.map_err(cannot)? {
        loop {
            let [cursor, keys] = answers.fields(answer)?;
            for key in answers.list(keys)? {
                let key = answers.bytes(key)?;
                let name = key.strip_prefix(&begin[..]).and_then(|name| str::from_utf8(name).ok());
                names.extend(name.map(str::to_owned));
            }
            let cursor = answers.string(cursor)?;
            if cursor == "0" {
                break;
            }
            answer = line.ask_at(&node, &scan(&cursor)).await.map_err(cannot)?;
        }
    }
    // A key may be met twice.
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// A board by its name, unless it is gone.
async fn board(target: &Target, line: &Line, board: String) -> Result<Option<BoardThere>, Error> {
    let place = target.place();
    let answers = Answers { place: &place };
    let Some(tag) = tag(target, line, &board).await? else { return Ok(None) };
    let keys = target.keys(&tag);
    let mut head = cmd("HMGET");
    head.arg(format!("{keys}head")).arg("seq").arg("at").arg("mark");
    let head = line.send(&head).await.map_err(|error| reading("read", &place, error))?;
    let [seq, at, mark] = answers.fields(head)?;
    if seq == Value::Nil {
        return Ok(None);
    }
    let mark = answers.optional(mark)?.map(|mark| String::from_utf8_lossy(&mark).into_owned());
    Ok(Some(BoardThere {
        board,
        seq: answers.seq(seq)?,
        at: Timestamp(answers.integer(at)?),
        owner: owner_at(&place, line, &keys).await?,
        mark: mark.map(|mark| Mark::parse(&place, &mark)).transpose()?,
    }))
}
