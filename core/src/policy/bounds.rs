//! Bounds as a value: those of [`limits`](super::limits) unless a test asks for smaller ones, because
//! an agenda of a million is not filled a thousand times over. They bear on decisions only: folding
//! a log asks for none, so a board may go on under other bounds than it began with.

use super::limits;

/// The bounds that an owner keeps its board to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Open activations of the board.
    pub agenda_len: usize,
    /// Open activations of an agent.
    pub agent_agenda_len: usize,
    /// Artifacts of a tree of work in an hour.
    pub correlation_artifacts: u32,
    /// How many artifacts may lie between an artifact and a publish from outside.
    pub depth: u16,
    /// Artifacts that an attempt returns.
    pub outputs: usize,
    /// Recorded steps of an activation.
    pub steps: usize,
    /// Attempts that run at once.
    pub concurrency: u32,
    /// Ids, keys and closings that are remembered beside the fold.
    pub recent_len: usize,
    /// Commands that wait for the committer, in each of its lanes.
    pub inbox_len: usize,
    /// Bytes of payloads and envelopes that are kept at hand.
    pub cache_len: usize,
    /// Events after which there is a new snapshot; recovery folds about as many, or some four times as
    /// many behind a process that was busy.
    pub snapshot_events: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            agenda_len: limits::AGENDA_LEN_MAX,
            agent_agenda_len: limits::AGENT_AGENDA_LEN_MAX,
            correlation_artifacts: limits::CORRELATION_ARTIFACTS_PER_HOUR_MAX,
            depth: limits::DEPTH_MAX,
            outputs: limits::OUTPUTS_MAX,
            steps: limits::STEPS_MAX,
            concurrency: limits::BOARD_CONCURRENCY,
            recent_len: limits::RECENT_LEN_MAX,
            inbox_len: limits::INBOX_LEN_MAX,
            cache_len: limits::CACHE_LEN_MAX,
            snapshot_events: limits::SNAPSHOT_EVENTS,
        }
    }
}
