//! What the library has as values, as the answers say it: with names instead of numbers, and texts
//! instead of types. Text for people and JSON are made of the same descriptions.

use serde_json::value::RawValue;

use artel::definition::{Filter, SubscriptionDefinition, Wakes};
use artel::envelope::{Actor, Clause, Producer};
use artel::event::{Metered, Next, Pausable};
use artel::ids::{ActivationId, AgentNo, Seq, SubscriptionNo, TypeNo};
use artel::key::KeyOf;
use artel::state::{Gate, State};
use artel::step::open_intents;
use artel::visibility::Visibility;
use artel::{
    ActivationView, AttemptView, Breaker, DeadLetterGroup, Intervened, Intervention, LimitView,
    RateLimit, Standing, Stored, TraceContext, Trip,
};

use crate::{returned, times, wire, words};

/// The name of an agent.
pub(crate) fn agent(state: &State, agent: AgentNo) -> String {
    let record = state.agent(agent);
    record.map_or_else(|| format!("agent {agent}"), |record| record.definition.name.to_string())
}

/// The name of the agent whose subscription it is.
pub(crate) fn agent_of(state: &State, subscription: SubscriptionNo) -> String {
    let record = state.subscription(subscription);
    record.map_or_else(|| format!("subscription {subscription}"), |one| agent(state, one.agent))
}

/// The name of a type.
pub(crate) fn type_name(state: &State, type_no: TypeNo) -> String {
    let record = state.type_record(type_no);
    record.map_or_else(|| format!("type {type_no}"), |record| record.name.to_string())
}

/// Who made an artifact, and in which attempt.
pub(crate) fn producer(state: &State, producer: &Producer) -> (String, Option<String>) {
    match producer {
        Producer::Program(name) => (name.to_string(), None),
        Producer::Agent { agent: no, attempt } => (agent(state, *no), Some(attempt.to_string())),
        Producer::Operator(name) => (name.to_string(), None),
        Producer::Board => ("board".to_owned(), None),
    }
}

