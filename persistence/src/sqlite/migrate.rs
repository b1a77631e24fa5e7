//! The tables, as steps from one schema version to the next. A released step never changes; a new
//! version is a new step at the end. The version stands in the file's `user_version`.
//!
//! The reasons for the form of the tables are in `docs/adr/0002-sqlite-rows.md`.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Executor};

/// Step n leads from version n to version n + 1.
const STEPS: [&str; 2] = [FIRST, MARK];

/// The version that this release writes, and the newest that it reads.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// How many tables a file of that version has.
pub(super) const TABLES: i64 = 13;

const FIRST: &str = "
CREATE TABLE head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    board TEXT NOT NULL,
    incarnation BLOB NOT NULL,
    dev INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE batch (
    last INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE INDEX batch_at ON batch (at);
CREATE TABLE artifact (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    correlation BLOB NOT NULL,
    type_no INTEGER NOT NULL,
    agent_no INTEGER,
    at INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    salt BLOB,
    payload BLOB
) STRICT;
CREATE UNIQUE INDEX artifact_id ON artifact (id);
CREATE INDEX artifact_correlation ON artifact (correlation);
CREATE TABLE stretch (
    kind INTEGER NOT NULL,
    no INTEGER NOT NULL,
    last INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (kind, no, last)
) STRICT, WITHOUT ROWID;
CREATE TABLE tag (
    tag TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (tag, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE new_tag (
    seq INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (seq, tag)
) STRICT, WITHOUT ROWID;
CREATE TABLE used_key (
    key TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE content (
    seq INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE closed (
    activation INTEGER PRIMARY KEY,
    outcome INTEGER NOT NULL,
    agent_no INTEGER NOT NULL,
    correlation BLOB NOT NULL,
    apart INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX closed_apart ON closed (correlation) WHERE apart = 1;
CREATE INDEX closed_not_done ON closed (activation) WHERE outcome <> 0;
CREATE INDEX closed_dead ON closed (correlation) WHERE outcome = 1;
CREATE TABLE worked_on (
    input INTEGER NOT NULL,
    activation INTEGER NOT NULL,
    PRIMARY KEY (input, activation)
) STRICT, WITHOUT ROWID;
CREATE TABLE cancelled (
    correlation BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshot (
    seq INTEGER PRIMARY KEY,
    batch_hash BLOB NOT NULL,
    state_hash BLOB NOT NULL
) STRICT;
CREATE TABLE snapshot_part (
    seq INTEGER NOT NULL,
    part INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (seq, part)
) STRICT;
";

/// What a board is marked as that is moved.
const MARK: &str = "
ALTER TABLE head ADD COLUMN mark TEXT;
";

/// Brings the tables from a version to [`VERSION`], in one transaction. The connection must be
/// closed when this fails or is given up.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    from: u32,
) -> Result<(), sqlx::Error> {
    for (version, step) in (from + 1..).zip(STEPS.iter().skip(from as usize)) {
        let sql = format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;");
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}
