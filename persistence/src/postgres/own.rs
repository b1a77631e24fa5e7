//! Owning a board on a server: a row with a token that its owner alone knows, and with the moment, by the
//! server's clock, until which nobody else takes the board over; and the epoch in the head row, which
//! every append checks. The row tells the living apart; the epoch keeps out what is still on its way.
//!
//! The owner counts the time from before it asked for it, so it stops before others may begin.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use artel_core::ids::Epoch;
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::connect::{fetch_soon, fetch_writing, soon, write};
use super::format::{get, seq};
use super::handle::PostgresLog;
use super::{format, mark, read, shown};
use crate::keeper::{Held, wait_for};
use crate::open::Moving;
use crate::server::random;

/// Takes the row, unless somebody else's time is not over, and raises the epoch. What is still under way
/// on another connection has the head row locked: it is done before this statement goes on, or finds the
/// higher epoch there when it comes. It names the epoch that it raises, so that one which was given up, and
/// comes late, changes nothing. What is marked is owned by whoever the mark is for alone.
const OWN: &str = "WITH mine AS ( \
         INSERT INTO owner AS o (board_no, token, pid, program, endpoint, until) \
         SELECT $1, $2, $3, $4, $5, \
             clock_timestamp() + $6 * interval '1 millisecond' \
         FROM board b WHERE b.no = $1 AND b.epoch = $7 AND (b.mark IS NULL OR left(b.mark, length($9)) = nullif($9, '')) \
         ON CONFLICT (board_no) DO UPDATE SET token = excluded.token, pid = excluded.pid, \
             program = excluded.program, endpoint = excluded.endpoint, until = excluded.until \
         WHERE o.token = excluded.token OR o.until < clock_timestamp() \
         RETURNING o.board_no) \
     UPDATE board SET epoch = epoch + $8 FROM mine WHERE no = $1 AND epoch = $7 \
     RETURNING epoch";

const EPOCH: &str = "SELECT epoch FROM board WHERE no = $1";

const OWNER: &str = "SELECT pid, program, endpoint FROM owner \
     WHERE board_no = $1 AND until >= clock_timestamp()";

/// How many seconds are left of the time of an ownership.
const LEFT: &str = "SELECT extract(epoch FROM until - clock_timestamp())::double precision \
     FROM owner WHERE board_no = $1 AND until >= clock_timestamp()";

pub(super) async fn own(log: &PostgresLog, claim: Claim) -> Result<Ownership, Error> {
    let owned = own_once(log, claim).await;
    if matches!(owned, Err(Error::Owned { .. })) {
        log.owning.not_taken();
    }
    owned
}

async fn own_once(log: &PostgresLog, claim: Claim) -> Result<Ownership, Error> {
    log.writable("own")?;
    let Ok((token, owns)) = log.owning.prepare(claim.process, random) else {
        return Err(owned(log).await);
    };
    let asked = Instant::now();
    let Some(epoch) = take(log, &claim, (token, owns)).await? else {
        if let Err(error) = mark::check(log).await {
            if !error.retryable() {
                // Nobody is to own the board, whoever did.
                log.keeper.forget(&log.owning);
                log.owning.lose();
            }
            return Err(error);
        }
        return Err(owned(log).await);
    };
    log.keeper.forget(&log.owning);
    let head = read::end(log, "own").await?;
    if head.epoch != epoch {
        // It was taken over since, by somebody for whom its time was over.
        return Err(owned(log).await);
    }
    if !log.owning.take((epoch, claim.process), (token, asked + log.ownership)) {
        return Err(log.closed_error());
    }
    let held = Held { token, board: log.place.as_str().into(), time: log.ownership };
    log.keeper.remember(held, &log.owning);
    log.shown.begin(head.seq);
    log.recent.begin();
    Ok(Ownership { epoch, head })
}

/// Takes the row and raises the epoch; none when somebody else has the board.
async fn take(
    log: &PostgresLog,
    claim: &Claim,
    (token, owns): (Uuid, bool),
) -> Result<Option<Epoch>, Error> {
    let call = ("own", soon(log));
    let mut before = None;
    loop {
        let rows = fetch_writing(log, call, sqlx::query(EPOCH).bind(log.board_no)).await?;
        let row = rows.first().ok_or_else(|| read::gone(&log.place))?;
        let epoch: i64 = get(&log.place, row, 0)?;
        if before == Some(epoch) {
            return Ok(None);
        }
        let query = sqlx::query(OWN)
            .bind(log.board_no)
            .bind(token)
            .bind(i64::from(std::process::id()))
            .bind(claim.program.as_str().to_owned())
            .bind(claim.endpoint.clone())
            .bind(log.ownership.as_millis() as f64)
            .bind(epoch)
            .bind(i64::from(log.moving.step(owns)))
            .bind(log.moving.bears());
        let rows = fetch_writing(log, call, query).await?;
        if let Some(row) = rows.first() {
            return Ok(Some(Epoch(seq(&log.place, row, 0)?.get())));
        }
        // Somebody has it, or had it in between: then the epoch is another one by now.
        before = Some(epoch);
    }
}

pub(super) async fn owner(log: &PostgresLog) -> Result<Option<Owner>, Error> {
    log.usable()?;
    let rows = fetch_soon(log, sqlx::query(OWNER).bind(log.board_no)).await?;
    match rows.first() {
        Some(row) => format::owner(&log.place, row, 0),
        None => Ok(None),
    }
}

pub(super) async fn owned_for(log: &PostgresLog) -> Result<Option<Duration>, Error> {
    log.usable()?;
    let rows = fetch_soon(log, sqlx::query(LEFT).bind(log.board_no)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let left: f64 = get(&log.place, row, 0)?;
    let left = left.clamp(0.0, log.ownership.as_secs_f64());
    Ok(Some(wait_for(Duration::from_secs_f64(left))))
}

pub(super) async fn disown(log: &PostgresLog, epoch: Epoch) -> Result<(), Error> {
    log.usable()?;
    if log.owning.owns(epoch) && log.moving == Moving::No {
        // Nobody else brings it up to date before somebody owns the board again. What is moved is shown by who
        // goes on with it.
        shown::last(log).await;
    }
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
