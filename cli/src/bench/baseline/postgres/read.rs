//! Reading ahead: the rows of each batch as the arrays that the writing statement takes, put together by
//! the server and never looked into here.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgConnection, PgRow, PgTypeInfo, PgValueFormat};
use sqlx::{AssertSqlSafe, Encode, Postgres, Row, Type, TypeInfo, ValueRef};

use artel::log::ClosedActivation;
use artel::record::BatchHeader;

use super::tables::{TABLES, Table};
use crate::bench::error::Error;

/// A value as the server gave it.
#[derive(Debug)]
pub(super) struct Raw {
    of: PgTypeInfo,
    bytes: Vec<u8>,
}

impl Raw {
    fn of(row: &PgRow, column: usize) -> Result<Self, Error> {
        let value = row.try_get_raw(column)?;
        let of = value.type_info().into_owned();
        if value.format() == PgValueFormat::Text {
            let problem = format!("{} came as text", of.name());
            return Err(Error::Differs { problem });
        }
        Ok(Self { of, bytes: value.as_bytes().map_err(sqlx::Error::Decode)?.to_vec() })
    }
}

impl Type<Postgres> for Raw {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("unknown")
    }
}

impl Encode<'_, Postgres> for Raw {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.of.clone())
    }
}

/// What reads the board's tables.
pub(super) struct Reader {
    connection: PgConnection,
    board_no: i32,
    statements: Vec<String>,
}

impl Reader {
    pub(super) async fn new(mut connection: PgConnection, board_no: i32) -> Result<Self, Error> {
        let mut statements = Vec::new();
        for table in TABLES {
            let columns = columns(&mut connection, table).await?;
            let arrays = columns.iter().map(|(name, of)| {
                // An empty array where there is nothing, which is none otherwise.
                let order = table.order;
                format!("coalesce(array_agg(t.{name} ORDER BY {order}), '{{}}')::{of}[]")
            });
            let arrays = arrays.collect::<Vec<_>>().join(", ");
            let (name, of_batch) = (table.name, table.of_batch);
            statements.push(format!(
                "SELECT {arrays} FROM {name} t WHERE t.board_no = $1 AND {of_batch} \
                 AND $2::bigint IS NOT NULL AND $3::bigint IS NOT NULL AND $4::bigint[] IS NOT NULL"
            ));
        }
        Ok(Self { connection, board_no, statements })
    }

    /// The rows of a batch, column by column, table by table.
    pub(super) async fn rows(
        &mut self,
        header: &BatchHeader,
        closed: &[ClosedActivation],
    ) -> Result<Vec<Raw>, Error> {
        let closed: Vec<i64> = closed.iter().map(|one| signed(one.activation.0.get())).collect();
        let mut all = Vec::new();
        for statement in &self.statements {
            let row = sqlx::query(AssertSqlSafe(statement.clone()))
                .bind(self.board_no)
                .bind(signed(header.first.get()))
                .bind(signed(header.last.get()))
                .bind(&closed)
                .fetch_one(&mut self.connection)
                .await?;
            for column in 0..row.len() {
                all.push(Raw::of(&row, column)?);
            }
        }
        Ok(all)
    }
}

/// The columns of a table but for the board's number, with their types.
pub(super) async fn columns(
    connection: &mut PgConnection,
    table: Table,
) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
               WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped \
               AND attname <> 'board_no' ORDER BY attnum";
    let rows = sqlx::query(sql).bind(table.name).fetch_all(connection).await?;
    let columns = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    Ok(columns.collect::<Result<_, sqlx::Error>>()?)
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
