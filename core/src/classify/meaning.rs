//! What makes an error say what it means, and who is asked where it does not.

use std::error::Error as StdError;

use super::causes::Causes;
use crate::policy::ErrorKind;

/// An error that knows what it means for the next attempt.
///
/// Implemented by [`Error`](super::Error) and by the errors that it classifies by itself. A type of your own
/// implements `std::error::Error` and this:
///
/// ```
/// use artel_core::classify::Classify;
/// use artel_core::policy::ErrorKind;
///
/// #[derive(Debug, thiserror::Error)]
/// enum ScanError {
///     #[error("the manifest has no `{0}`")]
///     NoField(&'static str),
///     #[error("the mirror does not answer")]
///     Mirror(#[source] std::io::Error),
/// }
///
/// impl Classify for ScanError {
///     fn kind(&self) -> ErrorKind {
///         match self {
///             Self::NoField(_) => ErrorKind::Permanent,
///             Self::Mirror(_) => ErrorKind::Transient,
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it means for the next attempt",
    label = "not an error that a handler returns",
    note = "a handler's error is `artel::Error`, which takes any error by `?`, or a type that implements `artel::Classify`"
)]
pub trait Classify: Causes {
    /// What the error means for the next attempt.
    fn kind(&self) -> ErrorKind;

    /// The error inside, where nothing says what it means and the kind is only assumed: an agent's
    /// [`Classifier`] is asked about it. None for an error that classifies itself.
    fn unknown(&self) -> Option<&(dyn StdError + 'static)> {
        None
    }
}

/// Says what errors of foreign types mean, one after the other from the outside in; none where it
/// does not know one.
pub type Classifier = dyn Fn(&(dyn StdError + 'static)) -> Option<ErrorKind> + Send + Sync;
