//! What a server is asked when a log is opened: whether it is one that this release knows, whether it keeps
//! what it acknowledges, and whether something between gives each transaction another connection.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row};

use artel_core::log::Error;

use super::connect::{connect, run, setup};
use super::error::{code, reading};
use super::target::Target;
use crate::server::Promise;

/// The oldest server that has all that is used here: 13.
const VERSION_MIN: i32 = 130_000;

/// What is asked is not allowed where it is asked.
const PROTOCOL: &str = "08P01";

const SETTINGS: &str = "SELECT current_setting('server_version_num')::int, \
     current_setting('server_version'), current_setting('fsync'), \
     current_setting('full_page_writes'), current_setting('synchronous_commit')";

/// What a server says of itself.
pub(super) struct Settings {
    /// Its release, as people write it.
    pub(super) version: String,
    version_no: i32,
    /// What its durability depends on, and how it is set.
    pub(super) durability: [(&'static str, String); 3],
}

impl Settings {
    /// A server that is known, with these values.
    #[cfg(test)]
    pub(super) fn of([fsync, pages, commit]: [&str; 3]) -> Self {
        let durability = [
            ("fsync", fsync.to_owned()),
            ("full_page_writes", pages.to_owned()),
            ("synchronous_commit", commit.to_owned()),
        ];
        Self { version: "15".to_owned(), version_no: VERSION_MIN, durability }
    }

    pub(super) const fn is_known(&self) -> bool {
        self.version_no >= VERSION_MIN
    }

    /// What a commit waits for: `synchronous_commit`.
    pub(super) fn commit(&self) -> &str {
        let [.., (_, commit)] = &self.durability;
        commit
    }

    /// Settings with which the server may lose what it has acknowledged.
    pub(super) fn broken(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.durability.iter().map(|(setting, value)| (*setting, value.as_str()));
        all.filter(|(_, value)| *value == "off")
    }

    /// What keeps a board with this promise from such a server, and what to do.
    fn unfit(&self, promise: Promise) -> Option<(String, String)> {
        if !self.is_known() {
            let problem = format!("the server is PostgreSQL {}", self.version);
            return Some((problem, "use PostgreSQL 13 or a later one".to_owned()));
        }
        let (setting, value) = match promise {
            Promise::Host => self.broken().next()?,
            Promise::Process => return None,
        };
        let problem = format!(
            "`{setting}` is `{value}` on the server, so that it may lose what it has acknowledged"
        );
        let instead = format!(
            "switch `{setting}` on, or say `durability=process` in the URL, which promises less"
        );
        Some((problem, instead))
    }
}

/// Asks for the settings.
pub(super) async fn read(place: &str, connection: &mut PgConnection) -> Result<Settings, Error> {
    let cannot = |error| reading("open", place, error);
    let row = connection.fetch_one(SETTINGS).await.map_err(cannot)?;
    let value = |column: usize| row.try_get(column).map_err(cannot);
    Ok(Settings {
        version_no: row.try_get(0).map_err(cannot)?,
        version: value(1)?,
        durability: [
            ("fsync", value(2)?),
            ("full_page_writes", value(3)?),
            ("synchronous_commit", value(4)?),
        ],
    })
}

/// Looks whether the server keeps what the log promises, on a connection of its own.
pub(super) async fn check(target: &Target) -> Result<(), Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    // Before anything is set: an older server does not know all that is set here.
    let settings = read(&place, &mut connection).await?;
    if let Some((problem, instead)) = settings.unfit(target.promise) {
        return Err(Error::Unfit { place, problem, instead });
    }
    run(&mut connection, setup(&target.schema)).await.map_err(cannot)?;
    pooled(target, &mut connection).await?;
    connection.close().await.map_err(cannot)
}

/// Refuses a pooler that gives each transaction another connection: what is set on one of them, and what is
/// prepared there, is not on the next. It shows when what one client sets is seen by another.
pub(super) async fn pooled(target: &Target, connection: &mut PgConnection) -> Result<(), Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let look = "SELECT current_setting('artel.probe', true), pg_backend_pid()";
    let row = connection.fetch_one("SELECT gen_random_uuid()::text").await.map_err(cannot)?;
    let mark: String = row.try_get(0).map_err(cannot)?;
    run(connection, format!("SET artel.probe = '{mark}'")).await.map_err(cannot)?;
    let mut other = connect(target).await.map_err(cannot)?;
    let unfit = || Error::Unfit {
        place: target.place(),
        problem: "something between here and the server gives each transaction another connection"
            .to_owned(),
        instead: "use a pool in session mode (PgBouncer: pool_mode = session), or none".to_owned(),
    };
    // It keeps the connection that it gets, so that the first one gets another, if it ever does. Where
    // each statement gets another, there are no transactions.
    match run(&mut other, "BEGIN".to_owned()).await {
        Err(error) if code(&error) == Some(PROTOCOL) => return Err(unfit()),
        begun => begun.map_err(cannot)?,
    }
    let seen = other.fetch_one(look).await.map_err(cannot)?;
    let seen: Option<String> = seen.try_get(0).map_err(cannot)?;
    if seen.as_deref() == Some(&mark) {
        // The first one may get none while the other one has it.
        return Err(unfit());
    }
    let kept = connection.fetch_one(look).await.map_err(cannot)?;
    let kept: Option<String> = kept.try_get(0).map_err(cannot)?;
    other.close().await.map_err(cannot)?;
    if kept.as_deref() == Some(&mark) { Ok(()) } else { Err(unfit()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// POSTGRES-1: with `host` no setting may be off, with `process` each may; an old server will do for neither.
    #[test]
    fn servers_are_judged_by_version_settings_and_promise() {
        let unfit = |settings: [&str; 3], promise| Settings::of(settings).unfit(promise);
        for commit in ["on", "remote_apply", "remote_write", "local"] {
            assert_eq!(unfit(["on", "on", commit], Promise::Host), None, "{commit}");
        }
        for (settings, setting) in [
            (["off", "on", "on"], "`fsync`"),
            (["on", "off", "on"], "`full_page_writes`"),
            (["on", "on", "off"], "`synchronous_commit`"),
            (["off", "off", "off"], "`fsync`"),
        ] {
            let (problem, instead) = unfit(settings, Promise::Host).unwrap();
            assert!(problem.contains(&format!("{setting} is `off`")), "{problem}");
            assert!(instead.contains(setting), "{instead}");
            assert!(instead.contains("durability=process"), "{instead}");
            assert_eq!(unfit(settings, Promise::Process), None, "{setting}");
        }
        for (version_no, is_fit) in [(129_999, false), (130_000, true), (180_001, true)] {
            for promise in [Promise::Host, Promise::Process] {
                let settings = Settings { version_no, ..Settings::of(["on"; 3]) };
                assert_eq!(settings.unfit(promise).is_none(), is_fit, "{version_no}");
            }
        }
    }
}
