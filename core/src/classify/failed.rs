//! A failure as an attempt reports it.

use std::error::Error as StdError;

use super::causes::{CAUSES_MAX, chain_of};
use super::known::kind_of;
use super::{Classifier, Classify};
use crate::policy::ErrorKind;

/// What is left of an error when an attempt has ended: its kind and its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    kind: ErrorKind,
    chain: Vec<String>,
}

impl Failed {
    /// A failure of this kind with these texts, from the outside in.
    #[must_use]
    pub const fn new(kind: ErrorKind, chain: Vec<String>) -> Self {
        Self { kind, chain }
    }

    /// What an error says of itself.
    #[must_use]
    pub fn of<E: Classify + ?Sized>(error: &E) -> Self {
        Self::new(error.kind(), error.causes())
    }

    /// What an error says of itself, or what a classifier says of it where the error does not know.
    #[must_use]
    pub fn asking<E: Classify + ?Sized>(error: &E, classifier: Option<&Classifier>) -> Self {
        let asked = error.unknown().zip(classifier);
        let known = asked.and_then(|(error, classifier)| ask(error, classifier));
        Self::new(known.unwrap_or_else(|| error.kind()), error.causes())
    }

    /// An error that does not classify itself, by the types in its chain.
    #[must_use]
    pub fn of_unclassified(error: &(dyn StdError + 'static)) -> Self {
        Self::new(kind_of(error), chain_of(error))
    }

    /// An error that may be gone next time.
    #[must_use]
    pub fn transient(error: &dyn StdError) -> Self {
        Self::new(ErrorKind::Transient, chain_of(error))
    }

    /// An error that will be the same next time.
    #[must_use]
    pub fn permanent_error(error: &dyn StdError) -> Self {
        Self::new(ErrorKind::Permanent, chain_of(error))
    }

    /// Something that will be the same next time.
    #[must_use]
    pub fn permanent(text: &str) -> Self {
        Self::new(ErrorKind::Permanent, vec![text.to_owned()])
    }

    /// What the failure means for the next attempt.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text of the error and those of its causes, from the outside in.
    #[must_use]
    pub fn chain(&self) -> &[String] {
        &self.chain
    }
}

/// What a classifier says of the first error of a chain that it knows.
fn ask(error: &(dyn StdError + 'static), classifier: &Classifier) -> Option<ErrorKind> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.take(CAUSES_MAX).find_map(classifier)
}
