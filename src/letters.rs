//! Dead letters by what they are: listed page by page and grouped by what went wrong, on a board that
//! runs or on a file, without the program that owns it. Never more than a page of them is in memory.

use std::collections::BTreeMap;

use artel_core::board::State;
use artel_core::event::DeadReason;
use artel_core::fingerprint::Fingerprint;
use artel_core::ids::{ActivationId, AgentNo, Seq};
use artel_core::log::{ActivationQuery, ClosedActivation, Log, Outcome, OutcomeFilter};
use artel_core::names::{AgentName, QueueName};
use artel_core::policy::ErrorKind;
use artel_core::time::Timestamp;

use crate::dead_letter::{DeadLetter, message_of};
use crate::error::ReadError;
use crate::history::ActivationView;
use crate::reader::{ActivationListing, Reader};
use crate::report::cut;

/// How many are read at a time.
const PAGE: u32 = 1_000;

/// Which dead letters are meant. All conditions hold together; without any, all of them.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those in this queue.
    pub queue: Option<String>,
    /// Only those that died of this.
    pub reason: Option<DeadReason>,
    /// Only those of this group.
    pub fingerprint: Option<Fingerprint>,
    /// Only those that died at or after this moment of the wall clock.
    pub since: Option<Timestamp>,
    /// Only those that died before this moment of the wall clock.
    pub until: Option<Timestamp>,
    /// Only those with an id above this one.
    pub after: Option<Seq>,
}

/// Dead letters that are grouped by what went wrong.
#[derive(Clone, Debug)]
pub struct DeadLetterGroups {
    /// The groups, the largest first.
    pub groups: Vec<DeadLetterGroup>,
    /// How many dead letters are in further groups, which are not listed, or in none because whoever asks may
    /// not see what they are about.
    pub more: u64,
    /// How many of those are on what may not be seen.
    pub hidden: u64,
}

/// Dead letters of one agent that died of the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// What they have in common.
    pub fingerprint: Fingerprint,
    /// Whose they are.
    pub agent: AgentName,
    /// The queue that they are listed in.
    pub queue: QueueName,
    /// Why the newest of them died.
    pub reason: DeadReason,
    /// The kind of its failure, where an attempt failed.
    pub kind: Option<ErrorKind>,
    /// How many there are.
    pub count: u64,
    /// When the first of them died.
    pub first: Timestamp,
    /// When the last of them died.
    pub last: Timestamp,
    /// The newest of them.
    pub sample: ActivationId,
    /// Its error; empty when it left none, or it was erased.
    pub message: String,
}

impl DeadLetterGroups {
    /// How many groups are listed.
    pub const GROUPS_MAX: usize = 1_000;
}

/// A filter with the board's numbers instead of names.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    filter: DeadLetterFilter,
    /// Of one of these agents; none for any.
    agents: Option<Vec<AgentNo>>,
    /// Only those that died up to here.
    up_to: Seq,
}

impl DeadLetterFilter {
    /// Finds the numbers of what is named.
    pub(crate) fn resolve(&self, state: &State) -> Result<Resolved, ReadError> {
        let named = match &self.agent {
            None => None,
            Some(name) => {
                let known = AgentName::new(name.as_str()).ok();
                let found = known.and_then(|name| state.agent_named(&name).map(|(no, _)| no));
                let unknown = || ReadError::Unknown { what: "agent", name: name.clone() };
                Some(found.ok_or_else(unknown)?)
            }
        };
        let agents = match (&self.queue, named) {
            (None, None) => None,
            (None, Some(agent)) => Some(vec![agent]),
            (Some(queue), named) => {
                let mut queues =
                    state.agents().map(|(_, record)| &record.definition.dead_letter_queue);
                if !queues.any(|known| known.as_str() == queue) {
                    return Err(ReadError::Unknown { what: "queue", name: queue.clone() });
                }
                let listed = state.agents().filter(|(no, record)| {
                    record.definition.dead_letter_queue.as_str() == queue
                        && named.is_none_or(|named| named == *no)
                });
                Some(listed.map(|(no, _)| no).collect())
            }
        };
        Ok(Resolved { filter: self.clone(), agents, up_to: state.seq() })
    }
}

impl Resolved {
    fn admits(&self, closed: &ClosedActivation) -> bool {
        let Outcome::Dead(reason) = closed.outcome else { return false };
        let filter = &self.filter;
        let fingerprint = closed.death.map(|death| death.fingerprint);
        closed.ended <= self.up_to
            && filter.reason.is_none_or(|wanted| wanted == reason)
            && filter.fingerprint.is_none_or(|wanted| fingerprint == Some(wanted))
            && filter.since.is_none_or(|since| closed.at >= since)
            && filter.until.is_none_or(|until| closed.at < until)
    }
}

/// Dead letters, oldest first, a page at a time. Those that die meanwhile are not among them, so that
/// what is redriven and dies again is met once.
#[derive(Debug)]
pub(crate) struct Letters<'a> {
    log: &'a dyn Log,
    wanted: Resolved,
    query: Option<ActivationQuery>,
}

