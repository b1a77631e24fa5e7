//! Register: the types and agents of the program that owns the board. What it no longer names is
//! retired; waiting work of a retired agent waits.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::state::{State, TypeRecord};
use crate::command::{Registration, Rejection, TypeRefusal, TypeRegistration};
use crate::definition::{AgentDefinition, DependencyDefinition, SubscriptionDefinition, Wakes};
use crate::event::Event;
use crate::ids::{AgentNo, DependencyNo, SubscriptionNo, TypeNo};

/// Numbers for what is new.
struct Numbers {
    type_no: u32,
    agent: u32,
    subscription: u32,
    dependency: u32,
}

impl State {
    pub(super) fn decide_register(
        &self,
        registration: &Registration,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let mut numbers = Numbers {
            type_no: count(self.types.len()),
            agent: count(self.agents.len()),
            subscription: count(self.subscriptions.len()),
            dependency: count(self.dependencies.len()),
        };
        for offered in &registration.types {
            self.register_type(offered, &mut numbers, events).map_err(Rejection::Type)?;
        }
        for definition in &registration.dependencies {
            self.register_dependency(definition, &mut numbers, events);
        }
        let mut named = BTreeSet::new();
        for definition in &registration.agents {
            self.check_types(definition, registration)?;
            self.check_dependencies(definition, registration)?;
            self.check_candidates(definition)?;
            check_groups(definition, registration)?;
            self.check_kind(definition)?;
            named.insert(definition.name.clone());
            self.register_agent(definition, &mut numbers, events);
        }
        for (agent, record) in self.agents() {
            if record.registered && !named.contains(&record.definition.name) {
                events.push(Event::AgentRetired { agent });
            }
        }
        Ok(())
    }

    /// The newest version of a type is published; every older one that the board has must be readable
    /// as that.
    fn register_type(
        &self,
        offered: &TypeRegistration,
        numbers: &mut Numbers,
        events: &mut Vec<Event>,
    ) -> Result<(), TypeRefusal> {
        let TypeRegistration { name, version, schema, .. } = offered;
        let mut is_new = true;
        for (_, recorded) in self.versions_of(name) {
            match recorded.version.cmp(version) {
                Ordering::Less => check_upcast(recorded, offered)?,
                Ordering::Equal if recorded.schema == *schema => is_new = false,
                Ordering::Equal => {
                    return Err(TypeRefusal::SchemaChanged {
                        name: name.clone(),
                        version: *version,
                        recorded: recorded.schema.clone(),
                        offered: schema.clone(),
                    });
                }
                Ordering::Greater => {
                    let newest = self.type_named(name).map_or(0, |(_, newest)| newest.version);
                    return Err(TypeRefusal::OlderVersion {
                        name: name.clone(),
                        recorded: newest,
                        offered: *version,
                    });
                }
            }
        }
        if is_new {
            events.push(Event::TypeRegistered {
                type_no: TypeNo(take(&mut numbers.type_no)),
                name: name.clone(),
                version: *version,
                schema: schema.clone(),
            });
        }
        Ok(())
    }

    fn register_dependency(
        &self,
        definition: &Arc<DependencyDefinition>,
        numbers: &mut Numbers,
        events: &mut Vec<Event>,
    ) {
        let known = self.dependency_named(&definition.name);
        if known.is_some_and(|(_, record)| record.definition == *definition) {
            return;
        }
        let dependency =
            known.map_or_else(|| DependencyNo(take(&mut numbers.dependency)), |(no, _)| no);
        events.push(Event::DependencyDefined { dependency, definition: definition.clone() });
    }

    fn check_dependencies(
        &self,
        definition: &AgentDefinition,
        registration: &Registration,
    ) -> Result<(), Rejection> {
        for name in &definition.dependencies {
            let offered = registration.dependencies.iter().any(|offered| offered.name == *name);
            if !offered && self.dependency_named(name).is_none() {
                return Err(Rejection::UnknownDependency {
                    agent: definition.name.to_string(),
                    dependency: name.clone(),
                });
            }
        }
        Ok(())
    }

    /// An attempt that takes more slots than there can be would never begin.
    fn check_candidates(&self, definition: &AgentDefinition) -> Result<(), Rejection> {
        let candidates = definition.slots();
        let bounds = [
            ("its concurrency", Some(definition.concurrency)),
            ("its concurrency per key", definition.key_concurrency),
            ("the concurrency of the board", Some(self.bounds().concurrency)),
        ];
        for (what, limit) in bounds {
            if let Some(limit) = limit.filter(|limit| candidates > (*limit).max(1)) {
                let agent = definition.name.to_string();
                return Err(Rejection::TooManyCandidates { agent, candidates, what, limit });
            }
        }
        Ok(())
    }

