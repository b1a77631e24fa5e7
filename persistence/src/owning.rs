//! What one log object on a server knows of its ownership, which lasts for a time and is renewed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use artel_core::ids::{Epoch, ProcessId};

/// How often whoever waits for the end of an ownership looks whether it was lost.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What one log object knows of its ownership.
#[derive(Debug, Default)]
pub(crate) struct Owning {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<ProcessId>,
    /// What the row of the owner holds while it is this object.
    token: Option<Uuid>,
    /// What the row may hold, because this object asked for it and was not told what became of that.
    tried: Option<Uuid>,
    /// Since when this object knows that it owns the board.
    since: Option<Instant>,
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
    pub(crate) fn begin(&self, epoch: Epoch) -> bool {
        let mut state = self.state();
        if state.until.is_none_or(|until| until <= Instant::now()) {
            return false;
        }
        state.usable.take_if(|usable| *usable == epoch).is_some()
    }

    /// Whether nobody else may own the board by now.
    pub(crate) fn owns(&self, epoch: Epoch) -> bool {
        let state = self.state();
        let lasts = state.until.is_some_and(|until| until > Instant::now());
        lasts && state.newest == Some(epoch)
    }

    /// Whether an ownership is over that was not given up, or nothing is to be owned any more.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.lost || state.closed || state.until.is_some_and(|until| until <= Instant::now())
    }

    /// Until when nobody else takes the board over, as far as it is known here.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.state().until
    }

    /// Whether a board is owned, and nobody else may own it by now.
    pub(crate) fn lasts(&self) -> bool {
        self.state().until.is_some_and(|until| until > Instant::now())
    }

    /// Waits until it is over, by the time of the last renewal or because somebody else has the board; not
    /// longer than to some moment.
    pub(crate) async fn over(&self, latest: Instant) {
        loop {
            let now = Instant::now();
            let until = self.until().map_or(now, |until| until.min(latest));
            if until <= now {
                return;
            }
            sleep_until(until.min(now + LOOK_EVERY)).await;
        }
    }

    /// An append has a known outcome: brings the ownership back, unless there is a newer one.
    pub(crate) fn settle(&self, epoch: Epoch) {
        let mut state = self.state();
        if state.newest == Some(epoch) {
            state.usable = Some(epoch);
        }
    }

    /// A process is about to own: its token, and whether it owns already. However often it asks before it is
    /// told, the token is the same, so that it never waits for an ownership of its own. An error when another
    /// process of this object owns, whose time is not over.
    pub(crate) fn prepare(
        &self,
        process: ProcessId,
        make: impl FnOnce() -> Uuid,
    ) -> Result<(Uuid, bool), ()> {
        let mut state = self.state();
        let over = state.until.is_none_or(|until| until <= Instant::now());
        if state.process.is_some_and(|owner| owner != process) && !over {
            return Err(());
        }
        state.usable = None;
        match state.token {
            Some(token) => Ok((token, true)),
            None => Ok((*state.tried.get_or_insert_with(make), false)),
        }
    }

    /// What was asked for is not there, or was given back: the next one who asks has another token, which nothing
    /// that is still under way knows.
    pub(crate) fn not_taken(&self) {
        self.state().tried = None;
    }

    /// Owns the board from here on. False when the object was closed meanwhile.
    pub(crate) fn take(
        &self,
        (epoch, process): (Epoch, ProcessId),
        (token, until): (Uuid, Instant),
    ) -> bool {
        let mut state = self.state();
        if state.closed {
            return false;
        }
        state.lost = false;
        state.process = Some(process);
        (state.token, state.tried, state.since) = (Some(token), None, Some(Instant::now()));
        state.newest = Some(epoch);
        state.usable = Some(epoch);
        state.until = Some(until);
        true
    }

    /// The row was renewed until this moment.
    pub(crate) fn renewed(&self, token: Uuid, until: Instant) {
        let mut state = self.state();
        if state.token == Some(token) {
            state.until = Some(until);
        }
    }

    /// The row was gone, or somebody else's, when it was looked at after this moment. Whether that still counts: it
    /// does not where the board was owned anew since.
    pub(crate) fn lost(&self, token: Uuid, asked: Instant) -> bool {
        let mut state = self.state();
        let counts = state.token == Some(token) && state.since.is_none_or(|since| since <= asked);
        if counts {
            state.lose();
            state.lost = true;
        }
        counts
    }

    /// Gives up the ownership under this epoch; the token that its row has.
    pub(crate) fn give_up(&self, epoch: Epoch) -> Option<Uuid> {
        let mut state = self.state();
        if state.newest != Some(epoch) {
            return None;
        }
        let token = state.token;
        state.lose();
        token
    }

    /// Gives up whatever is owned: nobody is to own the board.
    pub(crate) fn lose(&self) {
        self.state().lose();
    }

    /// Gives up whatever is owned, for good; the token of its row.
    pub(crate) fn close(&self) -> Option<Uuid> {
        let mut state = self.state();
        let token = state.token.or(state.tried);
        *state = State { closed: true, ..State::default() };
        token
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that is done under this lock panics")
    }
}

/// Whether two are the same object.
pub(crate) fn same(one: &Arc<Owning>, other: &Arc<Owning>) -> bool {
    Arc::ptr_eq(one, other)
}
