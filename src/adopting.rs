//! Adopting a board whose log has lost its end: it goes on with what is there, under another identity and with
//! seqs that nobody has ever seen. Why it is so: `docs/adr/0014-a-log-that-lost-its-end-is-adopted.md`.

use std::sync::Arc;

use artel_core::board::{Adoption, Changes, State};
use artel_core::envelope::Actor;
use artel_core::event::Event;
use artel_core::ids::{Incarnation, Seq};
use artel_core::log::{self, Append, Head};
use artel_core::names;
use artel_core::record::{Batch, Encoder, Place};
use artel_persistence::{OpenOptions, without_secrets};

use crate::clock::{BoardClock, SystemClock};
use crate::committer::{Loaded, load};
use crate::entropy::{self, OsEntropy};
use crate::error::LoadError;
use crate::operator;
use crate::owned::Owned;

/// What whoever adopts a board calls itself.
const ADOPTER: &str = "artel-board-adopt";
/// How many seqs are left out beyond the last one that is known: what was on its way when the log lost its end,
/// and what somebody saw without anybody's knowing.
const MARGIN: u64 = 1_000_000;
/// The highest seq that somebody may have seen: not far beyond it no number of a JSON reader is exact.
const ABOVE_MAX: u64 = (1 << 53) - 2 * MARGIN;
/// How many bytes of the log are read to find its last batch.
const READ_LEN: usize = 1;

/// A board that was adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The last event that is there of what was before.
    pub kept: Seq,
    /// The last event that is known to have been durable.
    pub known: Seq,
    /// The last seq that is never used again: what comes next is behind it.
    pub last: Seq,
    /// The identity of the log from here on.
    pub incarnation: Incarnation,
}

/// Why a board was not adopted. It is as it was, or adopted already, where the answer was lost on the way: the same
/// call finds that out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The operator's name, or the reason, cannot be recorded.
    #[error("cannot record who adopts the board, and why")]
    Operator(#[source] names::Error),
    /// The seq that somebody has seen is too high.
    #[error("the seq {above} is beyond {ABOVE_MAX}, the highest that a board can go on behind")]
    Above {
        /// What was given.
        above: Seq,
    },
    /// Nobody has written down that anything was lost.
    #[error(
        "the board at `{place}` ends with seq {seq}, and nobody wrote down that it went further; where somebody has \
         seen a higher seq, name it (`--above SEQ`)"
    )]
    Whole {
        /// Where it lies, without secrets.
        place: String,
        /// Where its log ends.
        seq: Seq,
    },
    /// The log cannot be used.
    #[error("cannot adopt the board at `{place}`")]
    Log {
        /// Where it lies, without secrets.
        place: String,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// What is there cannot be folded.
    #[error("what is left of the board at `{place}` does not verify")]
    Fold {
        /// Where it lies, without secrets.
        place: String,
        /// What is wrong with it.
        #[source]
        source: LoadError,
    },
    /// The log was taken over by another process meanwhile.
    #[error("the log was taken over by another process meanwhile; give the command again")]
    Lost,
}

impl AdoptError {
    /// A stable name for this kind of error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Operator(_) => "invalid-operator",
            Self::Above { .. } => "adopt-above",
            Self::Whole { .. } => "adopt-whole",
            Self::Log { source, .. } => source.code(),
            Self::Fold { .. } => "log-damaged",
            Self::Lost => "log-not-owned",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Log { source, .. } => source.retryable(),
            Self::Lost => true,
            Self::Operator(_) | Self::Above { .. } | Self::Whole { .. } | Self::Fold { .. } => {
                false
            }
        }
    }
}

