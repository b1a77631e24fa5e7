//! The cases that simulations have to come to, counted. A check that had nothing to look at proves
//! nothing, so whoever runs many seeds asks which cases none of them came to.

use std::collections::BTreeMap;

use artel_core::event::{DeadReason, Mended, Tripped};
use artel_core::policy::ErrorKind;

use crate::{Fault, Happened};

/// Something that has to happen in some simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Case {
    /// An append met a fault.
    Fault(Fault),
    /// A process died at an append, which landed or did not.
    DiedAtAppend(bool),
    /// A process died with no append under way.
    DiedAtRest,
    /// A process died before it had taken the board over.
    DiedAtStart,
    /// A process was shut down in order.
    ShutDown,
    /// A process took its board over again.
    Recovered,
    /// A publish was answered by what a recovery found in the log.
    AnsweredFromLog,
    /// A take-over was given a snapshot.
    Snapshot,
    /// Both clocks disagreed by more than a minute.
    ClockJumped,
    /// A process had lost one of its agents.
    AgentRetired,
    /// A publish found its artifact on the board.
    Duplicate,
    /// A publish was refused: the agenda of the board, or of an agent, was full.
    AgendaFull {
        /// Whether it was that of an agent.
        of_agent: bool,
    },
    /// A publish was refused: its tree of work had as many artifacts as it may get.
    TreeFull,
    /// A publish was refused by the log.
    Unstorable,
    /// An attempt failed in this way.
    Failed(&'static str),
    /// An attempt ended with its process.
    Lost,
    /// An attempt was given back.
    Released,
    /// An attempt was given back by the board: it could not begin in time.
    NeverBegan,
    /// An attempt was cancelled.
    Cancelled,
    /// What an attempt returned found no room on the agenda of the board, or of an agent.
    NoRoom {
        /// Whether it was that of an agent.
        of_agent: bool,
    },
    /// Work that waited for room was cancelled, since nothing else made any.
    RoomMade,
    /// An activation became a dead letter for this reason.
    Dead(DeadReason),
    /// An attempt returned something after it had been ended.
    LateResult,
    /// An attempt returned something under a key that was on the board already.
    KeyTaken,
    /// A condition withheld something that an attempt returned.
    Withheld,
    /// The best of several candidates was published.
    BestOf {
        /// Whether one of them had failed.
        left_out: bool,
    },
    /// A step gave what an earlier attempt had recorded.
    StepReused,
    /// A step was refused: its activation had recorded as many as it may.
    StepsFull,
    /// A dead letter was tried again.
    Redriven,
    /// A dead letter was given up.
    Dropped,
    /// A whole tree of work was cancelled.
    TreeCancelled,
    /// A circuit breaker opened for this reason.
    BreakerOpened(Tripped),
    /// A circuit breaker closed for this reason.
    BreakerClosed(Mended),
    /// As many attempts had begun as a rate limit allows.
    RateReached,
    /// The board was paused.
    BoardPaused,
    /// An agent was paused.
    AgentPaused,
    /// A tree of work was paused.
    TreePaused,
    /// An attempt began of a key of which others waited.
    KeyHeldBack,
    /// A dead letter was redriven out of the order of its key.
    OutOfOrder,
    /// A notice of a death was given to whoever was subscribed.
    Noticed,
    /// What was about a notice died, and no notice was given of that.
    NoticeDied,
    /// It was told that a predicate failed.
    PredicateFailed,
    /// A handler did something that must not be done twice.
    Charged,
    /// What must not be done twice was begun and not done, and whoever was to do it said so.
    StepWithdrawn,
    /// A person said of a step whether it was done.
    StepSettled {
        /// Whether it was.
        happened: bool,
    },
    /// What had seen a process die ran in its own turn.
    SuspectRan,
    /// An artifact did not wake somebody who may not see it.
    Hidden,
    /// A match that waited for a time expired.
    Expired {
        /// Whether it waited to be old, and not until it is quiet.
        old: bool,
    },
    /// A match woke somebody when its time had come.
    WokeInTime {
        /// Whether it had waited to be old, and not until it is quiet.
        old: bool,
    },
    /// What is held until there are more woke somebody: there were as many.
    WokeAfter,
    /// A handler was given what an upcaster made of an older version.
    Upcast,
    /// A member of a group ran: another one than before, or the first.
    MemberRan {
        /// Whether another one ran before.
        another: bool,
    },
    /// An attempt began on what nobody could see when it was published.
    SeenLater,
}

