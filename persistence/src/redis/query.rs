//! Listings of artifacts. Seqs of candidates come from the narrowest index that there is a condition for, in
//! steps of a bounded number; whether one is admitted is looked at here. Artifacts never change, so that a
//! listing in several steps is as of the moment of the first.

use std::collections::BTreeSet;

use redis::{Value, cmd};

use artel_core::ids::Seq;
use artel_core::log::{ArtifactQuery, Direction, Error, Page, StoredArtifact};

use super::error::reading;
use super::format::{packed, text};
use super::handle::RedisLog;
use super::look_up::artifacts_at;
use super::rows::stretches_of;
use super::scripts::{BOUNDS, STRETCHES};
use crate::check;
use crate::listing::{self, Driver, drivers, high, low};

/// How many seqs one step looks at.
const STEP: u64 = 2_000;
/// How many stretches of a type or an agent one step looks at.
const STRETCHES_STEP: usize = 16;

pub(super) async fn artifacts(
    log: &RedisLog,
    query: &ArtifactQuery,
) -> Result<Page<StoredArtifact>, Error> {
    let (mut walk, as_of) = Walk::begin(log, query).await?;
    // One more than is shown tells whether there is a further page.
    let wanted = usize::try_from(query.limit.max(1)).unwrap_or(usize::MAX).saturating_add(1);
    let mut found = Vec::new();
    while found.len() < wanted {
        let Some(seqs) = walk.next(log, query).await? else { break };
        for artifact in artifacts_at(log, &seqs, false).await? {
            if query.admits(artifact.at, &artifact.envelope) {
                found.push(artifact);
            }
        }
    }
    found.truncate(wanted);
    if query.payloads {
        found = with_payloads(log, found).await?;
    }
    let found = found.into_iter().map(|artifact| (artifact.seq, artifact)).collect();
    let mut page = listing::page(found, query.limit, as_of.min(query.up_to));
    check::bound(&mut page);
    Ok(page)
}

/// Reads the payloads of as many as a page may have, and of one more, with which it is cut.
async fn with_payloads(
    log: &RedisLog,
    found: Vec<StoredArtifact>,
) -> Result<Vec<StoredArtifact>, Error> {
    let (mut total, mut seqs) = (0, Vec::new());
    for artifact in found {
        seqs.push(artifact.seq);
        total += u64::from(artifact.envelope.payload_len);
        if total > ArtifactQuery::PAYLOADS_LEN_MAX && seqs.len() > 1 {
            break;
        }
    }
    artifacts_at(log, &seqs, true).await
}

/// A walk over the seqs of candidates.
struct Walk<'a> {
    drivers: Vec<Driver<'a>>,
    direction: Direction,
    /// What is left to look at lies between these two.
    low: u64,
    high: u64,
}

impl<'a> Walk<'a> {
    /// The bounds of a listing: commit times never fall, so a moment is a seq as well; times inside of a batch
    /// are compared one by one. And the seq that the listing is complete to.
    async fn begin(log: &RedisLog, query: &'a ArtifactQuery) -> Result<(Self, Seq), Error> {
        let mut arguments = log.arguments();
        for moment in [query.since, query.until] {
            match moment {
                Some(moment) => arguments.number(moment.as_millis()),
                None => arguments.push(""),
            }
        }
        let answer = log.ask(&BOUNDS, &arguments).await?;
        let answers = log.answers();
        let [head, before, after] = answers.fields(answer)?;
        let head = answers.seq(head)?;
        let before = answers.packed(before)?.unwrap_or(0);
        let after = answers.packed(after)?.map_or(u64::MAX, |last| last + 1);
        let upper = high(query.cursor, query.direction).min(query.up_to.get().saturating_add(1));
        let walk = Self {
            drivers: drivers(query),
            direction: query.direction,
            low: low(query.cursor, query.direction).max(before),
            high: upper.min(after).min(head.get() + 1),
        };
        Ok((walk, head))
    }

    const fn is_up(&self) -> bool {
        matches!(self.direction, Direction::OldestFirst)
    }

    /// The next seqs to look at, in order; none at the end.
    async fn next(
        &mut self,
        log: &RedisLog,
        query: &ArtifactQuery,
    ) -> Result<Option<Vec<Seq>>, Error> {
        if self.low.saturating_add(1) >= self.high {
            return Ok(None);
        }
        let seqs = match (self.drivers.first(), query.correlation) {
            (Some(Driver::Correlation), Some(correlation)) => {
                self.of_key(log, &format!("correlation:{correlation}")).await?
            }
            (Some(Driver::Stretch(..)), _) => self.of_stretches(log).await?,
            _ => self.all(),
        };
        Ok(Some(seqs.into_iter().map(Seq).collect()))
    }

