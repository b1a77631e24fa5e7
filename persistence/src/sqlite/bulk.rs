//! Many rows in one parameter. A statement costs a hop to the connection's thread, and a bound
//! value costs more than the row that it is for; so the rows of a table travel as one blob of
//! records of a fixed width, beside one blob for what has no fixed width, and SQL takes them apart.
//!
//! SQL cannot read a number out of a blob, but it can read one out of decimal digits, so that is
//! how numbers lie in a record.

use std::fmt::Write;

/// Bytes of a number in a record: all that an `i64` can have.
const NUMBER_LEN: usize = 20;

/// How a column lies in a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// A number.
    Number,
    /// A number that is not below zero, or nothing.
    Optional,
    /// So many bytes.
    Fixed(usize),
    /// Bytes, which lie in the data: where they begin, and how many there are.
    Bytes,
    /// The same, as text.
    Text,
}

impl Column {
    const fn width(self) -> usize {
        match self {
            Self::Number | Self::Optional => NUMBER_LEN,
            Self::Fixed(width) => width,
            Self::Bytes | Self::Text => 2 * NUMBER_LEN,
        }
    }
}

/// The rows of one table.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// The records.
    pub(super) rows: Vec<u8>,
    /// What they point to.
    pub(super) data: Vec<u8>,
}

impl Bulk {
    pub(super) fn number(&mut self, number: i64) {
        let mut text = [b' '; NUMBER_LEN];
        let mut place = NUMBER_LEN;
        let mut rest = number.unsigned_abs();
        loop {
            place -= 1;
            text[place] = b'0' + u8::try_from(rest % 10).expect("a digit is below ten");
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            text[place - 1] = b'-';
        }
        self.rows.extend_from_slice(&text);
    }

    /// A number that SQL sees as NULL when it is none.
    pub(super) fn optional(&mut self, number: Option<u32>) {
        self.number(number.map_or(0, |number| i64::from(number) + 1));
    }

    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.rows.extend_from_slice(bytes);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.written(|data| data.extend_from_slice(bytes));
    }

    /// Bytes that a function appends.
    pub(super) fn written(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.data.len();
        write(&mut self.data);
        let len = self.data.len() - start;
        self.number(i64::try_from(start + 1).expect("a buffer is smaller than that"));
        self.number(i64::try_from(len).expect("a buffer is smaller than that"));
    }
}

/// How many numbers the table of numbers has, from 0 on. Two of them together count the records, up
/// to sixteen million: eight times as many as one command can close. A recursive query would count
/// them as well, through a table of its own that is made for each query and takes in each number.
const NUMBERS: u32 = 4096;

/// What a connection has to do before it runs such a query: make the table of numbers.
pub(super) fn setup() -> String {
    format!(
        "CREATE TEMP TABLE number (n INTEGER PRIMARY KEY);
         INSERT INTO number WITH RECURSIVE next (n) AS
         (SELECT 0 UNION ALL SELECT n + 1 FROM next WHERE n + 1 < {NUMBERS}) SELECT n FROM next;"
    )
}

/// The query that yields the rows again, out of the blobs that two expressions stand for, with the
/// columns `c0`, `c1`, ….
pub(super) fn select(rows: &str, data: &str, columns: &[Column]) -> String {
    let mut sql = "SELECT".to_owned();
    let mut offset = 0;
    for (place, column) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let number =
            |offset| format!("CAST(substr({rows}, o + {offset}, {NUMBER_LEN}) AS INTEGER)");
        let bytes =
            || format!("substr({data}, {}, {})", number(offset), number(offset + NUMBER_LEN));
        let value = match column {
            Column::Number => number(offset),
            Column::Optional => format!("nullif({}, 0) - 1", number(offset)),
            Column::Fixed(width) => format!("substr({rows}, o + {offset}, {width})"),
            Column::Bytes => bytes(),
            Column::Text => format!("CAST({} AS TEXT)", bytes()),
        };
        write!(sql, "{comma} {value} AS c{place}")
            .expect("a string takes all that is written to it");
        offset += column.width();
    }
    let count = format!("length({rows}) / {offset}");
    format!(
        "{sql} FROM (SELECT 1 + {offset} * ({NUMBERS} * big.n + small.n) AS o \
         FROM number big CROSS JOIN number small \
         WHERE big.n < ({count} + {NUMBERS} - 1) / {NUMBERS} \
         AND small.n < {count} - {NUMBERS} * big.n)"
    )
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

    use super::*;

    #[tokio::test]
    async fn rows_come_out_as_they_went_in() {
        let numbers = [0, 1, -1, 42, i64::MAX, i64::MIN];
        let texts = ["", "a", "zwölf", "{\"x\":1}", "'", "last"];
        let mut bulk = Bulk::default();
        for (number, text) in numbers.iter().zip(texts) {
            bulk.number(*number);
            bulk.optional(u32::try_from(*number).ok());
            bulk.fixed(&number.to_be_bytes());
            bulk.bytes(text.as_bytes());
            bulk.bytes(text.as_bytes());
        }
        let columns =
            [Column::Number, Column::Optional, Column::Fixed(8), Column::Bytes, Column::Text];
        let sql = select("?1", "?2", &columns);
        let mut connection =
            sqlx::sqlite::SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        connection.execute(AssertSqlSafe(setup())).await.unwrap();
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(bulk.rows)
            .bind(bulk.data)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(rows.len(), numbers.len());
        for ((row, number), text) in rows.iter().zip(numbers).zip(texts) {
            assert_eq!(row.get::<i64, _>(0), number);
            assert_eq!(row.get::<Option<i64>, _>(1), u32::try_from(number).ok().map(i64::from));
            assert_eq!(row.get::<&[u8], _>(2), number.to_be_bytes());
            assert_eq!(row.get::<&[u8], _>(3), text.as_bytes());
            assert_eq!(row.get::<&str, _>(4), text);
        }
    }
}
