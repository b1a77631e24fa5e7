//! The plan for one board: when its processes are killed, drawn from the progress of the run that
//! nobody disturbed.

use std::time::Duration;

use crate::dice::Dice;

/// How far into the ledger of the undisturbed run kills are drawn, in a hundred. A run that is
/// disturbed has more lines, but one that is nearly over might end before it is killed.
const DRAWN_UP_TO: u64 = 95;
/// How many kills in a hundred come while the board is being taken over and recovered.
const AT_TAKE_OVER: u64 = 20;
/// How many in a hundred are preceded by a stop.
const STOPPED: u64 = 25;

/// What the undisturbed run has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Lines of its ledger.
    pub(super) lines: u64,
    /// The mean time between two commits.
    pub(super) between_commits: Duration,
    /// From the moment at which the process owned the board to the first line of its ledger.
    pub(super) take_over: Duration,
}

/// One kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) moment: Moment,
    /// How long after the moment.
    pub(super) delay: Duration,
    /// Whether the process is stopped first, and what then.
    pub(super) stop: Option<Stop>,
}

/// A moment of a program's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// It owns the board.
    TakeOver,
    /// Its ledger, with those of the processes before it, has so many lines.
    Line(u64),
}

/// What becomes of a process that is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is killed as it stands.
    Killed,
    /// It goes on, and is killed later.
    GoesOn,
}

/// Draws kills, in the order in which they come.
pub(super) fn draw(dice: &mut Dice, kills: u64, pace: &Pace) -> Vec<Kill> {
    let bound = (pace.lines * DRAWN_UP_TO / 100).max(1);
    let mut lines: Vec<u64> = (0..kills).map(|_| 1 + dice.below(bound)).collect();
    lines.sort_unstable();
    let kills = lines.into_iter().map(|line| {
        let (moment, within) = if dice.percent(AT_TAKE_OVER) {
            (Moment::TakeOver, pace.take_over)
        } else {
            (Moment::Line(line), 2 * pace.between_commits)
        };
        let goes_on = if dice.percent(50) { Stop::GoesOn } else { Stop::Killed };
        let stop = dice.percent(STOPPED).then_some(goes_on);
        Kill { moment, delay: part_of(dice, within), stop }
    });
    kills.collect()
}

fn part_of(dice: &mut Dice, whole: Duration) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(dice.below(micros.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        lines: 1_000,
        between_commits: Duration::from_millis(3),
        take_over: Duration::from_millis(40),
    };

    #[test]
    fn kills_are_spread_over_the_progress_in_order() {
        let kills = draw(&mut Dice::new(7), 400, &PACE);
        let lines = kills.iter().filter_map(|kill| match kill.moment {
            Moment::Line(line) => Some(line),
            Moment::TakeOver => None,
        });
        let lines: Vec<u64> = lines.collect();
        assert!(lines.is_sorted());
        assert!(lines.first().is_some_and(|first| *first < 50), "{lines:?}");
        assert!(lines.last().is_some_and(|last| (900..=950).contains(last)), "{lines:?}");
        for tenth in 0..9 {
            let tenth = tenth * 100..(tenth + 1) * 100;
            assert!(lines.iter().any(|line| tenth.contains(line)), "none in {tenth:?}");
        }
        let delays = kills.iter().map(|kill| kill.delay);
        assert!(delays.max().is_some_and(|max| max <= PACE.take_over && max > Duration::ZERO));
    }

    #[test]
    fn every_kind_of_kill_is_drawn() {
        let kills = draw(&mut Dice::new(7), 100, &PACE);
        let count =
            |wanted: &dyn Fn(&Kill) -> bool| kills.iter().filter(|kill| wanted(kill)).count();
        assert!(count(&|kill| kill.moment == Moment::TakeOver) >= 10);
        assert!(count(&|kill| kill.stop == Some(Stop::Killed)) >= 5);
        assert!(count(&|kill| kill.stop == Some(Stop::GoesOn)) >= 5);
        assert!(count(&|kill| kill.stop.is_none()) >= 50);
    }

    #[test]
    fn the_same_seed_draws_the_same_kills() {
        let draw = |seed| draw(&mut Dice::new(seed), 20, &PACE);
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
