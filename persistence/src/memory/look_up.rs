//! Finding in memory what has a known id, key, seq or correlation.

use std::collections::BTreeMap;

use artel_core::ids::{ArtifactId, CorrelationId, Seq};
use artel_core::log::{ClosedWork, ContentRow, LookUp, LookedUp};

use super::state::{Artifact, Place, State};

pub(super) fn look_up(state: &State, look_up: &LookUp) -> LookedUp {
    let at = |&place: &Place| state.artifact(place).existing();
    let ids = look_up.ids.iter();
    let keys = look_up.keys.iter();
    LookedUp {
        as_of: state.head.seq,
        ids: ids.filter_map(|id| Some((*id, at(state.ids.get(id)?)))).collect::<BTreeMap<_, _>>(),
        keys: keys.filter_map(|key| Some((key.clone(), at(state.keys.get(key)?)))).collect(),
    }
}

pub(super) fn artifact(state: &State, id: ArtifactId) -> Option<Artifact> {
    state.ids.get(&id).map(|&place| state.artifact(place).clone())
}

pub(super) fn artifacts_at(state: &State, seqs: &[Seq]) -> Vec<Artifact> {
    let found = |seq| state.artifacts.find(seq, |artifact| artifact.seq);
    seqs.iter().filter_map(found).cloned().collect()
}

pub(super) fn contents(state: &State, seqs: &[Seq]) -> Vec<ContentRow> {
    let found = |seq| state.contents.find(seq, |content| content.seq);
    seqs.iter().filter_map(found).cloned().collect()
}

pub(super) fn correlation(state: &State, correlation: CorrelationId) -> ClosedWork {
    let tree = state.trees.get(&correlation);
    ClosedWork {
        known: tree.is_some_and(|tree| !tree.artifacts.is_empty()),
        dead: tree.map_or(0, |tree| tree.dead),
        cancelled: tree.is_some_and(|tree| tree.cancelled),
        as_of: state.head.seq,
    }
}