/// How many cases there are.
const LEN: usize = 84;

impl Case {
    /// Every one.
    pub const ALL: [Self; LEN] = [
        Self::Fault(Fault::None),
        Self::Fault(Fault::Lost),
        Self::Fault(Fault::Landed),
        Self::Fault(Fault::LandsLate),
        Self::Fault(Fault::ComesLate),
        Self::Fault(Fault::Repeated),
        Self::Fault(Fault::Refused),
        Self::DiedAtAppend(false),
        Self::DiedAtAppend(true),
        Self::DiedAtRest,
        Self::DiedAtStart,
        Self::ShutDown,
        Self::Recovered,
        Self::AnsweredFromLog,
        Self::Snapshot,
        Self::ClockJumped,
        Self::AgentRetired,
        Self::Duplicate,
        Self::AgendaFull { of_agent: false },
        Self::AgendaFull { of_agent: true },
        Self::TreeFull,
        Self::Unstorable,
        Self::Failed(ErrorKind::Transient.as_str()),
        Self::Failed(ErrorKind::Permanent.as_str()),
        Self::Failed(ErrorKind::RateLimited { retry_after_ms: None }.as_str()),
        Self::Failed(ErrorKind::Timeout.as_str()),
        Self::Failed(ErrorKind::Panic.as_str()),
        Self::Failed(ErrorKind::InvalidOutput.as_str()),
        Self::Lost,
        Self::Released,
        Self::NeverBegan,
        Self::Cancelled,
        Self::NoRoom { of_agent: false },
        Self::NoRoom { of_agent: true },
        Self::RoomMade,
        Self::Dead(DeadReason::AttemptsExhausted),
        Self::Dead(DeadReason::NotRetryable),
        Self::Dead(DeadReason::RetryTimeElapsed),
        Self::Dead(DeadReason::TotalTimeout),
        Self::Dead(DeadReason::Loop),
        Self::Dead(DeadReason::Limit),
        Self::LateResult,
        Self::KeyTaken,
        Self::Withheld,
        Self::BestOf { left_out: false },
        Self::BestOf { left_out: true },
        Self::StepReused,
        Self::StepsFull,
        Self::Redriven,
        Self::Dropped,
        Self::TreeCancelled,
        Self::BreakerOpened(Tripped::InARow),
        Self::BreakerOpened(Tripped::Rate),
        Self::BreakerOpened(Tripped::Probe),
        Self::BreakerOpened(Tripped::Operator),
        Self::BreakerClosed(Mended::Probes),
        Self::BreakerClosed(Mended::Operator),
        Self::RateReached,
        Self::BoardPaused,
        Self::AgentPaused,
        Self::TreePaused,
        Self::Dead(DeadReason::BadKey),
        Self::KeyHeldBack,
        Self::OutOfOrder,
        Self::Noticed,
        Self::NoticeDied,
        Self::PredicateFailed,
        Self::Charged,
        Self::StepWithdrawn,
        Self::StepSettled { happened: false },
        Self::StepSettled { happened: true },
        Self::SuspectRan,
        Self::Hidden,
        Self::Dead(DeadReason::CrashLoop),
        Self::Dead(DeadReason::InDoubt),
        Self::Expired { old: false },
        Self::Expired { old: true },
        Self::WokeInTime { old: false },
        Self::WokeInTime { old: true },
        Self::WokeAfter,
        Self::Upcast,
        Self::MemberRan { another: false },
        Self::MemberRan { another: true },
        Self::SeenLater,
    ];
}

impl From<Happened> for Case {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Fault(fault) => Self::Fault(fault),
            Happened::Died { landed } => Self::DiedAtAppend(landed),
            Happened::Snapshot(_) => Self::Snapshot,
        }
    }
}

/// How often simulations came to each case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cases(BTreeMap<Case, u64>);

impl Cases {
    /// It happened once more.
    pub(super) fn count(&mut self, case: Case) {
        *self.0.entry(case).or_default() += 1;
    }

