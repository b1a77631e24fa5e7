//! Keeps `docs/cli.md` what the program says of itself: its help, and the fields of its answers with
//! their documentation. The test writes the file anew when it differs, and fails.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::{Map, Value};

use crate::args::Cli;
use crate::wire;

const HEAD: &str = "\
# The command line

`artel` looks at boards and operates them. Every verb works on a board's log, whether or not a process
owns the board, and without the program whose agents work on it. Verbs only read, except `board move`,
`adopt`, `rm`, `pause` and `resume`, `activation cancel`, `breaker open` and `close`, `dlq redrive` and
`dlq drop`, `step settle`: these need a board that no process owns. The program becomes its owner for a moment, records what is asked, and gives the board up; agents do what
follows when their program starts the next time. `bench` makes a board of its own, and removes it.

This page is made from the program's own help and from the types of its answers by a test of
`artel-cli`, which fails when the page is out of date.

## What holds for every verb

**The board.** `--board`, else `ARTEL_BOARD`, else `sqlite:artel.db`. What has no scheme is the path of
a file: `review.artel.db` is `sqlite:review.artel.db`.

**Text for people.** Tables without lines, as wide as the terminal where there is one; ids, numbers and
times are never wrapped. In files and pipes a row is a line. Times are UTC. Characters that a terminal
would obey are shown as escapes, since payloads and errors come from anywhere. The layout may change;
programs should ask for JSON.

**JSON.** With `--json` an answer is one JSON document on one line; `event tail` writes one for each
event. Fields that have no value are null. Field names are stable, and fields may be added. Times are
UTC in RFC 3339 with milliseconds, such as `2026-11-21T05:44:00.123Z`; durations are milliseconds,
with a fraction where `bench` measured them.

