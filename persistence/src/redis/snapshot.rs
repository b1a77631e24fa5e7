//! Snapshots on a server, in parts: each is written by itself, so that no command is large. They are written
//! under a name of their own, which goes by itself if nobody makes a snapshot of it, and renamed when all are
//! there.

use bytes::Bytes;
use redis::{Value, cmd};

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{Error, Snapshot};

use super::error::reading;
use super::format::text;
use super::handle::RedisLog;
use super::read;
use super::scripts::SNAPSHOT;
use crate::format::hash;
use crate::server::random;

/// How many snapshots are kept.
const KEPT: u32 = 2;
/// Bytes of a part.
const PART_LEN: usize = 1024 * 1024;
/// How long parts are kept that nobody makes a snapshot of, in seconds.
const PARTS_KEPT: u32 = 600;

pub(super) async fn put(log: &RedisLog, snapshot: Snapshot) -> Result<(), Error> {
    log.writable("keep a snapshot in")?;
    let cannot = |error| reading("keep a snapshot in", &log.place, error);
    let name = random().simple().to_string();
    let key = log.key(&format!("new:{name}"));
    for (number, part) in snapshot.bytes.chunks(PART_LEN).enumerate() {
        let mut set = cmd("HSET");
        set.arg(&key[..]).arg(number).arg(part);
        log.reader.send(&set).await.map_err(cannot)?;
        let mut expire = cmd("EXPIRE");
        expire.arg(&key[..]).arg(PARTS_KEPT);
        log.reader.send(&expire).await.map_err(cannot)?;
    }
    let mut arguments = log.arguments();
    arguments.push(text(snapshot.seq.get()));
    arguments.push(snapshot.batch_hash.0);
    arguments.push(snapshot.state_hash.0);
    arguments.push(name);
    arguments.number(KEPT);
    let kept = log.reader.run(&SNAPSHOT, &[log.key("head")], &arguments).await.map_err(cannot)?;
    if log.answers().integer(kept)? == 1 {
        return Ok(());
    }
    log.reader.send(cmd("UNLINK").arg(key)).await.map_err(cannot)?;
    let head = read::head(log).await?.seq;
    Err(Error::Conflict { expected: snapshot.seq, head })
}

pub(super) async fn newest(log: &RedisLog, until: Seq) -> Result<Option<Snapshot>, Error> {
    for seq in kept(log).await?.into_iter().rev().filter(|seq| *seq <= until) {
        if let Some(snapshot) = snapshot(log, seq).await? {
            return Ok(Some(snapshot));
        }
    }
    Ok(None)
}

/// The seqs of all that are kept, those that [`newest`] passes over included.
pub(super) async fn kept(log: &RedisLog) -> Result<Vec<Seq>, Error> {
    log.usable()?;
    let mut range = cmd("ZRANGE");
    range.arg(log.key("snapshots")).arg(0).arg(-1);
    let seqs = log.reader.send(&range).await;
    let seqs = seqs.map_err(|error| reading("read", &log.place, error))?;
    log.answers().list(seqs)?.into_iter().map(|seq| log.answers().seq(seq)).collect()
}

/// A snapshot; none where it is gone or damaged.
async fn snapshot(log: &RedisLog, seq: Seq) -> Result<Option<Snapshot>, Error> {
    let key = log.key(&format!("snapshot:{seq}"));
    let get = |field: String| {
        let mut get = cmd("HGET");
        get.arg(&key[..]).arg(field);
        async move {
            let value = log.reader.send(&get).await;
            let value = value.map_err(|error| reading("read", &log.place, error))?;
            Ok::<_, Error>(if value == Value::Nil {
                None
            } else {
                Some(log.answers().bytes(value)?)
            })
        }
    };
    let (Some(batch), Some(state)) =
        (get("batch".to_owned()).await?, get("state".to_owned()).await?)
    else {
        return Ok(None);
    };
    let (batch_hash, state_hash) = (hash(&log.place, &batch)?, hash(&log.place, &state)?);
    let mut bytes = Vec::new();
    for number in 0_u32.. {
        let Some(part) = get(number.to_string()).await? else { break };
        bytes.extend_from_slice(&part);
    }
    if Hash::of(&bytes) != state_hash {
        return Ok(None);
    }
    Ok(Some(Snapshot { seq, batch_hash, state_hash, bytes: Bytes::from(bytes) }))
}
