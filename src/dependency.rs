//! What several agents depend on, such as a service: its breaker and its rate limit hold the attempts
//! of all of them back.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use artel_core::definition::{DependencyDefinition, Limits};
use artel_core::names::DependencyName;
use artel_core::policy::{Breaker, RateLimit};

/// Something that agents depend on, such as a service: declared once on the board, and named by each
/// agent with [`depends_on`](crate::Subscribed::depends_on).
#[derive(Clone, Debug)]
#[must_use = "a dependency is declared by `board.dependency(…)`"]
pub struct Dependency {
    name: SmolStr,
    limits: Limits,
}

impl Dependency {
    /// A dependency that holds nothing back yet.
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), limits: Limits::default() }
    }

    /// Holds the attempts of all agents that depend on it back while too many of theirs fail; see
    /// [`Breaker`].
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.limits.breaker = Some(breaker);
        self
    }

    /// How often attempts of all agents that depend on it may begin, taken together; see
    /// [`RateLimit`].
    pub const fn rate_limit(mut self, rate: RateLimit) -> Self {
        self.limits.rate = Some(rate);
        self
    }

    pub(crate) const fn name(&self) -> &SmolStr {
        &self.name
    }

    pub(crate) fn define(self) -> Result<DependencyDefinition, String> {
        let name = DependencyName::new(self.name).map_err(|error| error.to_string())?;
        if self.limits.is_empty() {
            return Err(format!(
                "dependency `{name}` holds nothing back; give it a breaker or a rate limit"
            ));
        }
        Ok(DependencyDefinition { name, limits: self.limits })
    }
}

/// Who depends on what, and what of that is declared, be it wrongly.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    declared: BTreeSet<SmolStr>,
    agents: BTreeMap<SmolStr, BTreeSet<SmolStr>>,
}

impl Uses {
    pub(crate) fn declared(&mut self, dependency: &SmolStr) {
        self.declared.insert(dependency.clone());
    }

    pub(crate) fn used(&mut self, agent: &SmolStr, dependencies: &[SmolStr]) {
        for dependency in dependencies {
            self.agents.entry(dependency.clone()).or_default().insert(agent.clone());
        }
    }

    /// What is depended on and not declared, a sentence for each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let unknown = self.agents.iter().filter(|(name, _)| !self.declared.contains(*name));
        let sentence = |(name, agents): (&SmolStr, &BTreeSet<SmolStr>)| {
            let agents: Vec<String> = agents.iter().map(|agent| format!("`{agent}`")).collect();
            let (agent, depend) =
                if agents.len() == 1 { ("agent", "depends") } else { ("agents", "depend") };
            let agents = agents.join(" and ");
            format!(
                "{agent} {agents} {depend} on `{name}`, which is not declared; declare it with \
                 `board.dependency`"
            )
        };
        unknown.map(sentence).collect()
    }
}
