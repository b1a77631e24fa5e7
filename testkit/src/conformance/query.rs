//! Cases on listing artifacts: every answer of a log is compared with that of
//! [`ArtifactQuery::admits`] over a plain list.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use artel_core::ids::{AgentNo, Seq, TypeNo};
use artel_core::log::{ArtifactQuery, Direction, Log, StoredArtifact};
use artel_core::names::Tag;
use artel_core::time::Timestamp;

use super::factory::{LogFactory, LogPlace, fresh};
use super::property;
use super::sketch::{Sample, Scribe, correlation};

/// Boards that are tried, and questions to each.
const BOARDS: u32 = 24;
const QUERIES: usize = 40;

/// LOG-38, LOG-39, LOG-40: whatever is asked of whatever board, the answer is that of the
/// definition, in order, page by page, as of the seq that was asked for.
pub async fn every_listing_agrees_with_its_definition<F: LogFactory>(factory: &F) {
    let plans = (vec(vec(planned(), 1..6), 0..7), vec(queries(), QUERIES));
    property::check(BOARDS, plans, |(batches, queries)| async move {
        let (_place, log) = fresh(factory).await;
        let mut scribe = Scribe::own(&log).await;
        scribe.at = Timestamp(START);
        let mut number = 0;
        for batch in &batches {
            let mut sketch = scribe.sketch();
            for (step, sample) in batch {
                number += 1;
                if *step > 0 {
                    scribe.at = Timestamp(scribe.at.as_millis() + step);
                    sketch.filler();
                    sketch.decision_at(scribe.at);
                }
                sketch.artifact(&Sample { id: Sample::new(number).id, ..sample.clone() });
            }
            scribe.append(sketch).await;
        }
        for query in &queries {
            compare(&log, &scribe, query).await?;
        }
        Ok(())
    })
    .await;
}

/// LOG-39: going from page to page meets every artifact once, in either direction, while others are
/// committed.
pub async fn pages_meet_every_artifact_once<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for batch in 0..10 {
        let samples: Vec<Sample> =
            (0..batch).map(|number| Sample::new(batch * 100 + number)).collect();
        if !samples.is_empty() {
            scribe.publish(&samples).await;
        }
    }
    let all = scribe.artifacts.clone();
    for direction in [Direction::OldestFirst, Direction::NewestFirst] {
        let up_to = all.last().expect("there are artifacts").seq;
        let mut query = ArtifactQuery { direction, limit: 7, up_to, ..ArtifactQuery::default() };
        let mut met = Vec::new();
        while met.len() <= all.len() {
            let page = reader.artifacts(&query).await.unwrap();
            assert_eq!(page.as_of, up_to);
            met.extend(page.items);
            let number = 10_000 + u32::try_from(scribe.artifacts.len()).unwrap();
            scribe.publish(&[Sample::new(number)]).await;
            let Some(next) = page.next else { break };
            query.cursor = Some(next);
        }
        if direction == Direction::NewestFirst {
            met.reverse();
        }
        assert_eq!(met, all, "{direction:?}");
    }
}

/// LOG-38: a listing by many types at once, some of them named twice, has each artifact once.
pub async fn many_types_at_once_list_each_artifact_once<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    for batch in 0..4_u32 {
        let sample = |number| Sample {
            type_no: TypeNo(number % 100),
            agent: Some(AgentNo(number % 90)),
            ..Sample::new(batch * 1_000 + number)
        };
        let samples: Vec<Sample> = (0..200).map(sample).collect();
        scribe.publish(&samples).await;
    }
    for count in [2, 63, 64, 65, 100] {
        let types: Vec<TypeNo> = (0..count).chain(0..2).map(TypeNo).collect();
        let agents: Vec<AgentNo> = (0..count).chain(0..2).map(AgentNo).collect();
        let by_type = ArtifactQuery { types, limit: 30, ..ArtifactQuery::default() };
        let by_agent = ArtifactQuery { agents, limit: 1_000, ..ArtifactQuery::default() };
        for query in [by_type, by_agent] {
            for direction in [Direction::OldestFirst, Direction::NewestFirst] {
                let query = ArtifactQuery { direction, ..query.clone() };
                compare(&log, &scribe, &query).await.unwrap();
            }
        }
    }
}

