//! The URLs of logs, parsed once, here. Errors name what is wrong and what may be written instead,
//! and never repeat a password.

use artel_core::log::Error;

#[cfg(feature = "postgres")]
use crate::postgres::Target;
#[cfg(feature = "redis")]
use crate::redis::Target as RedisTarget;
#[cfg(feature = "sqlite")]
use crate::sqlite::{File, Synchronous};

/// The schemes of this build, for people.
fn schemes() -> String {
    let all = [
        (true, "`memory:`"),
        (cfg!(feature = "sqlite"), "`sqlite:PATH`"),
        (cfg!(feature = "postgres"), "`postgres://HOST/DATABASE`"),
        (cfg!(feature = "redis"), "`redis://HOST`"),
    ];
    let here: Vec<&str> = all.iter().filter(|(here, _)| *here).map(|(_, scheme)| *scheme).collect();
    match here.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => here.concat(),
    }
}

/// Schemes of backends that are not in every build.
const ELSEWHERE: [&str; 5] = ["sqlite", "postgres", "postgresql", "redis", "rediss"];

/// Where a log lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In this process.
    Memory,
    /// In a file.
    #[cfg(feature = "sqlite")]
    Sqlite(File),
    /// On a server.
    #[cfg(feature = "postgres")]
    Postgres(Box<Target>),
    /// On a server or a cluster.
    #[cfg(feature = "redis")]
    Redis(Box<RedisTarget>),
}

pub(crate) fn parse(url: &str) -> Result<Location, Error> {
    let schemes = schemes();
    let problem = match url.split_once(':') {
        None => format!("it has no scheme; this build has {schemes}"),
        Some(("memory", "")) => return Ok(Location::Memory),
        Some(("memory", _)) => {
            "a log in memory has no name and no parameters; write `memory:`".to_owned()
        }
        #[cfg(feature = "sqlite")]
        Some(("sqlite", rest)) => match file(rest) {
            Ok(file) => return Ok(Location::Sqlite(file)),
            Err(problem) => problem,
        },
        #[cfg(feature = "postgres")]
        Some(("postgres" | "postgresql", _)) => match Target::parse(url) {
            Ok(target) => return Ok(Location::Postgres(Box::new(target))),
            Err(problem) => problem,
        },
        #[cfg(feature = "redis")]
        Some(("redis" | "rediss", _)) => match RedisTarget::parse(url) {
            Ok(target) => return Ok(Location::Redis(Box::new(target))),
            Err(problem) => problem,
        },
        Some((scheme, _)) if ELSEWHERE.contains(&scheme) => {
            format!("this build has no backend for `{scheme}:`; it has {schemes}")
        }
        Some((scheme, _)) => {
            format!("`{scheme}:` is no scheme of a log; this build has {schemes}")
        }
    };
    Err(Error::Url { url: without_secrets(url), problem })
}

/// Takes `PATH[?synchronous=full|normal]` apart. Two slashes before the path are allowed, because
/// other programs write them.
#[cfg(feature = "sqlite")]
fn file(rest: &str) -> Result<File, String> {
    let (path, parameters) = match rest.split_once('?') {
        None => (rest, ""),
        Some((path, parameters)) => (path, parameters),
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err("it has no path; write for example `sqlite:artel.db`".to_owned());
    }
    if path == ":memory:" {
        return Err("for a log in memory write `memory:`".to_owned());
    }
    let mut synchronous = None;
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name != "synchronous" {
            return Err(format!("it has the parameter `{name}`; the only one is `synchronous`"));
        }
        let level = match value {
            "full" => Synchronous::Full,
            "normal" => Synchronous::Normal,
            _ => return Err(format!("`synchronous` is `{value}`; it may be `full` or `normal`")),
        };
        if synchronous.replace(level).is_some() {
            return Err("it has the parameter `synchronous` twice".to_owned());
        }
    }
    Ok(File { path: path.into(), synchronous: synchronous.unwrap_or(Synchronous::Full) })
}

/// The URL of a log as it may be shown: with user name and password struck out, wherever they stand.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // What lacks its slashes may have a password all the same.
        let secret = url.rfind('@').filter(|_| !url.starts_with("sqlite:"));
        return secret.map_or_else(|| url.to_owned(), |at| format!("…{}", &url[at..]));
    };
    if scheme == "sqlite" {
        return url.to_owned();
    }
    // A password may hold any sign, so all up to the last @ counts as one.
    let shown = rest.rfind('@').map_or_else(|| rest.to_owned(), |at| format!("…{}", &rest[at..]));
    let Some((place, parameters)) = shown.split_once('?') else {
        return format!("{scheme}://{shown}");
    };
    let parameters = parameters.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=…"),
        _ => parameter.to_owned(),
    });
    format!("{scheme}://{place}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_that_names_no_backend_of_this_build_says_what_may_be_written() {
        assert_eq!(parse("memory:").unwrap(), Location::Memory);
        assert!(problem("artel.db").contains("it has no scheme; this build has `memory:`"));
        assert!(problem("mysql:x").contains("`mysql:` is no scheme of a log"));
        assert!(problem("memory:x").contains("write `memory:`"));
        let text = problem("redis://me:secret@host/db");
        let expected = if cfg!(feature = "redis") {
            "cannot open the log `redis://…@host/db`: it cannot be read"
        } else {
            "cannot open the log `redis://…@host/db`: this build has no backend for `redis:`"
        };
        assert_eq!(text.split(';').next().unwrap(), expected);
    }

    #[test]
    fn no_password_is_shown() {
        for url in [
            "postgres://me:secret@host/db",
            "postgres://me:se/secret@host/db",
            "redis://:se?cr@secret@host/0",
            "postgres://host/db?user=me&password=secret&sslmode=require",
        ] {
            let shown = without_secrets(url);
            assert!(!shown.contains("secret") && shown.contains("host/"), "{shown}");
        }
        for url in ["postgres:/me:secret@host/db", "me:secret@host/db", "redis:me:secret@host/"] {
            let shown = parse(url).unwrap_err().to_string();
            assert!(!shown.contains("secret") && shown.contains("…@host/"), "{shown}");
        }
        assert_eq!(
            without_secrets("sqlite:///a@b?synchronous=full"),
            "sqlite:///a@b?synchronous=full"
        );
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_file_has_a_path_and_at_most_the_one_parameter() {
        let full = File { path: "a b.db".into(), synchronous: Synchronous::Full };
        assert_eq!(parse("sqlite:a b.db").unwrap(), Location::Sqlite(full.clone()));
        assert_eq!(parse("sqlite://a b.db?synchronous=full").unwrap(), Location::Sqlite(full));
        let normal = File { path: "/x/y".into(), synchronous: Synchronous::Normal };
        assert_eq!(parse("sqlite:///x/y?synchronous=normal").unwrap(), Location::Sqlite(normal));
        assert!(problem("sqlite:").contains("it has no path"));
        assert!(problem("sqlite::memory:").contains("write `memory:`"));
        assert!(problem("sqlite:x?cache=shared").contains("the parameter `cache`"));
        assert!(problem("sqlite:x?synchronous=off").contains("it may be `full` or `normal`"));
        assert!(problem("sqlite:x?synchronous=full&synchronous=normal").contains("twice"));
    }
}
