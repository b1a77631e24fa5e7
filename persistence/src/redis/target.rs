//! Where a log lies: the parameters of a URL that say which board of which server, and what is asked of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::server::{
    BOARD, OWNERSHIP, Promise, board_name, no_parameter, ownership_time, promise_of,
};

/// What the keys of a URL that says nothing of it begin with.
const PREFIX: &str = "artel";
const PREFIX_LEN_MAX: usize = 100;

/// A board on a server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(super) info: ConnectionInfo,
    /// What all keys begin with.
    pub(super) prefix: String,
    /// What the board is found by.
    pub(super) board: String,
    pub(super) ownership: Duration,
    pub(super) promise: Promise,
    /// How many replicas have to have an append before it is acknowledged.
    pub(super) replicas: u32,
    /// A file with the password.
    pub(super) password_file: Option<PathBuf>,
    /// A file with the certificates that the server's is checked against.
    pub(super) root_certificates: Option<PathBuf>,
}

impl fmt::Debug for Target {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place()).finish()
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.server() == other.server()
            && self.place() == other.place()
            && (self.ownership, self.promise, self.replicas)
                == (other.ownership, other.promise, other.replicas)
    }
}

impl Eq for Target {}

impl Target {
    /// Takes a URL apart; the error says what is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        // What it repeats might hold a password.
        let info = base.into_connection_info().map_err(|_| {
            "it cannot be read; write for example `redis://host:6379/0?board=orders`".to_owned()
        })?;
        let mut target = Self {
            info,
            prefix: PREFIX.to_owned(),
            board: BOARD.to_owned(),
            ownership: OWNERSHIP,
            promise: Promise::Host,
            replicas: 0,
            password_file: None,
            root_certificates: None,
        };
        let mut seen = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if seen.contains(&name) {
                return Err(format!("it has the parameter `{name}` twice"));
            }
            seen.push(name);
            match name {
                "board" => target.board = board_name(value)?,
                "prefix" => target.prefix = prefix(value)?,
                "ownership" => target.ownership = ownership_time(value)?,
                "durability" => target.promise = promise_of(value)?,
                "replicas" => target.replicas = replicas(value)?,
                "passfile" => target.password_file = Some(path(name, value)?),
                "cacert" => target.root_certificates = Some(path(name, value)?),
                "password" => {
                    return Err(
                        "a password does not belong into a parameter, which others may read; use \
                         a file (`passfile=PATH`), or `redis://user:password@host`"
                            .to_owned(),
                    );
                }
                name => {
                    let all = "board, prefix, ownership, durability, replicas, passfile and cacert";
                    return Err(no_parameter(name, all));
                }
            }
        }
        let encrypted = matches!(target.info.addr(), ConnectionAddr::TcpTls { .. });
        if target.root_certificates.is_some() && !encrypted {
            return Err("`cacert` is for an encrypted connection; write `rediss://`".to_owned());
        }
        Ok(target)
    }

    /// What errors call it.
    pub(super) fn place(&self) -> String {
        let scheme = match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => "rediss",
            _ => "redis",
        };
        let prefix =
            if self.prefix == PREFIX { String::new() } else { format!("&prefix={}", self.prefix) };
        let (address, db) = (self.info.addr(), self.info.redis_settings().db());
        format!("{scheme}://{address}/{db}?board={}{prefix}", self.board)
    }

    /// What the ownerships of a process on one server have in common.
    pub(super) fn server(&self) -> String {
        let settings = self.info.redis_settings();
        let user = settings.username().unwrap_or_default();
        format!("{user}@{}/{}/{}", self.info.addr(), settings.db(), self.prefix)
    }

    /// The key that says which keys are a board's.
    pub(super) fn name_key(&self, board: &str) -> Vec<u8> {
        format!("{}:board:{board}", self.prefix).into_bytes()
    }

    /// What the keys of a board begin with.
    pub(super) fn keys(&self, tag: &str) -> String {
        format!("{}:{{{tag}}}:", self.prefix)
    }
}

fn prefix(value: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if value.is_empty() || value.len() > PREFIX_LEN_MAX || !value.chars().all(fits) {
        return Err(format!(
            "`prefix` is `{value}`; it may have up to {PREFIX_LEN_MAX} letters, digits, and the signs - _ . :"
        ));
    }
    Ok(value.to_owned())
}

fn replicas(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(count @ 0..=10) => Ok(count),
        Ok(_) | Err(_) => Err(format!("`replicas` is `{value}`; it may be from 0 to 10")),
    }
}

fn path(name: &str, value: &str) -> Result<PathBuf, String> {
    if value.is_empty() {
        return Err(format!("`{name}` names no file"));
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_which_board_and_what_is_asked_of_it() {
        let target = Target::parse("redis://:secret@host/2").unwrap();
        assert_eq!(target.place(), "redis://host:6379/2?board=main");
        assert_eq!((target.ownership, target.promise), (Duration::from_secs(10), Promise::Host));
        assert_eq!((target.replicas, target.keys("t")), (0, "artel:{t}:".to_owned()));
        assert!(!format!("{target:?}").contains("secret"));
        let target = Target::parse(
            "rediss://me:secret@host:7000?board=orders&prefix=shop&ownership=1500ms\
             &durability=process&replicas=2&cacert=/ca.pem&passfile=/secret",
        )
        .unwrap();
        assert_eq!(target.place(), "rediss://host:7000/0?board=orders&prefix=shop");
        let time = Duration::from_millis(1_500);
        assert_eq!((target.ownership, target.promise), (time, Promise::Process));
        assert_eq!((target.replicas, target.keys("t")), (2, "shop:{t}:".to_owned()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_may_be_written() {
        for (parameters, part) in [
            ("board=a/b", "up to 100 letters"),
            ("prefix={x}", "up to 100 letters"),
            ("ownership=10", "such as `10s`"),
            ("durability=none", "`host` or `process`"),
            ("replicas=11", "from 0 to 10"),
            ("password=secret", "passfile"),
            ("passfile=", "names no file"),
            ("cacert=/ca.pem", "write `rediss://`"),
            ("db=3", "the parameter `db`; there are board, prefix"),
            ("cret@host:1/0", "a parameter whose name is none"),
            ("board=a&board=b", "twice"),
        ] {
            let said = Target::parse(&format!("redis://host?{parameters}")).unwrap_err();
            assert!(said.contains(part) && !said.contains("secret"), "{parameters}: {said}");
        }
        assert!(Target::parse("redis://host:port").unwrap_err().contains("write for example"));
    }
}
