//! Who may see an artifact, and who asks. Checked where an artifact is matched and wherever one is
//! read; what is made of several artifacts is at least as restricted as each of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::definition::Clearance;
use crate::names::{AgentName, Label, TenantId};
use crate::time::Timestamp;

/// Who may see an artifact. Everybody, unless it says otherwise; then whoever meets all of what it
/// says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility(Option<Box<Restriction>>);

/// What an artifact asks of those who want to see it. All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// Only these agents, sorted; none for any reader.
    pub agents: Option<Box<[AgentName]>>,
    /// Only readers that have all of these labels, sorted.
    pub labels: Box<[Label]>,
    /// Only readers that may see all of these tenants, sorted. What is of several was made from the
    /// artifacts of several.
    pub tenants: Box<[TenantId]>,
    /// Nobody before this moment of the wall clock.
    pub from: Option<Timestamp>,
}

/// Who wants to see artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer(Who);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Unrestricted,
    Reader { agent: Option<AgentName>, labels: BTreeSet<Label>, tenants: Tenants },
}

/// Of which tenants somebody may see artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tenants {
    /// Only of these, sorted. Artifacts without a tenant are of everybody.
    Only(Box<[TenantId]>),
    /// Of all.
    All,
}

impl Default for Tenants {
    fn default() -> Self {
        Self::Only(Box::default())
    }
}

impl Visibility {
    /// Everybody may see it.
    pub const PUBLIC: Self = Self(None);

    /// Whoever meets the restriction may see it. Lists are put in order; a restriction that asks for
    /// nothing is none.
    #[must_use]
    pub fn restricted(mut restriction: Restriction) -> Self {
        fn sorted<T: Ord>(list: Box<[T]>) -> Box<[T]> {
            list.into_iter().collect::<BTreeSet<T>>().into_iter().collect()
        }
        restriction.agents = restriction.agents.map(sorted);
        restriction.labels = sorted(restriction.labels);
        restriction.tenants = sorted(restriction.tenants);
        if restriction == Restriction::default() {
            return Self::PUBLIC;
        }
        Self(Some(Box::new(restriction)))
    }

    /// What it asks for; none when everybody may see it.
    #[must_use]
    pub fn restriction(&self) -> Option<&Restriction> {
        self.0.as_deref()
    }

    /// Before when nobody may see it.
    #[must_use]
    pub fn from(&self) -> Option<Timestamp> {
        self.0.as_ref()?.from
    }

    /// Whether somebody may see it at a moment of the wall clock.
    #[must_use]
    pub fn admits(&self, viewer: &Viewer, at: Timestamp) -> bool {
        let Some(restriction) = &self.0 else { return true };
        let due = restriction.from.is_none_or(|from| from <= at);
        (due || viewer.is_unrestricted()) && self.admits_in_time(viewer)
    }

    /// Whether somebody may see it once its time has come.
    #[must_use]
    pub fn admits_in_time(&self, viewer: &Viewer) -> bool {
        let Some(restriction) = &self.0 else { return true };
        let Who::Reader { agent, labels, tenants } = &viewer.0 else { return true };
        let named = |agents: &[AgentName]| {
            agent.as_ref().is_some_and(|agent| agents.binary_search(agent).is_ok())
        };
        restriction.agents.as_deref().is_none_or(named)
            && restriction.labels.iter().all(|label| labels.contains(label))
            && restriction.tenants.iter().all(|tenant| tenants.include(tenant))
    }

