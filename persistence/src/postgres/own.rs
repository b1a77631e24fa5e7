//! Owning a board on a server: a row with a token that its owner alone knows, and with the moment, by the
//! server's clock, until which nobody else takes the board over; and the epoch in the head row, which
//! every append checks. The row tells the living apart; the epoch keeps out what is still on its way.
//!
//! The owner counts the time from before it asked for it, so it stops before others may begin.

use tokio::time::Instant;
use uuid::Uuid;

use artel_core::ids::Epoch;
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::connect::{fetch, write};
use super::format::get;
use super::handle::PostgresLog;
use super::read;
use crate::keeper::Held;

/// Takes the row, unless somebody else's time is not over, and raises the epoch. What is still under way
/// on another connection has the head row locked: it is done before this statement goes on, or finds the
/// higher epoch there when it comes.
const OWN: &str = "WITH mine AS ( \
         INSERT INTO owner AS o (board_no, token, pid, program, endpoint, until) \
         VALUES ($1, coalesce($2, gen_random_uuid()), $3, $4, $5, \
             clock_timestamp() + $6 * interval '1 millisecond') \
         ON CONFLICT (board_no) DO UPDATE SET token = excluded.token, pid = excluded.pid, \
             program = excluded.program, endpoint = excluded.endpoint, until = excluded.until \
         WHERE o.token = excluded.token OR o.until < clock_timestamp() \
         RETURNING o.token) \
     UPDATE board SET epoch = epoch + 1 FROM mine WHERE no = $1 RETURNING mine.token";

const OWNER: &str = "SELECT pid, program, endpoint FROM owner \
     WHERE board_no = $1 AND until >= clock_timestamp()";

pub(super) async fn own(log: &PostgresLog, claim: Claim) -> Result<Ownership, Error> {
    log.writable("own")?;
    let token = match log.owning.prepare(claim.process) {
        Ok(token) => token,
        Err(()) => return Err(owned(log).await),
    };
    let asked = Instant::now();
    let query = sqlx::query(OWN)
        .bind(log.board_no)
        .bind(token)
        .bind(i64::from(std::process::id()))
        .bind(claim.program.as_str().to_owned())
        .bind(claim.endpoint)
        .bind(log.ownership.as_millis() as f64);
    let rows = write(log, "own", query).await?;
    let Some(row) = rows.first() else { return Err(owned(log).await) };
    let token: Uuid = get(&log.place, row, 0)?;
    log.keeper.forget(&log.owning);
    let head = read::end(log, "own").await?;
    if !log.owning.take((head.epoch, claim.process), (token, asked + log.ownership)) {
        return Err(log.closed_error());
    }
    let held = Held { token, board: log.place.as_str().into(), time: log.ownership };
    log.keeper.remember(held, &log.owning);
    Ok(Ownership { epoch: head.epoch, head })
}

pub(super) async fn owner(log: &PostgresLog) -> Result<Option<Owner>, Error> {
    log.usable()?;
    let rows = fetch(log, sqlx::query(OWNER).bind(log.board_no)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let pid: i64 = get(&log.place, row, 0)?;
    Ok(Some(Owner {
        pid: u32::try_from(pid).ok(),
        program: get(&log.place, row, 1)?,
        endpoint: get(&log.place, row, 2)?,
    }))
}

pub(super) async fn disown(log: &PostgresLog, epoch: Epoch) -> Result<(), Error> {
    log.usable()?;
    let Some(token) = log.owning.give_up(epoch) else { return Ok(()) };
    log.keeper.forget(&log.owning);
    free(log, token).await
}

/// Lets others have the board at once.
pub(super) async fn free(log: &PostgresLog, token: Uuid) -> Result<(), Error> {
    let sql = "DELETE FROM owner WHERE board_no = $1 AND token = $2";
    let query = sqlx::query(sql).bind(log.board_no).bind(token);
    write(log, "give up", query).await.map(drop)
}

/// Somebody else owns the board: who.
async fn owned(log: &PostgresLog) -> Error {
    match owner(log).await {
        Ok(Some(owner)) => Error::Owned { place: log.place.clone(), owner },
        Ok(None) => {
            let program = "somebody who has just given it up".to_owned();
            let owner = Owner { pid: None, program, endpoint: None };
            Error::Owned { place: log.place.clone(), owner }
        }
        Err(error) => error,
    }
}
