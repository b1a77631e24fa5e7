//! What people are shown of the open work: a table that the owner brings up to date about once a second,
//! out of the batches that it appended since. Rows of open work written by each append would cost every
//! hop an insert and a delete; of what is opened and closed within the same second nothing is written
//! here. The table says which seq it is of, so that it is never taken for more.
//!
//! It is a function of the log: whoever goes on with it does so from the seq that it has, in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use tokio::time::{sleep, timeout};

use artel_core::event::{Event, Next};
use artel_core::ids::{ActivationId, CorrelationId, Seq, SubscriptionNo};
use artel_core::log::Error;
use artel_core::record::{Batch, Decision};
use artel_core::time::Elapsed;

use super::connect::{fetch, fetch_slowly};
use super::format::{get, seq, uuid};
use super::handle::PostgresLog;
use super::read;
use super::rows::number;
use crate::format::integer;

/// How long what is shown stays as it is.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of batches that are kept for it; beyond them they are read again.
const KEPT_LEN_MAX: usize = 16 << 20;
/// Bytes of batches that are gone through at once.
const STEP_LEN: usize = 4 << 20;

const SHOWN: &str = "SELECT coalesce((SELECT seq FROM shown WHERE board_no = $1), 0)";
const SHOW: &str = "SELECT show($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

/// What an owner appended since it last brought up to date what is shown.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    /// Batches that follow one another.
    batches: Vec<Batch>,
    len: usize,
    /// The last seq that was appended; none after an ownership began.
    last: Option<Seq>,
    /// The seq that is shown; none where the table has to be asked.
    shown: Option<Seq>,
}

impl Shown {
    /// A batch was appended.
    pub(super) fn note(&self, batch: Batch) {
        let mut pending = self.pending();
        pending.last = Some(batch.header.last);
        if pending.len + batch.bytes.len() > KEPT_LEN_MAX {
            pending.forget();
        }
        pending.len += batch.bytes.len();
        pending.batches.push(batch);
    }

    /// An ownership begins: others may have appended since.
    pub(super) fn begin(&self, head: Seq) {
        *self.pending() = Pending { last: Some(head), ..Pending::default() };
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().expect("nothing that is done under this lock panics")
    }
}

impl Pending {
    fn forget(&mut self) {
        self.batches.clear();
        self.len = 0;
    }
}

/// Brings what is shown up to date, again and again.
pub(super) async fn go_on(log: &PostgresLog) {
    loop {
        sleep(PAUSE).await;
        if log.owning.is_over() {
            continue;
        }
        // What fails is tried again: nothing but what is shown depends on it.
        if catch_up(log).await.is_err() {
            let mut pending = log.shown.pending();
            pending.forget();
            pending.shown = None;
        }
    }
}

/// Brings it up to date once more, as an owner leaves; not for long, since others wait for the board.
pub(super) async fn last(log: &PostgresLog) {
    let _ = timeout(PAUSE, catch_up(log)).await;
}

async fn catch_up(log: &PostgresLog) -> Result<(), Error> {
    let known = log.shown.pending().shown;
    let mut shown = match known {
        Some(shown) => shown,
        None => {
            let rows = fetch(log, sqlx::query(SHOWN).bind(log.board_no)).await?;
            match rows.first() {
                Some(row) => seq(&log.place, row, 0)?,
                None => return Ok(()),
            }
        }
    };
    loop {
        let batches = {
            let mut pending = log.shown.pending();
            if pending.last.is_none_or(|last| last <= shown) {
                pending.forget();
                pending.shown = Some(shown);
                return Ok(());
            }
            pending.len = 0;
            mem::take(&mut pending.batches)
        };
        let follows = batches.first().is_some_and(|batch| batch.header.first == shown.next());
        let batches =
            if follows { batches } else { read::read(log, shown.next(), STEP_LEN).await? };
        let Some(last) = batches.last().map(|batch| batch.header.last) else { return Ok(()) };
        let mut news = News::new(shown);
        for batch in &batches {
            let decisions = batch.decisions();
            let place = || log.place.clone();
            let decisions = decisions.map_err(|source| Error::Batch { place: place(), source })?;
            news.note_all(batch.header.first, &decisions);
            // A second of a busy board is thousands of events.
            tokio::task::yield_now().await;
        }
        let query = sqlx::query_with(SHOW, news.arguments(log.board_no, last));
        let rows = fetch_slowly(log, query).await?;
        let went_on = rows.first().map(|row| get::<bool>(&log.place, row, 0)).transpose()?;
        if went_on != Some(true) {
            // Somebody else did. The next time the table is asked.
            log.shown.pending().shown = None;
            return Ok(());
        }
        shown = last;
    }
}

/// What has changed of the open work since a seq.
#[derive(Debug)]
struct News {
    from: Seq,
    gone: BTreeSet<ActivationId>,
    opened: BTreeMap<ActivationId, Opened>,
    changed: BTreeMap<ActivationId, Standing>,
}

/// Work that was opened.
#[derive(Debug)]
struct Opened {
    subscription: SubscriptionNo,
    input: Option<Seq>,
    correlation: CorrelationId,
    at: i64,
}

