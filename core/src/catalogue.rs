//! The catalogue: what artifacts are matched against, with a number. A new one is made whenever
//! types, agents or subscriptions change; tasks that submit share it and never lock it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::board::State;
use crate::definition::{AgentDefinition, Filter, SubscriptionDefinition, Wakes};
use crate::envelope::{Clause, Envelope, Verdicts};
use crate::ids::{AgentNo, CatalogueNo, SubscriptionNo, TypeNo};
use crate::key::{self, BadKey, KeyOf};
use crate::names::{AgentName, OrderingKey, Tag, TypeName};
use crate::predicate::cel::{self, About, Subject};
use crate::visibility::{Viewer, Visibility};

/// The subscriptions of a board at one moment, ready to be matched against.
#[derive(Debug, Default)]
pub struct Catalogue {
    number: CatalogueNo,
    /// The versions of each type, ascending.
    types: BTreeMap<TypeName, Vec<TypeNo>>,
    agents: BTreeMap<AgentName, AgentNo>,
    agent_names: Vec<AgentName>,
    type_names: Vec<(TypeName, u32)>,
    by_type: Vec<Vec<Entry>>,
    viewers: Vec<Arc<Viewer>>,
}

#[derive(Clone, Debug)]
struct Entry {
    subscription: SubscriptionNo,
    agent: AgentNo,
    /// What it may see.
    viewer: Arc<Viewer>,
    /// The producers that are asked for; none for any.
    from: Option<Vec<AgentNo>>,
    /// The producers that are left out.
    not_from: Vec<AgentNo>,
    self_trigger: bool,
    /// What is woken in the agent's place.
    group: Option<Group>,
    tags_all: Vec<Tag>,
    tags_any: Vec<Tag>,
    filter: Filter,
    /// Where the keys of its activations come from, where somebody asks for them.
    key: Option<KeyOf>,
}

/// A group, as one of its members sees it.
#[derive(Clone, Debug)]
struct Group {
    /// Its own subscription, which is what is woken.
    subscription: SubscriptionNo,
    /// All of its members: what one of them made, the subscriber made itself.
    members: Arc<[AgentNo]>,
}

/// An artifact that is to be matched.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its type.
    pub type_no: TypeNo,
    /// The agent that made it, if one did.
    pub producer: Option<AgentNo>,
    /// Its tags, sorted.
    pub tags: &'a [Tag],
    /// Its payload, canonical JSON.
    pub payload: &'a [u8],
    /// Who may see it.
    pub visibility: &'a Visibility,
    /// Its own ordering key.
    pub ordering_key: Option<&'a OrderingKey>,
    /// Its envelope, for predicates that ask about it; without one, those have no answer.
    pub envelope: Option<&'a Envelope>,
}

/// What matching said of an artifact.
#[derive(Debug, Default)]
pub struct Matched {
    /// What is recorded with it.
    pub verdicts: Verdicts,
    /// What is to be told of the predicates that failed, of those whose clauses are recorded.
    pub failures: Vec<(SubscriptionNo, Unanswered)>,
}

/// A predicate that could not say yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The clause that is recorded.
    pub clause: Clause,
    /// What went wrong, for people.
    pub text: String,
}

/// The predicates that only the program has that registered them.
pub trait Closures {
    /// Evaluates a subscription's closure on the artifact that is being matched.
    ///
    /// # Errors
    /// What is recorded when the closure could not say yes or no.
    fn evaluate(&self, subscription: SubscriptionNo) -> Result<bool, Unanswered>;

