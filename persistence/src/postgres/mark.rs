//! The mark of a board that is moved, or whose log has lost its end.

use sqlx::Connection;

use artel_core::ids::{Epoch, Seq};
use artel_core::log::Error;

use super::connect::{fetch, fetch_writing, in_time, ready, soon};
use super::error::reading;
use super::format::get;
use super::handle::PostgresLog;
use super::migrate;
use super::read::gone;
use super::target::Target;
use crate::format::integer;
use crate::mark::Mark;

/// Marks a board that has lost the end of its log, unless it has got another mark than the one that was seen, or
/// another epoch. Nobody owns it then, and no append that is under way lands: it finds a higher epoch.
const REGRESS: &str = "WITH marked AS ( \
         UPDATE board SET mark = $1, epoch = epoch + 1 \
         WHERE no = $2 AND mark IS NOT DISTINCT FROM $3 AND epoch = $4 RETURNING no), \
     freed AS (DELETE FROM owner o USING marked m WHERE o.board_no = m.no) \
     SELECT no FROM marked";

const SET: &str = "UPDATE board SET mark = $1 WHERE key = $2 AND epoch = $3";

/// Marks a board, if it still has this epoch. What was appended before is on the disk when this is.
pub(crate) async fn mark(target: &Target, epoch: Epoch, mark: Option<Mark>) -> Result<(), Error> {
    in_time(("mark", &target.place()), set(target, epoch, mark)).await
}

async fn set(target: &Target, epoch: Epoch, mark: Option<Mark>) -> Result<(), Error> {
    let place = target.place();
    let cannot = |error| reading("mark", &place, error);
    let mut connection = ready(target).await?;
    let set = sqlx::query(SET)
        .bind(mark.map(|mark| mark.text()))
        .bind(&target.board)
        .bind(integer(epoch.get()));
    let done = set.execute(&mut connection).await.map_err(cannot)?;
    if done.rows_affected() == 1 {
        return connection.close().await.map_err(cannot);
    }
    let newest = sqlx::query("SELECT epoch FROM board WHERE key = $1").bind(&target.board);
    let newest = newest.fetch_optional(&mut connection).await.map_err(cannot)?;
    let Some(row) = newest else { return Err(Error::Missing { place }) };
    let newest: i64 = get(&place, &row, 0)?;
    Err(Error::Fenced { epoch, newest: Epoch(u64::try_from(newest).unwrap_or_default()) })
}

/// The mark of a board.
pub(crate) async fn marked(target: &Target) -> Result<Option<Mark>, Error> {
    in_time(("read", &target.place()), found(target)).await
}

async fn found(target: &Target) -> Result<Option<Mark>, Error> {
    let place = target.place();
    let cannot = |error| reading("read", &place, error);
    let mut connection = ready(target).await?;
    if migrate::version(&place, &mut connection).await?.is_none() {
        return Err(Error::Missing { place });
    }
    let found = sqlx::query("SELECT mark FROM board WHERE key = $1").bind(&target.board);
    let found = found.fetch_optional(&mut connection).await.map_err(cannot)?;
    connection.close().await.map_err(cannot)?;
    let Some(row) = found else { return Err(Error::Missing { place }) };
    let mark: Option<String> = get(&place, &row, 0)?;
    mark.map(|mark| Mark::parse(&place, &mark)).transpose()
}

/// Refuses to own what was marked since the log was opened.
pub(super) async fn check(log: &PostgresLog) -> Result<(), Error> {
    match read(log).await? {
        Some(mark) => mark.admit(&log.place, &log.moving, false),
        None => Ok(()),
    }
}

async fn read(log: &PostgresLog) -> Result<Option<Mark>, Error> {
    Ok(read_with_epoch(log).await?.0)
}

async fn read_with_epoch(log: &PostgresLog) -> Result<(Option<Mark>, Epoch), Error> {
    let rows = sqlx::query("SELECT mark, epoch FROM board WHERE no = $1").bind(log.board_no);
    let rows = fetch(log, rows).await?;
    let row = rows.first().ok_or_else(|| gone(&log.place))?;
    let mark: Option<String> = get(&log.place, row, 0)?;
    let mark = mark.map(|mark| Mark::parse(&log.place, &mark)).transpose()?;
    let epoch: i64 = get(&log.place, row, 1)?;
    Ok((mark, Epoch(u64::try_from(epoch).unwrap_or_default())))
}

/// Marks a board that does not hold any more what was durable up to a seq, if it still has this epoch.
pub(super) async fn regress(log: &PostgresLog, known: Seq, seen: Epoch) -> Result<(), Error> {
    log.writable("mark")?;
    loop {
        let (before, newest) = read_with_epoch(log).await?;
        let Some(mark) = Mark::regressed(before.as_ref(), known) else { return Ok(()) };
        if newest != seen {
            return Err(Error::Fenced { epoch: seen, newest });
        }
        let set = sqlx::query(REGRESS)
            .bind(mark.text())
            .bind(log.board_no)
            .bind(before.map(|mark| mark.text()))
            .bind(integer(seen.get()));
        // None where somebody else marked it, or owned it, in between.
        if !fetch_writing(log, ("mark", soon(log)), set).await?.is_empty() {
            return Ok(());
        }
    }
}
