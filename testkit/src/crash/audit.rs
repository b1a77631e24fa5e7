//! The audit of one board: its history against the ledger that the program kept. Pure.

use std::collections::BTreeMap;

use artel_core::board::{Changes, State};
use artel_core::ids::Seq;
use artel_core::record::{self, Decision};

use super::check::{Check, Verdicts};
use super::executions;
use super::history::History;
use super::work::Work;
use crate::ledger::{Ledger, Line};

/// Where the board is when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its program was killed: work is open.
    Killed,
    /// Its program has ended by itself: nothing is open.
    Settled,
}

/// What an audit counted, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Batches of the log.
    pub batches: u64,
    /// Events of the log.
    pub events: u64,
    /// Activations that the log created.
    pub activations: u64,
    /// Activations that the log calls done.
    pub done: u64,
    /// Attempts that the log began.
    pub attempts: u64,
    /// Attempts that ended with their process.
    pub lost: u64,
    /// Executions of handlers that the ledger knows.
    pub executions: u64,
    /// Executions of activations that had been executed before.
    pub repeated: u64,
    /// Artifacts that were acknowledged to the program, each once.
    pub inputs: u64,
    /// What each check came to.
    pub verdicts: Verdicts,
}

/// Holds a history against a ledger.
#[must_use]
pub fn audit(history: &History, ledger: &Ledger, stage: Stage) -> Audited {
    let mut verdicts = Verdicts::default();
    chain(history, &mut verdicts);
    states(history, ledger, &mut verdicts);
    let work = Work::of(history, &mut verdicts);
    inputs(&work, ledger, &mut verdicts);
    if stage == Stage::Settled {
        work.settled(&mut verdicts);
    }
    let executed = executions::hold_against(&work, ledger, &mut verdicts);
    Audited {
        batches: history.batches.len() as u64,
        events: history.last().get(),
        activations: work.activations.len() as u64,
        done: work.done() as u64,
        attempts: work.attempts.len() as u64,
        lost: work.lost,
        executions: executed.executions,
        repeated: executed.repeated,
        inputs: acknowledged(ledger).len() as u64,
        verdicts,
    }
}

fn chain(history: &History, verdicts: &mut Verdicts) {
    let mut previous = record::genesis(history.incarnation);
    let mut next = Seq(1);
    for batch in &history.batches {
        let header = &batch.header;
        verdicts.expect(Check::Chain, header.previous == previous, || {
            format!("the batch at seq {} does not carry the hash of the one before", header.first)
        });
        let events = batch.decisions.iter().map(Decision::span);
        let end = header.first.get() + events.sum::<u64>();
        let whole = header.first == next && header.last.next().get() == end;
        verdicts.expect(Check::Seq, whole, || {
            let (first, last) = (header.first, header.last);
            format!("batch {first}..{last} comes where seq {next} should, with {end} behind it")
        });
        previous = header.hash;
        next = header.last.next();
    }
}

/// Folds the log anew and compares the hash wherever the program has seen its live state.
fn states(history: &History, ledger: &Ledger, verdicts: &mut Verdicts) {
    let mut seen: BTreeMap<Seq, Vec<&str>> = BTreeMap::new();
    for line in &ledger.lines {
        if let Line::State { seq, hash } = line {
            seen.entry(*seq).or_default().push(hash);
        }
    }
    let mut state = State::default();
    let mut changes = Changes::default();
    for decision in history.batches.iter().flat_map(|batch| &batch.decisions) {
        if let Err(error) = state.apply(decision, &mut changes) {
            let after = state.seq();
            verdicts.wrong(Check::State, format!("cannot fold the log after seq {after}: {error}"));
            return;
        }
        let seq = state.seq();
        let Some(hashes) = seen.remove(&seq) else { continue };
        let folded = state.hash().to_string();
        for hash in hashes {
            verdicts.expect(Check::State, hash == folded, || {
                format!("at seq {seq} the live state had hash {hash}, the fold has {folded}")
            });
        }
    }
    for seq in seen.into_keys() {
        let last = history.last();
        let finding = format!(
            "a process has seen a state at seq {seq}; the log, up to {last}, has no decision that \
             ends there"
        );
        verdicts.wrong(Check::State, finding);
    }
}

/// Each artifact that was acknowledged, with all places that it was said to be at.
fn acknowledged(ledger: &Ledger) -> BTreeMap<artel_core::ids::ArtifactId, Vec<Seq>> {
    let mut acknowledged: BTreeMap<_, Vec<Seq>> = BTreeMap::new();
    for line in &ledger.lines {
        if let Line::Acknowledged { artifact, seq } = line {
            acknowledged.entry(*artifact).or_default().push(*seq);
        }
    }
    acknowledged
}

fn inputs(work: &Work, ledger: &Ledger, verdicts: &mut Verdicts) {
    for (artifact, seqs) in acknowledged(ledger) {
        let found = work.artifacts.get(&artifact);
        for seq in seqs {
            verdicts.expect(Check::Input, found == Some(&seq), || match found {
                Some(found) => {
                    format!("artifact {artifact} was acknowledged at seq {seq}, and is at {found}")
                }
                None => format!(
                    "artifact {artifact} was acknowledged at seq {seq}, and is not on the board"
                ),
            });
        }
    }
}