impl<'a> Letters<'a> {
    pub(crate) fn new(log: &'a dyn Log, wanted: Resolved) -> Self {
        let query = ActivationQuery {
            outcomes: vec![OutcomeFilter::Dead],
            agents: wanted.agents.clone().unwrap_or_default(),
            cursor: wanted.filter.after,
            limit: PAGE,
            ..ActivationQuery::default()
        };
        let nobody = wanted.agents.as_ref().is_some_and(Vec::is_empty);
        Self { log, wanted, query: (!nobody).then_some(query) }
    }

    /// The next page, which may be empty although there are more; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<ClosedActivation>>, ReadError> {
        let Some(query) = &mut self.query else { return Ok(None) };
        let page = self.log.closed_activations(query).await.map_err(ReadError::Log)?;
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => self.query = None,
        }
        let wanted = &self.wanted;
        Ok(Some(page.items.into_iter().filter(|closed| wanted.admits(closed)).collect()))
    }
}

/// What is counted of a group while the pages are read.
struct Counted {
    count: u64,
    first: Timestamp,
    newest: ClosedActivation,
}

impl Reader {
    /// Dead letters, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no agent of that name.
    pub async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: usize,
    ) -> Result<ActivationListing, ReadError> {
        let mut letters = Letters::new(&**self.log(), filter.resolve(self.state())?);
        let mut activations = Vec::new();
        while activations.len() <= limit
            && let Some(page) = letters.next().await?
        {
            let views = page.into_iter().filter_map(|it| ActivationView::closed(it, self.state()));
            let mut views: Vec<ActivationView> = views.collect();
            self.veil(&mut views).await?;
            // Who is not shown what they died of does not find them by it.
            let shown =
                |view: &ActivationView| filter.fingerprint.is_none() || view.death.is_some();
            let left = limit + 1 - activations.len();
            activations.extend(views.into_iter().filter(shown).take(left));
        }
        let more = activations.len() > limit;
        activations.truncate(limit);
        let next = activations.last().filter(|_| more).map(|view| view.id.0);
        Ok(ActivationListing { activations, next })
    }

    /// Dead letters by what went wrong: those of one agent, of one kind, whose messages differ in
    /// numbers only, are one group. Those on what may not be seen are in no group.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no agent of that name.
    pub async fn dead_letter_groups(
        &self,
        filter: &DeadLetterFilter,
    ) -> Result<DeadLetterGroups, ReadError> {
        let mut letters = Letters::new(&**self.log(), filter.resolve(self.state())?);
        let mut counted: BTreeMap<(AgentNo, Fingerprint), Counted> = BTreeMap::new();
        let (mut more, mut hidden_letters) = (0, 0);
        while let Some(page) = letters.next().await? {
            let inputs = page.iter().flat_map(|closed| closed.inputs.iter().copied()).collect();
            let hidden = self.hidden(&inputs).await?;
            for closed in page {
                if closed.inputs.iter().any(|input| hidden.contains(input)) {
                    // In no group, nor found by what it died of.
                    hidden_letters += u64::from(filter.fingerprint.is_none());
                    continue;
                }
                let Some(death) = closed.death else { continue };
                let of = (closed.agent, death.fingerprint);
                if let Some(group) = counted.get_mut(&of) {
                    group.count += 1;
                    group.first = group.first.min(closed.at);
                    if closed.ended > group.newest.ended {
                        group.newest = closed;
                    }
                } else if counted.len() < DeadLetterGroups::GROUPS_MAX {
                    let group = Counted { count: 1, first: closed.at, newest: closed };
                    counted.insert(of, group);
                } else {
                    more += 1;
                }
            }
        }
        let mut groups = Vec::with_capacity(counted.len());
        for ((_, fingerprint), counted) in counted {
            groups.extend(self.group(fingerprint, counted).await?);
        }
        groups.sort_by_key(|group: &DeadLetterGroup| {
            (std::cmp::Reverse((group.count, group.last)), group.sample)
        });
        Ok(DeadLetterGroups { groups, more: more + hidden_letters, hidden: hidden_letters })
    }

    async fn group(
        &self,
        fingerprint: Fingerprint,
        counted: Counted,
    ) -> Result<Option<DeadLetterGroup>, ReadError> {
        let Counted { count, first, newest } = counted;
        let Outcome::Dead(reason) = newest.outcome else { return Ok(None) };
        let Some(record) = self.state().agent(newest.agent) else { return Ok(None) };
        let Some(view) = ActivationView::closed(newest.clone(), self.state()) else {
            return Ok(None);
        };
        let report = self.last_report(&view).await?;
        let message = message_of(&report.unwrap_or_default().error).into_owned();
        Ok(Some(DeadLetterGroup {
            fingerprint,
            agent: record.definition.name.clone(),
            queue: record.definition.dead_letter_queue.clone(),
            reason,
            kind: newest.death.and_then(|death| death.kind),
            count,
            first,
            last: newest.at,
            sample: newest.activation,
            message: cut(message, DeadLetter::MESSAGE_LEN_MAX),
        }))
    }
}
