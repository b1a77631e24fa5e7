//! Rows as they lie in the file, and the tables that an append writes to.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// A table that an append writes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    /// A number that is not below zero, or nothing.
    Optional,
    Text,
    /// So many bytes.
    Fixed(usize),
    Bytes,
}

/// A value of a row.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(Option<i64>),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row, with the seq of an event of the batch that it was appended with.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) values: Vec<Value>,
}

use Kind::{Bytes, Fixed, Number, Optional, Text};

pub(super) const ARTIFACT: Table = Table {
    name: "artifact",
    columns: &[
        ("seq", Number),
        ("id", Fixed(16)),
        ("correlation", Fixed(16)),
        ("type_no", Number),
        ("agent_no", Optional),
        ("at", Number),
        ("envelope", Bytes),
        ("salt", Fixed(16)),
        ("payload", Bytes),
    ],
};
pub(super) const STRETCH: Table = Table {
    name: "stretch",
    columns: &[("kind", Number), ("no", Number), ("last", Number), ("first", Number)],
};
pub(super) const NEW_TAG: Table =
    Table { name: "new_tag", columns: &[("seq", Number), ("tag", Text)] };
pub(super) const CONTENT: Table = Table {
    name: "content",
    columns: &[("seq", Number), ("salt", Fixed(16)), ("hash", Fixed(32)), ("bytes", Bytes)],
};
pub(super) const CLOSED: Table = Table {
    name: "closed",
    columns: &[
        ("activation", Number),
        ("outcome", Number),
        ("agent_no", Number),
        ("correlation", Fixed(16)),
        ("apart", Number),
        ("body", Bytes),
    ],
};
pub(super) const WORKED_ON: Table =
    Table { name: "worked_on", columns: &[("input", Number), ("activation", Number)] };

/// In the order in which an append writes to them.
pub(super) const TABLES: [Table; 6] = [ARTIFACT, STRETCH, NEW_TAG, CONTENT, CLOSED, WORKED_ON];

impl Table {
    /// The names of its columns.
    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The values of a row that was asked for by these names, from a column on.
    pub(super) fn values(&self, row: &SqliteRow, from: usize) -> Result<Vec<Value>, sqlx::Error> {
        let columns = (from..).zip(self.columns);
        let value = |(at, (_, kind)): (usize, &(&str, Kind))| {
            Ok(match kind {
                Number | Optional => Value::Number(row.try_get(at)?),
                Text => Value::Text(row.try_get(at)?),
                Fixed(_) | Bytes => Value::Bytes(row.try_get(at)?),
            })
        };
        columns.map(value).collect()
    }
}
