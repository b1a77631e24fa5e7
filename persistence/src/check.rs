//! The checks that every backend makes before it writes, and after it has read. They keep a mistake
//! of a caller out of the log, where it would stay for ever.

use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, Seq, Shard};
#[cfg(any(feature = "postgres", feature = "redis"))]
use artel_core::log::Rows;
use artel_core::log::{Append, Error};
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
use artel_core::log::{ArtifactQuery, Page, StoredArtifact};
use artel_core::record::{self, Batch, Place};
use artel_core::time::Timestamp;

/// An append that is consistent in itself. Whether it continues the log is for the backend to see.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) append: Append,
    /// The earliest moment in it, which must not be before the last batch of the log.
    pub(crate) earliest: Timestamp,
}

/// Why an append is refused whatever the log looks like.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("the batch is of shard {0}, this version has shard 0 only")]
    Shard(Shard),
    #[error("the batch goes from seq {first} to seq {last}")]
    Range { first: Seq, last: Seq },
    #[error("the batch has the hash {found}, its header says {recorded}")]
    Hash { found: Hash, recorded: Hash },
    #[error("the {what} of seq {seq} lies outside of its batch {first}..{last}")]
    Outside { what: &'static str, seq: Seq, first: Seq, last: Seq },
    #[error("the {what} of seq {seq} does not come after the one before it")]
    Order { what: &'static str, seq: Seq },
    #[error("something in the batch is dated {at}, after the batch itself or before the last one")]
    Dated { at: i64 },
    #[error("an artifact with the id {0} is on the board already")]
    Taken(ArtifactId),
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        Self::Unstorable { source: Box::new(flaw) }
    }
}

/// The greatest number that every backend can store as a position.
const SEQ_MAX: Seq = Seq(i64::MAX as u64);

impl Checked {
    pub(crate) fn new(append: Append) -> Result<Self, Error> {
        let header = append.batch.header;
        if header.shard != Shard(0) {
            return Err(Flaw::Shard(header.shard).into());
        }
        if header.first > header.last || header.last > SEQ_MAX {
            return Err(Flaw::Range { first: header.first, last: header.last }.into());
        }
        let found = hash(&append.batch);
        if found != header.hash {
            return Err(Flaw::Hash { found, recorded: header.hash }.into());
        }
        let rows = &append.rows;
        let within = |what, seq| {
            if header.first <= seq && seq <= header.last {
                return Ok(());
            }
            Err(Flaw::Outside { what, seq, first: header.first, last: header.last })
        };
        ascending("artifact", rows.artifacts.iter().map(|row| row.seq), within)?;
        ascending("content", rows.contents.iter().map(|row| row.seq), within)?;
        rows.keys.iter().try_for_each(|row| within("key", row.seq))?;
        rows.operations.iter().try_for_each(|row| within("operation", row.seq))?;
        rows.closed.iter().try_for_each(|row| within("closed activation", row.ended))?;
        let mut earliest = header.at;
        for row in rows.artifacts.iter().rev() {
            if row.at > earliest {
                return Err(Flaw::Dated { at: row.at.as_millis() }.into());
            }
            earliest = row.at;
        }
        Ok(Self { append, earliest })
    }

    /// About how many bytes it brings.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn len(&self) -> u64 {
        let Rows { artifacts, contents, .. } = &self.append.rows;
        let payloads = artifacts.iter().map(|row| row.payload.bytes().len());
        let contents = contents.iter().map(|row| row.bytes.len());
        (self.append.batch.bytes.len() + payloads.chain(contents).sum::<usize>()) as u64
    }
}

fn ascending(
    what: &'static str,
    seqs: impl Iterator<Item = Seq>,
    within: impl Fn(&'static str, Seq) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut before = None;
    for seq in seqs {
        within(what, seq)?;
        if before >= Some(seq) {
            return Err(Flaw::Order { what, seq });
        }
        before = Some(seq);
    }
    Ok(())
}

fn hash(batch: &Batch) -> Hash {
    let header = batch.header;
    let place = Place {
        epoch: header.epoch,
        first: header.first,
        last: header.last,
        at: header.at,
        previous: header.previous,
    };
    Batch::seal(place, batch.bytes.clone()).header.hash
}

/// Checks that a batch that was read has its recorded hash.
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(crate) fn verify(batch: &Batch) -> Result<(), record::Error> {
    let found = hash(batch);
    let record::BatchHeader { first, last, hash: recorded, .. } = batch.header;
    if found == recorded {
        Ok(())
    } else {
        Err(record::Error::Damaged { first, last, found, recorded })
    }
}

/// The seq of the last event at or before a moment, when the batch after seq `before` is the first
/// that goes beyond it.
pub(crate) fn last_until(
    at: Timestamp,
    before: Seq,
    next: Option<&Batch>,
) -> Result<Seq, record::Error> {
    let Some(batch) = next else { return Ok(before) };
    let decisions = batch.decisions()?;
    let reached = decisions.iter().take_while(|decision| decision.at <= at);
    Ok(Seq(before.get() + reached.map(|decision| decision.span()).sum::<u64>()))
}

/// Cuts a page where its payloads become too many. The row with which they do was read too, so that
/// there is more behind a page that is cut.
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
pub(crate) fn bound(page: &mut Page<StoredArtifact>) {
    let mut total = 0;
    let shown = page.items.iter().take_while(|item| {
        total += item.payload.as_ref().map_or(0, |payload| payload.len() as u64);
        total <= ArtifactQuery::PAYLOADS_LEN_MAX
    });
    let shown = shown.count().max(1);
    if shown < page.items.len() {
        page.items.truncate(shown);
        page.next = page.items.last().map(|item| item.seq);
    }
}
