//! An append as commands that change the board's keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use redis::Cmd;
use smallvec::SmallVec;

use artel_core::ids::{ActivationId, CorrelationId, Seq};
use artel_core::log::{Append, ClosedActivation, Outcome, Rows};

use super::before::Before;
use super::format::{artifact_row, closed_of, closed_row, content_row, header_row, packed};
use crate::rows::{self, StretchKind, closed_last, outcome_no};

/// How many arguments one command has at most, about: the server does nothing else meanwhile, and a script can
/// pass no more.
const ARGUMENTS_MAX: usize = 4_000;
/// About how many bytes the rows have beside what they hold.
const ROW_LEN: usize = 192;

/// What an append brings to the keys that begin so.
pub(super) fn brought(keys: &str, append: &Append) -> Vec<Cmd> {
    let mut changes = Changes::new(keys);
    changes.batch(append);
    changes.artifacts(&append.rows);
    changes.all
}

/// The work that it finishes, of which it is known what was there before.
pub(super) fn finished(keys: &str, finished: &Finished<'_>, before: &Before) -> Vec<Cmd> {
    let mut changes = Changes::new(keys);
    changes.closed(finished, before);
    changes.all
}

/// The work that an append finishes: it is asked for, and then changed.
pub(super) struct Finished<'a> {
    /// How each activation is closed last.
    pub(super) closed: BTreeMap<ActivationId, &'a ClosedActivation>,
    /// What is open again.
    pub(super) reopened: Vec<ActivationId>,
    /// The activations that worked on each artifact.
    pub(super) worked_on: BTreeMap<Seq, SmallVec<[Seq; 1]>>,
}

impl<'a> Finished<'a> {
    pub(super) fn of(rows: &'a Rows) -> Self {
        let closed = closed_last(rows);
        let mut worked_on: BTreeMap<Seq, SmallVec<[Seq; 1]>> = BTreeMap::new();
        for row in closed.values() {
            for input in &row.inputs {
                worked_on.entry(*input).or_default().push(row.activation.0);
            }
        }
        Self { closed, reopened: rows::reopened(rows), worked_on }
    }
}

/// What an append does, in order.
struct Changes<'a> {
    /// What the board's keys begin with.
    keys: &'a str,
    all: Vec<Cmd>,
    /// What is written before it is known how long it is.
    scratch: Vec<u8>,
}

/// Takes the arguments of a row.
struct Arguments<'a> {
    command: &'a mut Cmd,
    scratch: &'a mut Vec<u8>,
}

impl Arguments<'_> {
    fn push(&mut self, value: impl AsRef<[u8]>) {
        self.command.arg(value.as_ref());
    }

    fn seq(&mut self, seq: Seq) {
        self.command.arg(seq.get());
    }

    /// A value that is made where it stands.
    fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(self.scratch);
        self.command.arg(&self.scratch[..]);
    }
}

impl<'a> Changes<'a> {
    const fn new(keys: &'a str) -> Self {
        Self { keys, all: Vec::new(), scratch: Vec::new() }
    }

