//! Reading batches in memory, by seq and by time.

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::handle::PLACE;
use super::state::State;
use crate::check;

pub(super) fn read(state: &State, from: Seq, bytes_max: usize) -> Vec<Batch> {
    let start = state.batches.partition_point(|batch| batch.header.last < from);
    let mut bytes = 0_usize;
    let fits = |batch: &&Batch| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(batch.bytes.len());
        first || bytes <= bytes_max
    };
    state.batches.from(start).take_while(fits).cloned().collect()
}

/// The seq up to which every batch lies at or before a moment, and the batch after it.
pub(super) fn around(state: &State, at: Timestamp) -> (Seq, Option<Batch>) {
    let count = state.batches.partition_point(|batch| batch.header.at <= at);
    let before = count.checked_sub(1).map_or(Seq(0), |place| state.batches[place].header.last);
    (before, state.batches.get(count).cloned())
}

pub(super) fn seq_at(at: Timestamp, before: Seq, next: Option<&Batch>) -> Result<Seq, Error> {
    check::last_until(at, before, next)
        .map_err(|source| Error::Batch { place: PLACE.to_owned(), source })
}
