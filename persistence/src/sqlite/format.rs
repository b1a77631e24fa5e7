//! What the columns of a row of SQLite hold.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{Error, StoredArtifact};
use artel_core::time::Timestamp;

use super::error::reading;
use crate::format;

/// Columns of an artifact, in the order that [`artifact`] reads them in.
pub(super) const ARTIFACT: &str = "a.seq, a.at, a.envelope, a.salt, a.payload";

/// The same without the payload, which is not read then.
pub(super) const BARE_ARTIFACT: &str = "a.seq, a.at, a.envelope, NULL, NULL";

/// An artifact out of the columns [`ARTIFACT`], which begin at `column`.
pub(super) fn artifact(
    place: &str,
    row: &SqliteRow,
    column: usize,
) -> Result<StoredArtifact, Error> {
    let at = (seq(place, row, column)?, Timestamp(get(place, row, column + 1)?));
    let (envelope, salt) = (get(place, row, column + 2)?, get(place, row, column + 3)?);
    format::artifact(place, at, envelope, salt, get(place, row, column + 4)?)
}

/// A column of a row.
pub(super) fn get<'r, T>(place: &str, row: &'r SqliteRow, column: usize) -> Result<T, Error>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|error| reading("read", place, error))
}

/// A column that holds a seq.
pub(super) fn seq(place: &str, row: &SqliteRow, column: usize) -> Result<Seq, Error> {
    format::seq(place, get(place, row, column)?)
}

/// A column that holds a hash.
pub(super) fn hash(place: &str, row: &SqliteRow, column: usize) -> Result<Hash, Error> {
    format::hash(place, get(place, row, column)?)
}
