//! What happens to a pair of processes and their server, drawn from a seed.

use std::time::Duration;

use crate::dice::Dice;
use crate::servers::Way;

/// The longest that anything is stopped or lost, in milliseconds: three times as long as a board is owned.
const LONG: u64 = 3_000;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The owner is killed.
    KillOwner,
    /// Whoever stands by is killed.
    KillOther,
    /// The server is killed, and started again.
    KillServer,
    /// All of the server is stopped for a time, and goes on with what it was asked meanwhile.
    StopServer(Duration),
    /// The owner is stopped for a time, and then goes on or is killed.
    StopOwner(Duration, bool),
    /// Whoever stands by is stopped for a time, and goes on.
    StopOther(Duration),
    /// All connections end.
    Drop,
    /// All bytes are held up by so much, for a time.
    Delay(Duration, Duration),
    /// Connections that are there fall silent; new ones work.
    Silence,
    /// What goes one way is swallowed, for a time.
    Swallow(Way, Duration),
    /// A connection is cut between the next request of some length and its answer.
    Cut,
    /// No connection can be made, for a time, and those that are there end.
    Refuse(Duration),
}

impl Fault {
    /// Draws one.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let long = dice.up_to(LONG);
        match dice.below(100) {
            0..32 => Self::KillOwner,
            32..44 => Self::KillOther,
            44..50 => Self::KillServer,
            50..53 => Self::StopServer(long),
            53..63 => Self::StopOwner(long, dice.percent(40)),
            63..67 => Self::StopOther(long),
            67..75 => Self::Drop,
            75..80 => Self::Delay(dice.up_to(400), long),
            80..85 => Self::Silence,
            85..90 if dice.percent(50) => Self::Swallow(Way::ToServer, long),
            85..90 => Self::Swallow(Way::ToClient, long),
            90..97 => Self::Cut,
            _ => Self::Refuse(long),
        }
    }

    /// How many processes it kills, the server counted as one.
    pub(super) const fn kills(self) -> u64 {
        match self {
            Self::KillOwner | Self::KillOther | Self::KillServer | Self::StopOwner(_, true) => 1,
            Self::StopOwner(_, false)
            | Self::StopServer(_)
            | Self::StopOther(_)
            | Self::Drop
            | Self::Delay(..)
            | Self::Silence
            | Self::Swallow(..)
            | Self::Cut
            | Self::Refuse(_) => 0,
        }
    }

    /// What it is counted as.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KillOwner => "owners killed",
            Self::KillOther => "stand-bys killed",
            Self::KillServer => "servers killed",
            Self::StopOwner(_, true) => "owners stopped and killed",
            Self::StopOwner(_, false) => "owners stopped that went on",
            Self::StopServer(_) => "servers stopped that went on",
            Self::StopOther(_) => "stand-bys stopped that went on",
            Self::Drop => "times all connections dropped",
            Self::Delay(..) => "times bytes were held up",
            Self::Silence => "times connections fell silent",
            Self::Swallow(..) => "times one way was swallowed",
            Self::Cut => "times an answer was to be cut off",
            Self::Refuse(_) => "times connections were refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_kind_of_fault_is_drawn_and_half_of_them_kill() {
        let mut dice = Dice::new(7);
        let faults: Vec<Fault> = (0..1_000).map(|_| Fault::draw(&mut dice)).collect();
        let mut drawn: BTreeMap<&str, u64> = BTreeMap::new();
        for fault in &faults {
            *drawn.entry(fault.name()).or_default() += 1;
        }
        assert_eq!(drawn.len(), 13, "{drawn:?}");
        assert!(drawn.values().all(|times| *times >= 10), "{drawn:?}");
        let kills: u64 = faults.iter().map(|fault| fault.kills()).sum();
        assert!((450..650).contains(&kills), "{kills}");
    }
}
