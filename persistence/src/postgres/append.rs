//! Appending: one statement, and so one transaction of the server and one way there and back. The
//! function of the schema checks that the batch continues the log, in the row that it locks, and spreads
//! the rows over the tables.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use tokio::time::Instant;

use artel_core::ids::Seq;
use artel_core::log::{Append, Error};

use super::connect::{ANSWER_TIMEOUT, soon};
use super::error::{TimedOut, appending, breaks};
use super::format::get;
use super::handle::PostgresLog;
use super::read;
use super::rows::{add, add_all};
use crate::check::{Checked, Flaw};
use crate::format::integer;

/// How many parameters the function has, and about how many bytes a row takes beside what it brings.
const PARAMETERS: usize = 52;
const ROW_LEN: usize = 400;

/// As many values as the function has parameters.
const APPEND: &str = "SELECT append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, \
     $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, \
     $51, $52)";

/// What says that a closed activation has one row.
const CLOSED: &str = "closed_pkey";

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
    let limit = limit(log, &checked);
    let (began, sent) = (Instant::now(), AtomicBool::new(false));
    let result = tokio::select! {
        // An answer that is there counts, however late it is read.
        biased;
        result = send(log, &checked, &sent) => result,
        // Past its time an owner has to find out whose the board is, whatever became of the append.
        () = log.owning.over(began + limit) => {
            Err(TimedOut { limit: whole(began.elapsed()) }.error("append to", &log.place, sent.load(Ordering::Relaxed)))
        }
    };
    match &result {
        // What was lost with it may be every connection that there was.
        Err(error) if error.outcome_unknown() => {
            log.pool.readers.doubt();
            log.pool.writers.doubt();
        }
        Ok(()) | Err(_) => log.owning.settle(header.epoch),
    }
    if result.is_ok() {
        log.recent.note(&checked.append.rows.artifacts);
        log.shown.note(checked.append.batch);
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

/// Sends it; and once more where an activation is closed that is closed already, which hardly ever is: that
/// one's row goes first then.
async fn send(log: &PostgresLog, checked: &Checked, sent: &AtomicBool) -> Result<(), Error> {
    // Nothing is under way as long as there is no connection.
    let _turn = log.pool.turn_to_write.acquire().await;
    let mut writer = log.pool.writers.check_out(&log.place).await?;
    sent.store(true, Ordering::Relaxed);
    let mut again = false;
    let rows = loop {
        let query = sqlx::query_with(APPEND, arguments(log, checked, again));
        // To the end of the answer: what comes before it comes before the commit.
        match query.fetch_all(writer.connection()).await {
            Ok(rows) => break rows,
            Err(error) if !again && breaks(&error, CLOSED) => again = true,
            Err(error) => {
                let error = appending(&log.place, error);
                // The server took the statement back, and waits for the next one.
                if matches!(error, Error::Unstorable { .. }) {
                    writer.give_back();
                }
                return Err(error);
            }
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
    let header = &checked.append.batch.header;
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
fn arguments(log: &PostgresLog, checked: &Checked, again: bool) -> PgArguments {
    let Append { batch, rows } = &checked.append;
    let header = &batch.header;
    let mut arguments = PgArguments::default();
    let count = rows.artifacts.len() + rows.closed.len();
    arguments.reserve(PARAMETERS, checked.len() as usize + ROW_LEN * (count + 1));
    add(&mut arguments, log.board_no);
    add(&mut arguments, integer(header.first.get()));
    add(&mut arguments, integer(header.last.get()));
    add(&mut arguments, integer(header.epoch.get()));
    add(&mut arguments, header.at.as_millis());
    add(&mut arguments, &header.previous.0[..]);
    add(&mut arguments, &header.hash.0[..]);
    add(&mut arguments, &batch.bytes[..]);
    add(&mut arguments, checked.earliest.as_millis());
    add_all(&mut arguments, rows, &log.recent, again);
    arguments
}
