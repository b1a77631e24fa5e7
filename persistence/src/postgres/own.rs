//! Owning a board on a server: a row with a token that its owner alone knows, and with the moment, by the
//! server's clock, until which nobody else takes the board over; and the epoch in the head row, which
//! every append checks. The row tells the living apart; the epoch keeps out what is still on its way.
//!
//! The owner counts the time from before it asked for it, so it stops before others may begin.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;
use uuid::Uuid;

use artel_core::ids::{Epoch, ProcessId};
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::connect::{fetch, write};
use super::format::get;
use super::handle::PostgresLog;
use super::read;

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
    log.keeper.remember(token, log.ownership, &log.owning);
    log.shown.begin(head.seq);
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

/// What one log object knows of its ownership.
#[derive(Debug, Default)]
pub(super) struct Owning {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<ProcessId>,
    /// What the row of the owner holds while it is this object.
    token: Option<Uuid>,
    /// The epoch of the ownership; none when there is none.
    newest: Option<Epoch>,
    /// The epoch that appends may use; none while the outcome of one is unknown.
    usable: Option<Epoch>,
    /// Until when nobody else takes the board over.
    until: Option<Instant>,
    /// Whether somebody else took it over.
    lost: bool,
    /// Whether this object was closed, and must own nothing any more.
    closed: bool,
}

impl State {
    fn lose(&mut self) {
        *self = Self { closed: self.closed, ..Self::default() };
    }
}

impl Owning {
    /// An append begins: takes the ownership along. False when there is none for it, or its time is over.
    pub(super) fn begin(&self, epoch: Epoch) -> bool {
        let mut state = self.state();
        if state.until.is_none_or(|until| until <= Instant::now()) {
            return false;
        }
        state.usable.take_if(|usable| *usable == epoch).is_some()
    }

    /// Whether nobody else may own the board by now.
    pub(super) fn owns(&self, epoch: Epoch) -> bool {
        let state = self.state();
        let lasts = state.until.is_some_and(|until| until > Instant::now());
        lasts && state.newest == Some(epoch)
    }

    /// Whether an ownership is over that was not given up.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.lost || state.until.is_some_and(|until| until <= Instant::now())
    }

    /// An append has a known outcome: brings the ownership back, unless there is a newer one.
    pub(super) fn settle(&self, epoch: Epoch) {
        let mut state = self.state();
        if state.newest == Some(epoch) {
            state.usable = Some(epoch);
        }
    }

    /// A process is about to own: its token, where it owns already. An error when another process of
    /// this object does, whose time is not over.
    fn prepare(&self, process: ProcessId) -> Result<Option<Uuid>, ()> {
        let mut state = self.state();
        let over = state.until.is_none_or(|until| until <= Instant::now());
        if state.process.is_some_and(|owner| owner != process) && !over {
            return Err(());
        }
        state.usable = None;
        Ok(state.token)
    }

    /// Owns the board from here on. False when the object was closed meanwhile.
    fn take(&self, (epoch, process): (Epoch, ProcessId), (token, until): (Uuid, Instant)) -> bool {
        let mut state = self.state();
        if state.closed {
            return false;
        }
        state.lost = false;
        state.process = Some(process);
        state.token = Some(token);
        state.newest = Some(epoch);
        state.usable = Some(epoch);
        state.until = Some(until);
        true
    }

    /// The row was renewed until this moment.
    pub(super) fn renewed(&self, token: Uuid, until: Instant) {
        let mut state = self.state();
        if state.token == Some(token) {
            state.until = Some(until);
        }
    }

    /// The row is gone, or somebody else's.
    pub(super) fn lost(&self, token: Uuid) {
        let mut state = self.state();
        if state.token == Some(token) {
            state.lose();
            state.lost = true;
        }
    }

    /// Gives up the ownership under this epoch; the token that its row has.
    fn give_up(&self, epoch: Epoch) -> Option<Uuid> {
        let mut state = self.state();
        if state.newest != Some(epoch) {
            return None;
        }
        let token = state.token;
        state.lose();
        token
    }

    /// Gives up whatever is owned, for good; the token of its row.
    pub(super) fn close(&self) -> Option<Uuid> {
        let mut state = self.state();
        let token = state.token;
        *state = State { closed: true, ..State::default() };
        token
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that is done under this lock panics")
    }
}

/// Whether two are the same object.
pub(super) fn same(one: &Arc<Owning>, other: &Arc<Owning>) -> bool {
    Arc::ptr_eq(one, other)
}
