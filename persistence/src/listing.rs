//! What listings have in common, whatever a store is asked with: the bounds of a page, what it is found by,
//! and where it ends.

use artel_core::ids::Seq;
use artel_core::log::{ArtifactQuery, Direction, OutcomeFilter, Page};
use artel_core::names::Tag;

use crate::rows::StretchKind;

/// With more types or agents than this, a listing goes through all artifacts instead of through those of
/// each one.
pub(crate) const DRIVERS_MAX: usize = 64;

/// The number below all that a page may show.
pub(crate) fn low(cursor: Option<Seq>, direction: Direction) -> u64 {
    match (cursor, direction) {
        (Some(cursor), Direction::OldestFirst) => cursor.get(),
        (None, _) | (Some(_), Direction::NewestFirst) => 0,
    }
}

/// The number above all that a page may show.
pub(crate) fn high(cursor: Option<Seq>, direction: Direction) -> u64 {
    match (cursor, direction) {
        (Some(cursor), Direction::NewestFirst) => cursor.get(),
        (None, _) | (Some(_), Direction::OldestFirst) => u64::MAX,
    }
}

/// The number of an outcome that is asked for, as [`outcome_no`](crate::rows::outcome_no) stores it.
pub(crate) const fn filter_no(outcome: OutcomeFilter) -> u8 {
    match outcome {
        OutcomeFilter::Done => 0,
        OutcomeFilter::Dead => 1,
        OutcomeFilter::Cancelled => 2,
        OutcomeFilter::Dropped => 3,
        OutcomeFilter::Expired => 4,
    }
}

/// What the artifacts of a listing are found by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Driver<'a> {
    Correlation,
    #[cfg_attr(
        not(any(feature = "postgres", feature = "sqlite")),
        expect(dead_code, reason = "Redis has no index of tags")
    )]
    Tag(&'a Tag),
    /// Those in the stretches of a type or an agent.
    Stretch(StretchKind, u32),
    All,
}

/// The drivers whose artifacts together, each once, are those that may be admitted.
pub(crate) fn drivers(query: &ArtifactQuery) -> Vec<Driver<'_>> {
    let stretches = |kind, numbers: Vec<u32>| {
        let mut numbers = numbers;
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|no| Driver::Stretch(kind, no)).collect()
    };
    if query.correlation.is_some() {
        vec![Driver::Correlation]
    } else if let Some(tag) = query.tags.first() {
        vec![Driver::Tag(tag)]
    } else if (1..=DRIVERS_MAX).contains(&query.types.len()) {
        let types = query.types.iter().map(|type_no| type_no.get()).collect();
        stretches(StretchKind::OfType, types)
    } else if (1..=DRIVERS_MAX).contains(&query.agents.len()) {
        let agents = query.agents.iter().map(|agent| agent.get()).collect();
        stretches(StretchKind::ByAgent, agents)
    } else {
        vec![Driver::All]
    }
}

/// A page of at most so many items, out of what was found, each with its place: one more than that, where
/// there is more.
pub(crate) fn page<T>(mut found: Vec<(Seq, T)>, limit: u32, as_of: Seq) -> Page<T> {
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = if more { found.last().map(|(seq, _)| *seq) } else { None };
    Page { items: found.into_iter().map(|(_, item)| item).collect(), next, as_of }
}
