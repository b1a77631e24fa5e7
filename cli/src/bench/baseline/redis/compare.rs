//! The comparison of the board's keys with the baseline's by the server itself: each has as many entries in
//! one as in the other, and each entry of one is in the other.

use redis::aio::MultiplexedConnection;
use redis::{Script, cmd, pipe};

use super::place::Keys;
use crate::bench::error::Error;

/// Compares a step of one key with another.
const SAME: &str = include_str!("same.lua");
/// How many keys a step of a scan looks at.
const STEP: u32 = 1_000;
/// What no append writes.
const ASIDE: [&str; 3] = ["owner", "snapshot", "new:"];
/// What an append writes of the head, which has more.
const HEAD: [&str; 3] = ["seq", "hash", "at"];

/// How a step ended: where the next one begins, how many entries the key has, and how many of those that
/// were looked at are not the same.
type Step = (String, u64, u64);

/// Compares all keys, and says how many entries they have.
pub(super) async fn compare(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
) -> Result<u64, Error> {
    let hash: String = cmd("SCRIPT").arg("LOAD").arg(SAME).query_async(connection).await?;
    debug_assert_eq!(hash, Script::new(SAME).get_hash());
    let mut entries = head(connection, keys).await?;
    let mut cursor = 0;
    loop {
        let (next, found) = scan(connection, &keys.board, cursor).await?;
        let names = found.iter().filter_map(|key| key.strip_prefix(&keys.board));
        let names = names.filter(|name| !ASIDE.iter().any(|aside| name.starts_with(aside)));
        let mut open: Vec<(&str, String)> =
            names.filter(|name| *name != "head").map(|name| (name, "0".to_owned())).collect();
        while !open.is_empty() {
            let mut steps = pipe();
            for (name, from) in &open {
                let [ours, theirs] = [&keys.board, &keys.baseline].map(|at| format!("{at}{name}"));
                steps.cmd("EVALSHA").arg(&hash).arg(2).arg(ours).arg(theirs).arg(from);
            }
            let answers: Vec<Step> = steps.query_async(connection).await?;
            for ((name, from), (next, len, other)) in open.iter_mut().zip(answers) {
                if other > 0 {
                    let problem = format!("{other} differences in {name}, which has {len} entries");
                    return Err(Error::Differs { problem });
                }
                if *from == "0" {
                    entries += len;
                }
                *from = next;
            }
            open.retain(|(_, from)| *from != "0");
        }
        if next == 0 {
            return Ok(entries);
        }
        cursor = next;
    }
}

/// The parts of the head.
async fn head(connection: &mut MultiplexedConnection, keys: &Keys) -> Result<u64, Error> {
    let mut heads: [Vec<Option<Vec<u8>>>; 2] = Default::default();
    for (head, keys) in heads.iter_mut().zip([&keys.board, &keys.baseline]) {
        *head = cmd("HMGET").arg(format!("{keys}head")).arg(&HEAD).query_async(connection).await?;
    }
    let [ours, theirs] = heads;
    if ours != theirs {
        return Err(Error::Differs { problem: "the head is another".to_owned() });
    }
    Ok(ours.len() as u64)
}

/// Keys that begin with this, found by one step of a scan, and where the next one begins.
pub(super) async fn scan(
    connection: &mut MultiplexedConnection,
    begin: &str,
    cursor: u64,
) -> Result<(u64, Vec<String>), Error> {
    // What a pattern reads otherwise is not in a prefix, nor in a tag.
    let mut scan = cmd("SCAN");
    scan.arg(cursor).arg("MATCH").arg(format!("{begin}*")).arg("COUNT").arg(STEP);
    Ok(scan.query_async(connection).await?)
}
