//! Artifact types: what a Rust type has to be so that its values can lie on a board, what a board
//! knows of it, and the view of a value for those who do not know its type.

mod descriptor;
mod erased;
#[cfg(test)]
mod tests;
mod typed;
mod upcast;

pub use crate::schema::{Checked, PayloadError};
pub use descriptor::{TypeDescriptor, described, descriptor};
pub use erased::ErasedArtifact;
pub use typed::Artifact;
pub use upcast::{Problem, Unreadable, UpcastError, Upcasters};
