//! What an append stores for people who query the tables by themselves: nothing of Artel reads it again.

use serde::Serialize;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use artel_core::envelope::Producer;
use artel_core::log::{ArtifactRow, ClosedActivation, NameRow, Named, OperationRow, Outcome, Rows};

use super::format::uuid;
use super::rows::{add, add_column, number};
use crate::format::integer;

/// What stands for U+0000 in texts, which the server refuses.
const NUL_SHOWN: &str = "\u{fffd}";

/// Who made an artifact, where it was no agent: that one's number is stored.
pub(super) fn producer(row: &ArtifactRow) -> Option<String> {
    match &row.envelope().producer {
        Producer::Agent { .. } => None,
        Producer::Program(name) => Some(format!("program:{name}")),
        Producer::Operator(name) => Some(format!("operator:{name}")),
        Producer::Board => Some("board".to_owned()),
    }
}

/// The tags of an artifact, a line each: they hold no line break.
pub(super) fn tags(row: &ArtifactRow) -> Option<String> {
    let tags = &row.envelope().tags;
    if tags.is_empty() {
        return None;
    }
    let mut lines = String::new();
    for tag in tags {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(tag.as_str());
    }
    Some(lines)
}

/// What is told of activations that are over, column by column.
pub(super) fn add_ends(arguments: &mut PgArguments, rows: &[&ClosedActivation]) {
    let all = || rows.iter().copied();
    add_column(arguments, all().map(|row| integer(row.ended.get())));
    add_column(arguments, all().map(|row| row.at.as_millis()));
    add_column(arguments, all().map(|row| i32::try_from(row.attempts).unwrap_or(i32::MAX)));
    add_column(arguments, all().map(|row| reason(row.outcome)));
    let deaths = || all().map(|row| row.death.as_ref());
    let kind = deaths().map(|death| death.and_then(|death| Some(death.kind?.as_str())));
    add_column(arguments, kind);
    add_column(arguments, deaths().map(|death| death.map(|death| &death.fingerprint.0[..])));
    let report = all().map(|row| {
        let last = row.death.and_then(|_| row.trail.last());
        last.map(|seq| integer(seq.get()))
    });
    add_column(arguments, report);
}

const fn reason(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Dead(reason) | Outcome::Dropped(reason) => Some(reason.as_str()),
        Outcome::Done | Outcome::Cancelled | Outcome::Expired => None,
    }
}

/// Names and operations, each as one text in JSON: hardly an append has any.
pub(super) fn add_rare(arguments: &mut PgArguments, rows: &Rows) {
    let names: Vec<Name<'_>> = rows.names.iter().map(Name::of).collect();
    add(arguments, json(&names));
    let operations: Vec<Operation<'_>> = rows.operations.iter().map(Operation::of).collect();
    add(arguments, json(&operations));
}

fn json<T: Serialize>(rows: &[T]) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    Some(serde_json::to_string(rows).expect("texts and numbers can be written as JSON"))
}

/// A row of the table `name`.
#[derive(Serialize)]
struct Name<'a> {
    kind: i16,
    no: i32,
    name: &'a str,
    version: Option<u32>,
    agent: Option<i32>,
}

impl<'a> Name<'a> {
    fn of(row: &'a NameRow) -> Self {
        let (kind, no, version, agent) = match row.of {
            Named::Type { no, version } => (0, no.get(), Some(version), None),
            Named::Agent(no) => (1, no.get(), None, None),
            Named::Subscription { no, agent } => (2, no.get(), None, Some(number(agent.get()))),
            Named::Dependency(no) => (3, no.get(), None, None),
        };
        Self { kind, no: number(no), name: &row.name, version, agent }
    }
}

/// A row of the table `operation`.
#[derive(Serialize)]
struct Operation<'a> {
    seq: i64,
    at: i64,
    operator: &'a str,
    reason: String,
    action: &'static str,
    activation: Option<i64>,
    correlation: Option<Uuid>,
    agent: Option<i32>,
    dependency: Option<i32>,
}

impl<'a> Operation<'a> {
    fn of(row: &'a OperationRow) -> Self {
        let to = row.to;
        Self {
            seq: integer(row.seq.get()),
            at: row.at.as_millis(),
            operator: row.operator.as_str(),
            reason: row.reason.replace('\0', NUL_SHOWN),
            action: row.action,
            activation: to.activation.map(|activation| integer(activation.0.get())),
            correlation: to.correlation.map(|correlation| uuid(correlation.as_bytes())),
            agent: to.agent.map(|agent| number(agent.get())),
            dependency: to.dependency.map(|dependency| number(dependency.get())),
        }
    }
}