/// Lets the board at a URL go on although its log has lost its end, which its owner or somebody else has seen: what
/// is there is all that there is from then on. The log gets another identity, and a seq far above the last one that
/// is known to have been durable, so that whoever knows of the lost end never takes what comes for it. Nobody may
/// own the board. That it was adopted, by whom and why, is an event.
///
/// `above` is the last seq that somebody has seen, where that is more than the owner wrote down, or where there was
/// no owner to do it.
///
/// # Errors
/// When nothing was lost as far as anybody knows, the board has an owner, or its log cannot be used or does not verify.
pub async fn adopt_board(
    url: &str,
    above: Option<Seq>,
    operator: &str,
    reason: &str,
) -> Result<Adopted, AdoptError> {
    let actor = operator::actor(operator, reason).map_err(AdoptError::Operator)?;
    if let Some(above) = above.filter(|above| above.get() > ABOVE_MAX) {
        return Err(AdoptError::Above { above });
    }
    let place = without_secrets(url);
    let cannot = |source| AdoptError::Log { place: place.clone(), source };
    let log = artel_persistence::open(url, OpenOptions::adopting()).await.map_err(cannot)?;
    let mut owned = Owned::take(log, ADOPTER).await.map_err(cannot)?;
    let known = owned.head.regressed.max(above);
    let kept = owned.log.clone();
    let adopted = tokio::select! {
        adopted = go_on(url, &mut owned, known, actor) => adopted,
        () = kept.keep() => Err(AdoptError::Lost),
    };
    owned.close().await;
    adopted
}

async fn go_on(
    url: &str,
    owned: &mut Owned,
    known: Option<Seq>,
    actor: Actor,
) -> Result<Adopted, AdoptError> {
    let place = without_secrets(url);
    let cannot = |source| AdoptError::Log { place: place.clone(), source };
    let head = owned.head.clone();
    let whole = || AdoptError::Whole { place: place.clone(), seq: head.seq };
    let known = known.ok_or_else(whole)?;
    let folded = load(&*owned.log, head.seq).await;
    let Loaded { mut state, hash, .. } =
        folded.map_err(|source| AdoptError::Fold { place: place.clone(), source })?;
    if (state.seq(), hash) != (head.seq, head.hash) {
        let (folded, end) = (state.seq(), head.seq);
        let source = LoadError::Regressed { folded, end };
        return Err(AdoptError::Fold { place, source });
    }
    let adopted = match earlier(owned, known).await.map_err(cannot)? {
        // Its answer was lost on the way, and the mark is to be taken away.
        Some(adopted) => adopted,
        None if head.regressed.is_none() && known <= head.seq => return Err(whole()),
        None => {
            let last = Seq(known.max(head.seq).get() + MARGIN);
            let incarnation = entropy::incarnation(&OsEntropy);
            let command = entropy::command_id(&OsEntropy);
            let append = sealed(&mut state, &head, Adoption { command, actor, incarnation, last });
            owned.bring(append).await.map_err(cannot)?;
            Adopted { kept: head.seq, known, last, incarnation }
        }
    };
    artel_persistence::mark(url, head.epoch, None).await.map_err(cannot)?;
    Ok(adopted)
}

/// The batch of an adoption, behind the head.
fn sealed(state: &mut State, head: &Head, adoption: Adoption) -> Append {
    let (lived, at) = (state.header().elapsed, state.header().at);
    let clock = BoardClock::resume(Arc::new(SystemClock::default()), lived, Some(at));
    let (first, last, previous) = (head.seq.next(), adoption.last, head.hash);
    let mut changes = Changes::default();
    let decision = state.adopt(adoption, clock.now(), &mut changes);
    let mut encoder = Encoder::default();
    encoder.push(&decision);
    let place = Place { epoch: head.epoch, first, last, at: decision.at, previous };
    Append { batch: Batch::seal(place, encoder.take()), rows: changes.rows }
}

/// What an earlier call did, where the log ends with it and it went far enough.
async fn earlier(owned: &Owned, known: Seq) -> Result<Option<Adopted>, log::Error> {
    let end = owned.head.seq;
    if end <= known {
        return Ok(None);
    }
    let batches = owned.log.read(end, READ_LEN).await?;
    let Some(batch) = batches.first() else { return Ok(None) };
    let place = || "this board".to_owned();
    let decisions = batch.decisions();
    let decisions = decisions.map_err(|source| log::Error::Batch { place: place(), source })?;
    let mut events = decisions.iter().flat_map(|decision| &decision.events);
    Ok(events.find_map(|event| {
        let Event::Adopted { incarnation, span } = event else { return None };
        let kept = Seq(end.get() - span);
        if known <= kept {
            return None;
        }
        Some(Adopted { kept, known, last: end, incarnation: *incarnation })
    }))
}
