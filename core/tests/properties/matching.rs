//! Which subscriptions an artifact wakes, and the first clause that said no of every other, against
//! the clauses of the reference asked one by one.

use std::time::Duration;

use proptest::prelude::*;

use artel_core::catalogue::{Candidate, Catalogue, Closures, Unanswered};
use artel_core::definition::{AgentDefinition, Clearance, Filter, SubscriptionDefinition};
use artel_core::envelope::{Clause, Verdicts};
use artel_core::ids::{AgentNo, SubscriptionNo};
use artel_core::key::BadKey;
use artel_core::names::{AgentName, Label, OrderingKey, Tag, TenantId};
use artel_core::visibility::{Restriction, Tenants, Visibility};

use super::cases;
use super::desk::{Desk, TYPES, agent, subscription};

/// A subscription in small numbers; what is set is a bit.
#[derive(Clone, Debug)]
struct Wanted {
    types: u8,
    from: u8,
    not_from: u8,
    self_trigger: bool,
    tags_all: u8,
    tags_any: u8,
    /// What its closure says, where it has one.
    closure: Option<u8>,
}

const TAGS: [&str; 3] = ["blue", "green", "red"];
const NAMES: [&str; 3] = ["one", "three", "two"];

fn wanted() -> impl Strategy<Value = Wanted> {
    let few = || prop_oneof![2 => Just(0_u8), 1 => 0..8_u8];
    let own = prop::bool::weighted(0.3);
    (1..8_u8, few(), few(), own, few(), few(), prop::option::of(0..4_u8)).prop_map(
        |(types, from, not_from, self_trigger, tags_all, tags_any, closure)| Wanted {
            types,
            from,
            not_from,
            self_trigger,
            tags_all,
            tags_any,
            closure,
        },
    )
}

fn seen_by() -> impl Strategy<Value = SeenBy> {
    let few = || prop_oneof![3 => Just(0_u8), 1 => 0..8_u8];
    (prop::option::weighted(0.3, 0..8_u8), few(), few())
}

fn chosen(bits: u8, of: [&'static str; 3]) -> Vec<&'static str> {
    of.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, one)| one).collect()
}

fn tags(bits: u8) -> Vec<Tag> {
    chosen(bits, TAGS).into_iter().map(|tag| Tag::new(tag).unwrap()).collect()
}

fn definition(wanted: &Wanted) -> SubscriptionDefinition {
    let names =
        |bits| chosen(bits, NAMES).into_iter().map(|name| AgentName::new(name).unwrap()).collect();
    let types = chosen(wanted.types, TYPES);
    SubscriptionDefinition {
        types: types.iter().map(|name| super::desk::type_name(name)).collect(),
        from: names(wanted.from),
        not_from: names(wanted.not_from),
        self_trigger: wanted.self_trigger,
        tags_all: tags(wanted.tags_all),
        tags_any: tags(wanted.tags_any),
        filter: wanted.closure.map_or(Filter::All, |_| Filter::Closure { label: "test".into() }),
        ..subscription("A", 5)
    }
}

/// Who may see an artifact, in small numbers; the bits of agents are those of [`NAMES`].
type SeenBy = (Option<u8>, u8, u8);

fn labels(bits: u8) -> Vec<Label> {
    chosen(bits, ["a", "b", "c"]).into_iter().map(|label| Label::new(label).unwrap()).collect()
}

fn tenants(bits: u8) -> Box<[TenantId]> {
    chosen(bits, ["x", "y", "z"]).into_iter().map(|name| TenantId::new(name).unwrap()).collect()
}

fn visibility((agents, label_bits, tenant_bits): SeenBy) -> Visibility {
    let name = |name| AgentName::new(name).unwrap();
    Visibility::restricted(Restriction {
        agents: agents.map(|bits| chosen(bits, NAMES).into_iter().map(name).collect()),
        labels: labels(label_bits).into(),
        tenants: tenants(tenant_bits),
        from: None,
    })
}

/// The labels and tenants that an agent has; eight is all tenants.
fn clearance((label_bits, tenant_bits): (u8, u8)) -> Clearance {
    let tenants = if tenant_bits < 8 { Tenants::Only(tenants(tenant_bits)) } else { Tenants::All };
    Clearance { labels: labels(label_bits), tenants }
}

fn may_see(seen_by: SeenBy, owner: u8, (labels, tenants): (u8, u8)) -> bool {
    let (agents, asked, of) = seen_by;
    agents.is_none_or(|bits| bits & (1 << owner) != 0)
        && asked & !labels == 0
        && (tenants == 8 || of & !tenants == 0)
}

