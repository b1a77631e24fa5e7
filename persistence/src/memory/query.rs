//! Listings in memory. A query walks the shortest index that it has a condition for, from its
//! cursor on, and tests the other conditions on each artifact that it meets.

use std::ops::Range;

use artel_core::ids::{ActivationId, Seq};
use artel_core::log::{
    ActivationQuery, ArtifactQuery, ClosedActivation, Direction, Outcome, OutcomeFilter, Page,
};

use super::state::{Artifact, Place, State};

pub(super) fn artifacts(state: &State, query: &ArtifactQuery) -> Page<Artifact> {
    let range = range(state, query);
    let lists = shortest(state, query, &range);
    let walk = lists.map_or(Walk::Range(range), Walk::Lists);
    let admitted = Places { walk, direction: query.direction }
        .map(|place| state.artifact(place))
        .filter(|artifact| query.admits(artifact.at, &artifact.draft.envelope))
        .cloned();
    let (mut items, mut next) = page(admitted, query.limit, |artifact| artifact.seq);
    if query.payloads
        && let Some(cut) = fitting(&items)
    {
        items.truncate(cut);
        next = items.last().map(|artifact| artifact.seq);
    }
    Page { items, next, as_of: state.head.seq.min(query.up_to) }
}

/// How many artifacts have payloads that fit into a page, if not all do.
fn fitting(items: &[Artifact]) -> Option<usize> {
    let mut total = 0;
    let fit = items.iter().take_while(|item| {
        total += item.payload.bytes().len() as u64;
        total <= ArtifactQuery::PAYLOADS_LEN_MAX
    });
    let fit = fit.count().max(1);
    (fit < items.len()).then_some(fit)
}

pub(super) fn closed_activations(state: &State, query: &ActivationQuery) -> Page<ClosedActivation> {
    let (low, high) = match (query.cursor, query.direction) {
        (None, _) => (0, u64::MAX),
        (Some(cursor), Direction::OldestFirst) => (cursor.get().saturating_add(1), u64::MAX),
        (Some(cursor), Direction::NewestFirst) => (0, cursor.get()),
    };
    let mut candidates = candidates(state, query, ActivationId(Seq(low))..ActivationId(Seq(high)));
    let walk: Box<dyn Iterator<Item = ActivationId>> = match query.direction {
        Direction::OldestFirst => Box::new(candidates.by_ref()),
        Direction::NewestFirst => Box::new(candidates.rev()),
    };
    let admitted = walk
        .filter_map(|activation| state.closed(activation))
        .filter(|closed| admits(query, closed))
        .cloned();
    let (items, next) = page(admitted, query.limit, |closed| closed.activation.0);
    Page { items, next, as_of: state.head.seq }
}

/// The artifacts that lie within the cursor, `up_to` and the times.
fn range(state: &State, query: &ArtifactQuery) -> Range<Place> {
    let place = |before: &dyn Fn(&Artifact) -> bool| {
        let place = state.artifacts.partition_point(before);
        Place::try_from(place).expect("a place in the list is one")
    };
    let after = |seq| place(&|artifact| artifact.seq <= seq);
    let from = |at| place(&|artifact| artifact.at < at);
    let mut start = query.since.map_or(0, from);
    let mut end = after(query.up_to).min(query.until.map_or(Place::MAX, from));
    match (query.cursor, query.direction) {
        (None, _) => {}
        (Some(cursor), Direction::OldestFirst) => start = start.max(after(cursor)),
        (Some(cursor), Direction::NewestFirst) => {
            end = end.min(place(&|artifact| artifact.seq < cursor));
        }
    }
    start..end.max(start)
}

