//! Ledgers: what a program itself knows to have happened, appended to a file beside the board, which
//! has no part in it. Read by the checks of [`crash`](crate::crash), written by your program.
//!
//! A line for each thing, in JSON, written at once with `O_APPEND`:
//!
//! ```text
//! {"state":{"seq":14,"hash":"5c3e…"}}                       the live state, as `state_hash` gave it
//! {"acknowledged":{"artifact":"01a1…","seq":15}}            a publish that came back with a receipt
//! {"begin":{"activation":17,"attempt":1,"agent":"scan"}}    before a handler does anything
//! {"end":{"activation":17,"attempt":1,"ok":true}}           the last thing that it does
//! ```
//!
//! A process that is killed may leave half a line, so each process begins with two line breaks: the
//! first ends what was left, the second makes an empty line, which says that a process ended there.

use serde::Deserialize;

use artel_core::ids::{ActivationId, ArtifactId, AttemptId, AttemptNo, Seq};

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line {
    /// The board's live state.
    State {
        /// The last event that was folded in.
        seq: Seq,
        /// The hash of the state, in hexadecimal digits.
        hash: String,
    },
    /// An artifact whose publish was acknowledged.
    Acknowledged {
        /// The artifact.
        artifact: ArtifactId,
        /// Where the board said that it is.
        seq: Seq,
    },
    /// A handler began.
    Begin {
        /// What it works on.
        activation: ActivationId,
        /// Which attempt it is.
        attempt: AttemptNo,
        /// Whose handler it is.
        agent: String,
    },
    /// A handler returned.
    End {
        /// What it worked on.
        activation: ActivationId,
        /// Which attempt it was.
        attempt: AttemptNo,
        /// Whether it returned outputs, and not an error.
        ok: bool,
    },
}

/// What a program knows to have happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Its lines.
    pub lines: Vec<Line>,
    /// Lines that a process was killed in the middle of.
    pub torn: u64,
}

/// A ledger with a line that is none.
#[derive(Debug, thiserror::Error)]
#[error("line {number} of the ledger is not one, and no process ended there: `{text}`")]
pub struct NotALine {
    /// Its number, from 1.
    pub number: usize,
    /// What stands there.
    pub text: String,
    /// What the parser said.
    #[source]
    pub source: serde_json::Error,
}

impl Ledger {
    /// Reads a ledger. Half a line is allowed where a process ended: at the very end, and before the
    /// empty line that the next one begins with.
    ///
    /// # Errors
    /// When a line in the middle cannot be read.
    pub fn parse(text: &str) -> Result<Self, NotALine> {
        let mut ledger = Self::default();
        // What ends in a line break is followed by a piece too: an empty one.
        let pieces = text.split('\n').count();
        let mut lines = text.split('\n').zip(1..).peekable();
        while let Some((line, number)) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let process_ended = match lines.peek() {
                None => true,
                Some((next, number)) => next.is_empty() && *number < pieces,
            };
            match serde_json::from_str(line) {
                Ok(line) => ledger.lines.push(line),
                Err(_) if process_ended => ledger.torn += 1,
                Err(source) => {
                    return Err(NotALine { number, text: line.to_owned(), source });
                }
            }
        }
        Ok(ledger)
    }

    /// How many artifacts were acknowledged, each time counted.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.lines.iter().filter(|line| matches!(line, Line::Acknowledged { .. })).count() as u64
    }
}

impl Line {
    /// The attempt that the line is about, if it is about one.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptId> {
        match *self {
            Self::Begin { activation, attempt, .. } | Self::End { activation, attempt, .. } => {
                Some(AttemptId { activation, attempt })
            }
            Self::State { .. } | Self::Acknowledged { .. } => None,
        }
    }
}