/// Closures that say what was drawn.
struct Drawn<'a>(&'a [(SubscriptionNo, &'a Wanted)]);

fn says(closure: u8) -> Result<bool, Unanswered> {
    match closure {
        0 => Ok(true),
        1 => Ok(false),
        2 => Err(Unanswered::new(Clause::FilterError, String::new())),
        _ => Err(Unanswered::new(Clause::FilterPanic, String::new())),
    }
}

impl Closures for Drawn<'_> {
    fn evaluate(&self, subscription: SubscriptionNo) -> Result<bool, Unanswered> {
        let (_, wanted) = self.0.iter().find(|(no, _)| *no == subscription).unwrap();
        says(wanted.closure.unwrap())
    }

    fn key(&self, _: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        Ok(None)
    }
}

/// The first clause that says no; the types fit.
fn refusal(wanted: &Wanted, owner: u8, producer: Option<u8>, has: u8) -> Option<Clause> {
    let made_by = producer.map_or(0, |producer| 1 << producer);
    if wanted.from != 0 && wanted.from & made_by == 0 {
        return Some(Clause::Producer);
    }
    if wanted.not_from & made_by != 0 {
        return Some(Clause::NotFrom);
    }
    if producer == Some(owner) && !wanted.self_trigger {
        return Some(Clause::SelfTrigger);
    }
    if wanted.tags_all & !has != 0 {
        return Some(Clause::TagsAll);
    }
    if wanted.tags_any != 0 && wanted.tags_any & has == 0 {
        return Some(Clause::TagsAny);
    }
    match wanted.closure.map_or(Ok(true), says) {
        Ok(true) => None,
        Ok(false) => Some(Clause::Filter),
        Err(unanswered) => Some(unanswered.clause),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn an_artifact_wakes_those_of_which_every_clause_says_yes(
        of in prop::array::uniform3(prop::collection::vec(wanted(), 0..40)),
        cleared in prop::array::uniform3((0..8_u8, 0..9_u8)),
        candidates in prop::collection::vec(
            (0..3_usize, prop::option::of(0..3_u8), 0..8_u8, seen_by()), 1..20),
    ) {
        let agents = NAMES.iter().zip(&of).zip(cleared);
        let definitions: Vec<AgentDefinition> = agents.map(|((name, wanted), cleared)| {
            let subscriptions = wanted.iter().map(definition).collect();
            AgentDefinition {
                subscriptions,
                clearance: clearance(cleared),
                attempt_timeout: Duration::from_secs(60),
                ..agent(name, "A")
            }
        }).collect();
        let desk = Desk::with(&definitions, 0);
        // Numbers go in the order of the definitions.
        let all: Vec<(u8, &Wanted)> =
            (0..3).zip(&of).flat_map(|(owner, some)| some.iter().map(move |one| (owner, one))).collect();
        let numbered: Vec<_> =
            (0..).map(SubscriptionNo).zip(all.iter().map(|(_, wanted)| *wanted)).collect();
        let catalogue = Catalogue::of(&desk.state);
        for (type_index, producer, has, seen_by) in candidates {
            let tags = tags(has);
            let type_no = catalogue.type_no(TYPES[type_index]).unwrap();
            let maker = producer.map(|producer| AgentNo(u32::from(producer)));
            let candidate = Candidate {
                type_no,
                producer: maker,
                tags: &tags,
                payload: b"{}",
                visibility: &visibility(seen_by),
                ordering_key: None,
                envelope: None,
            };
            let verdicts = catalogue.verdicts(candidate, &Drawn(&numbered));
            let (mut woken, mut declined) = (Vec::new(), Vec::new());
            for (no, (owner, wanted)) in (0..).map(SubscriptionNo).zip(&all) {
                if wanted.types & (1 << type_index) != 0 {
                    let hidden = !may_see(seen_by, *owner, cleared[usize::from(*owner)]);
                    let hidden = hidden.then_some(Clause::Visibility);
                    match hidden.or_else(|| refusal(wanted, *owner, producer, has)) {
                        None => woken.push(no),
                        Some(clause) => declined.push((no, clause)),
                    }
                }
            }
            let more = declined.len().saturating_sub(64);
            declined.truncate(64);
            let expected =
                Verdicts {
                    members: Box::default(),
                    woken: woken.into(),
                    declined: declined.into(),
                    declined_more: u32::try_from(more).unwrap(),
                    ..Verdicts::default()
                };
            prop_assert_eq!(verdicts, expected);
        }
    }
}
