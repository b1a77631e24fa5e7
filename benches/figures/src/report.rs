//! Several runs of a figure, what is told of them, and whether its target is reached.

use std::io::{self, Write};

use serde_json::json;

use crate::error::Error;
use crate::list::{Figure, Run};
use crate::options::{Asked, How};

/// A figure that was measured.
#[derive(Debug)]
struct Found {
    figure: &'static Figure,
    value: f64,
    baseline: Option<f64>,
    /// What the value is of its baseline. The two of a run were measured one after the other on the
    /// same machine in the same mood; medians of each by itself may come from different runs.
    ratio: Option<f64>,
    runs: Vec<f64>,
    /// Whether the target is reached; none where there is none, or the sizes were not full.
    holds: Option<bool>,
    /// Whether the sizes were full.
    full: bool,
}

/// Measures what was asked for and tells each figure as soon as it is known. One that cannot be
/// measured is told to `err`, and the others follow. Says whether all were measured and none missed
/// its target.
pub(crate) fn all(asked: &Asked, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<bool> {
    let mut well = true;
    for figure in &asked.figures {
        match measure(figure, &asked.how, err) {
            Ok(found) => {
                well &= found.holds != Some(false);
                writeln!(out, "{}", if asked.json { found.json() } else { found.line() })?;
            }
            Err(error) => {
                well = false;
                writeln!(err, "figures: {}: {error}", figure.name)?;
            }
        }
    }
    Ok(well)
}

/// Measures a figure as often as it is asked for.
fn measure(figure: &'static Figure, how: &How, err: &mut dyn Write) -> Result<Found, Error> {
    let mut runs = Vec::with_capacity(how.runs);
    for number in 1..=how.runs {
        // Nobody is kept from a figure because nobody can be told how far it is.
        let _ = writeln!(err, "figures: {}: run {number} of {}", figure.name, how.runs);
        runs.push((figure.run)(how)?);
    }
    Found::of(figure, &runs, how.is_full()).ok_or_else(|| "there was no run".into())
}

/// The value in the middle, or the mean of the two.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

impl Found {
    fn of(figure: &'static Figure, runs: &[Run], full: bool) -> Option<Self> {
        let values: Vec<f64> = runs.iter().map(|run| run.value).collect();
        let baselines: Vec<f64> = runs.iter().filter_map(|run| run.baseline).collect();
        let ratios: Vec<f64> =
            runs.iter().filter_map(|run| Some(run.value / run.baseline?)).collect();
        let (value, ratio) = (median(&values)?, median(&ratios));
        let holds = figure.target.holds(value, ratio).filter(|_| full);
        Some(Self { figure, value, baseline: median(&baselines), ratio, runs: values, holds, full })
    }

    fn json(&self) -> String {
        let runs: Vec<f64> = self.runs.iter().copied().map(rounded).collect();
        json!({
            "figure": self.figure.name,
            "value": rounded(self.value),
            "unit": self.figure.unit,
            "target": self.figure.target.text(),
            "holds": self.holds,
            "baseline": self.baseline.map(rounded),
            "ratio": self.ratio.map(rounded),
            "runs": runs,
        })
        .to_string()
    }

    fn line(&self) -> String {
        let Figure { name, unit, target, .. } = self.figure;
        let target = target.text().unwrap_or_else(|| "no target".to_owned());
        let target = if self.full { target } else { "not its full size".to_owned() };
        let holds = match self.holds {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "-",
        };
        let beside = self.baseline.zip(self.ratio).map_or_else(String::new, |(baseline, ratio)| {
            format!(", baseline {}, ratio {}", rounded(baseline), rounded(ratio))
        });
        let value = rounded(self.value);
        format!("{name:<20} {value:>12} {unit:<16} {holds:<7} {target}{beside}")
    }
}

/// With as many figures as mean something.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Target;

    const fn figure(
        name: &'static str,
        target: Target,
        run: fn(&How) -> Result<Run, Error>,
    ) -> Figure {
        Figure { name, about: "", unit: "", target, run }
    }

    static BROKEN: Figure = figure("broken", Target::Told, |_| Err("it broke".into()));
    static TOLD: Figure = figure("told", Target::Told, |_| Ok(Run { value: 7.0, baseline: None }));
    static MISSED: Figure =
        figure("missed", Target::AtMost(6.0), |_| Ok(Run { value: 7.0, baseline: Some(2.0) }));

    fn told(figures: &[&'static Figure], percent: f64) -> (bool, String, String) {
        let how = How { runs: 3, percent };
        let asked = Asked { figures: figures.to_vec(), how, json: false, list: false };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let well = all(&asked, &mut out, &mut err).unwrap();
        (well, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn one_that_cannot_be_measured_keeps_no_other_from_it() {
        let (well, out, err) = told(&[&BROKEN, &TOLD], 100.0);
        assert!(!well && out.starts_with("told ") && out.lines().count() == 1, "{out}");
        assert_eq!(err.lines().nth(1), Some("figures: broken: it broke"));
        assert_eq!(err.lines().last(), Some("figures: told: run 3 of 3"));
        assert!(told(&[&TOLD], 100.0).0);
    }

    #[test]
    fn one_that_misses_its_target_fails_at_full_size_only() {
        let (well, out, _) = told(&[&MISSED, &TOLD], 100.0);
        assert!(!well && out.contains("MISSED") && out.contains("baseline 2, ratio 3.5"), "{out}");
        let (well, out, _) = told(&[&MISSED], 10.0);
        assert!(well && !out.contains("MISSED") && out.contains("not its full size"), "{out}");
    }

    /// A machine that is slow for two runs is slow for value and baseline alike.
    #[test]
    fn a_target_is_held_to_the_median_of_the_ratios() {
        static HALF: Figure =
            figure("half", Target::TimesAtLeast(0.5), |_| Err("it is not run".into()));
        let run = |(value, baseline)| Run { value, baseline: Some(baseline) };
        // The medians of each alone are 50 and 90: 0.56, which no run with a slow baseline had.
        let runs = [(60.0, 150.0), (50.0, 120.0), (45.0, 90.0), (20.0, 60.0), (70.0, 80.0)];
        let found = Found::of(&HALF, &runs.map(run), true).unwrap();
        let told = (found.value, found.baseline, found.ratio, found.holds);
        assert_eq!(told, (50.0, Some(90.0), Some(50.0 / 120.0), Some(false)));
    }

    #[test]
    fn targets_are_what_they_say() {
        for (target, value, ratio, holds) in [
            (Target::Told, 1.0, Some(1.0), None),
            (Target::AtLeast(2.0), 2.0, None, Some(true)),
            (Target::AtLeast(2.0), 1.9, None, Some(false)),
            (Target::AtMost(2.0), 2.1, None, Some(false)),
            (Target::AtLeastBoth(2.0, 0.6), 2.0, Some(0.6), Some(true)),
            (Target::AtLeastBoth(2.0, 0.6), 1.0, Some(0.9), Some(false)),
            (Target::AtLeastBoth(2.0, 0.6), 9.0, Some(0.5), Some(false)),
            (Target::TimesAtLeast(0.9), 0.0, Some(0.89), Some(false)),
            (Target::TimesAtMost(1.3), 0.0, Some(1.3), Some(true)),
            (Target::TimesAtMost(1.3), 0.0, None, Some(false)),
            (Target::Within(0.1), 0.0, Some(1.11), Some(false)),
            (Target::Within(0.1), 0.0, Some(0.91), Some(true)),
        ] {
            assert_eq!(target.holds(value, ratio), holds, "{target:?} {value} {ratio:?}");
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