    /// Evaluates a subscription's key function on the artifact that is being matched.
    ///
    /// # Errors
    /// When it panics, or gives what cannot be a key.
    fn key(&self, subscription: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey>;
}

impl Catalogue {
    /// The catalogue of a board as it is now.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut catalogue = Self { number: state.catalogue(), ..Self::default() };
        for (no, record) in state.types() {
            catalogue.types.entry(record.name.clone()).or_default().push(no);
            catalogue.type_names.push((record.name.clone(), record.version));
            catalogue.by_type.push(Vec::new());
        }
        for (no, record) in state.agents() {
            catalogue.agents.insert(record.definition.name.clone(), no);
            catalogue.agent_names.push(record.definition.name.clone());
            let definition = &record.definition;
            let viewer = Viewer::agent(&definition.name, &definition.clearance);
            catalogue.viewers.push(Arc::new(viewer));
        }
        for (no, record) in state.subscriptions() {
            let agent = state.agent(record.agent).map(|agent| &*agent.definition);
            // What a group wakes on its members say.
            let Some(agent) = agent.filter(|agent| record.current && !agent.is_group()) else {
                continue;
            };
            let Some(name) = &record.definition.group else {
                let key = keyed(agent, &record.definition);
                catalogue.add((no, record.agent), &record.definition, (key, None));
                continue;
            };
            let group = state.agent_named(name).map(|(_, group)| group);
            let subscription = group.and_then(|group| group.subscriptions.first().copied());
            let group = group.filter(|it| it.registered).zip(subscription);
            let Some((group, subscription)) = group else { continue };
            let key = group.definition.subscriptions.first();
            let key = key.and_then(|wanted| keyed(&group.definition, wanted));
            let members = state.subscriptions_in(name).map(|(_, member)| member).collect();
            let group = Group { subscription, members };
            catalogue.add((no, record.agent), &record.definition, (key, Some(group)));
        }
        catalogue
    }

    fn add(
        &mut self,
        (subscription, agent): (SubscriptionNo, AgentNo),
        wanted: &SubscriptionDefinition,
        (key, group): (Option<KeyOf>, Option<Group>),
    ) {
        // A producer that is not registered yet has made nothing.
        let numbers = |names: &[AgentName]| {
            names.iter().filter_map(|name| self.agents.get(name).copied()).collect::<Vec<_>>()
        };
        let entry = Entry {
            subscription,
            agent,
            viewer: self.viewer(agent),
            from: (!wanted.from.is_empty()).then(|| numbers(&wanted.from)),
            not_from: numbers(&wanted.not_from),
            self_trigger: wanted.self_trigger,
            group,
            tags_all: wanted.tags_all.clone(),
            tags_any: wanted.tags_any.clone(),
            filter: wanted.filter.clone(),
            key,
        };
        for name in &wanted.types {
            for type_no in self.types.get(name).into_iter().flatten() {
                if let Some(entries) = self.by_type.get_mut(type_no.get() as usize) {
                    entries.push(entry.clone());
                }
            }
        }
    }

    /// The number that commands name.
    #[must_use]
    pub const fn number(&self) -> CatalogueNo {
        self.number
    }

    /// The number of the newest version of a type: the one that is published.
    #[must_use]
    pub fn type_no(&self, name: &str) -> Option<TypeNo> {
        self.type_nos(name).last().copied()
    }

    /// The numbers of all versions of a type, the newest one last; none where it is not known.
    #[must_use]
    pub fn type_nos(&self, name: &str) -> &[TypeNo] {
        let known = TypeName::new(name).ok().and_then(|name| self.types.get(&name));
        known.map_or(&[], Vec::as_slice)
    }

    /// The name of a type.
    #[must_use]
    pub fn type_name(&self, type_no: TypeNo) -> Option<&TypeName> {
        self.type_names.get(type_no.get() as usize).map(|(name, _)| name)
    }

    /// The version of a type that a number means.
    #[must_use]
    pub fn type_version(&self, type_no: TypeNo) -> Option<u32> {
        self.type_names.get(type_no.get() as usize).map(|&(_, version)| version)
    }

    /// The number of an agent.
    #[must_use]
    pub fn agent_no(&self, name: &AgentName) -> Option<AgentNo> {
        self.agents.get(name).copied()
    }

