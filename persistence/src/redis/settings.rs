//! What a server is asked when a log is opened: whether it is one that this release knows, and whether it
//! keeps what it acknowledges.

use std::collections::BTreeMap;

use redis::{Value, cmd};

use artel_core::log::Error;

use super::connect::Line;
use super::format::Answers;
use super::target::Target;
use crate::server::Promise;

/// The oldest server that has all that is used here.
const MAJOR_MIN: u32 = 7;

/// What has to be so for the promise of a log, and is not: what the server says, and what to do.
struct Broken {
    problem: String,
    instead: &'static str,
}

/// What a server says of itself.
pub(super) fn facts(about: &str) -> BTreeMap<&str, &str> {
    about.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

/// Looks whether the server keeps what the log promises.
pub(super) async fn check(target: &Target, link: &Line, about: &str) -> Result<(), Error> {
    let settings = settings(target, link).await;
    match broken(target, &facts(about), settings.as_ref()) {
        None => Ok(()),
        Some(Broken { problem, instead }) => {
            Err(Error::Unfit { place: target.place(), problem, instead: instead.to_owned() })
        }
    }
}

fn broken(
    target: &Target,
    said: &BTreeMap<&str, &str>,
    settings: Option<&BTreeMap<String, String>>,
) -> Option<Broken> {
    let version = said.get("redis_version").copied().unwrap_or("of an unknown version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < MAJOR_MIN) {
        let problem = format!("the server is Redis {version}");
        return Some(Broken { problem, instead: "use Redis 7.0 or a later one" });
    }
    if said.get("role").is_some_and(|role| *role != "master") {
        let problem = "the server is a replica, which takes no writes".to_owned();
        return Some(Broken { problem, instead: "name the primary in the URL" });
    }
    if said.get("aof_enabled") != Some(&"1") {
        let problem =
            "`appendonly` is `no` on the server, so that it may lose what it has acknowledged \
                       whenever it ends"
                .to_owned();
        return Some(Broken { problem, instead: "switch `appendonly` on" });
    }
    let policy = said.get("maxmemory_policy").copied().unwrap_or("noeviction");
    if said.get("maxmemory") != Some(&"0") && policy != "noeviction" {
        let problem = format!(
            "`maxmemory-policy` is `{policy}` on the server, so that it may throw away parts of a board"
        );
        return Some(Broken { problem, instead: "set `maxmemory-policy` to `noeviction`" });
    }
    if target.promise == Promise::Process {
        return None;
    }
    let Some(settings) = settings else {
        let problem = "the server does not tell its `appendfsync`".to_owned();
        return Some(Broken {
            problem,
            instead: "allow this user `CONFIG GET`, or say `durability=process` in the URL, which promises \
                      less",
        });
    };
    let value = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let fsync = value("appendfsync");
    if fsync != "always" {
        let problem = format!(
            "`appendfsync` is `{fsync}` on the server, so that it may lose what it has acknowledged"
        );
        return Some(Broken {
            problem,
            instead: "set `appendfsync` to `always`, or say `durability=process` in the URL, which promises \
                      less",
        });
    }
    if value("no-appendfsync-on-rewrite") == "yes" {
        let problem =
            "`no-appendfsync-on-rewrite` is `yes` on the server, so that it may lose what it \
                       acknowledges while it rewrites its file"
                .to_owned();
        return Some(Broken {
            problem,
            instead: "set `no-appendfsync-on-rewrite` to `no`, or say `durability=process` in the URL, \
                      which promises less",
        });
    }
    None
}

/// The server's settings; none where this user may not ask for them.
async fn settings(target: &Target, link: &Line) -> Option<BTreeMap<String, String>> {
    let mut ask = cmd("CONFIG");
    ask.arg("GET").arg("*fsync*");
    let answer = link.send(&ask).await.ok()?;
    let place = target.place();
    let answers = Answers { place: &place };
    let flat = match answer {
        Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect(),
        other => answers.list(other).ok()?,
    };
    let texts: Vec<String> =
        flat.into_iter().map(|value| answers.string(value)).collect::<Result<_, _>>().ok()?;
    let pairs = texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    Some(pairs.collect())
}
