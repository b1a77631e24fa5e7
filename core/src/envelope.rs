//! The envelope of an artifact: everything about it but its payload. Made whole by the task that
//! submits it, then shared by command, event and readers without a copy.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::hash::Hash;
use crate::ids::{AgentNo, ArtifactId, AttemptId, CorrelationId, Seq, SubscriptionNo, TypeNo};
use crate::names::{IdempotencyKey, OperatorName, OrderingKey, ProgramName, Tag};
use crate::time::Timestamp;
use crate::trace::TraceContext;
use crate::visibility::Visibility;

/// An artifact without its payload. Immutable from the moment it is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The identity of the artifact.
    pub id: ArtifactId,
    /// Its type and schema version, as the board numbers them.
    pub type_no: TypeNo,
    /// Who made it.
    pub producer: Producer,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// Other trees that it was made from; empty unless its inputs came from several.
    pub parents: Vec<CorrelationId>,
    /// The artifacts it was made from, by seq, ascending.
    pub causes: SmallVec<[Seq; 2]>,
    /// One more than the deepest cause; 0 without causes.
    pub depth: u16,
    /// Words that subscriptions and queries may ask for, sorted, each once.
    pub tags: Vec<Tag>,
    /// Who may see it.
    pub visibility: Visibility,
    /// What it is worked on in order by.
    pub ordering_key: Option<OrderingKey>,
    /// What makes a second publish of it the same publish.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Before when nobody works on it.
    pub not_before: Option<Box<NotBefore>>,
    /// When it ceases to be of use.
    pub expires_at: Option<Timestamp>,
    /// Where it belongs in a distributed trace. Behind a pointer, since most artifacts have none and
    /// envelopes are kept by the hundred thousand.
    pub trace: Option<Box<TraceContext>>,
    /// How many bytes the payload has.
    pub payload_len: u32,
    /// The hash of salt and payload.
    pub payload_hash: Hash,
}

impl Envelope {
    /// Bytes that an envelope has at least, roughly: ids, hashes, numbers.
    const BARE_LEN: usize = 256;

    /// How many bytes it takes, roughly: what tags, keys, causes and parents add to it counts.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let tags = self.tags.iter().map(|tag| tag.as_str().len() + size_of::<Tag>());
        let keys = self.ordering_key.as_ref().map_or(0, |key| key.as_str().len())
            + self.idempotency_key.as_ref().map_or(0, |key| key.as_str().len());
        let lists = size_of_val(&self.parents[..]) + size_of_val(&self.causes[..]);
        Self::BARE_LEN + tags.sum::<usize>() + keys + lists + self.visibility.byte_len()
    }
}

/// Before when nobody works on an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotBefore {
    /// This moment of the wall clock.
    At(Timestamp),
    /// So many milliseconds after it was committed, on the board's own clock.
    After(u64),
}

/// Who made an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Producer {
    /// A program, through its handle.
    Program(ProgramName),
    /// An agent, as an output of an attempt.
    Agent {
        /// Which agent.
        agent: AgentNo,
        /// The attempt that returned it.
        attempt: AttemptId,
    },
    /// A person, through the command line.
    Operator(OperatorName),
    /// The board itself.
    Board,
}

/// Who asked for a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// An agent's attempt.
    Attempt(AttemptId),
    /// A program, through its handle.
    Program(ProgramName),
    /// A person, with the reason that they gave.
    Operator {
        /// Who it was.
        name: OperatorName,
        /// Why; at most 1 KiB.
        reason: smol_str::SmolStr,
    },
    /// The board itself: its timers, its recovery.
    Board,
}

/// What matching said of one artifact: which subscriptions it wakes, and for each other
/// subscription to its type the first clause that said no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The subscriptions that the artifact wakes, ascending.
    pub woken: SmallVec<[SubscriptionNo; 4]>,
    /// Those that it does not wake and why, ascending, at most [`Verdicts::DECLINED_MAX`].
    pub declined: Box<[(SubscriptionNo, Clause)]>,
    /// How many more declined than are listed.
    pub declined_more: u32,
    /// The keys of what is woken, by subscription, ascending: of those that have keys at all. None
    /// where the key could not be worked out.
    pub keys: Box<[(SubscriptionNo, Option<OrderingKey>)]>,
    /// The members whose subscriptions were met, by the subscription of their group, ascending.
    pub members: Box<[(SubscriptionNo, Members)]>,
}

/// The members of a group of whom any may run an activation, ascending; nobody where no group is woken.
pub type Members = Box<[AgentNo]>;

impl Verdicts {
    /// The key of what a subscription does about the artifact, if it has one; an error where it
    /// could not be worked out.
    pub(crate) fn key(&self, subscription: SubscriptionNo) -> Result<Option<&OrderingKey>, NoKey> {
        match self.keys.iter().find(|(no, _)| *no == subscription) {
            None => Ok(None),
            Some((_, Some(key))) => Ok(Some(key)),
            Some((_, None)) => Err(NoKey),
        }
    }

    /// The members of the group that a subscription stands for, of those whom the artifact woke; nobody
    /// where it is no group's.
    #[must_use]
    pub fn members(&self, subscription: SubscriptionNo) -> &[AgentNo] {
        let found = self.members.iter().find(|(no, _)| *no == subscription);
        found.map_or(&[], |(_, members)| members)
    }

    /// How many refusals are recorded by name; the others are counted.
    pub const DECLINED_MAX: usize = 64;
}

/// A key that could not be worked out.
#[derive(Debug)]
pub(crate) struct NoKey;

/// The part of a selector that an artifact did not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Clause {
    /// It was made by a producer that the subscription does not name.
    Producer,
    /// It was made by a producer that the subscription leaves out.
    NotFrom,
    /// The subscriber made it itself.
    SelfTrigger,
    /// It lacks one of the tags that must all be there.
    TagsAll,
    /// It has none of the tags of which one must be there.
    TagsAny,
    /// The predicate said no.
    Filter,
    /// The predicate could not be evaluated.
    FilterError,
    /// The predicate panicked.
    FilterPanic,
    /// The subscriber may not see it.
    Visibility,
    /// The predicate ran past its bound.
    FilterBound,
}

impl Clause {
    /// Whether the predicate failed, and did not say no.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::FilterError | Self::FilterPanic | Self::FilterBound => true,
            Self::Producer
            | Self::NotFrom
            | Self::SelfTrigger
            | Self::TagsAll
            | Self::TagsAny
            | Self::Filter
            | Self::Visibility => false,
        }
    }
}

/// An artifact on its way to the board: its envelope and what matching said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The artifact without its payload.
    pub envelope: Envelope,
    /// What matching said of it.
    pub verdicts: Verdicts,
}

/// The artifacts that one activation works on, by seq, ascending.
pub type Inputs = SmallVec<[Seq; 2]>;
