//! What a figure may fail with: whatever it is, it is told and fails the whole.

/// Whatever went wrong.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
