//! Cases on closed activations and on what is recorded of a correlation, compared with a plain map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, prop_oneof};

use artel_core::event::DeadReason;
use artel_core::ids::{ActivationId, AgentNo, CorrelationId, Seq};
use artel_core::log::{
    ActivationQuery, ClosedActivation, ClosedWork, Direction, Log, Outcome, OutcomeFilter,
};

use super::factory::{LogFactory, LogPlace, fresh};
use super::property;
use super::sketch::{DEAD, Sample, Scribe, closed, correlation};

/// Boards that are tried, and questions to each.
const BOARDS: u32 = 24;
const QUERIES: usize = 30;

/// Activations that a board has.
const ACTIVATIONS: u64 = 12;

/// LOG-36, LOG-37: a closed activation is found as it was closed last, and not while it is open
/// again; its correlation counts the dead letters that are left.
pub async fn a_closed_activation_is_found_as_it_was_closed_last<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let inputs = scribe.publish(&[Sample::new(1)]).await;
    let tree = correlation(1);
    let mut sketch = scribe.sketch();
    let id = sketch.activation(&inputs, tree);
    scribe.append(sketch).await;
    assert_eq!(reader.closed(id).await.unwrap(), None);

    let dropped = Outcome::Dropped(DeadReason::Loop);
    // What each batch does, in order: an outcome closes the activation, none opens it again. Then
    // how many dead letters are left.
    let batches: [(&[Option<Outcome>], u32); 6] = [
        (&[Some(DEAD)], 1),
        (&[None], 0),
        (&[Some(DEAD)], 1),
        (&[None, Some(DEAD)], 1),
        (&[Some(dropped)], 0),
        (&[None, Some(Outcome::Done)], 0),
    ];
    for (steps, left) in batches {
        let mut sketch = scribe.sketch();
        let mut expected = None;
        for outcome in steps {
            let row = closed(id, &inputs, tree);
            match *outcome {
                None => {
                    sketch.reopen(&row);
                }
                Some(outcome) => {
                    let ended = sketch.close(&ClosedActivation { outcome, ..row.clone() });
                    expected = Some(ClosedActivation { outcome, ended, at: scribe.at, ..row });
                }
            }
        }
        scribe.append(sketch).await;
        assert_eq!(reader.closed(id).await.unwrap(), expected, "after {steps:?}");
        let work = ClosedWork { known: true, dead: left, cancelled: false, as_of: scribe.seq };
        assert_eq!(reader.correlation(tree).await.unwrap(), work, "after {steps:?}");
    }
}

/// LOG-37: a correlation is known when it has an artifact, and says whether it was cancelled.
pub async fn a_correlation_is_known_and_may_be_cancelled<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let unknown = ClosedWork::default();
    assert_eq!(reader.correlation(correlation(1)).await.unwrap(), unknown);
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    for _ in 0..2 {
        let mut sketch = scribe.sketch();
        sketch.cancel(correlation(2));
        scribe.append(sketch).await;
    }
    let as_of = scribe.seq;
    let known = ClosedWork { known: true, as_of, ..unknown };
    assert_eq!(reader.correlation(correlation(1)).await.unwrap(), known);
    let cancelled = ClosedWork { cancelled: true, ..known };
    assert_eq!(reader.correlation(correlation(2)).await.unwrap(), cancelled);
    let unknown = ClosedWork { as_of, ..unknown };
    assert_eq!(reader.correlation(correlation(3)).await.unwrap(), unknown);
}

/// LOG-36, LOG-37, LOG-41: whatever is closed and opened again in whatever order, and whatever is
/// asked, the answers are those of a plain map.
pub async fn every_listing_of_closed_activations_agrees_with_a_map<F: LogFactory>(factory: &F) {
    let plans = (vec(vec(step(), 1..6), 0..8), vec(queries(), QUERIES));
    property::check(BOARDS, plans, |(batches, queries)| async move {
        let (_place, log) = fresh(factory).await;
        let mut scribe = Scribe::own(&log).await;
        // Some of the inputs are of the tree of work of what is about them, some of another.
        let inputs = (1..=9)
            .map(|number| Sample { correlation: correlation(number % 3), ..Sample::new(number) });
        scribe.publish(&inputs.collect::<Vec<_>>()).await;
        let mut model = BTreeMap::new();
        for batch in &batches {
            let mut sketch = scribe.sketch();
            let mut closings = Vec::new();
            let mut openings = BTreeSet::new();
            for (number, outcome) in batch {
                let row = activation(*number);
                match outcome {
                    None => {
                        openings.insert(row.activation);
                        sketch.reopen(&row);
                    }
                    Some(outcome) => {
                        let row = ClosedActivation { outcome: *outcome, ..row };
                        let ended = sketch.close(&row);
                        closings.push(ClosedActivation { ended, at: scribe.at, ..row });
                    }
                }
            }
            scribe.append(sketch).await;
            model.retain(|activation, _| !openings.contains(activation));
            model.extend(closings.into_iter().map(|row| (row.activation, row)));
        }
        for number in 0..=ACTIVATIONS {
            let id = ActivationId(Seq(number));
            let found = log.closed(id).await.map_err(|error| error.to_string())?;
            if found.as_ref() != model.get(&id) {
                return Err(format!("{id}: expected {:?}, found {found:?}", model.get(&id)));
            }
        }
        for tree in 0..4 {
            let found = log.correlation(correlation(tree)).await;
            let dead = dead_in(&model, correlation(tree));
            if found.as_ref().ok().map(|work| work.dead) != Some(dead) {
                return Err(format!("correlation {tree}: expected {dead} dead, found {found:?}"));
            }
        }
        for query in &queries {
            compare(&log, &model, scribe.seq, query).await?;
        }
        Ok(())
    })
    .await;
}

