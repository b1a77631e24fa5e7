//! `docs/reference/defaults.md`: what holds where nothing is said, read from the code and from what a
//! board records of an agent that says nothing.

#[cfg(test)]
mod defaults {
    use std::fmt::Write as _;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use artel::definition::{AgentDefinition, Filter, Wakes};
    use artel::names::AgentName;
    use artel::{
        Artifact, Board, Bounds, Breaker, Context, Error, ErrorKind, Jitter, RateLimit, Retry,
        Trip, limits,
    };

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    struct Thing {
        n: u32,
    }

    async fn nothing(_: Context, _: Arc<Thing>) -> Result<(), Error> {
        Ok(())
    }

    /// What a board records of an agent that says nothing.
    async fn recorded() -> AgentDefinition {
        let board = Board::open("memory:").await.unwrap();
        board.agent("plain").on::<Thing>().run(nothing);
        let running = board.start().await.unwrap();
        let plain = AgentName::new("plain").unwrap();
        let definition = running
            .look(move |state| {
                AgentDefinition::clone(&state.agent_named(&plain).unwrap().1.definition)
            })
            .await
            .unwrap();
        let _ = running.shutdown().await;
        definition
    }

    fn time(time: Duration) -> String {
        let ms = time.as_millis();
        match ms {
            _ if ms >= 86_400_000 && ms.is_multiple_of(86_400_000) => {
                format!("{} days", ms / 86_400_000)
            }
            _ if ms >= 60_000 && ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
            _ => format!("{ms} ms"),
        }
    }

    fn bytes(bytes: usize) -> String {
        match bytes {
            _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
            _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
            _ => format!("{bytes} bytes"),
        }
    }

    fn number(number: impl TryInto<u64>) -> String {
        let digits = number.try_into().unwrap_or(u64::MAX).to_string();
        let groups = digits.as_bytes().rchunks(3).rev();
        let groups: Vec<_> = groups.map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(" ")
    }

    fn or_none<T>(value: Option<T>, tell: impl Fn(T) -> String) -> String {
        value.map_or_else(|| "none".to_owned(), tell)
    }

    fn yes(yes: bool) -> String {
        if yes { "yes" } else { "no" }.to_owned()
    }

    fn names<T: ToString>(names: &[T], none: &str) -> String {
        let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
        if texts.is_empty() { none.to_owned() } else { texts.join(", ") }
    }

    const KINDS: [ErrorKind; 6] = [
        ErrorKind::Transient,
        ErrorKind::Permanent,
        ErrorKind::RateLimited { retry_after_ms: None },
        ErrorKind::Timeout,
        ErrorKind::Panic,
        ErrorKind::InvalidOutput,
    ];

