//! What is told of an agent as a board records it.

use artel::definition::AgentDefinition;
use artel::visibility::Tenants;

use crate::{describe, returned, wire};

pub(super) fn tell(definition: &AgentDefinition) -> wire::AgentDefinition {
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    wire::AgentDefinition {
        kind: if definition.is_group() { "group" } else { "agent" },
        subscriptions: definition.subscriptions.iter().map(describe::subscription).collect(),
        outputs: describe::texts(&definition.outputs),
        attempts_max: definition.retry.attempts_max(),
        attempt_timeout_ms: millis(definition.attempt_timeout),
        total_timeout_ms: definition.total_timeout.map(millis),
        concurrency: definition.concurrency,
        key_concurrency: definition.key_concurrency,
        queue: definition.dead_letter_queue.to_string(),
        dead_letters_kept_ms: millis(definition.dead_letters.time),
        dead_letter_trace: definition.dead_letters.trace,
        breaker: definition.limits.breaker.as_ref().map(describe::breaker),
        rate_limit: definition.limits.rate.as_ref().map(describe::rate_limit),
        dependencies: describe::texts(&definition.dependencies),
        output_rules: definition.output_rules.iter().map(returned::rule).collect(),
        candidates: definition.candidates,
        labels: describe::texts(&definition.clearance.labels),
        tenants: match &definition.clearance.tenants {
            Tenants::Only(tenants) => Some(describe::texts(tenants)),
            Tenants::All => None,
        },
        crash_loop: definition.crash_loop,
        alert_after_ms: definition.alert_after.map(millis),
    }
}
