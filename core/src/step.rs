//! What a board records of a named side effect: what kind it is, and how far it is. What is asked about
//! those that must not be done twice, and why it is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::DeadLetterRef;
use crate::content::Content;
use crate::ids::{ActivationId, AttemptId, Seq};
use crate::names::StepName;

/// What kind of side effect a recorded step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepClass {
    /// It may be done again when its result was not recorded.
    Idempotent,
    /// It must not be done again unless a person says that it was not done.
    Irreversible,
}

impl StepClass {
    /// The class's name, as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::Irreversible => "irreversible",
        }
    }
}

impl fmt::Display for StepClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StepMark {
    /// Its result is recorded; it was done at least once.
    Idempotent,
    /// It is irreversible and was begun; whether it was done is not recorded.
    Intended,
    /// It is irreversible and its result is recorded; it was done once.
    Irreversible,
}

/// A step of an activation, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it is called.
    pub name: StepName,
    /// The event that recorded its result or, of one that was only begun, its intent.
    pub seq: Seq,
    /// What it is, and how far.
    pub mark: StepMark,
}

impl Step {
    /// What kind it is.
    #[must_use]
    pub const fn class(&self) -> StepClass {
        match self.mark {
            StepMark::Idempotent => StepClass::Idempotent,
            StepMark::Intended | StepMark::Irreversible => StepClass::Irreversible,
        }
    }

    /// Whether it was begun, and whether it was done is not recorded.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.mark, StepMark::Intended)
    }
}

/// The steps that were begun and of which it is not recorded whether they were done.
pub fn open_intents(steps: &[Step]) -> impl Iterator<Item = &StepName> {
    steps.iter().filter(|step| step.is_open()).map(|step| &step.name)
}

/// An irreversible step of an attempt that is about to be done, or was not done after all.
#[derive(Clone, Debug)]
pub struct IntendStep {
    /// The attempt whose step it is.
    pub attempt: AttemptId,
    /// The name of the step.
    pub step: StepName,
}

/// What a person says of the irreversible steps that a dead letter is in doubt about.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The dead letter.
    pub letter: DeadLetterRef,
    /// Each of those steps: its result if it was done, none if it was not.
    pub steps: Vec<(StepName, Option<Content>)>,
}

/// Why a board refuses what is asked about a step. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepRejection {
    /// The step is of another class than is said now.
    #[error(
        "step `{step}` of attempt {attempt} is recorded as {recorded} and cannot be {asked}; give the \
             new step a name of its own"
    )]
    OtherClass {
        /// The attempt that asked.
        attempt: AttemptId,
        /// The step.
        step: StepName,
        /// What is recorded.
        recorded: StepClass,
        /// What was asked.
        asked: StepClass,
    },
    /// The step was not begun, or it is over: nothing can be recorded of it or withdrawn.
    #[error("step `{step}` of attempt {attempt} was not begun as an irreversible one, or is over")]
    NotIntended {
        /// The attempt that asked.
        attempt: AttemptId,
        /// The step.
        step: StepName,
    },
    /// The dead letter waits for a person to say whether its irreversible steps were done.
    #[error(
        "activation {activation} is in doubt about {}: say whether that was done with `artel step \
             settle {activation}`, or drop it",
        listed(steps)
    )]
    InDoubt {
        /// Which one.
        activation: ActivationId,
        /// The steps.
        steps: Vec<StepName>,
    },
    /// The dead letter is not in doubt about the step.
    #[error("activation {activation} is not in doubt about step `{step}`")]
    NotInDoubt {
        /// Which one.
        activation: ActivationId,
        /// What was to be settled.
        step: StepName,
    },
    /// A step is settled twice in one command.
    #[error("step `{step}` of activation {activation} is settled twice in one command")]
    Twice {
        /// Which one.
        activation: ActivationId,
        /// The step.
        step: StepName,
    },
}

fn listed(steps: &[StepName]) -> String {
    steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ")
}

impl StepRejection {
    /// A stable name for this kind of rejection.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherClass { .. } => "step-of-other-class",
            Self::NotIntended { .. } => "step-not-intended",
            Self::InDoubt { .. } => "in-doubt",
            Self::NotInDoubt { .. } => "not-in-doubt",
            Self::Twice { .. } => "settled-twice",
        }
    }
}
