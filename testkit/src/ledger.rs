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

use serde::{Deserialize, Serialize};

use artel_core::ids::{ActivationId, ArtifactId, AttemptId, AttemptNo, Seq};

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = r#"{"begin":{"activation":17,"attempt":1,"agent":"scan"}}"#;
    const END: &str = r#"{"end":{"activation":17,"attempt":1,"ok":true}}"#;

    #[test]
    fn lines_are_read_as_they_are_documented() {
        let artifact = ArtifactId::from_bytes([0x11; 16]);
        let text = format!(
            "\n\n{}\n{}\n{BEGIN}\n{END}\n",
            r#"{"state":{"seq":14,"hash":"5c3e"}}"#,
            format_args!(r#"{{"acknowledged":{{"artifact":"{artifact}","seq":15}}}}"#)
        );
        let (activation, attempt) = (ActivationId(Seq(17)), AttemptNo(1));
        let expected = vec![
            Line::State { seq: Seq(14), hash: "5c3e".to_owned() },
            Line::Acknowledged { artifact, seq: Seq(15) },
            Line::Begin { activation, attempt, agent: "scan".to_owned() },
            Line::End { activation, attempt, ok: true },
        ];
        let ledger = Ledger::parse(&text).unwrap();
        assert_eq!(ledger, Ledger { lines: expected, torn: 0 });
        assert_eq!(ledger.acknowledged(), 1);
    }

    #[test]
    fn half_a_line_is_allowed_only_where_a_process_ended() {
        let half = &BEGIN[..20];
        let read = |text: &str| Ledger::parse(text).map(|read| (read.lines.len(), read.torn)).ok();
        assert_eq!(read(&format!("\n\n{END}\n{half}")), Some((1, 1)), "the last process");
        assert_eq!(read(&format!("{half}\n\n{END}\n")), Some((1, 1)), "an earlier process");
        assert_eq!(read(&format!("{BEGIN}\n\n\n{END}\n")), Some((2, 0)), "whole lines");
        assert_eq!(read(&format!("{half}\n{END}\n")), None, "the same process went on");
        assert_eq!(read(&format!("{END}\n{half}\n")), None, "a line that is whole and is none");
    }
}
