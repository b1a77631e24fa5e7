//! Redriving and dropping many dead letters: page by page, at a rate, and no further where too many of
//! them die again.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use artel_core::board::State;
use artel_core::command::Rejection;
use artel_core::ids::ActivationId;
use artel_core::log::Outcome;
use artel_core::step::StepRejection;

use crate::error::{OperateError, ReadError};
use crate::letters::{DeadLetterFilter, Letters};
use crate::operator::Operator;

/// How many dead letters one command changes.
const PART: usize = 100;
/// How many one command changes where it is watched how they end.
const WATCHED_PART: usize = 10;
/// How many may be open at once of those that are watched.
const WATCHED_MAX: usize = 100;
/// How many must have ended before anything is concluded from how they did.
const ENDED_MIN: u64 = 20;

/// Dead letters that are about to be tried again.
#[derive(Debug)]
#[must_use = "nothing is redriven before `.run()`"]
pub struct Redrive<'a> {
    operator: &'a Operator<'a>,
    filter: DeadLetterFilter,
    out_of_order: bool,
    rate: Option<u32>,
    stop_percent: Option<u8>,
}

/// What a command over many dead letters has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bulk {
    /// How many were changed.
    pub changed: u64,
    /// The first of them, at most [`Bulk::IDS_MAX`].
    pub ids: Vec<ActivationId>,
    /// How many were left: somebody else had touched them meanwhile, younger ones of their ordering key
    /// may have run since, or they are in doubt and a person has to settle them.
    pub skipped: u64,
    /// How many of those that were redriven are done, as far as it was watched.
    pub done: u64,
    /// How many of them died again, as far as it was watched.
    pub died: u64,
    /// Whether it stopped because too many died again.
    pub stopped: bool,
    /// The last one that was looked at. Whoever goes on begins behind it:
    /// [`DeadLetterFilter::after`].
    pub last: Option<ActivationId>,
}

impl Bulk {
    /// How many ids are kept.
    pub const IDS_MAX: usize = 1_000;
}

#[derive(Clone, Copy)]
enum Act {
    Redrive { out_of_order: bool },
    Drop,
}

impl<'a> Operator<'a> {
    /// Tries all dead letters again that a filter means: those that there are when it begins, oldest
    /// first. What somebody else touches meanwhile is left out.
    pub fn redrive_all(&'a self, filter: DeadLetterFilter) -> Redrive<'a> {
        Redrive { operator: self, filter, out_of_order: false, rate: None, stop_percent: None }
    }

    /// Gives all dead letters up that a filter means: those that there are when it begins.
    ///
    /// # Errors
    /// When the board has no agent of that name, or does not answer.
    pub async fn drop_all(&self, filter: DeadLetterFilter) -> Result<Bulk, OperateError> {
        let mut sweep = Sweep::new(self, Act::Drop);
        sweep.run(&filter, &mut |_| {}).await
    }
}

impl Redrive<'_> {
    /// Also those of an ordering key of which younger ones may have run since, which are left out
    /// otherwise.
    pub const fn out_of_order(mut self) -> Self {
        self.out_of_order = true;
        self
    }

    /// At most so many a second, at least 1. Without it, as fast as the board takes them.
    pub fn rate(mut self, per_second: u32) -> Self {
        self.rate = Some(per_second.max(1));
        self
    }

    /// Stops when, of those that were redriven and have ended, more than this share died again, once 20
    /// have ended. At most 100 of them are open at once then, so that not all are spent before it shows.
    pub const fn stop_on_failures(mut self, percent: u8) -> Self {
        self.stop_percent = Some(percent);
        self
    }

    /// Redrives them.
    ///
    /// # Errors
    /// When the board has no agent of that name, or does not answer. What was redriven until then is.
    ///
    /// # Cancel safety
    /// Dropped before it returns, some are redriven and others are not.
    pub async fn run(self) -> Result<Bulk, OperateError> {
        self.run_telling(|_| {}).await
    }

    /// As [`run`](Self::run), and tells after each part how far it is.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    /// As [`run`](Self::run).
    pub async fn run_telling(
        self,
        mut tell: impl FnMut(&Bulk) + Send,
    ) -> Result<Bulk, OperateError> {
        let act = Act::Redrive { out_of_order: self.out_of_order };
        let sweep = Sweep::new(self.operator, act);
        let mut sweep = Sweep { rate: self.rate, stop_percent: self.stop_percent, ..sweep };
        sweep.run(&self.filter, &mut tell).await
    }
}

/// One way through the dead letters that a filter means.
struct Sweep<'a> {
    operator: &'a Operator<'a>,
    act: Act,
    rate: Option<u32>,
    stop_percent: Option<u8>,
    bulk: Bulk,
    /// Those that were redriven, and are not known to have ended.
    open: BTreeSet<ActivationId>,
}

impl<'a> Sweep<'a> {
    fn new(operator: &'a Operator<'a>, act: Act) -> Self {
        let (bulk, open) = (Bulk::default(), BTreeSet::new());
        Self { operator, act, rate: None, stop_percent: None, bulk, open }
    }

    async fn run(
        &mut self,
        filter: &DeadLetterFilter,
        tell: &mut (dyn FnMut(&Bulk) + Send),
    ) -> Result<Bulk, OperateError> {
        match self.sweep(filter, tell).await {
            Ok(()) => Ok(std::mem::take(&mut self.bulk)),
            Err(error) => Err(match self.bulk.last {
                Some(last) if self.bulk.changed > 0 => {
                    let (changed, source) = (self.bulk.changed, Box::new(error));
                    OperateError::Partly { changed, last, source }
                }
                _ => error,
            }),
        }
    }

