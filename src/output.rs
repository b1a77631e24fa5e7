//! What an agent says about the artifacts of a type that it returns: which of them are published, what
//! each has to pass, and how many there are. The functions run in the attempt, and are this program's.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use smol_str::SmolStr;

use artel_core::artifact::Artifact;
use artel_core::classify::Failed;
use artel_core::names::{self, TypeName};
use artel_core::output_rule::{OutputCount, OutputRule};
use artel_core::policy::ErrorKind;
use artel_scheduler::attempt;

use crate::program::Closure;

/// What is said about the artifacts of a type that an agent returns; see
/// [`Subscribed::output`](crate::Subscribed::output).
#[must_use = "what is said about an output counts once it is returned to `.output::<T>(…)`"]
pub struct Output<T> {
    rules: OutputRules,
    marker: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Output<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("type", &self.rules.type_name).finish_non_exhaustive()
    }
}

/// The same for those who do not know the type.
#[derive(Clone)]
pub(crate) struct OutputRules {
    pub(crate) type_name: &'static str,
    conditions: Vec<Closure>,
    checks: Vec<(SmolStr, Closure)>,
    count: Option<OutputCount>,
}

impl<T: Artifact> Output<T> {
    pub(crate) const fn new() -> Self {
        let rules = OutputRules {
            type_name: T::NAME,
            conditions: Vec::new(),
            checks: Vec::new(),
            count: None,
        };
        Self { rules, marker: PhantomData }
    }

    pub(crate) fn into_rules(self) -> OutputRules {
        self.rules
    }

    /// Publishes an artifact only if the closure says yes, and so does every other one that is given
    /// here. One that is withheld is no error; how many were is in the attempt's report. A closure that
    /// panics fails the attempt.
    pub fn publish_if(mut self, condition: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.rules.conditions.push(erased(condition));
        self
    }

    /// Fails the attempt as invalid output unless the closure says yes to each artifact that is to be
    /// published. The name says what is checked, to whoever reads the failure. A closure that panics
    /// fails the attempt.
    pub fn validate(
        mut self,
        name: impl Into<SmolStr>,
        check: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rules.checks.push((name.into(), erased(check)));
        self
    }

    /// How many artifacts of the type an attempt returns: a number (`3`), or a range (`1..=4`, `2..`,
    /// `..=5`). Another number fails the attempt as invalid output. Counted as they are returned,
    /// those that are withheld included.
    pub fn count(mut self, count: impl Into<OutputCount>) -> Self {
        self.rules.count = Some(count.into());
        self
    }
}

fn erased<T: Artifact>(closure: impl Fn(&T) -> bool + Send + Sync + 'static) -> Closure {
    Arc::new(move |value| value.downcast_ref().is_some_and(&closure))
}

impl OutputRules {
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = self.type_name;
        if let Some(count) = self.count.filter(|count| !count.is_possible()) {
            return Err(format!("it is to return {count} of `{name}`, which no number is"));
        }
        for (index, (check, _)) in self.checks.iter().enumerate() {
            if check.trim().is_empty() {
                return Err(format!("a check of `{name}` has no name; say what it checks"));
            }
            if self.checks[..index].iter().any(|(before, _)| before == check) {
                return Err(format!("two checks of `{name}` are called `{check}`; rename one"));
            }
        }
        Ok(())
    }

    /// What a board records of it; nothing where nothing is said but the type.
    pub(crate) fn define(&self) -> Result<Option<OutputRule>, names::Error> {
        if self.conditions.is_empty() && self.checks.is_empty() && self.count.is_none() {
            return Ok(None);
        }
        Ok(Some(OutputRule {
            type_name: TypeName::new(self.type_name)?,
            conditional: !self.conditions.is_empty(),
            checks: self.checks.iter().map(|(name, _)| name.clone()).collect(),
            count: self.count,
        }))
    }

    /// Whether an attempt of this agent may return so many.
    pub(crate) fn check_count(&self, agent: &str, returned: usize) -> Result<(), Failed> {
        let Some(count) = self.count.filter(|count| !count.allows(returned)) else { return Ok(()) };
        let name = self.type_name;
        Err(invalid(format!(
            "agent `{agent}` returned {returned} of `{name}`, declared is {count}"
        )))
    }

    /// Whether an artifact is to be published.
    pub(crate) fn is_published(&self, value: &(dyn Any + Send + Sync)) -> Result<bool, Failed> {
        for condition in &self.conditions {
            let what = || format!("the condition `publish_if` of `{}`", self.type_name);
            if !guarded(what, || condition(value))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether an artifact that is to be published passes every check.
    pub(crate) fn validate(&self, value: &(dyn Any + Send + Sync)) -> Result<(), Failed> {
        for (name, check) in &self.checks {
            let what = || format!("the check `{name}` of `{}`", self.type_name);
            if !guarded(what, || check(value))? {
                return Err(invalid(format!("{} says no", what())));
            }
        }
        Ok(())
    }
}

/// An output that cannot be published.
pub(crate) fn invalid(error: String) -> Failed {
    Failed::new(ErrorKind::InvalidOutput, vec![error])
}

/// Runs a function of the program's that looks at what an attempt returned. Its panic fails the
/// attempt, and says whose it was.
pub(crate) fn guarded<T>(
    what: impl FnOnce() -> String,
    function: impl FnOnce() -> T,
) -> Result<T, Failed> {
    std::panic::catch_unwind(AssertUnwindSafe(function)).map_err(|panic| {
        let text = format!("{} panicked: {}", what(), attempt::message(&*panic));
        Failed::new(ErrorKind::Panic, vec![text])
    })
}
