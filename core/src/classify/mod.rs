//! What a failure means for the next attempt: error kinds of user errors, and the texts that an
//! attempt's record keeps of them.
//!
//! A handler returns `Result<outputs, E>` where `E` is [`Error`], which takes any error by `?` and
//! classifies it by the [known types](kind_of) in its chain, or a type of the user's own that
//! implements [`Classify`].

mod causes;
mod error;
mod failed;
mod known;

pub use causes::{Causes, chain_of};
pub use error::{Error, ResultExt};
pub use failed::Failed;
pub use known::kind_of;

use crate::policy::ErrorKind;

/// An error that knows what it means for the next attempt.
///
/// Implemented by [`Error`] and by the errors that it classifies by itself. A type of your own
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
}