    async fn sweep(
        &mut self,
        filter: &DeadLetterFilter,
        tell: &mut (dyn FnMut(&Bulk) + Send),
    ) -> Result<(), OperateError> {
        let parts = self.operator.parts();
        let wanted = filter.clone();
        let resolve = move |state: &State| wanted.resolve(state);
        let wanted = parts.committer.look(resolve).await?.map_err(unread)?;
        let log = parts.setup.log.clone();
        let mut letters = Letters::new(&*log, wanted);
        let begun = Instant::now();
        while let Some(page) = letters.next().await.map_err(unread)? {
            for part in page.chunks(self.part_len()) {
                if self.watch(WATCHED_MAX - WATCHED_PART).await? {
                    return Ok(());
                }
                if let Some(rate) = self.rate {
                    let due =
                        Duration::from_secs(1).mul_f64(self.bulk.changed as f64 / f64::from(rate));
                    tokio::time::sleep_until(begun + due).await;
                }
                self.change(part.iter().map(|closed| closed.activation).collect()).await?;
                self.bulk.last = part.last().map(|closed| closed.activation);
                tell(&self.bulk);
            }
        }
        self.watch(WATCHED_MAX).await.map(drop)
    }

    /// How many one command changes: a tenth of a second's, so that a rate is even.
    fn part_len(&self) -> usize {
        let watched = if self.stop_percent.is_some() { WATCHED_PART } else { PART };
        let rate = self.rate.map_or(watched, |rate| usize::try_from(rate / 10).unwrap_or(watched));
        rate.clamp(1, watched)
    }

    /// Changes these, apart from those that somebody else touched, that are out of order or in doubt.
    async fn change(&mut self, ids: Vec<ActivationId>) -> Result<(), OperateError> {
        let mut left = vec![ids];
        while let Some(mut ids) = left.pop().filter(|ids| !ids.is_empty()) {
            // Before it is asked: room that comes free meanwhile is news.
            let mut room = self.operator.parts().submitter.room.clone();
            room.mark_unchanged();
            let changed = match self.act {
                Act::Redrive { out_of_order: false } => self.operator.redrive(&ids).await,
                Act::Redrive { out_of_order: true } => {
                    self.operator.redrive_out_of_order(&ids).await
                }
                Act::Drop => self.operator.drop_dead(&ids).await,
            };
            match changed {
                Ok(_) => self.note(&ids),
                Err(
                    OperateError::Rejected(
                        Rejection::NotDead { activation, .. }
                        | Rejection::OutOfOrder { activation }
                        | Rejection::Step(StepRejection::InDoubt { activation, .. }),
                    )
                    | OperateError::NoDeadLetter(activation),
                ) => {
                    ids.retain(|id| *id != activation);
                    self.bulk.skipped += 1;
                    left.push(ids);
                }
                Err(OperateError::Rejected(Rejection::AgendaFull { .. })) if ids.len() > 1 => {
                    let second = ids.split_off(ids.len() / 2);
                    left.extend([second, ids]);
                }
                Err(full @ OperateError::Rejected(Rejection::AgendaFull { .. })) => {
                    let patience = self.operator.parts().setup.patience;
                    let waited = tokio::time::timeout(patience, room.changed()).await;
                    if !matches!(waited, Ok(Ok(()))) {
                        return Err(full);
                    }
                    left.push(ids);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note(&mut self, ids: &[ActivationId]) {
        self.bulk.changed += ids.len() as u64;
        let room = Bulk::IDS_MAX.saturating_sub(self.bulk.ids.len());
        self.bulk.ids.extend(ids.iter().take(room));
        self.bulk.last = ids.last().copied();
        if self.stop_percent.is_some() {
            self.open.extend(ids);
        }
    }

    /// Waits until at most so many are open of those that are watched; says whether too many died.
    async fn watch(&mut self, open_max: usize) -> Result<bool, OperateError> {
        let Some(percent) = self.stop_percent else { return Ok(false) };
        let mut durable = self.operator.parts().hub.subscribe();
        loop {
            let extent = *durable.borrow_and_update();
            self.see_ends().await?;
            let Bulk { done, died, .. } = self.bulk;
            let ended = done + died;
            if ended >= ENDED_MIN && died * 100 > u64::from(percent) * ended {
                self.bulk.stopped = true;
                return Ok(true);
            }
            if self.open.len() <= open_max {
                return Ok(false);
            }
            if extent.ended || durable.changed().await.is_err() {
                return Err(OperateError::Stopped("it was stopped meanwhile".into()));
            }
        }
    }

    /// Sees which of those that are watched have ended, and how.
    async fn see_ends(&mut self) -> Result<(), OperateError> {
        let parts = self.operator.parts();
        let watched: Vec<_> = self.open.iter().copied().collect();
        let over = move |state: &State| -> Vec<_> {
            watched.iter().copied().filter(|id| state.activation(*id).is_none()).collect()
        };
        for id in parts.committer.look(over).await? {
            let closed = parts.setup.log.closed(id).await.map_err(OperateError::LookUp)?;
            match closed.map(|closed| closed.outcome) {
                Some(Outcome::Done) => self.bulk.done += 1,
                Some(Outcome::Dead(_) | Outcome::Dropped(_)) => self.bulk.died += 1,
                Some(Outcome::Cancelled | Outcome::Expired) => {}
                // Somebody redrove it once more.
                None => continue,
            }
            self.open.remove(&id);
        }
        Ok(())
    }
}

/// Why dead letters could not be looked up.
fn unread(error: ReadError) -> OperateError {
    match error {
        ReadError::Log(source) => OperateError::LookUp(source),
        ReadError::Unknown { what, name } => OperateError::Unknown { what, name },
        other => OperateError::Stopped(other.to_string().into()),
    }
}
