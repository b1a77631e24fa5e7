//! An attempt's report: its error chain and its log lines. It lies beside the log, with a salt of
//! its own, so that it can be erased.

use serde::{Deserialize, Serialize};

use artel_core::policy::limits;

/// What an attempt leaves beside its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// The error and its causes, outermost first; empty when the attempt did not fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error: Vec<String>,
    /// What the handler logged, a line each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
}

impl AttemptReport {
    /// Whether there is nothing to report.
    pub(crate) const fn is_empty(&self) -> bool {
        self.error.is_empty() && self.log.is_empty()
    }

    /// The bytes that are stored. Texts past their limit are cut, and say so.
    pub(crate) fn encode(mut self) -> Vec<u8> {
        let mut left = limits::ERROR_TEXT_LEN_MAX;
        let mut kept = Vec::new();
        for text in self.error {
            if left == 0 {
                break;
            }
            let cut = cut(text, left);
            left = left.saturating_sub(cut.len());
            kept.push(cut);
        }
        self.error = kept;
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
        let report = AttemptReport { error: vec![long, "cause".to_owned()], log: String::new() };
        let report = AttemptReport::decode(&report.encode()).unwrap();
        assert_eq!(report.error.len(), 1);
        assert!(report.error[0].ends_with("[16384 bytes were cut]"), "{}", report.error[0].len());

        let mut lines = Lines::default();
        for _ in 0..limits::ATTEMPT_LOG_LEN_MAX {
            lines.push("a line");
        }
        let text = lines.take();
        assert!(text.len() <= limits::ATTEMPT_LOG_LEN_MAX + 64);
        assert!(text.ends_with("more lines were cut]\n"));
    }
}
