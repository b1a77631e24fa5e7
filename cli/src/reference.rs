//! Placeholder for now, really.
