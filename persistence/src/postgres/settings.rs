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

/// What else has to be so for the promise of a log, and is not: a setting, and what it is.
struct Broken {
    setting: &'static str,
    value: String,
}

/// Looks whether the server keeps what the log promises, on a connection of its own.
pub(super) async fn check(target: &Target) -> Result<(), Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    run(&mut connection, setup(&target.schema)).await.map_err(cannot)?;
    let row = connection.fetch_one(SETTINGS).await.map_err(cannot)?;
    let version: i32 = row.try_get(0).map_err(cannot)?;
    if version < VERSION_MIN {
        let found: String = row.try_get(1).map_err(cannot)?;
        return Err(Error::Unfit {
            place,
            problem: format!("the server is PostgreSQL {found}"),
            instead: "use PostgreSQL 13 or a later one".to_owned(),
        });
    }
    let mut broken = Vec::new();
    for (column, setting) in [(2, "fsync"), (3, "full_page_writes"), (4, "synchronous_commit")] {
        let value: String = row.try_get(column).map_err(cannot)?;
        if value == "off" {
            broken.push(Broken { setting, value });
        }
    }
    if let Some(Broken { setting, value }) = broken.first()
        && target.promise == Promise::Host
    {
        return Err(Error::Unfit {
            place,
            problem: format!(
                "`{setting}` is `{value}` on the server, so that it may lose what it has acknowledged"
            ),
            instead: format!(
                "switch `{setting}` on, or say `durability=process` in the URL, which promises less"
            ),
        });
    }
    pooled(target, &mut connection).await?;
    connection.close().await.map_err(cannot)
}

/// Refuses a pooler that gives each transaction another connection: what is set on one of them, and what is
/// prepared there, is not on the next. It shows when what one client sets is seen by another.
async fn pooled(target: &Target, connection: &mut PgConnection) -> Result<(), Error> {
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
    let kept = connection.fetch_one(look).await.map_err(cannot)?;
    let kept: Option<String> = kept.try_get(0).map_err(cannot)?;
    other.close().await.map_err(cannot)?;
    if seen.as_deref() == Some(&mark) || kept.as_deref() != Some(&mark) {
        return Err(unfit());
    }
    Ok(())
}
