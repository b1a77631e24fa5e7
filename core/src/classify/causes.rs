//! The texts of an error and of what caused it, within the bound on what a record keeps.

use std::error::Error as StdError;

use super::error::Error;
use crate::policy::limits::ERROR_TEXT_LEN_MAX;

/// How many causes are looked at and kept.
pub(super) const CAUSES_MAX: usize = 32;

/// An error that can name its causes. Every `std::error::Error` is one, and [`Error`] is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error",
    label = "not an error",
    note = "implement `std::error::Error` for `{Self}`, for example with `thiserror`"
)]
pub trait Causes {
    /// The text of the error, then those of its causes, from the outside in.
    fn causes(&self) -> Vec<String>;
}

impl<E: StdError> Causes for E {
    fn causes(&self) -> Vec<String> {
        chain_of(self)
    }
}

impl Causes for Error {
    fn causes(&self) -> Vec<String> {
        self.chain()
    }
}

/// The text of an error, then those of its causes, from the outside in. Together they have at most
/// [`ERROR_TEXT_LEN_MAX`] bytes; what is cut off is counted.
#[must_use]
pub fn chain_of(error: &dyn StdError) -> Vec<String> {
    let mut texts = Texts::default();
    texts.push_chain(error);
    texts.finish()
}

/// Texts within the bound.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: Vec<String>,
    len: usize,
    more: usize,
}

impl Texts {
    pub(super) fn push_chain(&mut self, error: &dyn StdError) {
        self.push(error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            self.push(error.to_string());
            cause = error.source();
            if self.more > CAUSES_MAX {
                // A chain of this length is a circle.
                break;
            }
        }
    }

    pub(super) fn push(&mut self, mut text: String) {
        let room = ERROR_TEXT_LEN_MAX - self.len;
        if self.texts.len() == CAUSES_MAX || room == 0 {
            self.more += 1;
            return;
        }
        if text.len() > room {
            text = cut(&text, room);
        }
        self.len += text.len();
        self.texts.push(text);
    }

    /// The texts. Those that did not fit are counted in the last one.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0
            && let Some(last) = self.texts.last_mut()
        {
            let note = format!(" … and {} more causes", self.more);
            let room = ERROR_TEXT_LEN_MAX - (self.len - last.len());
            if last.len() + note.len() > room {
                *last = cut(last, room.saturating_sub(note.len()));
            }
            last.push_str(&note);
        }
        self.texts
    }
}

/// The text within so many bytes, with a note of how many are missing.
fn cut(text: &str, len_max: usize) -> String {
    // The note is no longer than this, whatever the number in it.
    const NOTE_LEN_MAX: usize = 40;
    let kept = text.floor_char_boundary(len_max.saturating_sub(NOTE_LEN_MAX));
    format!("{}… ({} bytes more)", &text[..kept], text.len() - kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: String,
        source: Option<Box<Self>>,
    }

    fn chain(texts: impl DoubleEndedIterator<Item = String>) -> Link {
        let link = texts.rev().fold(None, |source, text| Some(Box::new(Link { text, source })));
        *link.unwrap()
    }

    fn total(texts: &[String]) -> usize {
        texts.iter().map(String::len).sum()
    }

    /// KIND-7: the texts of a chain are kept, from the outside in.
    #[test]
    fn a_chain_is_told_from_the_outside_in() {
        let error = chain(["a", "b", "c"].into_iter().map(str::to_owned));
        assert_eq!(chain_of(&error), ["a", "b", "c"]);
        assert_eq!(error.causes(), ["a", "b", "c"]);
    }

    /// KIND-7: together they have a bound, and what is cut is counted.
    #[test]
    fn a_chain_is_cut_visibly() {
        let texts = chain_of(&chain(["é".repeat(10_000), "b".to_owned()].into_iter()));
        assert!(total(&texts) <= ERROR_TEXT_LEN_MAX, "{}", total(&texts));
        assert_eq!(texts[0].matches('é').count(), 8_172);
        assert!(texts[0].ends_with("é… (3656 bytes more)"), "{}", &texts[0][16_300..]);

        let half = "x".repeat(ERROR_TEXT_LEN_MAX / 2);
        let texts = chain_of(&chain([half.clone(), half.clone(), half].into_iter()));
        assert_eq!(texts.len(), 2);
        assert!(total(&texts) <= ERROR_TEXT_LEN_MAX, "{}", total(&texts));
        assert!(texts[1].ends_with("bytes more) … and 1 more causes"), "{}", &texts[1][8_000..]);

        let texts = chain_of(&chain((0..40).map(|n| n.to_string())));
        assert_eq!(texts.len(), 32);
        assert_eq!(texts[31], "31 … and 8 more causes");
    }
}
