//! The report on a campaign: what was done, what was counted, and what each check came to.

use std::fmt;

use serde_json::{Value, json};

use super::check::{Check, Verdicts};
use super::trial::Outcome;

/// What a campaign came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the moments were drawn from.
    pub seed: u64,
    /// Boards, that of the undisturbed run included; so it is in all numbers.
    pub boards: u64,
    /// Processes, those that ended by themselves included.
    pub processes: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Kills after the first commit of a board and before the last artifact was committed.
    pub in_window: u64,
    /// Kills while a board was being taken over and recovered.
    pub at_take_over: u64,
    /// Processes that were stopped, while another one tried to take the board over.
    pub stopped: u64,
    /// Processes that went on after they had been stopped.
    pub went_on: u64,
    /// Events of all boards.
    pub events: u64,
    /// Attempts that began.
    pub attempts: u64,
    /// Attempts that ended with their process.
    pub lost: u64,
    /// Executions of handlers.
    pub executions: u64,
    /// Executions for activations that had been executed before.
    pub repeated: u64,
    /// Artifacts that were acknowledged to the program.
    pub inputs: u64,
    /// Activations.
    pub activations: u64,
    /// Activations that are done.
    pub done: u64,
    /// What each check came to.
    pub verdicts: Verdicts,
}

impl Report {
    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdicts.failed().is_empty()
    }

    /// The checks that had nothing to look at: a few kills may give them nothing, and a program that
    /// keeps no ledger or has no result never does.
    #[must_use]
    pub fn idle(&self) -> Vec<Check> {
        Check::ALL.into_iter().filter(|&check| self.verdicts.of(check).looked_at == 0).collect()
    }

    /// Adds what one board came to.
    pub(super) fn count(&mut self, place: &str, outcome: Outcome) {
        let last = outcome.last_artifact;
        let inside = outcome.killed_at.iter().filter(|at| at.get() > 0 && **at < last);
        self.in_window += inside.count() as u64;
        self.kills += outcome.killed_at.len() as u64;
        self.boards += 1;
        self.processes += outcome.processes;
        self.at_take_over += outcome.at_take_over;
        self.stopped += outcome.stopped;
        self.went_on += outcome.went_on;
        let audited = outcome.audited;
        self.events += audited.events;
        self.attempts += audited.attempts;
        self.lost += audited.lost;
        self.executions += audited.executions;
        self.repeated += audited.repeated;
        self.inputs += audited.inputs;
        self.activations += audited.activations;
        self.done += audited.done;
        self.verdicts.add(place, outcome.verdicts);
    }

    /// Each number with its name for programs and for people.
    fn numbers(&self) -> [(&'static str, &'static str, u64); 15] {
        let percent = (self.in_window * 100).checked_div(self.kills).unwrap_or(0);
        [
            ("boards", "boards, one of them undisturbed", self.boards),
            ("processes", "processes", self.processes),
            ("kills", "kills", self.kills),
            ("kills_in_window", "kills between first and last commit", self.in_window),
            ("kills_in_window_percent", "of a hundred kills, so many there", percent),
            ("kills_at_take_over", "kills at take-over", self.at_take_over),
            ("stopped", "processes stopped first", self.stopped),
            ("went_on", "stopped ones that went on", self.went_on),
            ("attempts", "attempts", self.attempts),
            ("attempts_lost", "attempts lost", self.lost),
            ("executions", "handler executions", self.executions),
            ("executions_repeated", "handler executions repeated", self.repeated),
            ("inputs", "inputs acknowledged", self.inputs),
            ("activations", "activations", self.activations),
            ("activations_done", "activations done", self.done),
        ]
    }

    /// The report for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let checks = Check::ALL.map(|check| {
            let tally = self.verdicts.of(check);
            json!({
                "check": check.name(),
                "looked_at": tally.looked_at,
                "wrong": tally.wrong,
                "findings": tally.findings,
            })
        });
        let numbers = self.numbers();
        let numbers = numbers.map(|(key, _, number)| (key.to_owned(), Value::from(number)));
        json!({
            "seed": self.seed,
            "holds": self.holds(),
            "numbers": serde_json::Map::from_iter(numbers),
            "checks": checks,
        })
    }
}

/// The report for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (_, name, number) in self.numbers() {
            writeln!(f, "{name:36} {number:>9}")?;
        }
        writeln!(f, "\n{:10} {:>9} {:>6}  verdict", "check", "looked at", "wrong")?;
        for check in Check::ALL {
            let tally = self.verdicts.of(check);
            let verdict = match (tally.wrong, tally.looked_at) {
                (0, 0) => "was not looked at:",
                (0, _) => "holds:",
                _ => "DOES NOT HOLD:",
            };
            let (name, says) = (check.name(), check.says());
            writeln!(f, "{name:10} {:>9} {:>6}  {verdict} {says}", tally.looked_at, tally.wrong)?;
            for finding in &tally.findings {
                writeln!(f, "  {finding}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use artel_core::ids::Seq;

    use super::*;

    #[test]
    fn a_kill_is_in_the_window_between_the_first_commit_and_the_last_artifact() {
        let killed_at = [0, 1, 19, 20, 21].map(Seq).to_vec();
        let outcome = Outcome { killed_at, last_artifact: Seq(20), ..Outcome::default() };
        let mut report = Report::default();
        report.count("a board", outcome);
        assert_eq!((report.kills, report.in_window), (5, 2));
    }

    #[test]
    fn what_does_not_hold_is_said_with_its_place() {
        let mut verdicts = Verdicts::default();
        verdicts.expect(Check::Done, false, || "activation 7 is done twice".to_owned());
        let mut report = Report::default();
        report.count("board 3", Outcome { verdicts, ..Outcome::default() });
        assert!(!report.holds());
        let text = report.to_string();
        let says = "done               1      1  DOES NOT HOLD: activations that are done once\n  \
                    board 3: activation 7 is done twice\n";
        assert!(text.contains(says), "{text}");
        assert!(text.contains("chain              0      0  was not looked at: "), "{text}");
        let done = &report.json()["checks"][7];
        assert_eq!(done["check"], "done");
        assert_eq!(done["findings"][0], "board 3: activation 7 is done twice");
    }
}