**Errors** are written to the error output: one line that begins with `error:` and names the causes,
then one that begins with `hint:` and names the next step, where there is one. With `--json` they are
a document like this: `{\"error\":{\"code\":…}}`; see [failure](#failure).

**Exit codes** are stable:

| code | means |
| --- | --- |
| 0 | done, or yes |
| 1 | the answer is no: nothing of that name or id, or `board verify`, `types check` or `doctor` found something, or the board was kept, or what `bench` wrote twice is not the same |
| 2 | the command line is wrong |
| 3 | the board cannot be opened or read |
| 4 | refused: another process owns the board, or it was moved away or is on its way, or there is a board where one was to be moved, or what was named is not a dead letter, or not open, or something lies where `bench` was to make its board |

A reader that leaves early, such as `head`, is no error.

**Environment.**

| variable | means |
| --- | --- |
| `ARTEL_BOARD` | the board, where `--board` is not given |
| `ARTEL_OPERATOR` | who operates the board, where `--by` is not given; else `USER` |
| `RUST_LOG` | diagnostics on the error output, such as `artel=debug`; warnings by default. `bench` keeps spans at level info besides, as a program does that is watched |
| `NO_COLOR` | no colours, where `--color` is not given |

## Verbs
";

/// Each verb, and what it answers.
const ANSWERS: [(&str, &str); 34] = [
    ("board ls", "boards"),
    ("board show", "board"),
    ("board verify", "verified"),
    ("board hash", "board hash"),
    ("board pause", "turned"),
    ("board resume", "turned"),
    ("board move", "moved"),
    ("board adopt", "adopted"),
    ("board rm", "removed"),
    ("agent pause", "turned"),
    ("agent resume", "turned"),
    ("artifact ls", "artifacts"),
    ("artifact show", "artifact detail"),
    ("types ls", "types"),
    ("types check", "types checked"),
    ("correlation show", "correlation"),
    ("correlation pause", "turned"),
    ("correlation resume", "turned"),
    ("activation ls", "activations"),
    ("activation show", "activation detail"),
    ("activation cancel", "operated"),
    ("breaker ls", "breakers"),
    ("breaker open", "turned"),
    ("breaker close", "turned"),
    ("dlq ls", "dead letters"),
    ("dlq groups", "dead letter groups"),
    ("dlq show", "activation detail"),
    ("dlq alerts", "alerts"),
    ("dlq redrive", "operated"),
    ("dlq drop", "operated"),
    ("step settle", "operated"),
    ("event tail", "event"),
    ("doctor", "examined"),
    ("bench", "bench"),
];

/// The types of the answers, in the order of the page.
fn types() -> Vec<(&'static str, Schema)> {
    fn of<T: JsonSchema>() -> Schema {
        schema_for!(T)
    }
    vec![
        ("board", of::<wire::Board>()),
        ("owner", of::<wire::Owner>()),
        ("type", of::<wire::Type>()),
        ("agent", of::<wire::Agent>()),
        ("failing", of::<wire::Failing>()),
        ("open correlation", of::<wire::OpenCorrelation>()),
        ("boards", of::<wire::Boards>()),
        ("board there", of::<wire::BoardThere>()),
        ("verified", of::<wire::Verified>()),
        ("board hash", of::<wire::BoardHash>()),
        ("adopted", of::<wire::Adopted>()),
        ("moved", of::<wire::Moved>()),
        ("removed", of::<wire::Removed>()),
        ("artifacts", of::<wire::Artifacts>()),
        ("dependency", of::<wire::Dependency>()),
        ("artifact", of::<wire::Artifact>()),
        ("artifact detail", of::<wire::ArtifactDetail>()),
        ("trace", of::<wire::Trace>()),
        ("visibility", of::<wire::Visibility>()),
        ("woken", of::<wire::Woken>()),
        ("not woken", of::<wire::NotWoken>()),
        ("types", of::<wire::Types>()),
        ("type version", of::<wire::TypeVersion>()),
        ("types checked", of::<wire::TypesChecked>()),
        ("version checked", of::<wire::VersionChecked>()),
        ("type failure", of::<wire::TypeFailure>()),
        ("correlation", of::<wire::Correlation>()),
        ("correlation limit", of::<wire::CorrelationLimit>()),
        ("activations", of::<wire::Activations>()),
        ("activation", of::<wire::Activation>()),
        ("activation detail", of::<wire::ActivationDetail>()),
        ("subscription", of::<wire::Subscription>()),
        ("attempt", of::<wire::Attempt>()),
        ("withheld", of::<wire::Withheld>()),
        ("candidate", of::<wire::Candidate>()),
        ("kept output", of::<wire::KeptOutput>()),
        ("intervention", of::<wire::Intervention>()),
        ("limit reached", of::<wire::LimitReached>()),
        ("dead letters", of::<wire::DeadLetters>()),
        ("dead letter", of::<wire::DeadLetter>()),
        ("dead letter groups", of::<wire::DeadLetterGroups>()),
        ("dead letter group", of::<wire::DeadLetterGroup>()),
        ("alerts", of::<wire::Alerts>()),
        ("alert", of::<wire::Alert>()),
        ("operated", of::<wire::Operated>()),
        ("breakers", of::<wire::Breakers>()),
        ("breaker", of::<wire::Breaker>()),
        ("breaker options", of::<wire::BreakerOptions>()),
        ("rate limit", of::<wire::RateLimit>()),
        ("metered", of::<wire::Metered>()),
        ("turned", of::<wire::Turned>()),
        ("event", of::<wire::Event>()),
        ("actor", of::<wire::Actor>()),
        ("happened", of::<wire::Happened>()),
        ("agent definition", of::<wire::AgentDefinition>()),
        ("output rule", of::<wire::OutputRule>()),
        ("examined", of::<wire::Examined>()),
        ("finding", of::<wire::Finding>()),
        ("bench", of::<wire::Bench>()),
        ("latency", of::<wire::Latency>()),
        ("failure", of::<wire::Failure>()),
        ("problem", of::<wire::Problem>()),
    ]
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut command = Cli::command().term_width(100);
    command.build();
    for (at, (verb, answer)) in ANSWERS.into_iter().enumerate() {
        let (own, global, examples) = parts(&help(&mut command, verb));
        if at == 0 {
            let _ = write!(page, "\nEach of them takes these:\n\n```text\n{global}\n```\n");
        }
        let link = anchor(answer);
        let _ = write!(page, "\n### `artel {verb}`\n\n```text\n{own}\n\n{examples}\n```\n\n");
        let _ = writeln!(page, "With `--json`: [{answer}](#{link}).");
    }
    page.push_str("\n## Answers as JSON\n\nFields stand in alphabetical order.\n");
    for (name, schema) in types() {
        let _ = write!(page, "\n### {name}\n\n");
        type_of(&schema, &mut page);
    }
    page
}

fn help(command: &mut Command, verb: &str) -> String {
    let mut command = command;
    for word in verb.split(' ') {
        command = command.find_subcommand_mut(word).expect("the verb is there");
    }
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// A help's own part, the options that every verb has, and the examples.
fn parts(help: &str) -> (String, String, String) {
    let (own, rest) = help.split_once("Global options:\n").expect("a help has global options");
    let (global, examples) = rest.split_once("Examples:\n").expect("a help has examples");
    let examples = format!("Examples:\n{examples}");
    (own.trim_end().to_owned(), global.trim_end().to_owned(), examples)
}

fn type_of(schema: &Schema, page: &mut String) {
    let schema = schema.as_object().expect("an answer is described");
    let _ = writeln!(page, "{}", one_line(schema));
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        fields(properties, page);
    }
    for variant in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let variant = variant.as_object().expect("a variant is described");
        let properties = variant["properties"].as_object().expect("a variant has fields");
        let kind = properties["kind"]["const"].as_str().expect("a variant has a kind");
        let _ = write!(page, "\n**`{kind}`**: {}\n", one_line(variant));
        let others: Map<String, Value> =
            properties.clone().into_iter().filter(|(name, _)| name != "kind").collect();
        if !others.is_empty() {
            fields(&others, page);
        }
    }
}

