//! What only this program has: handlers, closures and types, found by the numbers that the board
//! gave them. Complete from the moment at which the board has registered the program.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use artel_core::artifact::TypeDescriptor;
use artel_core::board::State;
use artel_core::catalogue::Closures;
use artel_core::content::Value;
use artel_core::definition::AgentDefinition;
use artel_core::envelope::Clause;
use artel_core::ids::{AgentNo, SubscriptionNo, TypeNo};
use artel_core::names::{AgentName, TypeName};

use crate::handler::ErasedHandler;

/// A predicate of a subscription, on the typed value.
pub(crate) type Closure = Arc<dyn Fn(&(dyn Any + Send + Sync)) -> bool + Send + Sync>;

/// An agent of this program.
pub(crate) struct Agent {
    pub(crate) definition: Arc<AgentDefinition>,
    pub(crate) handler: Arc<dyn ErasedHandler>,
    /// The closure of each subscription, in the order of the definition.
    pub(crate) closures: Vec<Option<Closure>>,
}

/// The handlers, closures and types of this program.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) agents: BTreeMap<AgentName, Arc<Agent>>,
    pub(crate) types: BTreeMap<TypeName, TypeDescriptor>,
    numbers: OnceLock<Numbers>,
}

#[derive(Default)]
struct Numbers {
    agents: Vec<Option<Arc<Agent>>>,
    closures: Vec<Option<Closure>>,
    types: Vec<Option<TypeDescriptor>>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("agents", &self.agents.keys()).finish_non_exhaustive()
    }
}

impl Program {
    /// Takes up the numbers that the board gave to what this program has.
    pub(crate) fn number(&self, state: &State) {
        let mut numbers = Numbers::default();
        for (_, record) in state.agents() {
            numbers.agents.push(self.agents.get(&record.definition.name).cloned());
        }
        for (_, record) in state.types() {
            numbers.types.push(self.types.get(&record.name).cloned());
        }
        numbers.closures.resize(state.subscriptions().count(), None);
        for (no, record) in state.agents() {
            let Some(agent) = numbers.agents.get(no.get() as usize).and_then(Option::as_ref) else {
                continue;
            };
            for (subscription, closure) in record.subscriptions.iter().zip(&agent.closures) {
                if let Some(slot) = numbers.closures.get_mut(subscription.get() as usize) {
                    slot.clone_from(closure);
                }
            }
        }
        // A program is numbered once, when it has been registered.
        let _ = self.numbers.set(numbers);
    }

    pub(crate) fn agent(&self, agent: AgentNo) -> Option<&Arc<Agent>> {
        self.numbers.get()?.agents.get(agent.get() as usize)?.as_ref()
    }

    pub(crate) fn type_of(&self, type_no: TypeNo) -> Option<&TypeDescriptor> {
        self.numbers.get()?.types.get(type_no.get() as usize)?.as_ref()
    }

    fn closure(&self, subscription: SubscriptionNo) -> Option<&Closure> {
        self.numbers.get()?.closures.get(subscription.get() as usize)?.as_ref()
    }
}

/// Evaluates closures on one value; what panics says no.
pub(crate) struct Evaluate<'a> {
    pub(crate) program: &'a Program,
    pub(crate) value: &'a Value,
}

impl Closures for Evaluate<'_> {
    fn evaluate(&self, subscription: SubscriptionNo) -> Result<bool, Clause> {
        let closure = self.program.closure(subscription).ok_or(Clause::FilterError)?;
        let value = self.value.as_any();
        std::panic::catch_unwind(AssertUnwindSafe(|| closure(value))).map_err(|panic| {
            let message = artel_scheduler::attempt::message(&*panic);
            tracing::warn!(%subscription, message, "a filter panicked; it did not match");
            Clause::FilterPanic
        })
    }
}
