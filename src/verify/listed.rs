//! Listings: what is in the store must be found by each condition that can be asked for. An index
//! that has lost an entry hides what is there.

use std::collections::BTreeMap;

use artel_core::envelope::Producer;
use artel_core::ids::{ActivationId, AgentNo, CorrelationId, Seq, TypeNo};
use artel_core::log::{
    ActivationQuery, ArtifactQuery, ClosedActivation, Log, Outcome, OutcomeFilter,
};
use artel_core::names::Tag;

use super::VerifyError;
use super::part::{Committed, Part};

/// How many dead letters of one tree of work are counted one by one.
const DEAD_COUNTED_MAX: u32 = 10_000;

/// What an artifact can be listed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Type(TypeNo),
    Agent(AgentNo),
    Correlation(CorrelationId),
    Tag(Tag),
}

/// What a closed activation can be listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ClosedBy {
    /// By its place in [`OUTCOMES`].
    Outcome(usize),
    Agent(AgentNo),
    Correlation(CorrelationId),
    Input(Seq),
}

/// Lists the artifacts of a part by each of their conditions.
pub(super) async fn artifacts(log: &dyn Log, part: &Part) -> Result<(), VerifyError> {
    let mut groups: BTreeMap<Condition, Vec<Seq>> = BTreeMap::new();
    for committed in &part.artifacts {
        for condition in conditions(committed) {
            groups.entry(condition).or_default().push(committed.seq);
        }
    }
    for (condition, seqs) in groups {
        let query = ArtifactQuery {
            cursor: Some(part.after),
            up_to: part.last,
            limit: u32::try_from(seqs.len()).unwrap_or(u32::MAX),
            payloads: false,
            ..condition.query()
        };
        let page = log.artifacts(&query).await.map_err(VerifyError::Read)?;
        let listed = page.items.iter().map(|item| item.seq).collect::<Vec<_>>();
        if let Some(seq) = first_difference(&seqs, &listed) {
            let known = part.artifacts.iter().any(|committed| committed.seq == seq);
            let problem = match (seqs.contains(&seq), known) {
                (true, _) => format!("it is not listed by its {condition}"),
                (false, true) => format!("it is listed by the {condition}, which it has not"),
                (false, false) => "the log has no artifact there".to_owned(),
            };
            return Err(VerifyError::Artifact { seq, problem });
        }
    }
    Ok(())
}

fn conditions(committed: &Committed) -> Vec<Condition> {
    let envelope = &committed.draft.envelope;
    let mut conditions =
        vec![Condition::Type(envelope.type_no), Condition::Correlation(envelope.correlation)];
    if let Producer::Agent { agent, .. } = envelope.producer {
        conditions.push(Condition::Agent(agent));
    }
    conditions.extend(envelope.tags.iter().cloned().map(Condition::Tag));
    conditions
}

impl Condition {
    fn query(&self) -> ArtifactQuery {
        let mut query = ArtifactQuery::default();
        match self {
            Self::Type(type_no) => query.types.push(*type_no),
            Self::Agent(agent) => query.agents.push(*agent),
            Self::Correlation(correlation) => query.correlation = Some(*correlation),
            Self::Tag(tag) => query.tags.push(tag.clone()),
        }
        query
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Type(type_no) => write!(f, "type (number {type_no})"),
            Self::Agent(agent) => write!(f, "agent (number {agent})"),
            Self::Correlation(correlation) => write!(f, "correlation {correlation}"),
            Self::Tag(tag) => write!(f, "tag `{tag}`"),
        }
    }
}

/// Lists closed activations, which ascend by id, by each of their conditions, and counts the dead
/// letters of their trees of work.
pub(super) async fn closed(
    log: &dyn Log,
    cursor: Option<Seq>,
    items: &[&ClosedActivation],
) -> Result<(), VerifyError> {
    let mut groups: BTreeMap<ClosedBy, Vec<ActivationId>> = BTreeMap::new();
    for closed in items {
        let plain = [
            ClosedBy::Outcome(place_of(closed.outcome)),
            ClosedBy::Agent(closed.agent),
            ClosedBy::Correlation(closed.correlation),
        ];
        let inputs = closed.inputs.iter().copied().map(ClosedBy::Input);
        for condition in plain.into_iter().chain(inputs) {
            groups.entry(condition).or_default().push(closed.activation);
        }
    }
    for (condition, ids) in groups {
        let limit = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let query = ActivationQuery { cursor, limit, ..condition.query() };
        let page = log.closed_activations(&query).await.map_err(VerifyError::Read)?;
        let listed = page.items.iter().map(|item| item.activation).collect::<Vec<_>>();
        if let Some(activation) = first_difference(&ids, &listed) {
            let not = if ids.contains(&activation) { "not " } else { "wrongly " };
            let problem = format!("it is {not}listed by {condition}");
            return Err(VerifyError::Activation { activation, problem });
        }
        if let ClosedBy::Correlation(correlation) = condition {
            dead_letters(log, correlation).await?;
        }
    }
    Ok(())
}

/// Outcomes by place.
const OUTCOMES: [OutcomeFilter; 5] = [
    OutcomeFilter::Done,
    OutcomeFilter::Dead,
    OutcomeFilter::Cancelled,
    OutcomeFilter::Dropped,
    OutcomeFilter::Expired,
];

const fn place_of(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Done => 0,
        Outcome::Dead(_) => 1,
        Outcome::Cancelled => 2,
        Outcome::Dropped(_) => 3,
        Outcome::Expired => 4,
    }
}

impl ClosedBy {
    fn query(self) -> ActivationQuery {
        let mut query = ActivationQuery::default();
        match self {
            Self::Outcome(place) => query.outcomes.push(OUTCOMES[place]),
            Self::Agent(agent) => query.agents.push(agent),
            Self::Correlation(correlation) => query.correlation = Some(correlation),
            Self::Input(input) => query.input = Some(input),
        }
        query
    }
}

impl std::fmt::Display for ClosedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outcome(place) => write!(f, "its outcome ({:?})", OUTCOMES[*place]),
            Self::Agent(agent) => write!(f, "its agent (number {agent})"),
            Self::Correlation(correlation) => write!(f, "its correlation {correlation}"),
            Self::Input(input) => write!(f, "its input {input}"),
        }
    }
}

/// Whether the store counts the dead letters of a tree of work that it lists.
async fn dead_letters(log: &dyn Log, correlation: CorrelationId) -> Result<(), VerifyError> {
    let query = ActivationQuery {
        outcomes: vec![OutcomeFilter::Dead],
        correlation: Some(correlation),
        limit: DEAD_COUNTED_MAX,
        ..ActivationQuery::default()
    };
    let page = log.closed_activations(&query).await.map_err(VerifyError::Read)?;
    let counted = log.correlation(correlation).await.map_err(VerifyError::Read)?.dead;
    if page.next.is_some() || page.items.len() == counted as usize {
        return Ok(());
    }
    let listed = page.items.len();
    let problem = format!("it has {listed} dead letters, and {counted} are counted");
    Err(VerifyError::Correlation { correlation, problem })
}

/// The first item that only one of two ascending lists has.
fn first_difference<T: Ord + Copy>(expected: &[T], found: &[T]) -> Option<T> {
    let differ = expected.iter().zip(found).find(|(expected, found)| expected != found);
    let longer = || {
        let shared = expected.len().min(found.len());
        expected.get(shared).or_else(|| found.get(shared)).copied()
    };
    differ.map(|(expected, found)| *expected.min(found)).or_else(longer)
}