    /// The next of all seqs.
    fn all(&mut self) -> Vec<u64> {
        if self.is_up() {
            let end = self.high.min(self.low.saturating_add(STEP + 1));
            let seqs = (self.low + 1..end).collect();
            self.low = end - 1;
            seqs
        } else {
            let end = self.low.max(self.high.saturating_sub(STEP + 1));
            let seqs = (end + 1..self.high).rev().collect();
            self.high = end + 1;
            seqs
        }
    }

    /// The next of those that a key has.
    async fn of_key(&mut self, log: &RedisLog, name: &str) -> Result<Vec<u64>, Error> {
        let bound = |number: u64| [b"(", &text(number)[..]].concat();
        let (low, high) = (bound(self.low), bound(self.high));
        let mut range = cmd("ZRANGE");
        range.arg(log.key(name));
        if self.is_up() {
            range.arg(low).arg(high).arg("BYSCORE");
        } else {
            range.arg(high).arg(low).arg("BYSCORE").arg("REV");
        }
        range.arg("LIMIT").arg(0).arg(STEP);
        let answer = log.reader.send(&range).await;
        let answer = answer.map_err(|error| reading("read", &log.place, error))?;
        let mut seqs = Vec::new();
        for seq in log.answers().list(answer)? {
            seqs.push(log.answers().seq(seq)?.get());
        }
        self.advance(seqs.last().copied().filter(|_| seqs.len() as u64 == STEP));
        Ok(seqs)
    }

    /// Goes on behind a seq, or is at the end.
    fn advance(&mut self, behind: Option<u64>) {
        match (behind, self.is_up()) {
            (Some(behind), true) => self.low = behind,
            (Some(behind), false) => self.high = behind,
            (None, _) => self.high = self.low,
        }
    }

    /// The seqs of the next stretches of all drivers together.
    async fn of_stretches(&mut self, log: &RedisLog) -> Result<Vec<u64>, Error> {
        let mut arguments = log.arguments();
        arguments.push(if self.is_up() { "up" } else { "down" });
        arguments.push(packed(self.low));
        arguments.push(packed(self.high));
        arguments.number(STRETCHES_STEP);
        for driver in &self.drivers {
            if let Driver::Stretch(kind, no) = driver {
                arguments.push(stretches_of(*kind, *no));
            }
        }
        let answer = log.ask(&STRETCHES, &arguments).await?;
        let answers = log.answers();
        let mut ranges = Vec::new();
        // Beyond where the first of the lists ends that are not complete, there may be more.
        let mut frontier = None;
        for list in answers.list(answer)? {
            let list = answers.list(list)?;
            let complete = list.len() < STRETCHES_STEP;
            let mut last_of_list = None;
            for member in list {
                let (first, last) = stretch(log, member)?;
                last_of_list = Some(if self.is_up() { last } else { first });
                ranges.push((first, last));
            }
            if let Some(end) = last_of_list.filter(|_| !complete) {
                let nearer =
                    |other: u64| if self.is_up() { end.min(other) } else { end.max(other) };
                frontier = Some(frontier.map_or(end, nearer));
            }
        }
        let seqs: BTreeSet<u64> = ranges
            .into_iter()
            .flat_map(|(first, last)| first..=last)
            .filter(|seq| self.low < *seq && *seq < self.high)
            .filter(|seq| match frontier {
                None => true,
                Some(frontier) if self.is_up() => *seq <= frontier,
                Some(frontier) => *seq >= frontier,
            })
            .collect();
        self.advance(frontier);
        if self.is_up() {
            Ok(seqs.into_iter().collect())
        } else {
            Ok(seqs.into_iter().rev().collect())
        }
    }
}

/// The first and the last seq of a stretch.
fn stretch(log: &RedisLog, member: Value) -> Result<(u64, u64), Error> {
    let answers = log.answers();
    let member = answers.bytes(member)?;
    let wrong = || answers.damaged("a stretch has another length");
    let seqs = member.get(5..).filter(|seqs| seqs.len() == 16).ok_or_else(wrong)?;
    let (last, first) = seqs.split_at(8);
    Ok((answers.number(first)?, answers.number(last)?))
}