/// How it stands with open work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// How many attempts began.
    attempts: u32,
    /// The member of a group that runs it.
    agent: Option<i32>,
    /// Since when it runs; none while it waits.
    began: Option<i64>,
    deadline: Option<i64>,
    not_before: Option<i64>,
}

impl News {
    const fn new(from: Seq) -> Self {
        Self { from, gone: BTreeSet::new(), opened: BTreeMap::new(), changed: BTreeMap::new() }
    }

    fn note_all(&mut self, first: Seq, decisions: &[Decision]) {
        let mut at = first;
        for decision in decisions {
            for event in &decision.events {
                self.note(at, decision, event);
                at = at.next();
            }
        }
    }

    fn note(&mut self, at: Seq, decision: &Decision, event: &Event) {
        let wall = |elapsed| wall(decision, elapsed);
        match event {
            Event::ActivationCreated { subscription, inputs, correlation, not_before, .. } => {
                let opened = Opened {
                    subscription: *subscription,
                    input: inputs.first().copied(),
                    correlation: *correlation,
                    at: decision.at.as_millis(),
                };
                let not_before = not_before.and_then(wall);
                let standing = Standing { not_before, ..Standing::default() };
                self.open(ActivationId(at), opened, standing);
            }
            Event::ActivationRedriven(redriven) => {
                let opened = Opened {
                    subscription: redriven.subscription,
                    input: redriven.inputs.first().copied(),
                    correlation: redriven.correlation,
                    at: decision.at.as_millis(),
                };
                let not_before = redriven.not_before.and_then(wall);
                let attempts = redriven.attempts;
                let standing = Standing { attempts, not_before, ..Standing::default() };
                self.open(redriven.activation, opened, standing);
            }
            Event::AttemptStarted { attempt, deadline, member, .. } => {
                let standing = Standing {
                    attempts: attempt.attempt.get(),
                    agent: member.map(|agent| number(agent.get())),
                    began: Some(decision.at.as_millis()),
                    deadline: wall(*deadline),
                    not_before: None,
                };
                self.changed.insert(attempt.activation, standing);
            }
            Event::AttemptEnded { attempt, next, .. } => match next {
                Next::Closed | Next::Dead(_) => self.close(attempt.activation),
                Next::Retry { not_before, .. } | Next::WhenRoom { not_before, .. } => {
                    let attempts = attempt.attempt.get();
                    let not_before = wall(*not_before);
                    let standing = Standing { attempts, not_before, ..Standing::default() };
                    self.changed.insert(attempt.activation, standing);
                }
            },
            Event::ActivationClosed { activation, .. } => self.close(*activation),
            _ => {}
        }
    }

    fn open(&mut self, activation: ActivationId, opened: Opened, standing: Standing) {
        self.opened.insert(activation, opened);
        self.changed.insert(activation, standing);
    }

    fn close(&mut self, activation: ActivationId) {
        self.opened.remove(&activation);
        self.changed.remove(&activation);
        // What was opened since then is not in the table.
        if activation.0 <= self.from {
            self.gone.insert(activation);
        }
    }

    /// What the function of the schema is given.
    fn arguments(&self, board_no: i32, to: Seq) -> PgArguments {
        let mut arguments = PgArguments::default();
        let mut add = Adding(&mut arguments);
        let id = |activation: &ActivationId| integer(activation.0.get());
        add.one(board_no);
        add.one(integer(self.from.get()));
        add.one(integer(to.get()));
        add.all(self.gone.iter().map(id));
        add.all(self.opened.keys().map(id));
        let opened = || self.opened.values();
        add.all(opened().map(|work| number(work.subscription.get())));
        add.all(opened().map(|work| work.input.map_or(0, |seq| integer(seq.get()))));
        add.all(opened().map(|work| uuid(work.correlation.as_bytes())));
        add.all(opened().map(|work| work.at));
        add.all(self.changed.keys().map(id));
        let changed = || self.changed.values();
        add.all(changed().map(|now| i32::try_from(now.attempts).unwrap_or(i32::MAX)));
        add.all(changed().map(|now| now.agent));
        add.all(changed().map(|now| now.began));
        add.all(changed().map(|now| now.deadline));
        add.all(changed().map(|now| now.not_before));
        arguments
    }
}

/// A moment of the board's own clock on the wall clock, as far as the two went alike since the decision.
fn wall(decision: &Decision, elapsed: Elapsed) -> Option<i64> {
    if elapsed == Elapsed::NEVER {
        return None;
    }
    let ahead = i128::from(elapsed.as_millis()) - i128::from(decision.elapsed.as_millis());
    i64::try_from(i128::from(decision.at.as_millis()) + ahead).ok()
}

struct Adding<'a>(&'a mut PgArguments);

impl Adding<'_> {
    fn one<'t, T: sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>>(
        &mut self,
        value: T,
    ) {
        self.0.add(value).expect("numbers and ids can be bound");
    }

    fn all<'t, T>(&mut self, values: impl Iterator<Item = T>)
    where
        Vec<T>: sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.one(values.collect::<Vec<T>>());
    }
}
