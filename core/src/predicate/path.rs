//! Where in a payload a field stands: keys of objects and indexes of lists, from the outside in.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::canonical::scan::{self, NotCanonical};

/// The place of a field in a payload. Empty for the payload itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// To the value under a key of an object.
    Key(SmolStr),
    /// To an element of a list, from 0.
    Index(u32),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.into())
    }
}

impl From<String> for Step {
    fn from(key: String) -> Self {
        Self::Key(key.into())
    }
}

impl From<u32> for Step {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl Path {
    /// The path that goes on from here by this step.
    #[must_use]
    pub fn then(&self, step: impl Into<Step>) -> Self {
        Self(self.0.iter().cloned().chain([step.into()]).collect())
    }

    /// The steps, from the outside in.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Finds the field in a canonical text; none when it is not there.
    ///
    /// # Errors
    /// When the bytes are not canonical JSON.
    pub fn find<'t>(&self, canonical: &'t [u8]) -> Result<Option<&'t [u8]>, NotCanonical> {
        let mut value = canonical;
        for step in &self.0 {
            let inner = match step {
                Step::Key(key) => scan::entry(value, key)?,
                Step::Index(index) => match usize::try_from(*index) {
                    Ok(index) => scan::elements(value).nth(index).transpose()?,
                    Err(_) => None,
                },
            };
            match inner {
                Some(inner) => value = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    pub(super) fn text_len(&self) -> usize {
        let len = |step: &Step| match step {
            Step::Key(key) => key.len() + 1,
            Step::Index(_) => 1,
        };
        self.0.iter().map(len).sum()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("payload");
        }
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if is_plain(key) => {
                    f.write_str(if index > 0 { "." } else { "" })?;
                    f.write_str(key)?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    key.chars().next().is_some_and(|c| !c.is_ascii_digit()) && key.chars().all(part)
}
