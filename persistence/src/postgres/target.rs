//! Where a log lies: the parameters of a URL that say which board of which schema of which server, and
//! what is asked of it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::server::{
    BOARD, OWNERSHIP, Promise, board_name, no_parameter, ownership_time, promise_of,
};

/// The schema of a URL that names none.
const SCHEMA: &str = "artel";
/// The bytes of a name in PostgreSQL.
const NAME_LEN_MAX: usize = 63;
/// How many connections all logs of a process have.
const CONNECTIONS: u32 = 10;

/// A board on a server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(super) options: PgConnectOptions,
    pub(super) schema: String,
    /// What the board is found by.
    pub(super) board: String,
    pub(super) ownership: Duration,
    pub(super) promise: Promise,
    /// How many connections there are.
    pub(super) connections: u32,
}

impl fmt::Debug for Target {
    /// Without the password, which the options of a connection have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place()).finish()
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
            && (self.ownership, self.promise, self.connections)
                == (other.ownership, other.promise, other.connections)
    }
}

impl Eq for Target {}

/// The parameters that PostgreSQL's own clients know too.
const OF_LIBPQ: [&str; 8] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "dbname"];

impl Target {
    /// Takes a URL apart; the error says what is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        if !base.contains("://") {
            return Err(
                "it has no `//`; write for example `postgres://user@host:5432/database`".to_owned()
            );
        }
        let mut theirs = Vec::new();
        let (mut schema, mut board) = (SCHEMA.to_owned(), BOARD.to_owned());
        let (mut ownership, mut promise, mut connections) = (OWNERSHIP, Promise::Host, CONNECTIONS);
        let mut seen = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if seen.contains(&name) {
                return Err(format!("it has the parameter `{name}` twice"));
            }
            seen.push(name);
            match name {
                "board" => board = board_name(value)?,
                "schema" => schema = schema_name(value)?,
                "ownership" => ownership = ownership_time(value)?,
                "durability" => promise = promise_of(value)?,
                "connections" => connections = count(value)?,
                "password" => {
                    return Err("a password does not belong into a parameter, which others may read; use \
                         PGPASSWORD, a password file (PGPASSFILE), or `postgres://user:password@host`"
                        .to_owned());
                }
                name if OF_LIBPQ.contains(&name) => {
                    of_libpq(name, value)?;
                    theirs.push(parameter);
                }
                name => {
                    let own = "board, schema, ownership, durability, connections";
                    let theirs = OF_LIBPQ.join(", ");
                    let all = format!("{own}, and {theirs} of PostgreSQL's own");
                    return Err(no_parameter(name, &all));
                }
            }
        }
        let plain = format!("{base}?{}", theirs.join("&"));
        let options = PgConnectOptions::from_str(&plain)
            // What it repeats might hold a password.
            .map_err(|_| {
                "it cannot be read; write for example `postgres://user@host:5432/database?board=orders`"
                    .to_owned()
            })?
            // Poolers refuse what they do not know.
            .extra_float_digits(None)
            .application_name("artel")
            // What takes long is told by whoever asked.
            .disable_statement_logging();
        Ok(Self { options, schema, board, ownership, promise, connections })
    }

    /// What errors call it.
    pub(super) fn place(&self) -> String {
        let options = &self.options;
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let schema =
            if self.schema == SCHEMA { String::new() } else { format!("&schema={}", self.schema) };
        format!("postgres://{host}/{database}?board={}{schema}", self.board)
    }

    /// What tells the connections of a process apart: all that they are made with, the password included.
    pub(super) fn connects(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?}", self.options).hash(&mut hasher);
        (&self.schema, self.connections).hash(&mut hasher);
        hasher.finish()
    }

    /// What the ownerships of a process on one server and schema have in common.
    pub(super) fn server(&self) -> String {
        let options = &self.options;
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let socket = options.get_socket().map(|path| path.display().to_string());
        let host = socket.unwrap_or_else(|| options.get_host().to_owned());
        let (port, user) = (options.get_port(), options.get_username());
        format!("{user}@{host}:{port}/{database}/{}", self.schema)
    }
}

fn schema_name(value: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if !starts || value.len() > NAME_LEN_MAX || !value.chars().all(fits) {
        return Err(format!(
            "`schema` is `{value}`; it may have up to {NAME_LEN_MAX} small letters, digits and _, and \
             begins with a letter or _"
        ));
    }
    if value.starts_with("pg_") {
        return Err(format!("`schema` is `{value}`; names with pg_ are PostgreSQL's own"));
    }
    Ok(value.to_owned())
}

/// Those of which only some values can be meant; what is wrong with others is said when it is connected.
fn of_libpq(name: &str, value: &str) -> Result<(), String> {
    let (fits, may_be) = match name {
        "sslmode" => (
            value.parse::<PgSslMode>().is_ok(),
            "disable, allow, prefer, require, verify-ca or verify-full",
        ),
        "port" => (value.parse::<u16>().is_ok(), "from 0 to 65535"),
        _ => return Ok(()),
    };
    if fits { Ok(()) } else { Err(format!("`{name}` is `{value}`; it may be {may_be}")) }
}

fn count(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(count @ 2..=100) => Ok(count),
        Ok(_) | Err(_) => Err(format!("`connections` is `{value}`; it may be from 2 to 100")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(parameters: &str) -> String {
        Target::parse(&format!("postgres://me@host/db?{parameters}")).unwrap_err()
    }

    #[test]
    fn a_url_says_which_board_and_what_is_asked_of_it() {
        let target = Target::parse("postgres://me:secret@host:5433/db").unwrap();
        assert_eq!(target.place(), "postgres://host:5433/db?board=main");
        assert_eq!((target.ownership, target.promise), (Duration::from_secs(10), Promise::Host));
        assert_eq!((target.connections, &*target.schema), (10, "artel"));
        assert!(!format!("{target:?}").contains("secret"));
        for wrong in ["postgres://me@host:port/db", "postgres:me:secret@host/db"] {
            let said = Target::parse(wrong).unwrap_err();
            assert!(said.contains("write for example") && !said.contains("secret"), "{said}");
        }
        let target = Target::parse(
            "postgres://me@host/db?board=orders&schema=shop&ownership=1500ms&durability=process\
             &connections=3&sslmode=require",
        )
        .unwrap();
        assert_eq!(target.place(), "postgres://host:5432/db?board=orders&schema=shop");
        let time = Duration::from_millis(1_500);
        assert_eq!((target.ownership, target.promise), (time, Promise::Process));
        assert_eq!(target.connections, 3);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_may_be_written() {
        for (parameters, part) in [
            ("board=a/b", "up to 100 letters"),
            ("schema=Shop", "small letters"),
            ("schema=pg_x", "PostgreSQL's own"),
            ("ownership=10", "such as `10s`"),
            ("ownership=100ms", "from 1 s"),
            ("durability=none", "`host` or `process`"),
            ("connections=1", "from 2 to 100"),
            ("password=secret", "PGPASSWORD"),
            ("pool=3", "the parameter `pool`; there are board, schema"),
            ("ter2@host:1/db", "a parameter whose name is none"),
            ("board=a&board=b", "twice"),
            ("sslmode=perhaps", "`sslmode` is `perhaps`; it may be disable, allow"),
            ("port=65536", "from 0 to 65535"),
        ] {
            let said = problem(parameters);
            assert!(said.contains(part) && !said.contains("secret"), "{parameters}: {said}");
        }
    }
}
