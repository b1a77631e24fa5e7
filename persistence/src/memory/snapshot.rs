//! Snapshots in memory: the newest two.

use artel_core::ids::Seq;
use artel_core::log::{Error, Snapshot};

use super::state::State;

/// How many snapshots are kept.
const KEPT: usize = 2;

pub(super) fn put(state: &mut State, snapshot: Snapshot) -> Result<(), Error> {
    let ends = state.batches.find(&snapshot.seq, |batch| batch.header.last);
    if ends.is_some_and(|batch| batch.header.hash == snapshot.batch_hash) {
        state.snapshots.retain(|kept| kept.seq != snapshot.seq);
        let place = state.snapshots.partition_point(|kept| kept.seq < snapshot.seq);
        state.snapshots.insert(place, snapshot);
        let surplus = state.snapshots.len().saturating_sub(KEPT);
        state.snapshots.drain(..surplus);
        return Ok(());
    }
    Err(Error::Conflict { expected: snapshot.seq, head: state.head.seq })
}

pub(super) fn newest(state: &State, until: Seq) -> Option<Snapshot> {
    state.snapshots.iter().rev().find(|snapshot| snapshot.seq <= until).cloned()
}