pub(crate) fn texts(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

pub(crate) fn seqs(seqs: &[Seq]) -> Vec<u64> {
    seqs.iter().map(|seq| seq.get()).collect()
}

/// Bytes that are JSON, as they are.
pub(crate) fn raw(bytes: &[u8]) -> Option<Box<RawValue>> {
    serde_json::from_slice(bytes).ok()
}

pub(crate) fn trace(trace: &TraceContext) -> wire::Trace {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    wire::Trace { trace_id: hex(&trace.trace_id), span_id: hex(&trace.span_id), flags: trace.flags }
}

pub(crate) fn artifact(stored: &Stored) -> wire::Artifact {
    wire::Artifact {
        payload: stored.payload().and_then(|payload| raw(payload)),
        ..bare_artifact(stored)
    }
}

/// Who may see an artifact; none when everybody may.
fn visibility(visibility: &Visibility) -> Option<wire::Visibility> {
    let restriction = visibility.restriction()?;
    Some(wire::Visibility {
        agents: restriction.agents.as_deref().map(texts),
        labels: texts(&restriction.labels),
        tenants: texts(&restriction.tenants),
        from: restriction.from.map(times::millis),
    })
}

/// An artifact without its payload.
pub(crate) fn bare_artifact(stored: &Stored) -> wire::Artifact {
    wire::Artifact {
        id: stored.id().to_string(),
        seq: stored.seq().get(),
        committed_at: times::millis(stored.committed_at()),
        type_name: stored.type_name().to_owned(),
        type_version: stored.version(),
        producer: stored.producer().to_owned(),
        attempt: stored.attempt().map(|attempt| attempt.to_string()),
        correlation: stored.correlation().to_string(),
        parents: texts(stored.parents()),
        causes: seqs(stored.causes()),
        depth: stored.depth(),
        tags: texts(stored.tags()),
        idempotency_key: stored.idempotency_key().map(ToString::to_string),
        ordering_key: stored.ordering_key().map(ToString::to_string),
        visibility: visibility(stored.visibility()),
        payload: None,
    }
}

pub(crate) fn activation(view: &ActivationView, state: &State, owned: bool) -> wire::Activation {
    let (gate, not_before) = match view.standing {
        Standing::Waiting(gate) => match gate {
            Gate::NotBefore(moment)
            | Gate::Breaker { until: Some(moment), .. }
            | Gate::Rate { until: moment, .. } => (Some(gate), Some(times::on_wall(state, moment))),
            Gate::Paused(_)
            | Gate::Breaker { until: None, .. }
            | Gate::After(_)
            | Gate::OrderingKey(_)
            | Gate::KeyConcurrency
            | Gate::Unregistered
            | Gate::Room
            | Gate::BoardConcurrency
            | Gate::AgentConcurrency
            | Gate::Suspect(_)
            | Gate::Permit => (Some(gate), None),
        },
        Standing::Running | Standing::Closed { .. } => (None, None),
    };
    let ended = match view.standing {
        Standing::Closed { at, .. } => Some(times::millis(at)),
        Standing::Waiting(_) | Standing::Running => None,
    };
    let unowned = !owned && ended.is_none();
    wire::Activation {
        id: number(view.id),
        agent: view.agent.to_string(),
        members: texts(&view.members),
        subscription: view.subscription.get(),
        input_seqs: seqs(&view.inputs),
        correlation: view.correlation.to_string(),
        key: view.key.as_ref().map(ToString::to_string),
        standing: words::standing(&view.standing),
        gate: gate.map(Gate::as_str),
        held_by: gate.and_then(|gate| held_by(state, gate)),
        not_before: not_before.map(times::millis),
        reason: words::dead_reason(&view.standing),
        fingerprint: view.death.map(|death| death.fingerprint.to_string()),
        ended_at: ended,
        attempts: view.attempts,
        queue: view.queue.to_string(),
        steps: view
            .steps
            .iter()
            .filter(|step| !step.is_open())
            .map(|it| it.name.to_string())
            .collect(),
        in_doubt: open_intents(&view.steps).map(ToString::to_string).collect(),
        suspect_deaths: view.suspect.map(|suspect| suspect.deaths),
        hidden: view.hidden,
        unowned,
    }
}

pub(crate) fn group(group: &DeadLetterGroup) -> wire::DeadLetterGroup {
    wire::DeadLetterGroup {
        fingerprint: group.fingerprint.to_string(),
        agent: group.agent.to_string(),
        queue: group.queue.to_string(),
        reason: group.reason.as_str(),
        error_kind: group.kind.map(artel::ErrorKind::as_str),
        count: group.count,
        first_at: times::millis(group.first),
        last_at: times::millis(group.last),
        sample: number(group.sample),
        message: group.message.clone(),
    }
}

pub(crate) fn intervention(one: &Intervention) -> wire::Intervention {
    let (action, out_of_order) = match one.what {
        Intervened::Redriven { out_of_order } => ("redriven", out_of_order),
        Intervened::Dropped => ("dropped", false),
        Intervened::Cancelled => ("cancelled", false),
    };
    let (by, reason) = match &one.actor {
        Actor::Operator { name, reason } => (name.to_string(), Some(reason.to_string())),
        Actor::Program(name) => (name.to_string(), None),
        Actor::Attempt(attempt) => (format!("attempt {attempt}"), None),
        Actor::Board => ("board".to_owned(), None),
    };
    wire::Intervention { at: times::millis(one.at), action, by, reason, out_of_order }
}

/// Whose pause, breaker or rate limit a gate is.
fn held_by(state: &State, gate: Gate) -> Option<String> {
    match gate {
        Gate::Paused(what) => Some(pausable(state, what)),
        Gate::Breaker { of, .. } | Gate::Rate { of, .. } => {
            let wire::Metered { kind, name } = metered(state, of);
            Some(format!("{kind} {name}"))
        }
        Gate::OrderingKey(before) | Gate::Suspect(before) => Some(format!("activation {before}")),
        Gate::Unregistered
        | Gate::After(_)
        | Gate::Room
        | Gate::NotBefore(_)
        | Gate::BoardConcurrency
        | Gate::AgentConcurrency
        | Gate::KeyConcurrency
        | Gate::Permit => None,
    }
}

/// What has a breaker or a rate limit.
pub(crate) fn metered(state: &State, of: Metered) -> wire::Metered {
    match of {
        Metered::Agent(no) => wire::Metered { kind: "agent", name: agent(state, no) },
        Metered::Dependency(no) => {
            let record = state.dependency(no);
            let name = record.map_or_else(|| no.to_string(), |it| it.definition.name.to_string());
            wire::Metered { kind: "dependency", name }
        }
    }
}

/// What was paused.
pub(crate) fn pausable(state: &State, what: Pausable) -> String {
    match what {
        Pausable::Board => "the board".to_owned(),
        Pausable::Agent(no) => format!("agent {}", agent(state, no)),
        Pausable::Correlation(correlation) => format!("correlation {correlation}"),
    }
}

/// How a breaker is set.
pub(crate) fn breaker(breaker: &Breaker) -> wire::BreakerOptions {
    let mut options = wire::BreakerOptions {
        consecutive_failures: None,
        failure_percent: None,
        minimum_calls: None,
        window_ms: None,
        recovery_ms: times::whole_millis(breaker.recovery_time(1)),
        probes: breaker.probes_max(),
    };
    match breaker.trip() {
        Trip::InARow(failures) => options.consecutive_failures = Some(failures),
        Trip::Rate { percent, calls_min, window } => {
            options.failure_percent = Some(percent);
            options.minimum_calls = Some(calls_min);
            options.window_ms = Some(times::whole_millis(window));
        }
    }
    options
}

/// A rate limit as it is set.
pub(crate) const fn rate_limit(rate: &RateLimit) -> wire::RateLimit {
    let (attempts, period_ms) = (rate.permits(), rate.period_ms());
    wire::RateLimit { attempts, period_ms, burst: rate.burst_max() }
}

pub(crate) const fn number(id: ActivationId) -> u64 {
    id.0.get()
}

pub(crate) fn attempt(view: &AttemptView, state: &State) -> wire::Attempt {
    let took = view.ended.map(|ended| ended.since(view.started).as_millis());
    let (not_before, reason) = match view.next {
        Some(Next::Retry { not_before, .. } | Next::WhenRoom { not_before, .. }) => {
            (Some(times::on_wall(state, not_before)), None)
        }
        Some(Next::Dead(reason)) => (None, Some(words::reason(reason))),
        Some(Next::Closed) | None => (None, None),
    };
    let kind = view.end.and_then(words::error_kind);
    wire::Attempt {
        number: view.number.get(),
        member: view.member.as_ref().map(ToString::to_string),
        started_at: times::millis(view.started),
        ended_at: view.ended.map(times::millis),
        took_ms: took.and_then(|took| u64::try_from(took).ok()),
        end: view.end.map(words::end),
        error_kind: kind.map(artel::ErrorKind::as_str),
        next: view.next.map(words::next),
        not_before: not_before.map(times::millis),
        reason,
        limit: view.limit.map(limit),
        error: view.report.error.clone(),
        log: view.report.log.clone(),
        withheld: returned::withheld(&view.report.withheld),
        candidates: returned::candidates(&view.report),
    }
}

/// A limit that an attempt reached.
pub(crate) const fn limit(view: LimitView) -> wire::LimitReached {
    wire::LimitReached { limit: words::reached(view.limit), value: view.value, bound: view.bound }
}

pub(crate) fn subscription(definition: &SubscriptionDefinition) -> wire::Subscription {
    wire::Subscription {
        types: texts(&definition.types),
        from: texts(&definition.from),
        not_from: texts(&definition.not_from),
        self_trigger: definition.self_trigger,
        tags_all: texts(&definition.tags_all),
        tags_any: texts(&definition.tags_any),
        filter: filter(&definition.filter),
        priority: definition.priority,
        key: match &definition.key {
            KeyOf::Own => definition.ordered.map(|_| "the artifact's own".to_owned()),
            KeyOf::Field { path, .. } => Some(path.to_string()),
            KeyOf::Closure { .. } => Some("a function of its program".to_owned()),
        },
        ordered: definition.ordered.map(words::on_dead),
        after: definition.after,
        quiet_ms: match &definition.wakes {
            Wakes::Quiet(time) => Some(times::whole_millis(*time)),
            Wakes::AtOnce | Wakes::Aged { .. } => None,
        },
        older_than_ms: match &definition.wakes {
            Wakes::Aged { age, .. } => Some(times::whole_millis(*age)),
            Wakes::AtOnce | Wakes::Quiet(_) => None,
        },
        without: match &definition.wakes {
            Wakes::Aged { without, .. } => texts(without),
            Wakes::AtOnce | Wakes::Quiet(_) => Vec::new(),
        },
        group: definition.group.as_ref().map(ToString::to_string),
    }
}

fn filter(filter: &Filter) -> Option<String> {
    match filter {
        Filter::All => None,
        Filter::Fields(predicate) => Some(predicate.to_string()),
        Filter::Closure { .. } => Some("a closure of its program".to_owned()),
        Filter::Cel(cel) => Some(cel.to_string()),
    }
}

/// A subscription in one line: `review.Verdict from licence tagged a and b where score > 80`.
pub(crate) fn sentence(wanted: &wire::Subscription) -> String {
    let mut text = if wanted.types.is_empty() {
        "what wakes its members".to_owned()
    } else {
        wanted.types.join(" or ")
    };
    let mut add = |word: &str, items: &[String], with: &str| {
        if !items.is_empty() {
            text.push_str(&format!(" {word} {}", items.join(with)));
        }
    };
    add("from", &wanted.from, " or ");
    add("not from", &wanted.not_from, " or ");
    add("tagged", &wanted.tags_all, " and ");
    add("tagged", &wanted.tags_any, " or ");
    if let Some(filter) = &wanted.filter {
        text.push_str(&format!(" where {filter}"));
    }
    if wanted.ordered.is_some() {
        let key = wanted.key.as_deref().unwrap_or_default();
        text.push_str(&format!(", in the order of {key}"));
    }
    if wanted.after > 0 {
        text.push_str(&format!(", after {} of them", wanted.after));
    }
    let took = |ms| times::took(std::time::Duration::from_millis(ms));
    if let Some(ms) = wanted.quiet_ms {
        text.push_str(&format!(", when it was quiet for {}", took(ms)));
    }
    if let Some(ms) = wanted.older_than_ms {
        text.push_str(&format!(", older than {}", took(ms)));
    }
    if !wanted.without.is_empty() {
        text.push_str(&format!(" without {}", wanted.without.join(" or ")));
    }
    if let Some(group) = &wanted.group {
        text.push_str(&format!(", as a member of {group}"));
    }
    text
}

/// What the clause that said no asks for.
pub(crate) fn asks_for(clause: Clause, wanted: Option<&wire::Subscription>) -> String {
    let Some(wanted) = wanted else { return "the subscription is not known".to_owned() };
    let filter = wanted.filter.as_deref().unwrap_or("nothing");
    match clause {
        Clause::Producer => format!("made by {}", wanted.from.join(" or ")),
        Clause::NotFrom => format!("made by nobody of {}", wanted.not_from.join(" or ")),
        Clause::SelfTrigger => match &wanted.group {
            Some(group) => format!("made by nobody of group {group}"),
            None => "made by another agent than itself".to_owned(),
        },
        Clause::TagsAll => format!("tagged {}", wanted.tags_all.join(" and ")),
        Clause::TagsAny => format!("tagged {}", wanted.tags_any.join(" or ")),
        Clause::Filter => filter.to_owned(),
        Clause::FilterError => format!("{filter}, which a field of this payload does not allow"),
        Clause::FilterPanic => format!("{filter}, which panicked"),
        Clause::Visibility => "something that it may see, which this is not".to_owned(),
        Clause::FilterBound => format!("{filter}, which ran past its bound"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_reads_as_a_sentence() {
        let text = |text: &str| text.to_owned();
        let mut wanted = wire::Subscription {
            types: vec![text("review.Verdict")],
            from: vec![text("licence"), text("size")],
            not_from: Vec::new(),
            self_trigger: false,
            tags_all: vec![text("a"), text("b")],
            tags_any: Vec::new(),
            filter: Some(text("score > 80")),
            priority: 5,
            key: None,
            ordered: None,
            after: 0,
            quiet_ms: None,
            older_than_ms: None,
            without: Vec::new(),
            group: None,
        };
        assert_eq!(
            sentence(&wanted),
            "review.Verdict from licence or size tagged a and b where score > 80"
        );
        assert_eq!(asks_for(Clause::TagsAll, Some(&wanted)), "tagged a and b");
        assert_eq!(asks_for(Clause::Filter, Some(&wanted)), "score > 80");
        wanted.not_from = vec![text("size")];
        assert_eq!(asks_for(Clause::NotFrom, Some(&wanted)), "made by nobody of size");
        wanted.filter = None;
        (wanted.key, wanted.ordered, wanted.after) = (Some(text("customer")), Some("stop"), 3);
        wanted.from.clear();
        wanted.tags_all.clear();
        assert_eq!(
            sentence(&wanted),
            "review.Verdict not from size, in the order of customer, after 3 of them"
        );
        (wanted.ordered, wanted.after, wanted.older_than_ms) = (None, 0, Some(90_000));
        wanted.without = vec![text("review.Vote")];
        assert_eq!(
            sentence(&wanted),
            "review.Verdict not from size, older than 1 min 30 s without review.Vote"
        );
        wanted = wire::Subscription { group: Some(text("crew")), filter: None, ..wanted };
        wanted.older_than_ms = None;
        wanted.without.clear();
        assert_eq!(sentence(&wanted), "review.Verdict not from size, as a member of crew");
        assert_eq!(asks_for(Clause::SelfTrigger, Some(&wanted)), "made by nobody of group crew");
    }
}