    /// The name of an agent.
    #[must_use]
    pub fn agent_name(&self, agent: AgentNo) -> Option<&AgentName> {
        self.agent_names.get(agent.get() as usize)
    }

    /// What an agent may see; what everybody may see, of one that is not there.
    #[must_use]
    pub fn viewer(&self, agent: AgentNo) -> Arc<Viewer> {
        let viewer = self.viewers.get(agent.get() as usize).cloned();
        viewer.unwrap_or_else(|| Arc::new(Viewer::anybody()))
    }

    fn entries(&self, type_no: TypeNo) -> &[Entry] {
        self.by_type.get(type_no.get() as usize).map_or(&[], Vec::as_slice)
    }

    /// Which subscriptions an artifact wakes, and why not the others of its type.
    pub fn verdicts(&self, candidate: Candidate<'_>, closures: &dyn Closures) -> Verdicts {
        self.matched(candidate, closures).verdicts
    }

    /// Which subscriptions an artifact wakes, why not the others of its type, and what is to be told
    /// of predicates that failed.
    pub fn matched(&self, candidate: Candidate<'_>, closures: &dyn Closures) -> Matched {
        let (mut verdicts, mut declined, mut keys) = (Verdicts::default(), Vec::new(), Vec::new());
        let (mut failures, mut members) = (Vec::new(), Vec::new());
        for entry in self.entries(candidate.type_no) {
            let refusal = match entry.selected(candidate) {
                Ok(()) => self.filtered(entry, candidate, closures).map(|unanswered| {
                    let clause = unanswered.clause;
                    if clause.is_failure() && declined.len() < Verdicts::DECLINED_MAX {
                        failures.push((entry.subscription, unanswered));
                    }
                    clause
                }),
                Err(clause) => Some(clause),
            };
            match refusal {
                None => {
                    let woken = entry.wakes();
                    if entry.group.is_some() && note_member(&mut members, woken, entry.agent) {
                        continue;
                    }
                    verdicts.woken.push(woken);
                    if let Some(key) = entry.key(candidate, closures).transpose() {
                        keys.push((woken, key.ok()));
                    }
                }
                Some(clause) if declined.len() < Verdicts::DECLINED_MAX => {
                    declined.push((entry.subscription, clause));
                }
                Some(_) => verdicts.declined_more += 1,
            }
        }
        if !members.is_empty() {
            // A group's number is not between those of its members.
            verdicts.woken.sort_unstable();
            keys.sort_unstable_by_key(|(no, _)| *no);
            members.sort_unstable_by_key(|(no, _)| *no);
        }
        verdicts.declined = declined.into();
        verdicts.keys = keys.into();
        let sorted = |mut members: Vec<AgentNo>| {
            members.sort_unstable();
            members.into()
        };
        verdicts.members = members.into_iter().map(|(no, it)| (no, sorted(it))).collect();
        Matched { verdicts, failures }
    }

    /// What the predicate of a subscription says, if it does not say yes.
    fn filtered(
        &self,
        entry: &Entry,
        candidate: Candidate<'_>,
        closures: &dyn Closures,
    ) -> Option<Unanswered> {
        let verdict = match &entry.filter {
            Filter::All => Ok(true),
            Filter::Fields(predicate) => predicate
                .evaluate(candidate.payload)
                .map_err(|error| Unanswered::new(Clause::FilterError, error.to_string())),
            Filter::Closure { .. } => closures.evaluate(entry.subscription),
            Filter::Cel(cel) => {
                let about = candidate.envelope.map(|envelope| About {
                    envelope,
                    type_name: self.type_name(candidate.type_no).map_or("", TypeName::as_str),
                    agent: candidate
                        .producer
                        .and_then(|producer| self.agent_name(producer))
                        .map(AgentName::as_str),
                });
                let subject = Subject { payload: candidate.payload, about };
                cel.evaluate(&subject).map_err(|error| Unanswered::of_cel(&error))
            }
        };
        match verdict {
            Ok(true) => None,
            Ok(false) => Some(Unanswered::new(Clause::Filter, String::new())),
            Err(unanswered) => Some(unanswered),
        }
    }
}

