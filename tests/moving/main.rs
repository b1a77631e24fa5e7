//! Boards that are moved from one log to another: they go on there as they were, and not where they were; and
//! a move that is cut off anywhere is gone on with.
//! `tests/moving_server.rs` moves them between servers.

#[cfg(test)]
mod board;
#[cfg(test)]
mod cut_off;
#[cfg(test)]
mod files;
#[cfg(test)]
mod guards;