/// The index that holds the fewest candidates, cut to the range; none when no condition has one.
fn shortest<'a>(
    state: &'a State,
    query: &ArtifactQuery,
    range: &Range<Place>,
) -> Option<Vec<&'a [Place]>> {
    let cut = |places: &'a [Place]| {
        let start = places.partition_point(|&place| place < range.start);
        let end = places.partition_point(|&place| place < range.end);
        &places[start..end]
    };
    let mut indexes: Vec<Vec<&'a [Place]>> = Vec::new();
    if let Some(correlation) = query.correlation {
        let tree = state.trees.get(&correlation);
        indexes.push(vec![tree.map_or(&[][..], |tree| cut(&tree.artifacts))]);
    }
    for tag in &query.tags {
        indexes.push(vec![state.tags.get(tag).map_or(&[][..], |places| cut(places))]);
    }
    if !query.types.is_empty() {
        let mut types = query.types.clone();
        types.sort_unstable();
        types.dedup();
        let lists = types.iter().filter_map(|type_no| state.types.get(type_no));
        indexes.push(lists.map(|places| cut(places)).collect());
    }
    if !query.agents.is_empty() {
        let mut agents = query.agents.clone();
        agents.sort_unstable();
        agents.dedup();
        let lists = agents.iter().filter_map(|agent| state.agents.get(agent));
        indexes.push(lists.map(|places| cut(places)).collect());
    }
    indexes.into_iter().min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>())
}

/// What places come from: all of a range, or some ascending lists without a common place.
enum Walk<'a> {
    Range(Range<Place>),
    Lists(Vec<&'a [Place]>),
}

struct Places<'a> {
    walk: Walk<'a>,
    direction: Direction,
}

impl Iterator for Places<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        match (&mut self.walk, self.direction) {
            (Walk::Range(range), Direction::OldestFirst) => range.next(),
            (Walk::Range(range), Direction::NewestFirst) => range.next_back(),
            (Walk::Lists(lists), Direction::OldestFirst) => {
                let list = lists
                    .iter_mut()
                    .filter(|list| !list.is_empty())
                    .min_by_key(|list| list.first().copied())?;
                list.split_off_first().copied()
            }
            (Walk::Lists(lists), Direction::NewestFirst) => {
                let list = lists.iter_mut().max_by_key(|list| list.last().copied())?;
                list.split_off_last().copied()
            }
        }
    }
}

/// Activations of the range, ascending, among which are all that the query admits.
fn candidates<'a>(
    state: &'a State,
    query: &ActivationQuery,
    range: Range<ActivationId>,
) -> Box<dyn DoubleEndedIterator<Item = ActivationId> + 'a> {
    let listed: Option<&[ActivationId]> = match (query.input, query.correlation) {
        (Some(input), _) => Some(state.worked_on.get(&input).map_or(&[], |list| list)),
        (None, Some(tree)) => Some(state.trees.get(&tree).map_or(&[], |tree| &tree.closed)),
        (None, None) => None,
    };
    if let Some(listed) = listed {
        let mut activations: Vec<ActivationId> =
            listed.iter().filter(|activation| range.contains(activation)).copied().collect();
        activations.sort_unstable();
        activations.dedup();
        return Box::new(activations.into_iter());
    }
    if !query.outcomes.is_empty() && !query.outcomes.contains(&OutcomeFilter::Done) {
        return Box::new(state.not_done.range(range).copied());
    }
    Box::new(state.closed.range(range).map(|(activation, _)| *activation))
}

fn admits(query: &ActivationQuery, closed: &ClosedActivation) -> bool {
    let outcome = match closed.outcome {
        Outcome::Done => OutcomeFilter::Done,
        Outcome::Dead(_) => OutcomeFilter::Dead,
        Outcome::Cancelled => OutcomeFilter::Cancelled,
        Outcome::Dropped(_) => OutcomeFilter::Dropped,
        Outcome::Expired => OutcomeFilter::Expired,
    };
    (query.outcomes.is_empty() || query.outcomes.contains(&outcome))
        && (query.agents.is_empty() || query.agents.contains(&closed.agent))
        && query.correlation.is_none_or(|correlation| correlation == closed.correlation)
        && query.input.is_none_or(|input| closed.inputs.contains(&input))
}

/// The first items, and where the next page begins if there are more.
fn page<T>(
    mut found: impl Iterator<Item = T>,
    limit: u32,
    seq: impl Fn(&T) -> Seq,
) -> (Vec<T>, Option<Seq>) {
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let items: Vec<T> = found.by_ref().take(limit).collect();
    let more = items.len() == limit && found.next().is_some();
    let next = if more { items.last().map(seq) } else { None };
    (items, next)
}
