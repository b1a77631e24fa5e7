//! Which trees of work the artifacts belong to that an owner appended last. Most activations are over soon after
//! their input came: whether they belong to its tree is known then without a look-up for each.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use artel_core::ids::{CorrelationId, Seq};
use artel_core::log::{ArtifactRow, ClosedActivation};

/// How many artifacts are remembered: 24 bytes each.
const KEPT_MAX: usize = 16_384;

/// The trees of work of what was appended last, by seq.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<(Seq, CorrelationId)>>);

impl Recent {
    /// These were appended.
    pub(super) fn note(&self, rows: &[ArtifactRow]) {
        let mut known = self.known();
        known.extend(rows.iter().map(|row| (row.seq, row.envelope().correlation)));
        let over = known.len().saturating_sub(KEPT_MAX);
        known.drain(..over);
    }

    /// An ownership begins: others may have appended since, and of what was taken for appended the server may
    /// have lost the end.
    pub(super) fn begin(&self) {
        self.known().clear();
    }

    /// Whether each activation is of another tree of work than its first input; none where that is not known.
    pub(super) fn apart(&self, closed: &[&ClosedActivation]) -> Vec<Option<bool>> {
        let known = self.known();
        let apart = |row: &&ClosedActivation| {
            let input = row.inputs.first()?;
            let at = known.binary_search_by_key(input, |(seq, _)| *seq).ok()?;
            Some(known[at].1 != row.correlation)
        };
        closed.iter().map(apart).collect()
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(Seq, CorrelationId)>> {
        self.0.lock().expect("nothing that is done under this lock panics")
    }
}
