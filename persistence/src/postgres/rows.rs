//! The rows of an append as the arrays that the function of the schema takes, column by column.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use artel_core::ids::ActivationId;
use artel_core::log::{ArtifactRow, ClosedActivation, Rows};

use super::format::uuid;
use super::told;
use crate::format::{encode, integer};
use crate::rows::{self, agent, outcome_no};

/// A number of a type or an agent as the server has it: the same bits.
pub(super) const fn number(no: u32) -> i32 {
    no.cast_signed()
}

pub(super) fn add<'t>(
    arguments: &mut PgArguments,
    value: impl sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
) {
    arguments.add(value).expect("numbers, texts and bytes can be bound");
}

/// All rows, in the order of the function's parameters.
pub(super) fn add_all(arguments: &mut PgArguments, rows: &Rows) {
    artifacts(arguments, &rows.artifacts);
    stretches(arguments, &rows.artifacts);
    tags(arguments, &rows.artifacts);
    keys(arguments, rows);
    contents(arguments, rows);
    let reopened = rows::reopened(rows);
    add(arguments, column(&reopened, |activation| integer(activation.0.get())));
    add_closed(arguments, &rows::closed_last(rows));
    let cancelled: BTreeSet<Uuid> =
        rows.cancelled.iter().map(|correlation| uuid(correlation.as_bytes())).collect();
    add(arguments, cancelled.into_iter().collect::<Vec<_>>());
    told::add_rare(arguments, rows);
}

fn artifacts(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    add(arguments, column(rows, |row| integer(row.seq.get())));
    add(arguments, column(rows, |row| uuid(row.envelope().id.as_bytes())));
    add(arguments, column(rows, |row| uuid(row.envelope().correlation.as_bytes())));
    add(arguments, column(rows, |row| number(row.envelope().type_no.get())));
    add(arguments, column(rows, |row| agent(row).map(number)));
    add(arguments, column(rows, |row| row.at.as_millis()));
    add(
        arguments,
        column(rows, |row| {
            let mut stored = Vec::new();
            encode(row.envelope(), &mut stored);
            stored
        }),
    );
    add(arguments, column(rows, |row| row.payload.salt().0.to_vec()));
    add(arguments, rows.iter().map(|row| &row.payload.bytes()[..]).collect::<Vec<&[u8]>>());
    add(arguments, column(rows, told::producer));
    add(arguments, column(rows, told::tags));
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

fn stretches(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    let all: Vec<_> = rows::stretches(rows).into_iter().collect();
    add(arguments, column(&all, |((kind, _), _)| *kind as i16));
    add(arguments, column(&all, |((_, no), _)| number(*no)));
    add(arguments, column(&all, |(_, (_, last))| integer(last.get())));
    add(arguments, column(&all, |(_, (first, _))| integer(first.get())));
}

fn tags(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    let each = |row: &ArtifactRow| {
        let seq = integer(row.seq.get());
        let tags = row.envelope().tags.iter().map(|tag| (tag.as_str().to_owned(), seq));
        tags.collect::<Vec<_>>()
    };
    let (tags, seqs): (Vec<String>, Vec<i64>) = rows.iter().flat_map(each).unzip();
    add(arguments, tags);
    add(arguments, seqs);
}

/// A key that a batch uses twice stands for what used it last.
fn keys(arguments: &mut PgArguments, rows: &Rows) {
    let last: BTreeMap<&str, i64> =
        rows.keys.iter().map(|row| (row.key.as_str(), integer(row.seq.get()))).collect();
    let (keys, seqs): (Vec<&str>, Vec<i64>) = last.into_iter().unzip();
    add(arguments, keys);
    add(arguments, seqs);
}

fn contents(arguments: &mut PgArguments, rows: &Rows) {
    let rows = &rows.contents;
    add(arguments, column(rows, |row| integer(row.seq.get())));
    add(arguments, rows.iter().map(|row| &row.salt.0[..]).collect::<Vec<&[u8]>>());
    add(arguments, column(rows, |row| row.hash().0.to_vec()));
    add(arguments, rows.iter().map(|row| &row.bytes[..]).collect::<Vec<&[u8]>>());
}

fn add_closed(arguments: &mut PgArguments, closed: &BTreeMap<ActivationId, &ClosedActivation>) {
    let rows: Vec<&ClosedActivation> = closed.values().copied().collect();
    add(arguments, column(&rows, |row| integer(row.activation.0.get())));
    add(arguments, column(&rows, |row| i16::from(outcome_no(row.outcome))));
    add(arguments, column(&rows, |row| number(row.agent.get())));
    add(arguments, column(&rows, |row| uuid(row.correlation.as_bytes())));
    add(
        arguments,
        column(&rows, |row| {
            let mut stored = Vec::new();
            encode(row, &mut stored);
            stored
        }),
    );
    let first = |row: &&ClosedActivation| row.inputs.first().map_or(0, |seq| integer(seq.get()));
    add(arguments, column(&rows, first));
    told::add_ends(arguments, &rows);
    let each = |row: &&ClosedActivation| {
        let activation = integer(row.activation.0.get());
        // The first one stands in the activation's own row.
        let inputs = row.inputs.iter().skip(1).map(|input| (integer(input.get()), activation));
        inputs.collect::<Vec<_>>()
    };
    let (inputs, by): (Vec<i64>, Vec<i64>) = rows.iter().flat_map(each).unzip();
    add(arguments, inputs);
    add(arguments, by);
}