/// LOG-47: a page has no more payloads than fit, but at least one item, and the pages together have
/// everything once. LOG-48: without payloads nothing but the limit bounds a page.
pub async fn a_page_is_bounded_by_the_bytes_of_its_payloads<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let max = usize::try_from(ArtifactQuery::PAYLOADS_LEN_MAX).expect("it fits into memory");
    let lens = [max / 2, max / 2, 1, max, max - 1, 1, 1, max / 2];
    for (number, len) in (0..).zip(lens) {
        let payload = Bytes::from(vec![b'7'; len]);
        scribe.publish(&[Sample { payload, ..Sample::new(number) }]).await;
    }
    for (direction, expected) in [
        (Direction::OldestFirst, vec![2, 1, 1, 2, 2]),
        (Direction::NewestFirst, vec![3, 1, 1, 2, 1]),
    ] {
        let mut query = ArtifactQuery { direction, ..ArtifactQuery::default() };
        let (mut counts, mut met) = (Vec::new(), Vec::new());
        loop {
            let page = log.artifacts(&query).await.unwrap();
            counts.push(page.items.len());
            met.extend(page.items);
            let Some(next) = page.next else { break };
            assert_eq!(Some(next), met.last().map(|item| item.seq));
            query.cursor = Some(next);
        }
        assert_eq!(counts, expected, "{direction:?}");
        if direction == Direction::NewestFirst {
            met.reverse();
        }
        assert!(met == scribe.artifacts, "each once, with its payload");

        let bare = ArtifactQuery { direction, payloads: false, ..ArtifactQuery::default() };
        let page = log.artifacts(&bare).await.unwrap();
        assert_eq!((page.items.len(), page.next), (lens.len(), None));
        assert!(page.items.iter().all(|item| item.payload.is_none()));
        let first = ArtifactQuery { limit: 3, ..bare };
        let page = log.artifacts(&first).await.unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (3, true));
    }
}

/// The wall clock of a board's first batch.
const START: i64 = 1_000;

/// An artifact, and by how much later than the one before it it is committed.
fn planned() -> impl Strategy<Value = (i64, Sample)> {
    let tags = (any::<bool>(), any::<bool>(), any::<bool>());
    let fields = (1_u32..5, option::of(0_u32..3), 0_u32..4, tags);
    (0_i64..3, fields).prop_map(|(step, (type_no, agent, tree, (red, green, blue)))| {
        let tags = [("blue", blue), ("green", green), ("red", red)];
        let tags = tags.into_iter().filter(|(_, there)| *there);
        let sample = Sample {
            type_no: TypeNo(type_no),
            agent: agent.map(AgentNo),
            correlation: correlation(tree),
            tags: tags.map(|(tag, _)| tag.parse().expect("a tag")).collect(),
            ..Sample::new(0)
        };
        (step, sample)
    })
}

fn queries() -> impl Strategy<Value = ArtifactQuery> {
    let tag = prop_oneof![Just("blue"), Just("green"), Just("red"), Just("none")];
    let tag = tag.prop_map(|tag| tag.parse::<Tag>().expect("a tag"));
    let moment = || option::weighted(0.3, (START - 2..START + 130).prop_map(Timestamp));
    let what = (
        vec((1_u32..6).prop_map(TypeNo), 0..3),
        vec((0_u32..4).prop_map(AgentNo), 0..3),
        option::weighted(0.3, (0_u32..5).prop_map(correlation)),
        vec(tag, 0..2),
        moment(),
        moment(),
    );
    let up_to = prop_oneof![Just(u64::MAX), 0_u64..60];
    let direction = prop_oneof![Just(Direction::OldestFirst), Just(Direction::NewestFirst)];
    let which = (option::of((0_u64..60).prop_map(Seq)), up_to.prop_map(Seq), direction, 0_u32..9);
    (what, which).prop_map(|(what, which)| {
        let (types, agents, correlation, tags, since, until) = what;
        let (cursor, up_to, direction, limit) = which;
        ArtifactQuery {
            types,
            agents,
            correlation,
            tags,
            since,
            until,
            cursor,
            up_to,
            direction,
            limit,
            payloads: true,
        }
    })
}

/// Compares a log's answer with that of the definition.
async fn compare(log: &Arc<dyn Log>, scribe: &Scribe, query: &ArtifactQuery) -> Result<(), String> {
    let mut expected: Vec<&StoredArtifact> = scribe
        .artifacts
        .iter()
        .filter(|artifact| artifact.seq <= query.up_to)
        .filter(|artifact| query.admits(artifact.at, &artifact.envelope))
        .filter(|artifact| match (query.cursor, query.direction) {
            (None, _) => true,
            (Some(cursor), Direction::OldestFirst) => artifact.seq > cursor,
            (Some(cursor), Direction::NewestFirst) => artifact.seq < cursor,
        })
        .collect();
    if query.direction == Direction::NewestFirst {
        expected.reverse();
    }
    let limit = query.limit.max(1) as usize;
    let next = expected.get(limit).map(|_| expected[limit - 1].seq);
    expected.truncate(limit);
    let page = log.artifacts(query).await.map_err(|error| error.to_string())?;
    let wrong = if page.items.iter().collect::<Vec<_>>() != expected {
        "items"
    } else if page.next != next {
        "next"
    } else if page.as_of != scribe.seq.min(query.up_to) {
        "as_of"
    } else {
        return Ok(());
    };
    let seqs = |list: &[&StoredArtifact]| list.iter().map(|it| it.seq.get()).collect::<Vec<_>>();
    Err(format!(
        "{wrong} of {query:?}: expected {:?}, next {next:?}; found {:?}, next {:?}, as of {}",
        seqs(&expected),
        seqs(&page.items.iter().collect::<Vec<_>>()),
        page.next,
        page.as_of
    ))
}
