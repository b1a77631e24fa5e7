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
mod meaning;

pub use causes::{Causes, chain_of};
pub use error::{Error, ResultExt};
pub use failed::Failed;
pub use known::kind_of;
pub use meaning::{Classifier, Classify};
