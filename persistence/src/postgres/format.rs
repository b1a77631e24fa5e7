//! What the columns of a row of PostgreSQL hold.

use sqlx::Row;
use sqlx::postgres::PgRow;

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{ClosedActivation, Error, Owner, StoredArtifact};
use artel_core::time::Timestamp;

use super::error::reading;
use crate::format;

/// Columns of an artifact, in the order that [`artifact`] reads them in.
pub(super) const ARTIFACT: &str = "a.seq, a.at, a.envelope, a.salt, a.payload";

/// The same without the payload, which is not read then.
pub(super) const BARE_ARTIFACT: &str = "a.seq, a.at, a.envelope, NULL::bytea, NULL::bytea";

/// An artifact out of the columns [`ARTIFACT`], which begin at `column`.
pub(super) fn artifact(place: &str, row: &PgRow, column: usize) -> Result<StoredArtifact, Error> {
    let at = (seq(place, row, column)?, Timestamp(get(place, row, column + 1)?));
    let (envelope, salt) = (get(place, row, column + 2)?, get(place, row, column + 3)?);
    format::artifact(place, at, envelope, salt, get(place, row, column + 4)?)
}

/// A closed activation out of its id and its row.
pub(super) fn closed(place: &str, row: &PgRow, column: usize) -> Result<ClosedActivation, Error> {
    format::closed(place, seq(place, row, column)?, get(place, row, column + 1)?)
}

/// An owner out of its process, program and endpoint, which begin at `column`; none where the board has none.
pub(super) fn owner(place: &str, row: &PgRow, column: usize) -> Result<Option<Owner>, Error> {
    let Some(program) = get(place, row, column + 1)? else { return Ok(None) };
    let pid: Option<i64> = get(place, row, column)?;
    let pid = pid.and_then(|pid| u32::try_from(pid).ok());
    Ok(Some(Owner { pid, program, endpoint: get(place, row, column + 2)? }))
}

/// A column of a row.
pub(super) fn get<'r, T>(place: &str, row: &'r PgRow, column: usize) -> Result<T, Error>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(|error| reading("read", place, error))
}

/// A column that holds a seq.
pub(super) fn seq(place: &str, row: &PgRow, column: usize) -> Result<Seq, Error> {
    format::seq(place, get(place, row, column)?)
}

/// A column that holds a hash.
pub(super) fn hash(place: &str, row: &PgRow, column: usize) -> Result<Hash, Error> {
    format::hash(place, get(place, row, column)?)
}

/// An id as the server takes it.
pub(super) const fn uuid(bytes: &[u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*bytes)
}

/// Seqs as the server takes them.
pub(super) fn integers(seqs: &[Seq]) -> Vec<i64> {
    seqs.iter().map(|seq| format::integer(seq.get())).collect()
}
