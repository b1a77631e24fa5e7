//! Ids, positions and counts, each a type of its own, so that a sequence number cannot be passed
//! where an epoch is meant. Nothing here makes an id: randomness and time come in with commands.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares a newtype over an unsigned integer that is ordered and prints as its number.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The bare number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The number after this one.
            ///
            /// # Panics
            /// At the end of the range, which no board reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.checked_add(1).expect("a board never uses up its numbers"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

/// Declares a 128-bit id that prints as a UUID and is stored as sixteen bytes.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Uuid);

        /// In the order of the bytes. Compared as numbers, which costs a fraction of what comparing
        /// bytes costs, and trees of what is open compare ids all the time.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.as_u128().cmp(&other.0.as_u128())
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Wraps a UUID that somebody else made.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The sixteen bytes of the id, most significant first.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(&self.0)
                } else {
                    self.as_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    Uuid::deserialize(deserializer).map(Self)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self::from_bytes)
                }
            }
        }
    };
}

number! {
    /// The position of an event in a board's log. The first event has 1; 0 is "before the first".
    Seq(u64)
}
number! {
    /// The fencing number of an ownership. It rises with every take-over and never repeats.
    Epoch(u64)
}
number! {
    /// What a board's events may contain. A release reads its level and the next one.
    Level(u16)
}
number! {
    /// A part of a board's log. Always 0 in this version; every record carries it.
    Shard(u16)
}
number! {
    /// The number of an attempt of an activation, from 1.
    AttemptNo(u32)
}
number! {
    /// The number that a board gave to an artifact type of one version when it was registered.
    TypeNo(u32)
}
number! {
    /// The number that a board gave to an agent when its name was first registered.
    AgentNo(u32)
}
number! {
    /// The number that a board gave to a subscription. A changed subscription gets a new one.
    SubscriptionNo(u32)
}
number! {
    /// The number that a board gave to a dependency when its name was first registered.
    DependencyNo(u32)
}
number! {
    /// The number of a catalogue of subscriptions. It rises with every change of what may match.
    CatalogueNo(u64)
}

uuid_id! {
    /// The identity of an artifact: a UUIDv7, made by the publisher or by the runtime.
    ArtifactId
}
uuid_id! {
    /// The identity of a command, kept in its events so that its answer can be found again.
    CommandId
}
uuid_id! {
    /// The tree of work that grew from one publish from outside.
    CorrelationId
}
uuid_id! {
    /// The random identity of a log: new at creation, fork and adoption.
    Incarnation
}
uuid_id! {
    /// An executor's presence at the owner.
    SessionId
}
uuid_id! {
    /// One life of one process. A restarted program has another.
    ProcessId
}

/// One unit of work: the seq of the event that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivationId(pub Seq);

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ActivationId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What the board owes itself: the seq of the event that made it due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DebtId(pub Seq);

impl fmt::Display for DebtId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One execution of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The activation that is executed.
    pub activation: ActivationId,
    /// Which of its executions this is.
    pub attempt: AttemptNo,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.activation, self.attempt)
    }
}
