//! What a server is asked when a log is opened: whether it is one that this release knows, and whether it
//! keeps what it acknowledges.

use std::collections::BTreeMap;

use redis::{RedisError, cmd};

use artel_core::log::Error;

use super::connect::Line;
use super::error::reading;
use super::target::Target;
use crate::server::Promise;

/// The oldest server that has all that is used here.
const MAJOR_MIN: u32 = 7;

/// What a server is set to, by name.
type Settings = BTreeMap<String, String>;

/// What has to be so for the promise of a log, and is not: what the server says, and what to do.
pub(super) struct Broken {
    pub(super) problem: String,
    pub(super) instead: &'static str,
}

/// What a server says of itself.
pub(super) fn facts(about: &str) -> BTreeMap<&str, &str> {
    about.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

/// Looks whether the server keeps what the log promises; of a cluster each node, because a board may lie on any.
pub(super) async fn check(target: &Target, link: &Line, about: &str) -> Result<(), Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let mut settings = settings(link).await.map_err(cannot)?;
    let told = if link.is_cluster() {
        let answers = link.ask_each(&cmd("INFO")).await.map_err(cannot)?.into_iter();
        let told = answers.map(|(node, about)| Ok((node, redis::from_redis_value(about)?)));
        told.collect::<Result<_, RedisError>>().map_err(cannot)?
    } else {
        vec![(String::new(), about.to_owned())]
    };
    for (node, about) in told {
        let found = broken(target.promise, &facts(&about), settings.remove(&node).as_ref());
        let Some(Broken { problem, instead }) = found else { continue };
        let problem = if node.is_empty() { problem } else { format!("at `{node}`: {problem}") };
        return Err(Error::Unfit { place, problem, instead: instead.to_owned() });
    }
    Ok(())
}

/// The server's release, if it has all that is used here.
pub(super) fn release<'a>(said: &BTreeMap<&str, &'a str>) -> Result<&'a str, Broken> {
    let version = said.get("redis_version").copied().unwrap_or("of an unknown version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= MAJOR_MIN) {
        return Ok(version);
    }
    let problem = format!("the server is Redis {version}");
    Err(Broken { problem, instead: "use Redis 7.0 or a later one" })
}

fn broken(
    promise: Promise,
    said: &BTreeMap<&str, &str>,
    settings: Option<&Settings>,
) -> Option<Broken> {
    if let Err(broken) = release(said) {
        return Some(broken);
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
        return Some(Broken {
            problem,
            instead: "switch `appendonly` on while the server runs (`CONFIG SET appendonly yes`), and then in its \
                      configuration: started with it anew, it would begin with an empty file",
        });
    }
    let policy = said.get("maxmemory_policy").copied().unwrap_or("noeviction");
    if said.get("maxmemory") != Some(&"0") && policy != "noeviction" {
        let problem = format!(
            "`maxmemory-policy` is `{policy}` on the server, so that it may throw away parts of a board"
        );
        return Some(Broken { problem, instead: "set `maxmemory-policy` to `noeviction`" });
    }
    if promise == Promise::Process {
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

/// The settings of each node that says them: none where this user may not ask for them.
async fn settings(link: &Line) -> Result<BTreeMap<String, Settings>, RedisError> {
    let mut ask = cmd("CONFIG");
    ask.arg("GET").arg("*fsync*");
    let answers = match link.ask_each(&ask).await {
        Ok(answers) => answers.into_iter(),
        Err(error) if error.clone().into_server_errors().is_some() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    answers.map(|(node, settings)| Ok((node, redis::from_redis_value(settings)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "redis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:0\r\n";
    const DURABLE: [(&str, &str); 2] =
        [("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no")];

    /// What is found to be wrong with a server like this one, with what is other than well.
    fn found(promise: Promise, said: &[(&str, &str)], settings: Option<&[(&str, &str)]>) -> String {
        let mut about = facts(WELL);
        about.extend(said.iter().copied());
        let settings = settings.map(|other| {
            let all = DURABLE.iter().chain(other);
            all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        });
        broken(promise, &about, settings.as_ref()).map_or_else(String::new, |broken| {
            assert!(!broken.instead.is_empty());
            broken.problem
        })
    }

    /// REDIS-1: whatever is promised, a server has to be one that is known, that takes writes, and that keeps them.
    #[test]
    fn what_breaks_any_promise_is_found() {
        for (said, problem) in [
            (&[("redis_version", "7.0.0")][..], ""),
            (&[("redis_version", "10.1.0")], ""),
            (&[("redis_version", "6.2.14")], "the server is Redis 6.2.14"),
            (&[("redis_version", "next")], "the server is Redis next"),
            (&[("role", "slave")], "the server is a replica"),
            (&[("aof_enabled", "0")], "`appendonly` is `no`"),
            (&[("maxmemory_policy", "allkeys-lru")], ""),
            (&[("maxmemory", "9"), ("maxmemory_policy", "noeviction")], ""),
            (&[("maxmemory", "9"), ("maxmemory_policy", "allkeys-lru")], "`allkeys-lru`"),
            (&[("maxmemory", "9"), ("maxmemory_policy", "volatile-ttl")], "`volatile-ttl`"),
        ] {
            for promise in [Promise::Host, Promise::Process] {
                let found = found(promise, said, Some(&[]));
                assert!(found.contains(problem), "{said:?}: {found}");
                assert_eq!(found.is_empty(), problem.is_empty(), "{said:?}: {found}");
            }
        }
        for about in ["", "role:master\r\naof_enabled:1\r\n", "redis_version:7.0.15\r\nrole:master"]
        {
            assert!(broken(Promise::Process, &facts(about), None).is_some(), "{about}");
        }
    }

    /// REDIS-1: what is acknowledged is on the disk, unless less was asked for.
    #[test]
    fn what_breaks_the_promise_of_the_host_is_found() {
        for (settings, problem) in [
            (Some(&[][..]), ""),
            (None, "does not tell its `appendfsync`"),
            (Some(&[("appendfsync", "everysec")]), "`appendfsync` is `everysec`"),
            (Some(&[("appendfsync", "no")]), "`appendfsync` is `no`"),
            (Some(&[("no-appendfsync-on-rewrite", "yes")]), "`no-appendfsync-on-rewrite` is `yes`"),
        ] {
            let strict = found(Promise::Host, &[], settings);
            assert!(strict.contains(problem), "{settings:?}: {strict}");
            assert_eq!(strict.is_empty(), problem.is_empty(), "{settings:?}: {strict}");
            assert_eq!(found(Promise::Process, &[], settings), "", "{settings:?}");
        }
        // A server that does not know the name of a setting has not said that it is well.
        let nothing = Settings::new();
        assert!(broken(Promise::Host, &facts(WELL), Some(&nothing)).is_some());
    }
}
