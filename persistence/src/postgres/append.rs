//! Appending: one statement, and so one transaction of the server and one way there and back. The
//! function of the schema checks that the batch continues the log, in the row that it locks, and spreads
//! the rows over the tables.

use std::time::Duration;

use sqlx::postgres::PgArguments;
use tokio::time::Instant;

use artel_core::ids::Seq;
use artel_core::log::{Append, Error};
use artel_core::record::BatchHeader;

use super::connect::{ANSWER_TIMEOUT, soon};
use super::error::{TimedOut, appending};
use super::format::get;
use super::handle::PostgresLog;
use super::read;
use super::rows::{add, add_all};
use crate::check::{Checked, Flaw};
use crate::format::integer;

/// As many values as the function has parameters.
const APPEND: &str = "SELECT append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, \
     $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, \
     $51)";

/// How many bytes of an append have another second.
const SECOND_LEN: u64 = 1 << 20;

pub(super) async fn append(log: &PostgresLog, append: Append) -> Result<(), Error> {
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
    let arguments = arguments(log.board_no, &checked);
    let limit = limit(log, &checked);
    let batch = checked.append.batch;
    let began = Instant::now();
    let result = tokio::select! {
        // An answer that is there counts, however late it is read.
        biased;
        result = send(log, &header, arguments) => result,
        // Past its time an owner has to find out whose the board is, whatever became of the append.
        () = log.owning.over(began + limit) => {
            Err(TimedOut { limit: whole(began.elapsed()) }.error("append to", &log.place, true))
        }
    };
    match &result {
        // What was lost with it may be every connection that there was.
        Err(error) if error.outcome_unknown() => log.readers.doubt(),
        Ok(()) | Err(_) => log.owning.settle(header.epoch),
    }
    if result.is_ok() {
        log.shown.note(batch);
    }
    result
}

/// A time in whole milliseconds, for people.
const fn whole(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000)
}

/// How long an append may take: the ownership may be renewed all the time, on another connection, while the
/// one that writes has gone silent.
fn limit(log: &PostgresLog, checked: &Checked) -> Duration {
    (soon(log) + Duration::from_secs(checked.len() / SECOND_LEN)).min(ANSWER_TIMEOUT)
}

async fn send(
    log: &PostgresLog,
    header: &BatchHeader,
    arguments: PgArguments,
) -> Result<(), Error> {
    // Nothing is under way as long as there is no connection.
    let mut writer = log.writer.check_out().await?;
    // To the end of the answer: what comes before it comes before the commit.
    let done = sqlx::query_with(APPEND, arguments).fetch_all(writer.connection()).await;
    let rows = match done {
        Ok(rows) => rows,
        Err(error) => {
            let error = appending(&log.place, error);
            // The server took the statement back, and waits for the next one.
            if matches!(error, Error::Unstorable { .. }) {
                writer.give_back();
            }
            return Err(error);
        }
    };
    writer.give_back();
    let said = match rows.first() {
        Some(row) => get::<&str>(&log.place, row, 0)?,
        None => "",
    };
    if said == "done" {
        return Ok(());
    }
    let head = read::head(log).await?;
    Err(match said {
        "fenced" => Error::Fenced { epoch: header.epoch, newest: head.epoch },
        "conflict" => {
            let expected = Seq(header.first.get().saturating_sub(1));
            Error::Conflict { expected, head: head.seq }
        }
        "dated" => Flaw::Dated { at: header.at.as_millis() }.into(),
        other => Error::Damaged {
            place: log.place.clone(),
            problem: format!("its function `append` says `{other}`"),
        },
    })
}

/// What the function is given.
fn arguments(board_no: i32, checked: &Checked) -> PgArguments {
    let Append { batch, rows } = &checked.append;
    let header = &batch.header;
    let mut arguments = PgArguments::default();
    add(&mut arguments, board_no);
    add(&mut arguments, integer(header.first.get()));
    add(&mut arguments, integer(header.last.get()));
    add(&mut arguments, integer(header.epoch.get()));
    add(&mut arguments, header.at.as_millis());
    add(&mut arguments, &header.previous.0[..]);
    add(&mut arguments, &header.hash.0[..]);
    add(&mut arguments, &batch.bytes[..]);
    add(&mut arguments, checked.earliest.as_millis());
    add_all(&mut arguments, rows);
    arguments
}
