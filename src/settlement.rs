//! What a person says of the irreversible steps that a dead letter is in doubt about.

use bytes::Bytes;
use serde::Serialize;

use artel_core::canonical;
use artel_core::content::Content;
use artel_core::names::StepName;

use crate::entropy::{self, Entropy};
use crate::error::OperateError;

/// What a person found out about the irreversible steps that a dead letter is in doubt about: of each,
/// whether it was done. See [`Operator::settle`](crate::Operator::settle).
#[derive(Debug, Default)]
#[must_use = "a settlement is carried out by `operator.settle(…)`"]
pub struct Settlement {
    /// Each with its result in canonical form, if it was done.
    steps: Vec<(String, Option<Encoded>)>,
}

/// A result in canonical form, or why it has none.
type Encoded = Result<Vec<u8>, canonical::Error>;

impl Settlement {
    /// The step was done, and this is its result: what the handler gets for it from now on.
    pub fn happened<T: Serialize + ?Sized>(mut self, step: impl Into<String>, result: &T) -> Self {
        let bytes = canonical::to_vec(result, usize::MAX);
        self.steps.push((step.into(), Some(bytes)));
        self
    }

    /// The step was not done: the next attempt does it.
    pub fn not_happened(mut self, step: impl Into<String>) -> Self {
        self.steps.push((step.into(), None));
        self
    }

    /// Names and results, checked, ready to be recorded.
    pub(crate) fn contents(
        self,
        len_max: usize,
        entropy: &dyn Entropy,
    ) -> Result<Vec<(StepName, Option<Content>)>, OperateError> {
        let mut contents = Vec::with_capacity(self.steps.len());
        for (name, result) in self.steps {
            let step = StepName::new(name).map_err(OperateError::StepName)?;
            let refused = |source| OperateError::StepResult { step: step.to_string(), source };
            let bytes = result.transpose().map_err(refused)?;
            let content = bytes.map(|bytes| {
                let len = bytes.len();
                if len > len_max {
                    return Err(OperateError::StepResultLen {
                        step: step.to_string(),
                        len,
                        len_max,
                    });
                }
                Ok(Content::new(entropy::salt(entropy), Bytes::from(bytes)))
            });
            contents.push((step.clone(), content.transpose()?));
        }
        Ok(contents)
    }
}