    /// Adds what other simulations came to.
    pub(super) fn add(&mut self, other: &Self) {
        for (&case, count) in &other.0 {
            *self.0.entry(case).or_default() += count;
        }
    }

    /// How often they came to this one.
    #[must_use]
    pub fn of(&self, case: Case) -> u64 {
        self.0.get(&case).copied().unwrap_or(0)
    }

    /// Every case that none of them came to.
    #[must_use]
    pub fn missing(&self) -> Vec<Case> {
        Case::ALL.into_iter().filter(|&case| self.of(case) == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// How many cases a kind has. Without a wildcard, so that a new kind is not left out of [`Case::ALL`].
    fn kinds(case: Case) -> (u8, usize) {
        match case {
            Case::Fault(fault) => match fault {
                Fault::None
                | Fault::Lost
                | Fault::Landed
                | Fault::LandsLate
                | Fault::ComesLate
                | Fault::Repeated
                | Fault::Refused => (0, 7),
            },
            Case::DiedAtAppend(_) => (1, 2),
            Case::DiedAtRest => (2, 1),
            Case::DiedAtStart => (3, 1),
            Case::ShutDown => (4, 1),
            Case::Recovered => (5, 1),
            Case::AnsweredFromLog => (6, 1),
            Case::Snapshot => (7, 1),
            Case::ClockJumped => (8, 1),
            Case::AgentRetired => (9, 1),
            Case::Duplicate => (10, 1),
            Case::AgendaFull { .. } => (11, 2),
            Case::TreeFull => (12, 1),
            Case::Unstorable => (13, 1),
            Case::Failed(_) => (14, 6),
            Case::Lost => (15, 1),
            Case::Released => (16, 1),
            Case::NeverBegan => (17, 1),
            Case::Cancelled => (18, 1),
            Case::NoRoom { .. } => (19, 2),
            Case::RoomMade => (20, 1),
            Case::Dead(_) => (21, 9),
            Case::LateResult => (22, 1),
            Case::KeyTaken => (23, 1),
            Case::StepReused => (24, 1),
            Case::StepsFull => (25, 1),
            Case::Redriven => (26, 1),
            Case::Dropped => (27, 1),
            Case::TreeCancelled => (28, 1),
            Case::BreakerOpened(_) => (29, 4),
            Case::BreakerClosed(_) => (30, 2),
            Case::RateReached => (31, 1),
            Case::BoardPaused => (32, 1),
            Case::AgentPaused => (33, 1),
            Case::TreePaused => (34, 1),
            Case::KeyHeldBack => (35, 1),
            Case::OutOfOrder => (36, 1),
            Case::Withheld => (37, 1),
            Case::BestOf { .. } => (38, 2),
            Case::Noticed => (39, 1),
            Case::NoticeDied => (40, 1),
            Case::PredicateFailed => (41, 1),
            Case::Charged => (42, 1),
            Case::StepWithdrawn => (43, 1),
            Case::StepSettled { .. } => (44, 2),
            Case::SuspectRan => (45, 1),
            Case::Hidden => (46, 1),
            Case::Expired { .. } => (47, 2),
            Case::WokeInTime { .. } => (48, 2),
            Case::WokeAfter => (49, 1),
            Case::Upcast => (50, 1),
            Case::MemberRan { .. } => (51, 2),
            Case::SeenLater => (52, 1),
        }
    }

    #[test]
    fn every_case_is_among_all() {
        let kinds: BTreeSet<(u8, usize)> = Case::ALL.into_iter().map(kinds).collect();
        assert_eq!(kinds.iter().map(|(_, count)| count).sum::<usize>(), LEN);
        assert!(kinds.into_iter().map(|(kind, _)| kind).eq(0..53));
        assert_eq!(Case::ALL.into_iter().collect::<BTreeSet<_>>().len(), LEN);
    }

    #[test]
    fn what_nothing_came_to_is_missing() {
        let mut cases = Cases::default();
        let (last, others) = Case::ALL.split_last().unwrap();
        others.iter().for_each(|&case| cases.count(case));
        assert_eq!(cases.missing(), [*last]);
        let mut more = Cases::default();
        more.count(*last);
        cases.add(&more);
        assert_eq!(cases.missing(), []);
    }
}