/// Notes that a member of a group is met, and says whether another one was before.
fn note_member(
    members: &mut Vec<(SubscriptionNo, Vec<AgentNo>)>,
    group: SubscriptionNo,
    member: AgentNo,
) -> bool {
    let known = members.iter_mut().find(|(no, _)| *no == group);
    let Some((_, met)) = known else {
        members.push((group, vec![member]));
        return false;
    };
    if !met.contains(&member) {
        met.push(member);
    }
    true
}

/// Where the keys of a subscription's activations come from, where somebody asks for them.
fn keyed(agent: &AgentDefinition, wanted: &SubscriptionDefinition) -> Option<KeyOf> {
    let quiet = matches!(wanted.wakes, Wakes::Quiet(_));
    let asked = agent.key_concurrency.is_some() || quiet || wanted.ordered.is_some();
    asked.then(|| wanted.key.clone())
}

impl Unanswered {
    /// A predicate that failed, and the clause that is recorded.
    #[must_use]
    pub const fn new(clause: Clause, text: String) -> Self {
        Self { clause, text }
    }

    fn of_cel(error: &cel::Error) -> Self {
        let clause = match error {
            cel::Error::Bound => Clause::FilterBound,
            cel::Error::Panicked => Clause::FilterPanic,
            cel::Error::Missing { .. }
            | cel::Error::Kind { .. }
            | cel::Error::Index { .. }
            | cel::Error::Number { .. }
            | cel::Error::NotCanonical(_)
            | cel::Error::Malformed(_) => Clause::FilterError,
        };
        Self::new(clause, error.to_string())
    }
}

impl Entry {
    /// The subscription that is woken.
    fn wakes(&self) -> SubscriptionNo {
        self.group.as_ref().map_or(self.subscription, |group| group.subscription)
    }

    /// Whether what an agent made the subscriber made itself.
    fn is_own(&self, producer: AgentNo) -> bool {
        let group = self.group.as_ref();
        group.map_or(producer == self.agent, |group| group.members.contains(&producer))
    }

    /// The key of what is woken.
    fn key(
        &self,
        candidate: Candidate<'_>,
        closures: &dyn Closures,
    ) -> Result<Option<OrderingKey>, BadKey> {
        match &self.key {
            None => Ok(None),
            Some(KeyOf::Own) => Ok(candidate.ordering_key.cloned()),
            Some(KeyOf::Field { path, optional }) => {
                key::of_field(path, *optional, candidate.payload)
            }
            Some(KeyOf::Closure { .. }) => closures.key(self.subscription),
        }
    }

    /// Whether everything but the predicate is met; the first clause that says no. What the subscriber may
    /// not see none of its code looks at.
    fn selected(&self, candidate: Candidate<'_>) -> Result<(), Clause> {
        if !candidate.visibility.admits_in_time(&self.viewer) {
            return Err(Clause::Visibility);
        }
        if let Some(from) = &self.from
            && !candidate.producer.is_some_and(|producer| from.contains(&producer))
        {
            return Err(Clause::Producer);
        }
        if candidate.producer.is_some_and(|producer| self.not_from.contains(&producer)) {
            return Err(Clause::NotFrom);
        }
        if !self.self_trigger && candidate.producer.is_some_and(|producer| self.is_own(producer)) {
            return Err(Clause::SelfTrigger);
        }
        let has = |tag: &Tag| candidate.tags.binary_search(tag).is_ok();
        if !self.tags_all.iter().all(has) {
            return Err(Clause::TagsAll);
        }
        if !self.tags_any.is_empty() && !self.tags_any.iter().any(has) {
            return Err(Clause::TagsAny);
        }
        Ok(())
    }
}