/// What an activation of the random boards looks like: its number says all but the outcome.
fn activation(number: u64) -> ClosedActivation {
    let inputs = [Seq(1 + number % 4), Seq(7 + number % 3)];
    let inputs = &inputs[..1 + usize::try_from(number % 2).expect("0 or 1")];
    let tree = correlation(u32::try_from(number % 3).expect("below 3"));
    let agent = AgentNo(u32::try_from(number % 4).expect("below 4"));
    ClosedActivation { agent, ..closed(ActivationId(Seq(number)), inputs, tree) }
}

/// An activation that is closed with an outcome, or opened again without one.
fn step() -> impl Strategy<Value = (u64, Option<Outcome>)> {
    let outcome = prop_oneof![
        3 => Just(Some(Outcome::Done)),
        2 => Just(Some(DEAD)),
        1 => Just(Some(Outcome::Cancelled)),
        1 => Just(Some(Outcome::Expired)),
        1 => Just(Some(Outcome::Dropped(DeadReason::Limit))),
        2 => Just(None),
    ];
    (1..=ACTIVATIONS, outcome)
}

fn queries() -> impl Strategy<Value = ActivationQuery> {
    let outcome = prop_oneof![
        Just(OutcomeFilter::Done),
        Just(OutcomeFilter::Dead),
        Just(OutcomeFilter::Cancelled),
        Just(OutcomeFilter::Dropped),
        Just(OutcomeFilter::Expired),
    ];
    let what = (
        vec(outcome, 0..4),
        vec((0_u32..5).prop_map(AgentNo), 0..3),
        option::weighted(0.3, (0_u32..4).prop_map(correlation)),
        option::weighted(0.3, (1_u64..10).prop_map(Seq)),
    );
    let direction = prop_oneof![Just(Direction::OldestFirst), Just(Direction::NewestFirst)];
    let which = (option::of((0..ACTIVATIONS + 3).prop_map(Seq)), direction, 0_u32..6);
    (what, which).prop_map(
        |((outcomes, agents, correlation, input), (cursor, direction, limit))| ActivationQuery {
            outcomes,
            agents,
            correlation,
            input,
            cursor,
            direction,
            limit,
        },
    )
}

fn dead_in(model: &BTreeMap<ActivationId, ClosedActivation>, tree: CorrelationId) -> u32 {
    let dead = model
        .values()
        .filter(|row| row.correlation == tree && matches!(row.outcome, Outcome::Dead(_)));
    u32::try_from(dead.count()).expect("there are few")
}

fn admits(query: &ActivationQuery, row: &ClosedActivation) -> bool {
    let outcome = match row.outcome {
        Outcome::Done => OutcomeFilter::Done,
        Outcome::Dead(_) => OutcomeFilter::Dead,
        Outcome::Cancelled => OutcomeFilter::Cancelled,
        Outcome::Dropped(_) => OutcomeFilter::Dropped,
        Outcome::Expired => OutcomeFilter::Expired,
    };
    (query.outcomes.is_empty() || query.outcomes.contains(&outcome))
        && (query.agents.is_empty() || query.agents.contains(&row.agent))
        && query.correlation.is_none_or(|tree| tree == row.correlation)
        && query.input.is_none_or(|input| row.inputs.contains(&input))
        && match (query.cursor, query.direction) {
            (None, _) => true,
            (Some(cursor), Direction::OldestFirst) => row.activation.0 > cursor,
            (Some(cursor), Direction::NewestFirst) => row.activation.0 < cursor,
        }
}

async fn compare(
    log: &Arc<dyn Log>,
    model: &BTreeMap<ActivationId, ClosedActivation>,
    head: Seq,
    query: &ActivationQuery,
) -> Result<(), String> {
    let mut expected: Vec<&ClosedActivation> =
        model.values().filter(|row| admits(query, row)).collect();
    if query.direction == Direction::NewestFirst {
        expected.reverse();
    }
    let limit = query.limit.max(1) as usize;
    let next = expected.get(limit).map(|_| expected[limit - 1].activation.0);
    expected.truncate(limit);
    let page = log.closed_activations(query).await.map_err(|error| error.to_string())?;
    let same = page.items.iter().collect::<Vec<_>>() == expected;
    if same && page.next == next && page.as_of == head {
        return Ok(());
    }
    Err(format!("{query:?}: expected {expected:#?}, next {next:?}, as of {head}; found {page:#?}"))
}
