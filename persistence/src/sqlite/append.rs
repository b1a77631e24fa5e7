//! Appending: one statement, which SQLite does whole or not at all. It inserts one row into a view
//! that only the writing connection has, and the trigger behind that view checks that the batch
//! continues the log, and spreads the rows over the tables.

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Executor};

use artel_core::ids::Seq;
use artel_core::log::{Append, Error};
use artel_core::record::BatchHeader;

use super::bulk::select;
use super::error::{appending, refusal};
use super::handle::SqliteLog;
use super::rows::{NEW_TAGS_MAX, REOPENED, TABLES, pack};
use super::{read, write_ahead};
use crate::check::{Checked, Flaw};
use crate::format::integer;

/// What the trigger calls the three ways in which a batch can fail to continue the log.
const FENCED: &str = "fenced";
const CONFLICT: &str = "conflict";
const DATED: &str = "dated";

/// The columns of the view that are not those of a table.
const HEADER: [&str; 8] = ["first", "last", "epoch", "at", "previous", "hash", "bytes", "earliest"];

/// As many values as the view has columns.
const INSERT: &str = "INSERT INTO incoming VALUES \
     (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) async fn append(log: &SqliteLog, append: Append) -> Result<(), Error> {
    log.writable("append to")?;
    let checked = Checked::new(append)?;
    let header = checked.append.batch.header;
    if !log.owning.begin(header.epoch) {
        let newest = read::head(log).await?.epoch;
        if header.epoch < newest {
            return Err(Error::Fenced { epoch: header.epoch, newest });
        }
        return Err(Error::NotOwned { place: log.place.clone(), epoch: header.epoch });
    }
    // From here on the ownership is in doubt until the outcome is known. If the caller goes away in
    // between, it stays so, and the next append is refused until the board is owned again.
    let (arguments, len) = arguments(&checked);
    drop(checked);
    log.write_ahead.count(len);
    let mut writer = match write_ahead::writer(log).await {
        Ok(writer) => writer,
        Err(error) => {
            log.owning.settle(header.epoch);
            return Err(error);
        }
    };
    // The first word of the outcome is all of it. Whoever waits for the end of the answer as well is
    // woken up twice.
    let done = writer.connection().fetch_many(sqlx::query_with(INSERT, arguments)).try_next().await;
    let error = match done {
        Ok(Some(_)) => {
            writer.give_back();
            log.owning.settle(header.epoch);
            return Ok(());
        }
        // The thread of the connection ended before it had said anything.
        Ok(None) => sqlx::Error::WorkerCrashed,
        Err(error) => error,
    };
    let error = match refusal(&error).map(str::to_owned) {
        None => appending(&log.place, error),
        Some(reason) => {
            writer.give_back();
            refused(log, &header, &reason).await.unwrap_or_else(|| appending(&log.place, error))
        }
    };
    if !error.outcome_unknown() {
        log.owning.settle(header.epoch);
    }
    Err(error)
}

/// What a refusal means; none when it is not one of the trigger's.
async fn refused(log: &SqliteLog, header: &BatchHeader, reason: &str) -> Option<Error> {
    let known = [FENCED, CONFLICT, DATED].contains(&reason);
    if !known {
        return None;
    }
    let head = match read::head(log).await {
        Ok(head) => head,
        Err(error) => return Some(error),
    };
    Some(match reason {
        FENCED => Error::Fenced { epoch: header.epoch, newest: head.epoch },
        CONFLICT => {
            let expected = Seq(header.first.get().saturating_sub(1));
            Error::Conflict { expected, head: head.seq }
        }
        _ => Flaw::Dated { at: header.at.as_millis() }.into(),
    })
}

/// What the writing connection has to do first: make the view and its triggers.
pub(super) fn setup() -> String {
    let tables =
        TABLES.map(|table| [format!("{}_rows", table.name), format!("{}_data", table.name)]);
    let reopened = ["reopened_rows".to_owned(), "reopened_data".to_owned()];
    let tables = tables.into_iter().flatten().chain(reopened);
    let columns = HEADER.into_iter().map(str::to_owned).chain(tables);
    let columns = columns.map(|name| format!("0 AS {name}")).collect::<Vec<_>>().join(", ");
    let spread = TABLES.map(|table| {
        let rows = format!("NEW.{}_rows", table.name);
        let data = format!("NEW.{}_data", table.name);
        table.statement.replace("{rows}", &select(&rows, &data, table.columns))
    });
    format!(
        "CREATE TEMP VIEW incoming AS SELECT {columns};
         CREATE TEMP TRIGGER spread INSTEAD OF INSERT ON incoming BEGIN
         SELECT RAISE(ABORT, '{FENCED}')
         WHERE NOT EXISTS (SELECT 1 FROM head WHERE epoch = NEW.epoch);
         SELECT RAISE(ABORT, '{CONFLICT}') WHERE NOT EXISTS
         (SELECT 1 FROM head WHERE seq = NEW.first - 1 AND hash = NEW.previous);
         SELECT RAISE(ABORT, '{DATED}') FROM head WHERE seq > 0 AND at > NEW.earliest;
         INSERT INTO batch (first, last, epoch, at, previous, hash, bytes) VALUES
         (NEW.first, NEW.last, NEW.epoch, NEW.at, NEW.previous, NEW.hash, NEW.bytes);
         UPDATE head SET seq = NEW.last, hash = NEW.hash, at = NEW.at;
         {}; END;
         {}",
        spread.join(";\n"),
        rarely()
    )
}

/// Triggers beside that one for what few appends do, because a statement costs something also where
/// it does nothing. They may run before it or after it.
fn rarely() -> String {
    let rows = select("NEW.reopened_rows", "NEW.reopened_data", REOPENED.columns);
    let reopen = REOPENED.statement.replace("{rows}", &rows);
    format!(
        "CREATE TEMP TRIGGER reopen INSTEAD OF INSERT ON incoming \
         WHEN length(NEW.reopened_rows) > 0 BEGIN {reopen}; END;
         CREATE TEMP TRIGGER sort_in INSTEAD OF INSERT ON incoming \
         WHEN length(NEW.new_tag_rows) > 0 AND (SELECT count(*) FROM new_tag) > {NEW_TAGS_MAX} BEGIN
         INSERT INTO tag (tag, seq) SELECT tag, seq FROM new_tag ORDER BY tag, seq;
         DELETE FROM new_tag; END;"
    )
}

/// What the statement is given, and about how many bytes that is.
fn arguments(checked: &Checked) -> (SqliteArguments, usize) {
    let Append { batch, rows } = &checked.append;
    let header = &batch.header;
    let mut arguments = SqliteArguments::default();
    add(&mut arguments, integer(header.first.get()));
    add(&mut arguments, integer(header.last.get()));
    add(&mut arguments, integer(header.epoch.get()));
    add(&mut arguments, header.at.as_millis());
    add(&mut arguments, &header.previous.0[..]);
    add(&mut arguments, &header.hash.0[..]);
    add(&mut arguments, &batch.bytes[..]);
    add(&mut arguments, checked.earliest.as_millis());
    let mut len = batch.bytes.len();
    for bulk in pack(rows) {
        len += bulk.rows.len() + bulk.data.len();
        add(&mut arguments, bulk.rows);
        add(&mut arguments, bulk.data);
    }
    (arguments, len)
}

fn add<'t>(
    arguments: &mut SqliteArguments,
    value: impl sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
) {
    arguments.add(value).expect("numbers and bytes can be bound");
}
