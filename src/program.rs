//! What only this program has: handlers, closures and types, found by the numbers that the board
//! gave them. Complete from the moment at which the board has registered the program.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, TypeDescriptor, descriptor};
use artel_core::board::State;
use artel_core::catalogue::{Closures, Unanswered};
use artel_core::content::Value;
use artel_core::definition::{AgentDefinition, DependencyDefinition};
use artel_core::envelope::Clause;
use artel_core::ids::{AgentNo, SubscriptionNo, TypeNo};
use artel_core::key::BadKey;
use artel_core::names::{AgentName, DependencyName, OrderingKey, TypeName};

use crate::best_of::Score;
use crate::dead_letter::DeadLetter;
use crate::handler::ErasedHandler;
use crate::output::OutputRules;

/// A predicate of a subscription, on the typed value.
pub(crate) type Closure = Arc<dyn Fn(&(dyn Any + Send + Sync)) -> bool + Send + Sync>;

/// A key function of a subscription, on the typed value.
pub(crate) type KeyClosure = Arc<dyn Fn(&(dyn Any + Send + Sync)) -> Option<SmolStr> + Send + Sync>;

/// What of a subscription only this program has.
#[derive(Clone, Default)]
pub(crate) struct Functions {
    pub(crate) filter: Option<Closure>,
    pub(crate) key: Option<KeyClosure>,
}

/// An agent of this program.
pub(crate) struct Agent {
    pub(crate) definition: Arc<AgentDefinition>,
    pub(crate) handler: Arc<dyn ErasedHandler>,
    /// The functions of each subscription, in the order of the definition.
    pub(crate) functions: Vec<Functions>,
    /// What its outputs are held to.
    pub(crate) outputs: Vec<OutputRules>,
    /// How good a candidate is, where its attempts have several.
    pub(crate) score: Option<Score>,
}

/// The handlers, closures and types of this program.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) agents: BTreeMap<AgentName, Arc<Agent>>,
    pub(crate) groups: BTreeMap<AgentName, Arc<AgentDefinition>>,
    pub(crate) dependencies: BTreeMap<DependencyName, Arc<DependencyDefinition>>,
    pub(crate) types: BTreeMap<TypeName, TypeDescriptor>,
    /// Who is told of the dead letters of an agent or a group.
    #[cfg(feature = "webhooks")]
    pub(crate) receivers: BTreeMap<AgentName, Arc<crate::webhook::Receiver>>,
    numbers: OnceLock<Numbers>,
}

#[derive(Default)]
struct Numbers {
    agents: Vec<Option<Arc<Agent>>>,
    functions: Vec<Functions>,
    /// By number: the type, and the version of it that the number means.
    types: Vec<Option<(TypeDescriptor, u32)>>,
    #[cfg(feature = "webhooks")]
    receivers: Vec<Option<Arc<crate::webhook::Receiver>>>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("agents", &self.agents.keys()).finish_non_exhaustive()
    }
}

impl Program {
    /// The same program, for another life of the board: what others registered meanwhile has numbers too, and a
    /// board that was removed and made anew has others.
    pub(crate) fn again(&self) -> Self {
        Self {
            agents: self.agents.clone(),
            groups: self.groups.clone(),
            dependencies: self.dependencies.clone(),
            types: self.types.clone(),
            #[cfg(feature = "webhooks")]
            receivers: self.receivers.clone(),
            numbers: OnceLock::new(),
        }
    }

    /// Takes up the numbers that the board gave to what this program has.
    pub(crate) fn number(&self, state: &State) {
        let mut numbers = Numbers::default();
        for (_, record) in state.agents() {
            numbers.agents.push(self.agents.get(&record.definition.name).cloned());
            #[cfg(feature = "webhooks")]
            numbers.receivers.push(self.receivers.get(&record.definition.name).cloned());
        }
        for (_, record) in state.types() {
            let known = self.types.get(&record.name).cloned();
            let known = known.or_else(|| own_type(&record.name));
            numbers.types.push(known.map(|known| (known, record.version)));
        }
        numbers.functions.resize(state.subscriptions().count(), Functions::default());
        for (no, record) in state.agents() {
            let Some(agent) = numbers.agents.get(no.get() as usize).and_then(Option::as_ref) else {
                continue;
            };
            for (subscription, functions) in record.subscriptions.iter().zip(&agent.functions) {
                if let Some(slot) = numbers.functions.get_mut(subscription.get() as usize) {
                    slot.clone_from(functions);
                }
            }
        }
        // A program is numbered once, when it has been registered.
        let _ = self.numbers.set(numbers);
    }

    pub(crate) fn agent(&self, agent: AgentNo) -> Option<&Arc<Agent>> {
        self.numbers.get()?.agents.get(agent.get() as usize)?.as_ref()
    }

    /// Who is told of the dead letters of an agent or a group.
    #[cfg(feature = "webhooks")]
    pub(crate) fn receiver(&self, agent: AgentNo) -> Option<&Arc<crate::webhook::Receiver>> {
        self.numbers.get()?.receivers.get(agent.get() as usize)?.as_ref()
    }

    /// The type that a number means, and which version of it. The type is of the newest version,
    /// whichever that is.
    pub(crate) fn type_of(&self, type_no: TypeNo) -> Option<&(TypeDescriptor, u32)> {
        self.numbers.get()?.types.get(type_no.get() as usize)?.as_ref()
    }

    fn functions(&self, subscription: SubscriptionNo) -> Option<&Functions> {
        self.numbers.get()?.functions.get(subscription.get() as usize)
    }
}

/// A type of the board's own, which it may still owe artifacts of when no agent names it any more.
fn own_type(name: &TypeName) -> Option<TypeDescriptor> {
    (name.as_str() == DeadLetter::NAME).then(descriptor::<DeadLetter>)
}

/// Evaluates closures on one value; what panics says no.
pub(crate) struct Evaluate<'a> {
    pub(crate) program: &'a Program,
    pub(crate) value: &'a Value,
}

impl Closures for Evaluate<'_> {
    fn evaluate(&self, subscription: SubscriptionNo) -> Result<bool, Unanswered> {
        let functions = self.program.functions(subscription);
        let closure = functions.and_then(|it| it.filter.as_ref()).ok_or_else(|| {
            Unanswered::new(Clause::FilterError, "this program has no such closure".to_owned())
        })?;
        let value = self.value.as_any();
        std::panic::catch_unwind(AssertUnwindSafe(|| closure(value))).map_err(|panic| {
            let message = artel_scheduler::attempt::message(&*panic);
            Unanswered::new(Clause::FilterPanic, format!("the closure panicked: {message}"))
        })
    }

    fn key(&self, subscription: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        let functions = self.program.functions(subscription);
        let closure = functions.and_then(|it| it.key.as_ref()).ok_or(BadKey::Panicked)?;
        let value = self.value.as_any();
        let key = std::panic::catch_unwind(AssertUnwindSafe(|| closure(value)));
        let key = key.map_err(|panic| {
            let message = artel_scheduler::attempt::message(&*panic);
            tracing::warn!(%subscription, message, "a key function panicked; a dead letter is made");
            BadKey::Panicked
        })?;
        Ok(key.map(OrderingKey::new).transpose()?)
    }
}
