//! The rows of a table as one parameter: records of a fixed width, beside the bytes that have none.
//! SQL takes them apart again.
//!
//! This is the fastest plain form found for a batch of a few hundred rows, and it is what the board's
//! own log does. Statements with up to 256 rows of values each, prepared and kept, in a transaction,
//! wrote 60 % as many hops a second: each bound value costs more than the row that it is for.

use std::fmt::Write;

use super::rows::{Kind, Row, Table, Value};

/// Digits of a number in a record: SQL can read a number out of digits only.
const NUMBER_LEN: usize = 20;

/// Rows of a table, packed.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) rows: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl Records {
    /// Packs a row of a table.
    pub(super) fn push(&mut self, table: &Table, row: Row) {
        for ((_, kind), value) in table.columns.iter().zip(row.values) {
            match (kind, value) {
                // Zero stands for nothing.
                (Kind::Optional, Value::Number(number)) => {
                    self.number(number.map_or(0, |number| number + 1));
                }
                (_, Value::Number(number)) => self.number(number.unwrap_or_default()),
                (_, Value::Text(text)) => self.bytes(text.as_bytes()),
                (Kind::Fixed(_), Value::Bytes(bytes)) => self.rows.extend_from_slice(&bytes),
                (_, Value::Bytes(bytes)) => self.bytes(&bytes),
            }
        }
    }

    fn number(&mut self, number: i64) {
        let mut digits = [b' '; NUMBER_LEN];
        let mut place = NUMBER_LEN;
        let mut rest = number.unsigned_abs();
        loop {
            place -= 1;
            digits[place] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            digits[place - 1] = b'-';
        }
        self.rows.extend_from_slice(&digits);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let place = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        self.number(place(self.data.len() + 1));
        self.number(place(bytes.len()));
        self.data.extend_from_slice(bytes);
    }
}

/// What counts the records: a table of the numbers below 1 024, of which two count to a million.
pub(super) const NUMBERS: &str = "CREATE TEMP TABLE number (n INTEGER PRIMARY KEY);
     INSERT INTO number WITH RECURSIVE next (n) AS
     (SELECT 0 UNION ALL SELECT n + 1 FROM next WHERE n < 1023) SELECT n FROM next;";

/// The query that yields the rows of a table, out of what two expressions stand for.
pub(super) fn select(table: &Table, rows: &str, data: &str) -> String {
    let number = |at| format!("CAST(substr({rows}, o + {at}, {NUMBER_LEN}) AS INTEGER)");
    let mut sql = "SELECT".to_owned();
    let mut at = 0;
    for (place, (_, kind)) in table.columns.iter().enumerate() {
        let bytes = || format!("substr({data}, {}, {})", number(at), number(at + NUMBER_LEN));
        let (value, width) = match kind {
            Kind::Number => (number(at), NUMBER_LEN),
            Kind::Optional => (format!("nullif({}, 0) - 1", number(at)), NUMBER_LEN),
            Kind::Fixed(width) => (format!("substr({rows}, o + {at}, {width})"), *width),
            Kind::Bytes => (bytes(), 2 * NUMBER_LEN),
            Kind::Text => (format!("CAST({} AS TEXT)", bytes()), 2 * NUMBER_LEN),
        };
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(sql, "{comma} {value}");
        at += width;
    }
    let count = format!("length({rows}) / {at}");
    format!(
        "{sql} FROM (SELECT 1 + {at} * (1024 * big.n + small.n) AS o \
         FROM number big CROSS JOIN number small \
         WHERE big.n < ({count} + 1023) / 1024 AND small.n < {count} - 1024 * big.n)"
    )
}
