//! The checks by name, and how often each looked at something and what it found.

use std::collections::BTreeMap;

/// How many findings of a check are kept; further ones are counted.
const FINDINGS_MAX: usize = 5;

/// Something that must hold whatever was killed when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Each batch carries the hash of the one before it, from the identity of the log on.
    Chain,
    /// No seq is missing, and none is there twice.
    Seq,
    /// After a kill, the log begins with all that anybody had seen of it.
    Prefix,
    /// The store beside the log holds what the log says, and is found by all it can be asked for.
    Store,
    /// The live state of a process was the fold of the log.
    State,
    /// What was acknowledged is on the board, where the receipt said, and no idempotency key is there twice.
    Input,
    /// Every attempt begins once, in its turn, and ends at most once.
    Attempt,
    /// An activation is done at most once, and no attempt of it begins afterwards.
    Done,
    /// Outputs come with the acknowledgement of their attempt, and never else.
    Output,
    /// In the end every attempt has its end, and every activation is over.
    Settled,
    /// Each execution of a handler is an attempt that the log began, and no attempt has two.
    Execution,
    /// What the log calls done, a handler has done.
    Worked,
    /// The result is that of the run that nobody disturbed.
    Result,
    /// While a process is stopped, another one is refused by name, and writes nothing.
    Refused,
    /// Most kills fall between the first commit and the last.
    Window,
}

impl Check {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 15] = [
        Self::Chain,
        Self::Seq,
        Self::Prefix,
        Self::Store,
        Self::State,
        Self::Input,
        Self::Attempt,
        Self::Done,
        Self::Output,
        Self::Settled,
        Self::Execution,
        Self::Worked,
        Self::Result,
        Self::Refused,
        Self::Window,
    ];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Seq => "seq",
            Self::Prefix => "prefix",
            Self::Store => "store",
            Self::State => "state",
            Self::Input => "input",
            Self::Attempt => "attempt",
            Self::Done => "done",
            Self::Output => "output",
            Self::Settled => "settled",
            Self::Execution => "execution",
            Self::Worked => "worked",
            Self::Result => "result",
            Self::Refused => "refused",
            Self::Window => "window",
        }
    }

    /// What must hold, and what is counted as looked at.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Chain => "batches that carry the hash of the one before",
            Self::Seq => "batches that begin where the one before ended",
            Self::Prefix => "logs that begin with all that was seen of them before",
            Self::Store => "rows of the store that are as the log says",
            Self::State => "live states that are the fold of the log",
            Self::Input => "acknowledged artifacts that are on the board",
            Self::Attempt => "attempts that begin once, in turn, and end once",
            Self::Done => "activations that are done once",
            Self::Output => "outputs that came with their acknowledgement",
            Self::Settled => "attempts and activations that are over in the end",
            Self::Execution => "handler executions that are attempts of the log, each one",
            Self::Worked => "done attempts whose handler ran to its end",
            Self::Result => "results that are those of the undisturbed run",
            Self::Refused => "processes refused while the owner was stopped",
            Self::Window => "kills between the first commit and the last",
        }
    }
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many things it looked at.
    pub looked_at: u64,
    /// How many of them were not as they must be.
    pub wrong: u64,
    /// The first of those, in words.
    pub findings: Vec<String>,
}

/// What the checks came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    tallies: BTreeMap<Check, Tally>,
}

impl Verdicts {
    /// Looks at one more thing.
    pub(super) fn expect(&mut self, check: Check, holds: bool, finding: impl FnOnce() -> String) {
        self.tallies.entry(check).or_default().looked_at += 1;
        if !holds {
            self.wrong(check, finding());
        }
    }

    /// So many more things were looked at, and are as they must be.
    pub(super) fn fine(&mut self, check: Check, count: u64) {
        self.tallies.entry(check).or_default().looked_at += count;
    }

    /// Something is wrong that is no single one of the things that were looked at.
    pub(super) fn wrong(&mut self, check: Check, finding: String) {
        let tally = self.tallies.entry(check).or_default();
        tally.wrong += 1;
        if tally.findings.len() < FINDINGS_MAX {
            tally.findings.push(finding);
        }
    }

    /// Adds what the checks came to elsewhere; findings are told to be from there.
    pub(super) fn add(&mut self, place: &str, other: Self) {
        for (check, tally) in other.tallies {
            let mine = self.tallies.entry(check).or_default();
            mine.looked_at += tally.looked_at;
            mine.wrong += tally.wrong;
            let room = FINDINGS_MAX.saturating_sub(mine.findings.len());
            let findings = tally.findings.into_iter().take(room);
            mine.findings.extend(findings.map(|finding| format!("{place}: {finding}")));
        }
    }

    /// What a check came to.
    #[must_use]
    pub fn of(&self, check: Check) -> Tally {
        self.tallies.get(&check).cloned().unwrap_or_default()
    }

    /// The checks that found something.
    #[must_use]
    pub fn failed(&self) -> Vec<Check> {
        let failed = self.tallies.iter().filter(|(_, tally)| tally.wrong > 0);
        failed.map(|(check, _)| *check).collect()
    }
}
