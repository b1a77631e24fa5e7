//! An attempt's report: its error chain, its log lines, and what it returned that was not published. It lies beside the log, with a salt of
//! its own, so that it can be erased.

use serde::{Deserialize, Serialize};

use artel_core::policy::limits;

/// What an attempt leaves beside its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// The error and its causes, outermost first; empty when the attempt did not fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// What the handler logged, a line each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
    /// What it returned and was not published, because a condition of its agent said no.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// What its candidates came to, where it had several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<CandidateReport>,
}

/// How many artifacts of a type were withheld.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The name of the type.
    pub type_name: String,
    /// How many.
    pub count: u32,
}

/// What a candidate of an attempt came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// Which one, from 1.
    pub number: u32,
    /// Its score; none when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Whether it is the one that was published.
    #[serde(default)]
    pub published: bool,
    /// Its error and the causes, outermost first; empty when it did not fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// What it returned and was not published because another candidate was better. What the
    /// published one returned is on the board.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<KeptOutput>,
    /// How many more artifacts it returned, which are not kept: because all that is kept of an attempt
    /// would be larger than a payload may be, or because they say themselves who may see them.
    #[serde(default)]
    pub cut: u32,
    /// What it returned and would not have been published even if it had been the best.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
}

/// An artifact that was not published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOutput {
    /// The name of the type.
    pub type_name: String,
    /// The payload, canonical JSON.
    pub payload: String,
}

impl AttemptReport {
    /// Whether there is nothing to report.
    pub(crate) const fn is_empty(&self) -> bool {
        self.error.is_empty()
            && self.log.is_empty()
            && self.withheld.is_empty()
            && self.candidates.is_empty()
    }

    /// The bytes that are stored. Texts past their limit are cut, and say so.
    pub(crate) fn encode(mut self) -> Vec<u8> {
        let mut left = limits::ERROR_TEXT_LEN_MAX;
        self.error = cut_all(self.error, &mut left);
        // What all candidates failed of is as long as what their attempt did, at most.
        let mut left = limits::ERROR_TEXT_LEN_MAX;
        for candidate in &mut self.candidates {
            candidate.error = cut_all(std::mem::take(&mut candidate.error), &mut left);
        }
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// When the bytes are no report.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// The log lines of an attempt, bounded.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
    dropped: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, line: &str) {
        let room = limits::ATTEMPT_LOG_LEN_MAX.saturating_sub(self.text.len());
        if line.len() >= room {
            self.dropped += 1;
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(crate) fn take(&mut self) -> String {
        let mut text = std::mem::take(&mut self.text);
        if self.dropped > 0 {
            text.push_str(&format!("[{} more lines were cut]\n", self.dropped));
        }
        text
    }
}

/// At most `left` bytes of some texts, of which the last says that it was cut.
fn cut_all(texts: Vec<String>, left: &mut usize) -> Vec<String> {
    let mut kept = Vec::new();
    for text in texts {
        if *left == 0 {
            break;
        }
        let cut = cut(text, *left);
        *left = left.saturating_sub(cut.len());
        kept.push(cut);
    }
    kept
}

/// At most `len` bytes of a text, which says that it was cut.
pub(crate) fn cut(text: String, len: usize) -> String {
    if text.len() <= len {
        return text;
    }
    let mut end = len;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} [{} bytes were cut]", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LIMIT-4: error texts and log lines past their limits are cut, visibly.
    #[test]
    fn long_texts_are_cut_visibly() {
        let long = "é".repeat(limits::ERROR_TEXT_LEN_MAX);
        let error = vec![long, "cause".to_owned()];
        let candidate = CandidateReport { error: error.clone(), ..CandidateReport::default() };
        let candidates = vec![candidate.clone(), candidate];
        let report = AttemptReport { error, candidates, ..AttemptReport::default() };
        let report = AttemptReport::decode(&report.encode()).unwrap();
        assert_eq!(report.error.len(), 1);
        assert!(report.error[0].ends_with("[16384 bytes were cut]"), "{}", report.error[0].len());
        assert_eq!(report.candidates[0].error, report.error);
        assert!(report.candidates[1].error.is_empty(), "there is no room left");

        let mut lines = Lines::default();
        for _ in 0..limits::ATTEMPT_LOG_LEN_MAX {
            lines.push("a line");
        }
        let text = lines.take();
        assert!(text.len() <= limits::ATTEMPT_LOG_LEN_MAX + 64);
        assert!(text.ends_with("more lines were cut]\n"));
    }
}