    type Rows = Vec<(&'static str, String)>;

    fn agent(plain: &AgentDefinition) -> Rows {
        let tenants = format!("{:?}", plain.clearance.tenants);
        vec![
            ("time-out of an attempt (`timeout`)", time(plain.attempt_timeout)),
            ("time for an activation in all (`total_timeout`)", or_none(plain.total_timeout, time)),
            ("attempts at once (`concurrency`)", number(plain.concurrency)),
            (
                "attempts of a key at once (`concurrency_per_key`)",
                plain.key_concurrency.map_or_else(|| "as many as of the agent".to_owned(), number),
            ),
            (
                "circuit breaker (`breaker`)",
                or_none(plain.limits.breaker.as_ref(), |it| format!("{it:?}")),
            ),
            ("rate limit (`rate_limit`)", or_none(plain.limits.rate, |it| format!("{it:?}"))),
            ("dependencies (`depends_on`)", names(&plain.dependencies, "none")),
            (
                "dead-letter queue (`dead_letter_queue`)",
                if plain.dead_letter_queue.as_str() == plain.name.as_str() {
                    "the agent's name".to_owned()
                } else {
                    plain.dead_letter_queue.to_string()
                },
            ),
            ("how long dead letters are kept (`dead_letters_kept`)", time(plain.dead_letters.time)),
            (
                "whether their errors and log lines are kept (`dead_letter_trace`)",
                if plain.dead_letters.trace { "yes" } else { "no" }.to_owned(),
            ),
            (
                "deaths in its own turn that make a dead letter (`crash_loop`)",
                number(plain.crash_loop),
            ),
            (
                "who is alerted of dead letters (`alert_webhook`)",
                or_none(plain.alert_after, time).replace("none", "nobody"),
            ),
            ("candidates of an attempt (`best_of`)", number(plain.candidates)),
            (
                "conditions on outputs (`output`)",
                number(plain.output_rules.len()).replace('0', "none"),
            ),
            ("labels (`label`)", names(&plain.clearance.labels, "none")),
            ("tenants (`tenant`, `all_tenants`)", tenants.replace("Only([])", "none")),
        ]
    }

    fn subscription(plain: &AgentDefinition) -> Rows {
        let wanted = &plain.subscriptions[0];
        vec![
            ("producers (`from`)", names(&wanted.from, "any")),
            ("producers left out (`not_from`)", names(&wanted.not_from, "none")),
            ("wakes on its own outputs (`self_trigger`)", yes(wanted.self_trigger)),
            ("tags that must all be there (`tagged`)", names(&wanted.tags_all, "none")),
            ("tags of which one must be there (`tagged_any`)", names(&wanted.tags_any, "none")),
            (
                "predicate (`filter`, `matching`, `cel`)",
                if wanted.filter == Filter::All { "every payload" } else { "some" }.to_owned(),
            ),
            ("priority (`priority`)", number(wanted.priority)),
            (
                "order by key (`ordered`, `ordered_strictly`)",
                or_none(wanted.ordered, |it| format!("{it:?}")),
            ),
            ("matches that are held (`after`)", number(wanted.after)),
            (
                "when a match wakes (`quiet`, `older_than`)",
                if wanted.wakes == Wakes::AtOnce { "at once" } else { "later" }.to_owned(),
            ),
        ]
    }

    fn retry(retry: &Retry) -> Rows {
        let retried: Vec<_> = KINDS.into_iter().filter(|kind| retry.retries(*kind)).collect();
        let plain = retry.clone().jitter(Jitter::None);
        let delay = |failures| plain.delay(failures, ErrorKind::Transient, 7);
        let drawn: Vec<_> = (0..9).map(|seed| retry.delay(1, ErrorKind::Transient, seed)).collect();
        let least = drawn.iter().min().copied().unwrap_or_default();
        let full = drawn.iter().any(|one| *one != least) && least < delay(1) / 2;
        vec![
            ("attempts in all (`max_attempts`)", number(retry.attempts_max())),
            ("first delay", time(delay(1))),
            ("factor (`factor`)", format!("{}", delay(2).as_secs_f64() / delay(1).as_secs_f64())),
            ("longest delay (`max_delay`)", time(delay(40))),
            ("jitter (`jitter`)", if full { "full" } else { "none" }.to_owned()),
            ("time for retries in all (`max_elapsed`)", or_none(retry.elapsed_max(), time)),
            ("kinds that are retried (`on`, `not_on`)", names(&retried, "none")),
        ]
    }

    fn breaker() -> Rows {
        let Trip::Rate { calls_min, window, .. } = Breaker::failure_rate(50).trip() else {
            return Vec::new();
        };
        let breaker = Breaker::default();
        let counted: Vec<_> =
            KINDS.into_iter().filter(|it| Breaker::counted().contains(*it)).collect();
        vec![
            (
                "opens after (`consecutive`, `failure_rate`)",
                match breaker.trip() {
                    Trip::InARow(failures) => format!("{failures} failures in a row"),
                    Trip::Rate { percent, .. } => format!("{percent} %"),
                },
            ),
            ("calls that a share is of at least (`minimum_calls`)", number(calls_min)),
            ("time that a share is of (`window`)", time(window)),
            ("recovery (`recovery`)", time(breaker.recovery_time(1))),
            (
                "recovery after it opened again (`recovery_backoff`)",
                if breaker.recovery_time(9) == breaker.recovery_time(1) {
                    "the same"
                } else {
                    "longer"
                }
                .to_owned(),
            ),
            ("probes (`probes`)", number(breaker.probes_max())),
            ("kinds that count", names(&counted, "none")),
            (
                "burst of a rate limit (`burst`)",
                if RateLimit::per_second(7).burst_max() == 7 {
                    "as many as in a period"
                } else {
                    "other"
                }
                .to_owned(),
            ),
        ]
    }

    fn board() -> Rows {
        let bounds = Bounds::default();
        vec![
            ("bytes of a payload (`payload_limit`)", bytes(limits::PAYLOAD_LEN)),
            ("bytes of a payload at most", bytes(limits::PAYLOAD_LEN_MAX)),
            ("tags of an artifact", number(limits::TAGS_MAX)),
            ("agents, and labels, that an artifact is for", number(limits::SEEN_BY_MAX)),
            ("nesting of a payload", number(limits::NESTING_MAX)),
            ("depth (`depth_limit`)", number(bounds.depth)),
            (
                "artifacts of a tree of work in an hour (`correlation_limit`)",
                number(bounds.correlation_artifacts),
            ),
            ("artifacts that an attempt returns", number(bounds.outputs)),
            ("steps of an activation", number(bounds.steps)),
            ("bytes of a command", bytes(limits::COMMAND_LEN_MAX)),
            ("bytes of an append, unless one command has more", bytes(limits::APPEND_LEN_MAX)),
            ("bytes of an attempt's error text", bytes(limits::ERROR_TEXT_LEN_MAX)),
            ("bytes of an attempt's log lines", bytes(limits::ATTEMPT_LOG_LEN_MAX)),
            ("bytes of the text of a failing predicate", bytes(limits::PREDICATE_TEXT_LEN_MAX)),
            ("open activations of a board", number(bounds.agenda_len)),
            ("open activations of an agent", number(bounds.agent_agenda_len)),
            ("attempts of a board at once", number(bounds.concurrency)),
        ]
    }

    fn page(plain: &AgentDefinition) -> String {
        let mut page = "# Defaults\n\nWhat holds where nothing is said. A test reads it from the code and from what a \
                        board records of an agent\nthat says nothing, and compares this page.\n"
            .to_owned();
        let parts = [
            ("An agent", agent(plain)),
            ("Its subscription", subscription(plain)),
            ("Its retries", retry(&plain.retry)),
            ("Breakers and rate limits, where there are any", breaker()),
            ("A board", board()),
        ];
        for (title, rows) in parts {
            let _ = writeln!(page, "\n## {title}\n\n| what | default |\n| --- | --- |");
            for (what, default) in rows {
                let _ = writeln!(page, "| {what} | {default} |");
            }
        }
        page
    }

    #[tokio::test]
    async fn the_page_about_defaults_is_what_the_code_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/defaults.md");
        let page = page(&recorded().await);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found != page {
            std::fs::write(&path, &page).unwrap();
            panic!(
                "docs/reference/defaults.md was out of date; it is written anew: look at it and commit it"
            );
        }
    }
}
