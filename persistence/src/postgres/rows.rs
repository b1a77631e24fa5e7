//! The rows of an append as the arrays that the function of the schema takes, column by column.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgBindIterExt, PgHasArrayType, PgTypeInfo};
use sqlx::{Arguments, Postgres, Type};
use uuid::Uuid;

use artel_core::ids::ActivationId;
use artel_core::log::{ArtifactRow, ClosedActivation, Rows};

use super::format::uuid;
use super::recent::Recent;
use super::told;
use crate::format::{encode, integer};
use crate::rows::{self, agent, closed_last, outcome_no};

/// A number of a type or an agent as the server has it: the same bits.
pub(super) const fn number(no: u32) -> i32 {
    no.cast_signed()
}

pub(super) fn add<'t>(
    arguments: &mut PgArguments,
    value: impl sqlx::Encode<'t, Postgres> + Type<Postgres>,
) {
    arguments.add(value).expect("numbers, texts and bytes can be bound");
}

/// A column as an array, whose values go where they are sent from.
pub(super) fn add_column<'t, V>(arguments: &mut PgArguments, values: impl Iterator<Item = V>)
where
    V: sqlx::Encode<'t, Postgres> + Type<Postgres> + PgHasArrayType,
{
    add(arguments, values.bind_iter());
}

/// What is stored as one value that SQL does not look into.
struct Encoded<'a, R>(&'a R);

impl<R> Type<Postgres> for Encoded<'_, R> {
    fn type_info() -> PgTypeInfo {
        <[u8] as Type<Postgres>>::type_info()
    }
}

impl<R> PgHasArrayType for Encoded<'_, R> {
    fn array_type_info() -> PgTypeInfo {
        <&[u8]>::array_type_info()
    }
}

impl<R: Serialize> sqlx::Encode<'_, Postgres> for Encoded<'_, R> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        encode(self.0, buffer);
        Ok(IsNull::No)
    }
}

/// All rows, in the order of the function's parameters. What the batch closes may be closed already where
/// `again`.
pub(super) fn add_all(arguments: &mut PgArguments, rows: &Rows, recent: &Recent, again: bool) {
    artifacts(arguments, &rows.artifacts);
    stretches(arguments, &rows.artifacts);
    tags(arguments, &rows.artifacts);
    keys(arguments, rows);
    contents(arguments, rows);
    let closed: Vec<&ClosedActivation> = closed_last(rows).into_values().collect();
    let id = |activation: &ActivationId| integer(activation.0.get());
    let replaced = closed.iter().filter(|_| again).map(|row| id(&row.activation));
    add_column(arguments, rows.reopened.iter().map(id).chain(replaced));
    add_closed(arguments, &closed, recent);
    let cancelled: BTreeSet<Uuid> =
        rows.cancelled.iter().map(|correlation| uuid(correlation.as_bytes())).collect();
    add_column(arguments, cancelled.into_iter());
    told::add_rare(arguments, rows);
}

fn artifacts(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    add_column(arguments, rows.iter().map(|row| integer(row.seq.get())));
    add_column(arguments, rows.iter().map(|row| uuid(row.envelope().id.as_bytes())));
    add_column(arguments, rows.iter().map(|row| uuid(row.envelope().correlation.as_bytes())));
    add_column(arguments, rows.iter().map(|row| number(row.envelope().type_no.get())));
    add_column(arguments, rows.iter().map(|row| agent(row).map(number)));
    add_column(arguments, rows.iter().map(|row| row.at.as_millis()));
    add_column(arguments, rows.iter().map(|row| Encoded(row.envelope())));
    add_column(arguments, rows.iter().map(|row| row.payload.salt().0));
    add_column(arguments, rows.iter().map(|row| &row.payload.bytes()[..]));
    add_column(arguments, rows.iter().map(told::producer));
    add_column(arguments, rows.iter().map(told::tags));
}

fn stretches(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    let all = rows::stretches(rows);
    add_column(arguments, all.keys().map(|(kind, _)| *kind as i16));
    add_column(arguments, all.keys().map(|(_, no)| number(*no)));
    add_column(arguments, all.values().map(|(_, last)| integer(last.get())));
    add_column(arguments, all.values().map(|(first, _)| integer(first.get())));
}

fn tags(arguments: &mut PgArguments, rows: &[ArtifactRow]) {
    let all =
        || rows.iter().flat_map(|row| row.envelope().tags.iter().map(move |tag| (tag, row.seq)));
    add_column(arguments, all().map(|(tag, _)| tag.as_str()));
    add_column(arguments, all().map(|(_, seq)| integer(seq.get())));
}

/// A key that a batch uses twice stands for what used it last.
fn keys(arguments: &mut PgArguments, rows: &Rows) {
    let last: BTreeMap<&str, i64> =
        rows.keys.iter().map(|row| (row.key.as_str(), integer(row.seq.get()))).collect();
    add_column(arguments, last.keys().copied());
    add_column(arguments, last.values().copied());
}

fn contents(arguments: &mut PgArguments, rows: &Rows) {
    let rows = || rows.contents.iter();
    add_column(arguments, rows().map(|row| integer(row.seq.get())));
    add_column(arguments, rows().map(|row| &row.salt.0[..]));
    add_column(arguments, rows().map(|row| row.hash().0));
    add_column(arguments, rows().map(|row| &row.bytes[..]));
}

fn add_closed(arguments: &mut PgArguments, rows: &[&ClosedActivation], recent: &Recent) {
    let all = || rows.iter().copied();
    add_column(arguments, all().map(|row| integer(row.activation.0.get())));
    add_column(arguments, all().map(|row| i16::from(outcome_no(row.outcome))));
    add_column(arguments, all().map(|row| number(row.agent.get())));
    add_column(arguments, all().map(|row| uuid(row.correlation.as_bytes())));
    add_column(arguments, all().map(Encoded));
    let first = |row: &ClosedActivation| row.inputs.first().map_or(0, |seq| integer(seq.get()));
    add_column(arguments, all().map(first));
    told::add_ends(arguments, rows);
    add_column(arguments, recent.apart(rows).into_iter());
    // The first one stands in the activation's own row.
    let others = || all().flat_map(|row| row.inputs.iter().skip(1).map(move |input| (*input, row)));
    add_column(arguments, others().map(|(input, _)| integer(input.get())));
    add_column(arguments, others().map(|(_, row)| integer(row.activation.0.get())));
}
