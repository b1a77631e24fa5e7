//! The pace at which the committer takes in what is asked from outside. Where there is a backlog and
//! work waits for the board itself, more is let in only as work is done; where it waits for slow
//! handlers, letting it in costs nobody anything.

use std::time::Duration;

use artel_core::time::Elapsed;

use super::inbox::{TAKE, Taken};

/// How much may wait for a free slot before those who ask for more have to wait too.
const BACKLOG: usize = 256;
/// How much of what is asked an append takes at least, whatever the backlog.
const ASKED_MIN: usize = 4;
/// The part of the running attempts that has to end for the board to be what is busy: one in so many.
const ENDING: usize = 4;
/// How long, and for how many appends, fewer have to end before the board is so no more.
const QUIET: (Duration, usize) = (Duration::from_millis(10), 4);

/// Whether the board is what work waits for, told from how many attempts end while it appends:
/// handlers that are faster than appends end with every one or two, slower ones hold their slots
/// through many.
#[derive(Debug)]
pub(super) struct Pace {
    busy: bool,
    since: Elapsed,
    appends: usize,
    ended: usize,
}

impl Pace {
    pub(super) const fn new(now: Elapsed) -> Self {
        Self { busy: false, since: now, appends: 0, ended: 0 }
    }

    /// Attempts ended, of so many that run.
    pub(super) const fn ended(&mut self, count: usize, running: u32, now: Elapsed) {
        self.ended += count;
        let often = self.ended * 2 >= self.appends;
        if self.ended > 0 && often && self.ended * ENDING >= running as usize {
            *self = Self { busy: true, ..Self::new(now) };
        }
    }

    /// An append is on its way.
    pub(super) fn appended(&mut self, now: Elapsed) {
        self.appends += 1;
        let (time, appends) = QUIET;
        if self.appends >= appends && now >= self.since.after(time) {
            // What was counted fades: a single end just behind this moment is not often.
            let (appends, ended) = (self.appends / 2, self.ended / 2);
            *self = Self { busy: false, since: now, appends, ended };
        }
    }

    /// How much more of what is asked a batch takes for which so much was taken: half as much as
    /// ends in it where the board is busy and so much waits, and a little in any case.
    pub(super) fn asked_max(&self, taken: Taken, backlog: usize) -> usize {
        if self.busy && backlog >= BACKLOG {
            (taken.ended / 2).max(ASKED_MIN).saturating_sub(taken.asked)
        } else {
            TAKE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Elapsed {
        Elapsed(0).after(Duration::from_millis(ms))
    }

    fn busy(pace: &Pace) -> bool {
        pace.asked_max(Taken::default(), BACKLOG) < TAKE
    }

    /// LOAD-2: half as much as ends, and a little in any case.
    #[test]
    fn what_is_asked_gets_a_share_of_what_ends() {
        let mut pace = Pace::new(at(0));
        pace.ended(1, 1, at(0));
        for (ended, asked, share) in
            [(0, 0, 4), (0, 4, 0), (100, 0, 50), (100, 30, 20), (100, 64, 0), (9_000, 0, 4_500)]
        {
            let taken = Taken { owed: ended + 7, ended, asked };
            assert_eq!(pace.asked_max(taken, BACKLOG), share, "{taken:?}");
            assert_eq!(pace.asked_max(taken, BACKLOG - 1), TAKE, "{taken:?}");
        }
    }

    /// LOAD-2: the board is busy when attempts end about as often as it appends.
    #[test]
    fn slow_handlers_do_not_make_a_board_busy() {
        for (name, ended, running, wanted) in [
            ("half of the slots with each append", 128, 256, true),
            ("one slot, an end with every other append", 1, 1, true),
            ("one of many slots with each append", 1, 256, false),
            ("none", 0, 1, false),
        ] {
            let mut pace = Pace::new(at(0));
            for append in 0..20 {
                pace.appended(at(append));
                if append % 2 == 1 {
                    pace.ended(ended, running, at(append));
                }
            }
            assert_eq!(busy(&pace), wanted, "{name}");
        }
        // One slot and a handler that takes as long as ten appends.
        let mut pace = Pace::new(at(0));
        for append in 1..100 {
            pace.appended(at(append));
            if append % 10 == 0 {
                pace.ended(1, 1, at(append));
            }
        }
        assert!(!busy(&pace));
    }

    /// It stays busy through slow appends, and through many at one moment.
    #[test]
    fn a_board_is_busy_until_little_ends_for_a_while() {
        let mut pace = Pace::new(at(0));
        pace.ended(128, 256, at(0));
        for (append, now) in [(1, 0), (2, 0), (3, 500), (4, 509)] {
            pace.appended(at(now));
            assert_eq!(busy(&pace), append < 4, "append {append} at {now}");
        }
        pace.ended(128, 256, at(509));
        (0..1_000).for_each(|_| pace.appended(at(509)));
        assert!(busy(&pace));
    }
}