    /// A command for some rows, which have about so many bytes, or several where they have more arguments than one
    /// may have; none for none.
    fn add<R>(
        &mut self,
        (command, key): (&str, impl fmt::Display),
        len: usize,
        rows: impl IntoIterator<Item = R>,
        put: impl Fn(&mut Arguments<'_>, R),
    ) {
        use std::io::Write;
        let mut rows = rows.into_iter();
        let mut next = rows.next();
        while next.is_some() {
            let all = 2 * rows.size_hint().0 + 4;
            let count = all.min(ARGUMENTS_MAX);
            let len = len / all.div_ceil(ARGUMENTS_MAX);
            let mut change = Cmd::with_capacity(count, len + 8 * count);
            self.scratch.clear();
            write!(self.scratch, "{}{key}", self.keys).expect("memory takes what is written");
            change.arg(command).arg(&self.scratch[..]);
            while let Some(row) = next {
                put(&mut Arguments { command: &mut change, scratch: &mut self.scratch }, row);
                next = rows.next();
                if change.args_iter().len() >= ARGUMENTS_MAX {
                    break;
                }
            }
            self.all.push(change);
        }
    }

    fn batch(&mut self, Append { batch, .. }: &Append) {
        let header = &batch.header;
        self.add(("XADD", "log"), batch.bytes.len() + ROW_LEN, [header], |to, header| {
            to.push(format!("{}-0", header.last));
            to.push("h");
            to.push(header_row(header));
            to.push("b");
            to.push(&batch.bytes[..]);
        });
        self.add(("ZADD", "times"), ROW_LEN, [header], |to, header| {
            to.push(header.at.as_millis().to_string());
            to.push(packed(header.last.get()));
        });
        self.add(("HSET", "head"), ROW_LEN, [header], |to, header| {
            to.push("seq");
            to.seq(header.last);
            to.push("hash");
            to.push(header.hash.0);
            to.push("at");
            to.push(header.at.as_millis().to_string());
        });
    }

    fn artifacts(&mut self, rows: &Rows) {
        let all = || rows.artifacts.iter();
        let count = rows.artifacts.len();
        self.add(("HSET", "id"), count * 24, all(), |to, row| {
            to.push(row.envelope().id.as_bytes());
            to.seq(row.seq);
        });
        self.add(("HSET", "artifact"), count * ROW_LEN, all(), |to, row| {
            to.seq(row.seq);
            to.put(|bytes| artifact_row(row, bytes));
        });
        let payloads = all().map(|row| row.payload.bytes().len()).sum();
        self.add(("HSET", "payload"), payloads, all(), |to, row| {
            to.seq(row.seq);
            to.push(row.payload.bytes());
        });
        let stretches = rows::stretches(&rows.artifacts);
        self.add(("ZADD", "stretch"), ROW_LEN, stretches, |to, ((kind, no), (first, last))| {
            to.push("0");
            let member =
                [stretches_of(kind, no), packed(last.get()).into(), packed(first.get()).into()];
            to.push(member.concat());
        });
        let keys: BTreeMap<&str, Seq> =
            rows.keys.iter().map(|row| (row.key.as_str(), row.seq)).collect();
        self.add(("HSET", "key"), 0, keys, |to, (key, seq)| {
            to.push(key);
            to.seq(seq);
        });
        self.add(("HSET", "content"), 0, &rows.contents, |to, row| {
            to.seq(row.seq);
            to.push(content_row(row));
        });
        let cancelled: BTreeSet<CorrelationId> = rows.cancelled.iter().copied().collect();
        self.add(("SADD", "cancelled"), 0, cancelled, |to, one| to.push(one.to_string()));
        self.grouped("correlation", all().map(|row| (row.envelope().correlation, row.seq)));
    }

    fn closed(&mut self, finished: &Finished<'_>, before: &Before) {
        let Finished { closed, reopened, worked_on } = finished;
        // What is closed anew, or reopened, is taken out as it was closed before. Hardly ever is anything.
        for activation in closed.keys().chain(reopened).copied() {
            if let Some(row) = before.closed(activation) {
                self.forget(activation, closed_of(row));
            }
        }
        let all = || closed.values().copied();
        self.add(("HSET", "closed"), closed.len() * ROW_LEN, all(), |to, row| {
            to.seq(row.activation.0);
            to.put(|bytes| closed_row(row, bytes));
        });
        let undone = all().filter(|row| outcome_no(row.outcome) != 0);
        self.add(("ZADD", "order"), closed.len() * 16, all().map(|row| row.activation.0), twice);
        self.add(("ZADD", "undone"), 0, undone.map(|row| row.activation.0), twice);
        let place = |row: &ClosedActivation| (row.correlation, row.activation.0);
        self.grouped("closed", all().map(place));
        let dead = all().filter(|row| matches!(row.outcome, Outcome::Dead(_)));
        self.grouped("dead", dead.map(place));
        // The activations that worked on an artifact, eight bytes each, behind those of earlier batches.
        self.add(("HSET", "worked_on"), closed.len() * 16, worked_on, |to, (input, by)| {
            to.seq(*input);
            to.put(|bytes| {
                bytes.extend_from_slice(before.worked_on(*input));
                bytes.extend(by.iter().flat_map(|seq| packed(seq.get())));
            });
        });
    }

    /// Takes a closed activation of a tree of work out again.
    fn forget(&mut self, activation: ActivationId, correlation: Option<CorrelationId>) {
        self.add(("HDEL", "closed"), 0, [activation.0], |to, seq| to.seq(seq));
        self.add(("ZREM", "order"), 0, [activation.0], |to, seq| to.seq(seq));
        self.add(("ZREM", "undone"), 0, [activation.0], |to, seq| to.seq(seq));
        if let Some(correlation) = correlation {
            for key in ["closed", "dead"] {
                let key = format_args!("{key}:{correlation}");
                self.add(("ZREM", key), 0, [activation.0], |to, seq| to.seq(seq));
            }
        }
    }

    /// What belongs to each correlation.
    fn grouped(&mut self, key: &str, rows: impl Iterator<Item = (CorrelationId, Seq)>) {
        let mut groups: BTreeMap<CorrelationId, SmallVec<[Seq; 2]>> = BTreeMap::new();
        for (correlation, seq) in rows {
            groups.entry(correlation).or_default().push(seq);
        }
        for (correlation, seqs) in groups {
            self.add(("ZADD", format_args!("{key}:{correlation}")), ROW_LEN, seqs, twice);
        }
    }
}

/// A seq, as what it is sorted by and as what it is.
fn twice(to: &mut Arguments<'_>, seq: Seq) {
    to.seq(seq);
    to.seq(seq);
}

/// What the members of the stretches of a type or an agent begin with.
pub(super) fn stretches_of(kind: StretchKind, no: u32) -> Vec<u8> {
    let mut member = vec![kind as u8];
    member.extend_from_slice(&no.to_be_bytes());
    member
}
