//! Several runs of a figure, and what is told of them.

use serde_json::json;

use crate::error::Error;
use crate::list::Figure;
use crate::options::How;

/// A figure that was measured.
#[derive(Debug)]
pub(crate) struct Found {
    figure: &'static Figure,
    value: f64,
    baseline: Option<f64>,
    runs: Vec<f64>,
    /// Whether the target is reached; none where there is none, or the sizes were not full.
    pub(crate) holds: Option<bool>,
}

/// Measures a figure as often as it is asked for.
pub(crate) fn measure(figure: &'static Figure, how: &How) -> Result<Found, Error> {
    let (mut runs, mut baselines) = (Vec::new(), Vec::new());
    for _ in 0..how.runs {
        let run = (figure.run)(how)?;
        runs.push(run.value);
        baselines.extend(run.baseline);
    }
    let value = median(&runs).ok_or("there was no run")?;
    let baseline = median(&baselines);
    let holds = figure.target.holds(value, baseline).filter(|_| how.is_full());
    Ok(Found { figure, value, baseline, runs, holds })
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
    pub(crate) fn json(&self) -> String {
        let runs: Vec<f64> = self.runs.iter().copied().map(rounded).collect();
        json!({
            "figure": self.figure.name,
            "value": rounded(self.value),
            "unit": self.figure.unit,
            "target": self.figure.target.text(),
            "holds": self.holds,
            "baseline": self.baseline.map(rounded),
            "runs": runs,
        })
        .to_string()
    }

    pub(crate) fn line(&self) -> String {
        let Figure { name, unit, target, .. } = self.figure;
        let target = target.text().unwrap_or_else(|| "no target".to_owned());
        let holds = match self.holds {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "-",
        };
        let baseline = self
            .baseline
            .map_or_else(String::new, |baseline| format!(", baseline {}", rounded(baseline)));
        let value = rounded(self.value);
        format!("{name:<20} {value:>12} {unit:<16} {holds:<7} {target}{baseline}")
    }
}

/// With as many figures as mean something.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}
