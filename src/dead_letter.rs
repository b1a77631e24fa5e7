//! The notice of a dead letter, an artifact: what agents subscribe to that look after other agents.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel_core::artifact::Artifact;
use artel_core::board::DEAD_LETTER;
use artel_core::ids::{ActivationId, ArtifactId, CorrelationId};

/// An activation that died. The board itself puts one on the board for each death, where an agent is
/// subscribed to them; it belongs to the tree of work of what died, and was made from its inputs.
///
/// ```
/// # use std::sync::Arc;
/// # use artel::{Board, Context, DeadLetter};
/// async fn notify(_: Context, letter: Arc<DeadLetter>) -> Result<(), artel::Error> {
///     println!("{} died of {}: {}", letter.agent, letter.reason, letter.message);
///     Ok(())
/// }
/// # async fn declare(board: &Board) {
/// board.agent("undertaker").on::<DeadLetter>().run(notify);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// The activation that died.
    #[schemars(with = "u64")]
    pub activation: ActivationId,
    /// Whose it was.
    pub agent: String,
    /// The queue that it is listed in.
    pub queue: String,
    /// Why it will not be tried again, such as `attempts-exhausted`.
    pub reason: String,
    /// The kind of the failure, such as `transient`, where an attempt failed.
    pub kind: Option<String>,
    /// What it is grouped by: the same for failures of one agent that differ in numbers only.
    pub fingerprint: String,
    /// How many attempts it had.
    pub attempts: u32,
    /// The error of its last attempt that left one, with its causes; at most 4 KiB, cut visibly.
    pub message: String,
    /// The artifacts that it worked on, at most 1 000 of them.
    #[schemars(with = "Vec<String>")]
    pub inputs: Vec<ArtifactId>,
    /// How many more it worked on.
    pub inputs_more: u32,
    /// The tree of work that it belongs to.
    #[schemars(with = "String")]
    pub correlation: CorrelationId,
    /// When it died, in milliseconds since 1970, by the board's wall clock.
    pub died_at_ms: i64,
}

impl Artifact for DeadLetter {
    const NAME: &'static str = DEAD_LETTER;
    const VERSION: u32 = 1;
}

impl DeadLetter {
    /// How many inputs are listed.
    pub const INPUTS_MAX: usize = 1_000;
    /// How many bytes of the message are kept.
    pub const MESSAGE_LEN_MAX: usize = 4_096;
}

/// What a fingerprint is taken of: an error and its causes, as one line.
pub(crate) fn message_of(chain: &[String]) -> Cow<'_, str> {
    match chain {
        [] => Cow::Borrowed(""),
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.join(": ")),
    }
}