    /// What is made of artifacts with both: whoever may see it may see each of them.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (Some(one), Some(two)) = (&self.0, &other.0) else {
            return if self.0.is_some() { self.clone() } else { other.clone() };
        };
        fn union<T: Clone>(one: &[T], two: &[T]) -> Box<[T]> {
            one.iter().chain(two).cloned().collect()
        }
        let agents = match (&one.agents, &two.agents) {
            (Some(one), Some(two)) => {
                Some(one.iter().filter(|agent| two.contains(agent)).cloned().collect())
            }
            (agents, None) | (None, agents) => agents.clone(),
        };
        Self::restricted(Restriction {
            agents,
            labels: union(&one.labels, &two.labels),
            tenants: union(&one.tenants, &two.tenants),
            from: one.from.max(two.from),
        })
    }

    /// The same without a moment: for what is made of it after that.
    #[must_use]
    pub fn once_due(&self) -> Self {
        self.as_of(Timestamp(i64::MAX))
    }

    /// The same as of a moment of the wall clock: without its own where that has come. For what is made of
    /// it by somebody who need not wait for that.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Self {
        match &self.0 {
            Some(restriction) if restriction.from.is_some_and(|from| from <= at) => {
                Self::restricted(Restriction { from: None, ..(**restriction).clone() })
            }
            Some(_) | None => self.clone(),
        }
    }

    /// How many bytes it takes beside what every envelope has, roughly.
    pub(crate) fn byte_len(&self) -> usize {
        let Some(restriction) = &self.0 else { return 0 };
        let agents = restriction.agents.iter().flatten().map(|agent| agent.as_str().len());
        let labels = restriction.labels.iter().map(|label| label.as_str().len());
        let tenants = restriction.tenants.iter().map(|tenant| tenant.as_str().len());
        let texts = agents.chain(labels).chain(tenants).map(|len| len + size_of::<Label>());
        size_of::<Restriction>() + texts.sum::<usize>()
    }
}

impl Tenants {
    fn include(&self, tenant: &TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.binary_search(tenant).is_ok(),
        }
    }
}

impl Viewer {
    /// Somebody who may see everything, at any time: whoever owns the board, or has its file.
    #[must_use]
    pub const fn unrestricted() -> Self {
        Self(Who::Unrestricted)
    }

    /// Somebody of whom nothing is known: sees what everybody may see.
    #[must_use]
    pub fn anybody() -> Self {
        Self(Who::Reader { agent: None, labels: BTreeSet::new(), tenants: Tenants::default() })
    }

    /// An agent with what it was cleared for.
    #[must_use]
    pub fn agent(name: &AgentName, clearance: &Clearance) -> Self {
        let labels = clearance.labels.iter().cloned().collect();
        Self(Who::Reader { agent: Some(name.clone()), labels, tenants: clearance.tenants.clone() })
    }

