//! What URLs of servers have in common: which board, for how long it is owned, and what is promised.

use std::time::Duration;

use uuid::Uuid;

use artel_core::log::Durability;

/// The board of a URL that names none.
pub(crate) const BOARD: &str = "main";
/// For how long a board is owned without being renewed, unless a URL says otherwise, and at least.
pub(crate) const OWNERSHIP: Duration = Duration::from_secs(10);
const OWNERSHIP_MIN: Duration = Duration::from_secs(1);
const OWNERSHIP_MAX: Duration = Duration::from_secs(600);
/// What an acknowledged append is to survive at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The death of the server's host.
    Host,
    /// The death of the process that appended. The server may lose what it has not flushed yet.
    Process,
}

impl Promise {
    pub(crate) const fn durability(self) -> Durability {
        match self {
            Self::Host => Durability::Host,
            Self::Process => Durability::Process,
        }
    }
}

pub(crate) fn board_name(value: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if value.is_empty() || value.len() > 100 || !value.chars().all(fits) {
        return Err(format!(
            "`board` is `{value}`; it may have up to 100 letters, digits, and the signs - _ ."
        ));
    }
    Ok(value.to_owned())
}

pub(crate) fn ownership_time(value: &str) -> Result<Duration, String> {
    let time = value
        .strip_suffix("ms")
        .map(|number| (number, 1))
        .or_else(|| value.strip_suffix('s').map(|number| (number, 1_000)))
        .and_then(|(number, unit)| Some(Duration::from_millis(number.parse::<u64>().ok()? * unit)));
    match time {
        Some(time) if (OWNERSHIP_MIN..=OWNERSHIP_MAX).contains(&time) => Ok(time),
        Some(_) | None => Err(format!(
            "`ownership` is `{value}`; it may be from {} s to {} s, such as `10s` or `1500ms`",
            OWNERSHIP_MIN.as_secs(),
            OWNERSHIP_MAX.as_secs()
        )),
    }
}

pub(crate) fn promise_of(value: &str) -> Result<Promise, String> {
    match value {
        "host" => Ok(Promise::Host),
        "process" => Ok(Promise::Process),
        _ => Err(format!("`durability` is `{value}`; it may be `host` or `process`")),
    }
}

/// A parameter of a URL that there is not: its name, or what is wrong where that can be no name. A `?` in a
/// password begins the parameters, and nothing of that is to be shown.
pub(crate) fn no_parameter(name: &str, there_are: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return format!("it has the parameter `{name}`; there are {there_are}");
    }
    format!(
        "it has a parameter whose name is none (a `?` in a password is written `%3F`); there are {there_are}"
    )
}

/// A token or a name that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "no simulation has a server, and nothing of this is in a log"
)]
pub(crate) fn random() -> Uuid {
    Uuid::new_v4()
}
