//! The rows of an append, table by table: how each lies in a record, and the statement that takes
//! it out again. The order of the tables is the order in which they are written.

use artel_core::log::Rows;

use super::bulk::{Bulk, Column};
use crate::format::{encode, integer};
use crate::rows::{self, agent, outcome_no};

/// A table that an append writes to.
pub(super) struct Table {
    /// What its parameters are called.
    pub(super) name: &'static str,
    /// What is done with its rows, which `{rows}` stands for.
    pub(super) statement: &'static str,
    /// What a record holds.
    pub(super) columns: &'static [Column],
    pack: fn(&Rows) -> Bulk,
}

const ID: Column = Column::Fixed(16);
const HASH: Column = Column::Fixed(32);
const NUMBER: Column = Column::Number;
const BYTES: Column = Column::Bytes;
const TEXT: Column = Column::Text;

/// What takes closed activations out again. Those that the same append closes once more are left
/// out, so that it does not matter which comes first.
pub(super) const REOPENED: Table = Table {
    name: "reopened",
    statement: "DELETE FROM closed WHERE activation IN ({rows})",
    columns: &[NUMBER],
    pack: reopened,
};

pub(super) const TABLES: [Table; 8] = [
    Table {
        name: "artifact",
        statement: "INSERT INTO artifact \
             (seq, id, correlation, type_no, agent_no, at, envelope, salt, payload) {rows}",
        columns: &[NUMBER, ID, ID, NUMBER, Column::Optional, NUMBER, BYTES, ID, BYTES],
        pack: artifacts,
    },
    Table {
        name: "stretch",
        statement: "INSERT INTO stretch (kind, no, last, first) {rows}",
        columns: &[NUMBER; 4],
        pack: stretches,
    },
    Table {
        name: "new_tag",
        statement: "INSERT INTO new_tag (seq, tag) {rows}",
        columns: &[NUMBER, TEXT],
        pack: tags,
    },
    Table {
        name: "used_key",
        statement: "INSERT OR REPLACE INTO used_key (key, seq) {rows}",
        columns: &[TEXT, NUMBER],
        pack: keys,
    },
    Table {
        name: "content",
        statement: "INSERT INTO content (seq, salt, hash, bytes) {rows}",
        columns: &[NUMBER, ID, HASH, BYTES],
        pack: contents,
    },
    Table {
        name: "closed",
        // One that belongs to its first input's tree of work is found through that input.
        statement: "INSERT OR REPLACE INTO closed \
             (activation, outcome, agent_no, correlation, body, apart) \
             SELECT c0, c1, c2, c3, c4, NOT EXISTS \
             (SELECT 1 FROM artifact WHERE seq = c5 AND correlation = c3) FROM ({rows})",
        columns: &[NUMBER, NUMBER, NUMBER, ID, BYTES, NUMBER],
        pack: closed,
    },
    Table {
        name: "worked_on",
        statement: "INSERT OR IGNORE INTO worked_on (input, activation) {rows}",
        columns: &[NUMBER, NUMBER],
        pack: worked_on,
    },
    Table {
        name: "cancelled",
        statement: "INSERT OR IGNORE INTO cancelled (correlation) {rows}",
        columns: &[ID],
        pack: cancelled,
    },
];

/// How many new tags are kept in the order in which they came, before they are sorted in together:
/// each of a few hundred words of which one artifact after another has some is a place of its own in
/// the index, and each place costs a page.
pub(super) const NEW_TAGS_MAX: u32 = 8_192;

/// The rows of each table. Names and operations have none: by contract nobody asks a file in SQL but
/// the log, and its events say the same.
pub(super) fn pack(rows: &Rows) -> [Bulk; TABLES.len() + 1] {
    let mut tables = TABLES.iter().chain([&REOPENED]);
    std::array::from_fn(|_| {
        let table = tables.next().expect("there are as many tables as bulks");
        (table.pack)(rows)
    })
}

fn reopened(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for activation in rows::reopened(rows) {
        bulk.number(integer(activation.0.get()));
    }
    bulk
}

fn artifacts(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.artifacts {
        let envelope = row.envelope();
        bulk.number(integer(row.seq.get()));
        bulk.fixed(envelope.id.as_bytes());
        bulk.fixed(envelope.correlation.as_bytes());
        bulk.number(i64::from(envelope.type_no.get()));
        bulk.optional(agent(row));
        bulk.number(row.at.as_millis());
        bulk.written(|data| encode(envelope, data));
        bulk.fixed(&row.payload.salt().0);
        bulk.bytes(row.payload.bytes());
    }
    bulk
}

fn stretches(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for ((kind, no), (first, last)) in rows::stretches(&rows.artifacts) {
        bulk.number(kind as i64);
        bulk.number(i64::from(no));
        bulk.number(integer(last.get()));
        bulk.number(integer(first.get()));
    }
    bulk
}

fn tags(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.artifacts {
        for tag in &row.envelope().tags {
            bulk.number(integer(row.seq.get()));
            bulk.bytes(tag.as_str().as_bytes());
        }
    }
    bulk
}

fn keys(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.keys {
        bulk.bytes(row.key.as_str().as_bytes());
        bulk.number(integer(row.seq.get()));
    }
    bulk
}

fn contents(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.contents {
        bulk.number(integer(row.seq.get()));
        bulk.fixed(&row.salt.0);
        bulk.fixed(&row.hash().0);
        bulk.bytes(&row.bytes);
    }
    bulk
}

fn closed(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.closed {
        bulk.number(integer(row.activation.0.get()));
        bulk.number(i64::from(outcome_no(row.outcome)));
        bulk.number(i64::from(row.agent.get()));
        bulk.fixed(row.correlation.as_bytes());
        bulk.written(|data| encode(row, data));
        bulk.number(row.inputs.first().map_or(0, |input| integer(input.get())));
    }
    bulk
}

fn worked_on(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for row in &rows.closed {
        for input in &row.inputs {
            bulk.number(integer(input.get()));
            bulk.number(integer(row.activation.0.get()));
        }
    }
    bulk
}

fn cancelled(rows: &Rows) -> Bulk {
    let mut bulk = Bulk::default();
    for correlation in &rows.cancelled {
        bulk.fixed(correlation.as_bytes());
    }
    bulk
}