    /// What waits for an agent no group could run, and what waits for a group no agent.
    fn check_kind(&self, definition: &AgentDefinition) -> Result<(), Rejection> {
        let known = self.agent_named(&definition.name).map(|(_, record)| record.definition.kind);
        if known.is_none_or(|known| known == definition.kind) {
            return Ok(());
        }
        let what = |is_group| if is_group { "a group" } else { "an agent" };
        Err(Rejection::KindChanged {
            name: definition.name.clone(),
            was: what(!definition.is_group()),
            is: what(definition.is_group()),
        })
    }

    fn check_types(
        &self,
        definition: &AgentDefinition,
        registration: &Registration,
    ) -> Result<(), Rejection> {
        let subscribed = definition.subscriptions.iter().flat_map(|wanted| &wanted.types);
        let without = definition.subscriptions.iter().flat_map(|wanted| match &wanted.wakes {
            Wakes::Aged { without, .. } => &without[..],
            Wakes::AtOnce | Wakes::Quiet(_) => &[],
        });
        for type_name in subscribed.chain(without).chain(&definition.outputs) {
            let offered = registration.types.iter().any(|offered| offered.name == *type_name);
            if !offered && self.type_named(type_name).is_none() {
                return Err(Rejection::UnknownType {
                    agent: definition.name.to_string(),
                    type_name: type_name.clone(),
                });
            }
        }
        Ok(())
    }

    fn register_agent(
        &self,
        definition: &Arc<AgentDefinition>,
        numbers: &mut Numbers,
        events: &mut Vec<Event>,
    ) {
        let known = self.agent_named(&definition.name);
        if let Some((_, record)) = known
            && record.registered
            && record.definition == *definition
        {
            return;
        }
        let agent = known.map_or_else(|| AgentNo(take(&mut numbers.agent)), |(no, _)| no);
        let mut used = BTreeSet::new();
        let subscriptions = definition
            .subscriptions
            .iter()
            .map(|wanted| {
                self.unchanged(agent, wanted, &mut used)
                    .unwrap_or_else(|| SubscriptionNo(take(&mut numbers.subscription)))
            })
            .collect();
        events.push(Event::AgentDefined { agent, definition: definition.clone(), subscriptions });
    }

    /// The number of a subscription that the agent had already, word for word.
    fn unchanged(
        &self,
        agent: AgentNo,
        wanted: &SubscriptionDefinition,
        used: &mut BTreeSet<SubscriptionNo>,
    ) -> Option<SubscriptionNo> {
        let record = self.agent(agent)?;
        let same = record.subscriptions.iter().copied().find(|&no| {
            let same = self.subscription(no).is_some_and(|had| had.definition == *wanted);
            same && !used.contains(&no)
        })?;
        used.insert(same);
        Some(same)
    }
}

/// A group that is not there would never be woken, nor would its members.
fn check_groups(
    definition: &AgentDefinition,
    registration: &Registration,
) -> Result<(), Rejection> {
    for name in definition.subscriptions.iter().filter_map(|wanted| wanted.group.as_ref()) {
        let mut offered = registration.agents.iter();
        if !offered.any(|offered| offered.name == *name && offered.is_group()) {
            let agent = definition.name.to_string();
            return Err(Rejection::UnknownGroup { agent, group: name.clone() });
        }
    }
    Ok(())
}

/// Whether what the board has of an older version can be read as what is offered.
fn check_upcast(recorded: &TypeRecord, offered: &TypeRegistration) -> Result<(), TypeRefusal> {
    let upcast = offered.upcasts.iter().find(|upcast| upcast.version == recorded.version);
    let Some(upcast) = upcast else {
        return Err(TypeRefusal::NoUpcaster {
            name: offered.name.clone(),
            recorded: recorded.version,
            offered: offered.version,
            recorded_schema: recorded.schema.clone(),
            offered_schema: offered.schema.clone(),
        });
    };
    match &upcast.schema {
        Some(schema) if *schema != recorded.schema => Err(TypeRefusal::OldSchemaChanged {
            name: offered.name.clone(),
            version: recorded.version,
            recorded: recorded.schema.clone(),
            offered: schema.clone(),
        }),
        Some(_) | None => Ok(()),
    }
}

const fn take(number: &mut u32) -> u32 {
    let taken = *number;
    *number += 1;
    taken
}
