//! Owning a log in memory. The handle stands for the process: one that goes away gives the board up.

use artel_core::ids::{Epoch, Seq};
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::handle::PLACE;
use super::state::{Held, State};

pub(super) fn own(state: &mut State, handle: u64, claim: Claim) -> Result<Ownership, Error> {
    if let Some(held) = &state.owner
        && (held.handle != handle || held.process != claim.process)
    {
        return Err(Error::Owned { place: PLACE.to_owned(), owner: held.owner.clone() });
    }
    if let Some(known) = state.head.regressed {
        return Err(Error::Regressed { place: PLACE.to_owned(), known });
    }
    let owner = Owner {
        pid: Some(std::process::id()),
        program: claim.program.as_str().to_owned(),
        endpoint: claim.endpoint,
    };
    state.owner = Some(Held { handle, process: claim.process, owner });
    state.head.epoch = state.head.epoch.next();
    Ok(Ownership { epoch: state.head.epoch, head: state.head.clone() })
}

pub(super) fn disown(state: &mut State, handle: u64, epoch: Epoch) {
    if epoch == state.head.epoch {
        leave(state, handle);
    }
}

/// Gives the board up, if this handle owns it.
pub(super) fn leave(state: &mut State, handle: u64) {
    if state.owner.as_ref().is_some_and(|held| held.handle == handle) {
        state.owner = None;
    }
}

/// Marks a board that does not hold any more what was durable up to a seq.
pub(super) fn regress(state: &mut State, known: Seq, seen: Epoch) -> Result<(), Error> {
    if state.head.regressed >= Some(known) {
        return Ok(());
    }
    let newest = state.head.epoch;
    if newest != seen {
        return Err(Error::Fenced { epoch: seen, newest });
    }
    state.head.regressed = Some(known);
    state.head.epoch = newest.next();
    state.owner = None;
    Ok(())
}
