//! The report on a pair: what was done to it, what was counted, and what each check came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::crash::audit::Audited;
use crate::crash::check::{Check, Verdicts};

/// What a campaign on a pair of processes came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairReport {
    /// What everything was drawn from.
    pub seed: u64,
    /// Processes and servers that were killed.
    pub kills: u64,
    /// How often each thing happened.
    pub faults: BTreeMap<&'static str, u64>,
    /// Connections that ended after an append was committed and before that was told.
    pub cuts: u64,
    /// Processes that there were.
    pub processes: u64,
    /// How often another process, or another ownership of the same one, had the board.
    pub epochs: u64,
    /// The longest time that the log took to grow once a fault was over.
    pub longest: Duration,
    /// What was counted in the end.
    pub audited: Audited,
    /// What each check came to.
    pub verdicts: Verdicts,
}

impl PairReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdicts.failed().is_empty()
    }

    /// The checks that are made of a pair.
    pub fn checks() -> impl Iterator<Item = Check> {
        let others = [Check::Result, Check::Refused, Check::Window];
        Check::ALL.into_iter().filter(move |check| !others.contains(check))
    }

    /// Those that had nothing to look at.
    #[must_use]
    pub fn idle(&self) -> Vec<Check> {
        Self::checks().filter(|&check| self.verdicts.of(check).looked_at == 0).collect()
    }

    fn numbers(&self) -> Vec<(String, u64)> {
        let Audited { events, attempts, lost, executions, repeated, inputs, .. } = self.audited;
        let Audited { activations, done, .. } = self.audited;
        let millis = u64::try_from(self.longest.as_millis()).unwrap_or(u64::MAX);
        let mut numbers = vec![("kills".to_owned(), self.kills)];
        numbers.extend(self.faults.iter().map(|(name, times)| ((*name).to_owned(), *times)));
        let counted = [
            ("answers cut off after their commit", self.cuts),
            ("processes", self.processes),
            ("ownerships", self.epochs),
            ("longest wait for an event after a fault, in ms", millis),
            ("events", events),
            ("inputs acknowledged", inputs),
            ("attempts", attempts),
            ("attempts lost", lost),
            ("handler executions", executions),
            ("handler executions repeated", repeated),
            ("activations", activations),
            ("activations done", done),
        ];
        numbers.extend(counted.map(|(name, number)| (name.to_owned(), number)));
        numbers
    }

    /// The report for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let checks: Vec<Value> = Self::checks()
            .map(|check| {
                let tally = self.verdicts.of(check);
                json!({
                    "check": check.name(),
                    "looked_at": tally.looked_at,
                    "wrong": tally.wrong,
                    "findings": tally.findings,
                })
            })
            .collect();
        let numbers = self.numbers().into_iter().map(|(name, number)| (name, number.into()));
        json!({
            "seed": self.seed,
            "holds": self.holds(),
            "numbers": numbers.collect::<serde_json::Map<_, _>>(),
            "checks": checks,
        })
    }
}

/// The report for people.
impl fmt::Display for PairReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in self.numbers() {
            writeln!(f, "{name:46} {number:>9}")?;
        }
        writeln!(f, "\n{:10} {:>9} {:>6}  verdict", "check", "looked at", "wrong")?;
        for check in Self::checks() {
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
