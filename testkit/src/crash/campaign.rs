//! A campaign: one run that nobody disturbs, then board after board whose processes are killed.

use std::path::PathBuf;

use super::check::Check;
use super::error::Error;
use super::folder::Folder;
use super::plan::{self, Pace};
use super::program::Program;
use super::report::Report;
use super::trial::{Outcome, Trial};
use crate::dice::Dice;

/// How often the processes of one board are killed.
const KILLS_A_BOARD: u64 = 8;
/// How many kills in a hundred have to fall between the first commit and the last.
const IN_WINDOW_MIN: u64 = 80;

/// Kills of a program, so many of them.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// What is killed.
    pub program: Program,
    /// A folder for its boards. Each is removed when it is over, as long as nothing was found.
    pub dir: PathBuf,
    /// How often it is killed.
    pub kills: u64,
    /// What the moments are drawn from.
    pub seed: u64,
    /// Whether they stay although nothing was found.
    pub keep: bool,
}

impl Campaign {
    /// Runs the campaign. `told` hears of each board when it is over.
    ///
    /// # Errors
    /// When the program cannot be run, fails where nobody killed it, gets nowhere, or is over too
    /// soon to be killed. What does not hold of a board is in the report.
    pub async fn run(&self, mut told: impl FnMut(&Report)) -> Result<Report, Error> {
        let folder = Folder::make(self.dir.join("undisturbed"))?;
        let (outcome, pace) = Trial::new(&self.program, &folder).undisturbed().await?;
        let expected = outcome.result.clone();
        let mut report = Report { seed: self.seed, ..Report::default() };
        self.count(&mut report, "the undisturbed run", outcome, &folder)?;
        let mut ended_early = 0;
        while report.kills < self.kills {
            // The first board is that of the undisturbed run.
            let (number, left) = (report.boards, self.kills - report.kills);
            let (outcome, folder) = self.board(number, left, &pace).await?;
            ended_early += u64::from(outcome.ended_early);
            if ended_early > self.kills {
                return Err(Error::TooFast { ended: ended_early, killed: report.kills });
            }
            let place = format!("board {number}");
            let same = outcome.result == expected;
            report.verdicts.expect(Check::Result, same, || {
                format!("{place}: it is not that of the undisturbed run")
            });
            self.count(&mut report, &place, outcome, &folder)?;
            told(&report);
        }
        window(&mut report);
        Ok(report)
    }

    async fn board(&self, number: u64, left: u64, pace: &Pace) -> Result<(Outcome, Folder), Error> {
        let folder = Folder::make(self.dir.join(format!("board-{number}")))?;
        let mut dice = Dice::part(self.seed, number);
        let kills = plan::draw(&mut dice, left.min(KILLS_A_BOARD), pace);
        let outcome = Trial::new(&self.program, &folder).run(&kills).await?;
        Ok((outcome, folder))
    }

    fn count(
        &self,
        report: &mut Report,
        place: &str,
        outcome: Outcome,
        folder: &Folder,
    ) -> Result<(), Error> {
        report.count(place, outcome);
        if !self.keep && report.holds() {
            folder.remove()?;
        }
        Ok(())
    }
}

fn window(report: &mut Report) {
    let (kills, inside) = (report.kills, report.in_window);
    report.verdicts.fine(Check::Window, inside);
    if inside * 100 < kills * IN_WINDOW_MIN {
        let finding = format!("{inside} of {kills}, at least {IN_WINDOW_MIN} in 100 must be");
        report.verdicts.wrong(Check::Window, finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_kills_in_the_window_are_found() {
        for (in_window, failed) in [(20, vec![]), (19, vec![Check::Window])] {
            let mut report = Report { kills: 25, in_window, ..Report::default() };
            window(&mut report);
            assert_eq!(report.verdicts.failed(), failed, "{in_window} of 25");
        }
    }
}
