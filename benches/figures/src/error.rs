//! What a figure may fail with: whatever it is, it is told and ends the program.

/// Whatever went wrong.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
