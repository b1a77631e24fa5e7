//! The bounds of a board. Each refusal names the limit and the value.

/// Bytes of a payload, unless the board says otherwise.
pub const PAYLOAD_LEN: usize = 1024 * 1024;
/// Bytes of a payload, whatever the board says.
pub const PAYLOAD_LEN_MAX: usize = 16 * 1024 * 1024;
/// Tags of an artifact.
pub const TAGS_MAX: usize = 256;
/// Depth of an artifact: how many artifacts lie between it and a publish from outside.
pub const DEPTH_MAX: u16 = 100;
/// Nesting of a payload: objects and arrays inside each other.
pub const NESTING_MAX: usize = 128;
/// Artifacts of one correlation in an hour.
pub const CORRELATION_ARTIFACTS_PER_HOUR_MAX: u32 = 100_000;
/// Artifacts that one attempt returns.
pub const OUTPUTS_MAX: usize = 10_000;
/// Agents that an artifact names as those who may see it, and labels that it asks for.
pub const SEEN_BY_MAX: usize = 100;
/// Bytes of one command, payloads included.
pub const COMMAND_LEN_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one append, unless one command alone is larger.
pub const APPEND_LEN_MAX: usize = 16 * 1024 * 1024;
/// Recorded steps of one activation.
pub const STEPS_MAX: usize = 1_000;
/// Bytes of the error text that an attempt leaves; the rest is cut, visibly.
pub const ERROR_TEXT_LEN_MAX: usize = 16 * 1024;
/// Bytes of the text that a failing predicate leaves; the rest is cut, visibly.
pub const PREDICATE_TEXT_LEN_MAX: usize = 1024;
/// Texts of failing predicates that one command brings; of the others only the count is recorded.
pub const PREDICATE_TEXTS_MAX: usize = 64;
/// How long the same predicate, failing in the same way, is not told of again.
pub const PREDICATE_QUIET: std::time::Duration = std::time::Duration::from_secs(60);
/// Bytes of the log lines that an attempt leaves; the rest is cut, visibly.
pub const ATTEMPT_LOG_LEN_MAX: usize = 64 * 1024;
/// Open activations of a board.
pub const AGENDA_LEN_MAX: usize = 1_000_000;
/// Open activations of one agent.
pub const AGENT_AGENDA_LEN_MAX: usize = 250_000;
/// Attempts that run at once on a board.
pub const BOARD_CONCURRENCY: u32 = 256;
/// By how much a higher priority is ahead, as time waited.
pub const PRIORITY_STEP_MS: i64 = 30_000;
/// Commands that wait for the committer; a further one waits before it.
pub const INBOX_LEN_MAX: usize = 4_096;
/// Ids, keys and closings that are remembered beside the fold, for look-ups made before them.
pub const RECENT_LEN_MAX: usize = 65_536;
/// Bytes of payloads and envelopes that are kept at hand for attempts.
pub const CACHE_LEN_MAX: usize = 64 * 1024 * 1024;
/// Alerts of one agent that wait to be delivered; further dead letters are counted into the newest.
pub const ALERTS_MAX: usize = 64;
/// Dead letters that an alert names.
pub const ALERT_NAMES_MAX: usize = 10;
/// Events after which there is a new snapshot.
pub const SNAPSHOT_EVENTS: u64 = 250_000;
