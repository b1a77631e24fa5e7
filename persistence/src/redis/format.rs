//! How values lie on the server, and how they are taken out of its answers.

use bytes::Bytes;
use redis::Value;

use artel_core::content::Content;
use artel_core::hash::Hash;
use artel_core::ids::{CorrelationId, Epoch, Seq, Shard};
use artel_core::log::{ArtifactRow, ClosedActivation, ContentRow, Error, Existing, StoredArtifact};
use artel_core::record::{Batch, BatchHeader};
use artel_core::time::Timestamp;

use crate::check;
use crate::format::{self, Problem, encode};
use crate::rows::outcome_no;

const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// The greatest seq that the server can sort by.
pub(super) const SEQ_MAX: u64 = 1 << 53;

/// A number as what is sorted by, or looked up, has it.
pub(super) fn text(number: u64) -> Vec<u8> {
    number.min(SEQ_MAX).to_string().into_bytes()
}

/// A number in eight bytes that sort as it does.
pub(super) const fn packed(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Takes answers apart, and knows whose they are.
#[derive(Clone, Copy)]
pub(super) struct Answers<'a> {
    pub(super) place: &'a str,
}

impl Answers<'_> {
    pub(super) fn damaged(self, problem: impl Into<String>) -> Error {
        Error::Damaged { place: self.place.to_owned(), problem: problem.into() }
    }

    pub(super) fn list(self, value: Value) -> Result<Vec<Value>, Error> {
        match value {
            Value::Array(list) => Ok(list),
            other => Err(self.damaged(format!("{other:?} stands where a list should be"))),
        }
    }

    /// A list of a known length.
    pub(super) fn fields<const N: usize>(self, value: Value) -> Result<[Value; N], Error> {
        self.list(value)?.try_into().map_err(|list: Vec<Value>| {
            self.damaged(format!("{} values stand where {N} should be", list.len()))
        })
    }

    pub(super) fn bytes(self, value: Value) -> Result<Vec<u8>, Error> {
        match value {
            Value::BulkString(bytes) => Ok(bytes),
            Value::SimpleString(text) => Ok(text.into_bytes()),
            Value::Okay => Ok(b"OK".to_vec()),
            other => Err(self.damaged(format!("{other:?} stands where bytes should be"))),
        }
    }

    /// Bytes, or none where there is nothing.
    pub(super) fn optional(self, value: Value) -> Result<Option<Vec<u8>>, Error> {
        match value {
            Value::Nil => Ok(None),
            value => self.bytes(value).map(Some),
        }
    }

    pub(super) fn string(self, value: Value) -> Result<String, Error> {
        let bytes = self.bytes(value)?;
        String::from_utf8(bytes).map_err(|_| self.damaged("a text is not UTF-8"))
    }

    pub(super) fn integer(self, value: Value) -> Result<i64, Error> {
        match value {
            Value::Int(number) => Ok(number),
            value => {
                let text = self.string(value)?;
                let wrong = || self.damaged(format!("`{text}` stands where a number should be"));
                text.parse().map_err(|_| wrong())
            }
        }
    }

    pub(super) fn seq(self, value: Value) -> Result<Seq, Error> {
        format::seq(self.place, self.integer(value)?)
    }

    /// A seq in eight bytes; none where there are no bytes.
    pub(super) fn packed(self, value: Value) -> Result<Option<u64>, Error> {
        let bytes = self.bytes(value)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number(&bytes).map(Some)
    }

    pub(super) fn number(self, bytes: &[u8]) -> Result<u64, Error> {
        let bytes =
            bytes.try_into().map_err(|_| self.damaged("a packed seq has another length"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// A batch out of its entry in the stream, with its recorded hash.
    pub(super) fn batch(self, entry: Value) -> Result<Batch, Error> {
        let [id, fields] = self.fields(entry)?;
        let [_, header, _, bytes] = self.fields(fields)?;
        let id = self.string(id)?;
        let last = id.strip_suffix("-0").and_then(|last| last.parse().ok());
        let last =
            last.ok_or_else(|| self.damaged(format!("`{id}` is not the place of a batch")))?;
        let header = self.bytes(header)?;
        let header = header_of(Seq(last), &header).ok_or_else(|| {
            self.damaged(format!("the header of batch {last} has another length"))
        })?;
        let batch = Batch { header, bytes: Bytes::from(self.bytes(bytes)?) };
        check::verify(&batch)
            .map_err(|source| Error::Batch { place: self.place.to_owned(), source })?;
        Ok(batch)
    }

    pub(super) fn artifact(
        self,
        seq: Seq,
        row: &[u8],
        payload: Option<Vec<u8>>,
    ) -> Result<StoredArtifact, Error> {
        let (salt, at, envelope) = split(row)
            .ok_or_else(|| format::damaged(self.place, "artifact", seq, &Problem::Check))?;
        format::artifact(self.place, (seq, at), envelope, Some(salt), payload)
    }

    pub(super) fn existing(self, seq: Seq, row: &[u8]) -> Result<Existing, Error> {
        let (salt, _, envelope) = split(row)
            .ok_or_else(|| format::damaged(self.place, "artifact", seq, &Problem::Check))?;
        format::existing(self.place, seq, envelope, Some(salt))
    }

    pub(super) fn content(self, seq: Seq, row: &[u8]) -> Result<ContentRow, Error> {
        let short = || format::damaged(self.place, "content", seq, &Problem::Check);
        let (salt, rest) = row.split_at_checked(SALT_LEN).ok_or_else(short)?;
        let (hash, bytes) = rest.split_at_checked(HASH_LEN).ok_or_else(short)?;
        let hash = format::hash(self.place, hash)?;
        format::content(self.place, seq, (salt, hash), bytes.to_vec())
    }

    pub(super) fn closed(self, activation: Seq, row: &[u8]) -> Result<ClosedActivation, Error> {
        let body = row.get(CLOSED_HEAD_LEN..).unwrap_or_default();
        format::closed(self.place, activation, body)
    }
}

/// Writes what an artifact is stored as beside its payload: salt, time, envelope.
pub(super) fn artifact_row(row: &ArtifactRow, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&row.payload.salt().0);
    bytes.extend_from_slice(&row.at.as_millis().to_be_bytes());
    encode(row.envelope(), bytes);
}

fn split(row: &[u8]) -> Option<(&[u8], Timestamp, &[u8])> {
    let (salt, rest) = row.split_at_checked(SALT_LEN)?;
    let (at, envelope) = rest.split_first_chunk::<8>()?;
    Some((salt, Timestamp(i64::from_be_bytes(*at)), envelope))
}

pub(super) fn content_row(row: &ContentRow) -> Vec<u8> {
    let hash = Content::hash_of(row.salt, &row.bytes);
    [&row.salt.0[..], &hash.0[..], &row.bytes[..]].concat()
}

/// The outcome, the agent and the correlation, which the server looks at.
const CLOSED_HEAD_LEN: usize = 1 + 4 + 16;

/// The tree of work that a row of finished work begins with.
pub(super) fn closed_of(row: &[u8]) -> Option<CorrelationId> {
    let correlation = row.get(CLOSED_HEAD_LEN - 16..CLOSED_HEAD_LEN)?;
    Some(CorrelationId::from_bytes(correlation.try_into().ok()?))
}

pub(super) fn closed_row(row: &ClosedActivation, bytes: &mut Vec<u8>) {
    bytes.push(outcome_no(row.outcome));
    bytes.extend_from_slice(&row.agent.get().to_be_bytes());
    bytes.extend_from_slice(row.correlation.as_bytes());
    encode(row, bytes);
}

/// The header of a batch but for its last seq, which its place says; the hash at the end.
pub(super) fn header_row(header: &BatchHeader) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(88);
    bytes.extend_from_slice(&header.first.get().to_be_bytes());
    bytes.extend_from_slice(&header.epoch.get().to_be_bytes());
    bytes.extend_from_slice(&header.at.as_millis().to_be_bytes());
    bytes.extend_from_slice(&header.previous.0);
    bytes.extend_from_slice(&header.hash.0);
    bytes
}

fn header_of(last: Seq, bytes: &[u8]) -> Option<BatchHeader> {
    let (first, rest) = bytes.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (previous, rest) = rest.split_first_chunk::<HASH_LEN>()?;
    Some(BatchHeader {
        shard: Shard(0),
        first: Seq(u64::from_be_bytes(*first)),
        last,
        epoch: Epoch(u64::from_be_bytes(*epoch)),
        at: Timestamp(i64::from_be_bytes(*at)),
        previous: Hash(*previous),
        hash: Hash(rest.try_into().ok()?),
    })
}