    /// The same with a label more.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        if let Who::Reader { labels, .. } = &mut self.0 {
            labels.insert(label);
        }
        self
    }

    /// The same with a tenant more.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        if let Who::Reader { tenants: Tenants::Only(tenants), .. } = &mut self.0 {
            let all: BTreeSet<TenantId> = tenants.iter().cloned().chain([tenant]).collect();
            *tenants = all.into_iter().collect();
        }
        self
    }

    /// The same while it works on an artifact: on one of a tenant it sees nothing of other tenants.
    #[must_use]
    pub fn working_on(mut self, visibility: &Visibility) -> Self {
        let tenants_of = visibility.restriction().map(|restriction| &restriction.tenants);
        if let (Some(of), Who::Reader { tenants, .. }) = (tenants_of, &mut self.0)
            && !of.is_empty()
        {
            let mine = of.iter().filter(|tenant| tenants.include(tenant)).cloned();
            *tenants = Tenants::Only(mine.collect());
        }
        self
    }

    /// Whether it may see everything.
    #[must_use]
    pub const fn is_unrestricted(&self) -> bool {
        matches!(self.0, Who::Unrestricted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> AgentName {
        AgentName::new(name).unwrap()
    }

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }

    fn tenant(text: &str) -> TenantId {
        TenantId::new(text).unwrap()
    }

    fn private(agents: &[&str]) -> Visibility {
        let agents = Some(agents.iter().map(|agent| name(agent)).collect());
        Visibility::restricted(Restriction { agents, ..Restriction::default() })
    }

    fn labelled(labels: &[&str]) -> Visibility {
        let labels = labels.iter().map(|text| label(text)).collect();
        Visibility::restricted(Restriction { labels, ..Restriction::default() })
    }

    fn of(tenants: &[&str]) -> Visibility {
        let tenants = tenants.iter().map(|text| tenant(text)).collect();
        Visibility::restricted(Restriction { tenants, ..Restriction::default() })
    }

    fn from(at: i64) -> Visibility {
        let from = Some(Timestamp(at));
        Visibility::restricted(Restriction { from, ..Restriction::default() })
    }

    fn agent(called: &str, labels: &[&str], tenants: Tenants) -> Viewer {
        let labels = labels.iter().map(|text| label(text)).collect();
        Viewer::agent(&name(called), &Clearance { labels, tenants })
    }

    /// VIS-1, VIS-2: each condition keeps those out who do not meet it, and nobody else.
    #[test]
    fn whoever_meets_every_condition_sees_it() {
        let nobody = Viewer::anybody();
        let one = agent("one", &["a", "b"], Tenants::Only(Box::new([tenant("x")])));
        let all = agent("all", &[], Tenants::All);
        let now = Timestamp(10);
        let cases = [
            (Visibility::PUBLIC, [true, true, true]),
            (private(&["one", "two"]), [false, true, false]),
            (private(&[]), [false, false, false]),
            (labelled(&["a"]), [false, true, false]),
            (labelled(&["a", "c"]), [false, false, false]),
            (of(&["x"]), [false, true, true]),
            (of(&["x", "y"]), [false, false, true]),
            (from(10), [true, true, true]),
            (from(11), [false, false, false]),
            (private(&["one"]).and(&from(11)), [false, false, false]),
        ];
        for (visibility, sees) in cases {
            let found = [&nobody, &one, &all].map(|viewer| visibility.admits(viewer, now));
            assert_eq!(found, sees, "{visibility:?}");
            assert!(visibility.admits(&Viewer::unrestricted(), now));
            let in_time = visibility.once_due();
            assert_eq!(visibility.admits_in_time(&one), in_time.admits(&one, now));
        }
    }

    /// VIS-5: a moment stays as long as it has not come, and takes nothing else with it when it goes.
    #[test]
    fn a_moment_stays_until_it_has_come() {
        let both = labelled(&["a"]).and(&from(10));
        let moments = [9, 10, 11].map(|at| both.as_of(Timestamp(at)).from());
        assert_eq!(moments, [Some(Timestamp(10)), None, None]);
        assert_eq!(both.as_of(Timestamp(10)), labelled(&["a"]));
        assert_eq!(from(10).as_of(Timestamp(10)), Visibility::PUBLIC);
        assert_eq!(both.once_due(), labelled(&["a"]));
    }

    /// VIS-4: what is made of two artifacts may be seen by those who may see both.
    #[test]
    fn what_is_made_of_two_is_as_restricted_as_each() {
        let some = [
            Visibility::PUBLIC,
            private(&["one", "all"]),
            private(&["two"]),
            labelled(&["a"]),
            labelled(&["b", "c"]),
            of(&["x"]),
            of(&["y"]),
            from(5),
            from(20),
        ];
        let viewers = [
            Viewer::anybody(),
            agent("one", &["a", "b", "c"], Tenants::All),
            agent("two", &["b"], Tenants::Only(Box::new([tenant("x"), tenant("y")]))),
            agent("all", &[], Tenants::All),
        ];
        for (one, two) in some.iter().flat_map(|one| some.iter().map(move |two| (one, two))) {
            for viewer in &viewers {
                for at in [0, 10, 30].map(Timestamp) {
                    let each = one.admits(viewer, at) && two.admits(viewer, at);
                    assert_eq!(one.and(two).admits(viewer, at), each, "{one:?} {two:?} {viewer:?}");
                }
            }
        }
    }

    /// VIS-3: on what is a tenant's nobody sees what is another's.
    #[test]
    fn work_on_a_tenants_artifact_sees_nothing_of_others() {
        let all = agent("all", &[], Tenants::All);
        let on = |visibility: &Visibility| all.clone().working_on(visibility);
        let sees = |viewer: &Viewer, tenant: &str| of(&[tenant]).admits_in_time(viewer);
        assert!(sees(&on(&of(&["x"])), "x") && !sees(&on(&of(&["x"])), "y"));
        assert!(sees(&on(&Visibility::PUBLIC), "y"));
        let two = agent("two", &[], Tenants::Only(Box::new([tenant("x")])));
        assert!(!sees(&two.working_on(&of(&["y"])), "y"));
    }
}
