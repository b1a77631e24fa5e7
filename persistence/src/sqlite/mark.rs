//! The mark of a board that is moved, or whose log has lost its end.

use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection, Executor, Row};

use artel_core::ids::{Epoch, Seq};
use artel_core::log::Error;

use super::error::reading;
use super::file::{File, Found, Synchronous, inspect, resolve};
use super::handle::SqliteLog;
use super::migrate;
use super::open::{reading_options, version, writing_options};
use crate::format::integer;
use crate::mark::Mark;

const SET: &str = "UPDATE head SET mark = ? WHERE epoch = ?";
const REGRESS: &str = "UPDATE head SET mark = ?, epoch = epoch + 1 WHERE mark IS ? AND epoch = ?";

/// Marks a board, if it still has this epoch. What was appended before is on the disk when this is.
pub(crate) async fn mark(file: &File, epoch: Epoch, mark: Option<Mark>) -> Result<(), Error> {
    let path = resolve(&file.path)?;
    let place = path.display().to_string();
    let cannot = |error| reading("mark", &place, error);
    let mut connection =
        writing_options(&path, Synchronous::Full).connect().await.map_err(cannot)?;
    let set = sqlx::query(SET).bind(mark.map(|mark| mark.text())).bind(integer(epoch.get()));
    let done = set.execute(&mut connection).await.map_err(cannot)?;
    if done.rows_affected() == 1 {
        return connection.close().await.map_err(cannot);
    }
    Err(Error::Fenced { epoch, newest: newest(&place, &mut connection).await? })
}

/// The epoch that stands with the head.
async fn newest(place: &str, connection: &mut SqliteConnection) -> Result<Epoch, Error> {
    let cannot = |error| reading("mark", place, error);
    let row = connection.fetch_one("SELECT epoch FROM head").await.map_err(cannot)?;
    let newest: i64 = row.try_get(0).map_err(cannot)?;
    Ok(Epoch(u64::try_from(newest).unwrap_or_default()))
}

/// The mark of a board.
pub(crate) async fn marked(file: &File) -> Result<Option<Mark>, Error> {
    let path = resolve(&file.path)?;
    let place = path.display().to_string();
    if inspect(&path).await? == Found::Nothing {
        return Err(Error::Missing { place });
    }
    let cannot = |error| reading("read", &place, error);
    let mut connection = reading_options(&path).connect().await.map_err(cannot)?;
    // Older tables have no place for one.
    let mark = match version(&place, &mut connection).await? {
        migrate::VERSION => read(&place, &mut connection).await?,
        _ => None,
    };
    connection.close().await.map_err(cannot)?;
    Ok(mark)
}

/// The mark that stands with the head.
pub(super) async fn read(
    place: &str,
    connection: &mut SqliteConnection,
) -> Result<Option<Mark>, Error> {
    let cannot = |error| reading("read", place, error);
    let row = connection.fetch_optional("SELECT mark FROM head").await.map_err(cannot)?;
    // What a head without a row means is said by whoever reads all of it.
    let Some(row) = row else { return Ok(None) };
    let mark: Option<String> = row.try_get(0).map_err(cannot)?;
    mark.map(|mark| Mark::parse(place, &mark)).transpose()
}

/// Marks a board that does not hold any more what was durable up to a seq, if it still has this epoch. An append
/// that is under way finds a higher one.
pub(super) async fn regress(log: &SqliteLog, known: Seq, seen: Epoch) -> Result<(), Error> {
    log.writable("mark")?;
    let cannot = |error| reading("mark", &log.place, error);
    // The file that is there by now, if another one was put in its place.
    let mut connection =
        writing_options(&log.path, Synchronous::Full).connect().await.map_err(cannot)?;
    loop {
        let before = read(&log.place, &mut connection).await?;
        let Some(mark) = Mark::regressed(before.as_ref(), known) else { break };
        let newest = newest(&log.place, &mut connection).await?;
        if newest != seen {
            return Err(Error::Fenced { epoch: seen, newest });
        }
        let set = sqlx::query(REGRESS)
            .bind(mark.text())
            .bind(before.map(|mark| mark.text()))
            .bind(integer(seen.get()));
        // None where somebody else marked it, or owned it, in between.
        if set.execute(&mut connection).await.map_err(cannot)?.rows_affected() == 1 {
            break;
        }
    }
    log.owning.lose();
    connection.close().await.map_err(cannot)
}
