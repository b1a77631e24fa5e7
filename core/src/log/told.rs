//! Rows for people who look at a board with a store's own means, such as SQL: the names behind the
//! board's numbers, and what operators did. Nothing of Artel reads them: the events say the same.

use smol_str::SmolStr;

use crate::envelope::Actor;
use crate::event::{AttemptEnd, Closure, Event, Mended, Metered, Pausable, Tripped};
use crate::ids::{ActivationId, AgentNo, CorrelationId, DependencyNo, Seq, SubscriptionNo, TypeNo};
use crate::names::OperatorName;
use crate::time::Timestamp;

/// A name that the board has given a number. A later one for the same number replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// What has the number.
    pub of: Named,
    /// What it is called. A subscription is called what it is about: the names of its types, sorted,
    /// with a comma and a space between them.
    pub name: SmolStr,
}

/// What the board numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A version of a type.
    Type {
        /// Its number.
        no: TypeNo,
        /// The version of its schema.
        version: u32,
    },
    /// An agent.
    Agent(AgentNo),
    /// A subscription.
    Subscription {
        /// Its number.
        no: SubscriptionNo,
        /// Whose it is.
        agent: AgentNo,
    },
    /// A dependency.
    Dependency(DependencyNo),
}

/// What an operator did: one row for each event that they asked for, without what followed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRow {
    /// The seq of the event.
    pub seq: Seq,
    /// The wall clock of that event.
    pub at: Timestamp,
    /// Who it was.
    pub operator: OperatorName,
    /// Why; at most 1 KiB.
    pub reason: SmolStr,
    /// What they did, in one word or two with a dash.
    pub action: &'static str,
    /// What they did it to.
    pub to: Affected,
}

/// What an operator did something to. All is none where that was the whole board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// An activation.
    pub activation: Option<ActivationId>,
    /// A tree of work.
    pub correlation: Option<CorrelationId>,
    /// An agent.
    pub agent: Option<AgentNo>,
    /// A dependency.
    pub dependency: Option<DependencyNo>,
}

impl NameRow {
    /// The names that an event gives to numbers, in the order of the event.
    #[must_use]
    pub fn all_of(event: &Event) -> Vec<Self> {
        match event {
            Event::TypeRegistered { type_no, name, version, .. } => {
                let of = Named::Type { no: *type_no, version: *version };
                vec![Self { of, name: name.as_str().into() }]
            }
            Event::AgentDefined { agent, definition, subscriptions } => {
                let own = Self { of: Named::Agent(*agent), name: definition.name.as_str().into() };
                let numbered = subscriptions.iter().zip(&definition.subscriptions);
                let each = numbered.map(|(no, subscription)| {
                    let types: Vec<&str> =
                        subscription.types.iter().map(|name| name.as_str()).collect();
                    let of = Named::Subscription { no: *no, agent: *agent };
                    Self { of, name: types.join(", ").into() }
                });
                std::iter::once(own).chain(each).collect()
            }
            Event::DependencyDefined { dependency, definition } => {
                let of = Named::Dependency(*dependency);
                vec![Self { of, name: definition.name.as_str().into() }]
            }
            _ => Vec::new(),
        }
    }
}

impl OperationRow {
    /// What an event says that an operator did; none where nobody did, or where it only followed from
    /// what somebody did.
    #[must_use]
    pub fn of(seq: Seq, at: Timestamp, actor: &Actor, event: &Event) -> Option<Self> {
        let Actor::Operator { name, reason } = actor else { return None };
        let (action, to) = done(event)?;
        Some(Self { seq, at, operator: name.clone(), reason: reason.clone(), action, to })
    }
}

/// The word for what an event is when somebody asked for it, and what it was done to.
fn done(event: &Event) -> Option<(&'static str, Affected)> {
    let nothing = Affected::default();
    let activation = |activation| Affected { activation: Some(activation), ..nothing };
    let correlation = |correlation| Affected { correlation: Some(correlation), ..nothing };
    let metered = |of: &Metered| match *of {
        Metered::Agent(agent) => Affected { agent: Some(agent), ..nothing },
        Metered::Dependency(no) => Affected { dependency: Some(no), ..nothing },
    };
    let paused = |what: &Pausable| match *what {
        Pausable::Board => nothing,
        Pausable::Agent(agent) => Affected { agent: Some(agent), ..nothing },
        Pausable::Correlation(of) => correlation(of),
    };
    Some(match event {
        Event::ArtifactCommitted(draft) => ("published", correlation(draft.envelope.correlation)),
        Event::ActivationRedriven(redriven) => {
            let of = Some(redriven.correlation);
            ("redriven", Affected { correlation: of, ..activation(redriven.activation) })
        }
        Event::DeadLetterDropped { activation: of, .. } => ("dropped", activation(*of)),
        Event::ActivationClosed { activation: of, why: Closure::Cancelled } => {
            ("cancelled", activation(*of))
        }
        Event::AttemptEnded { attempt, end: AttemptEnd::Cancelled, .. } => {
            ("cancelled", activation(attempt.activation))
        }
        Event::CorrelationCancelled { correlation: of } => ("cancelled-tree", correlation(*of)),
        Event::StepSettled { activation: of, .. } => ("settled-step", activation(*of)),
        Event::Paused { what } => ("paused", paused(what)),
        Event::Resumed { what } => ("resumed", paused(what)),
        Event::BreakerOpened { of, why: Tripped::Operator, .. } => ("opened-breaker", metered(of)),
        Event::BreakerClosed { of, why: Mended::Operator, .. } => ("closed-breaker", metered(of)),
        Event::Adopted { .. } => ("adopted", nothing),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::names::TypeName;

    const AT: Timestamp = Timestamp(7);

    fn operator() -> Actor {
        let name = OperatorName::new("ann").unwrap();
        Actor::Operator { name, reason: "too slow".into() }
    }

    /// POSTGRES-12: what somebody asked for is told with who and why; what follows from it, and what
    /// others do, is not.
    #[test]
    fn what_an_operator_did_is_a_row() {
        let paused = Event::Paused { what: Pausable::Agent(AgentNo(3)) };
        let row = OperationRow::of(Seq(5), AT, &operator(), &paused).unwrap();
        assert_eq!((row.seq, row.at, row.action), (Seq(5), AT, "paused"));
        assert_eq!((row.operator.as_str(), row.reason.as_str()), ("ann", "too slow"));
        assert_eq!(row.to, Affected { agent: Some(AgentNo(3)), ..Affected::default() });
        assert_eq!(OperationRow::of(Seq(5), AT, &Actor::Board, &paused), None);
        let expired =
            Event::ActivationClosed { activation: ActivationId(Seq(2)), why: Closure::Expired };
        assert_eq!(OperationRow::of(Seq(6), AT, &operator(), &expired), None);
    }

    /// POSTGRES-11: a type's name comes with the version of the type.
    #[test]
    fn a_name_comes_with_the_event_that_numbers_it() {
        let registered = Event::TypeRegistered {
            type_no: TypeNo(4),
            name: TypeName::new("shop.Order").unwrap(),
            version: 2,
            schema: Arc::from("{}"),
        };
        let of = Named::Type { no: TypeNo(4), version: 2 };
        assert_eq!(NameRow::all_of(&registered), [NameRow { of, name: "shop.Order".into() }]);
        let none = Event::Paused { what: Pausable::Board };
        assert_eq!(NameRow::all_of(&none), []);
    }
}