fn fields(properties: &Map<String, Value>, page: &mut String) {
    page.push_str("\n| field | value | meaning |\n| --- | --- | --- |\n");
    for (name, property) in properties {
        let meaning = property.as_object().map(one_line).unwrap_or_default();
        let _ = writeln!(page, "| `{name}` | {} | {meaning} |", value_of(property));
    }
}

/// What a schema says of itself, in one line.
fn one_line(schema: &Map<String, Value>) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a field holds.
fn value_of(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or(target);
        let name = spaced(name);
        return format!("[{name}](#{})", anchor(&name));
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let options: Vec<String> = options.iter().map(value_of).collect();
        return options.join(" or ");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return "any JSON".to_owned(),
    };
    let named = kinds.iter().map(|&kind| match kind {
        "array" if schema.get("prefixItems").is_some() => "pair of texts".to_owned(),
        "array" => match value_of(&schema["items"]).as_str() {
            link if link.starts_with('[') => format!("list of {link}"),
            pair if pair.starts_with("pair") => {
                format!("list of {}", pair.replacen("pair", "pairs", 1))
            }
            item => format!("list of {item}s"),
        },
        "integer" => "number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    });
    named.collect::<Vec<_>>().join(" or ")
}

/// The name of a type as words: `NotWoken` is `not woken`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn anchor(heading: &str) -> String {
    heading.replace(' ', "-")
}

#[test]
fn the_page_about_the_command_line_is_what_the_program_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let page = page();
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if page != found {
        std::fs::write(&path, page).unwrap();
        panic!("docs/cli.md was out of date; it is written anew: look at it and commit it");
    }
}

#[test]
fn every_verb_is_on_the_page_and_teaches_by_examples() {
    let mut command = Cli::command();
    command.build();
    let mut verbs = Vec::new();
    for noun in command.get_subcommands() {
        if !noun.has_subcommands() {
            verbs.push(noun.get_name().to_owned());
        }
        for verb in noun.get_subcommands() {
            verbs.push(format!("{} {}", noun.get_name(), verb.get_name()));
        }
    }
    let listed: Vec<&str> = ANSWERS.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(verbs, listed);
    for verb in listed {
        let help = help(&mut command, verb);
        let examples = help.split("Examples:").nth(1).unwrap_or_default();
        assert!(examples.contains(&format!("artel {verb}")), "{verb}: {help}");
    }
}

#[test]
fn every_type_that_a_field_names_is_on_the_page() {
    let page = page();
    let headings: Vec<String> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).map(anchor).collect();
    for link in page.split("](#").skip(1) {
        let target = link.split(')').next().unwrap();
        assert!(headings.iter().any(|heading| heading == target), "{target}");
    }
}
