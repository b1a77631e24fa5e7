//! Latencies, to three figures, in one histogram for all publishers. Each publisher gathers a few
//! values before it takes the lock, so that measuring costs nothing that is measured.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// How many values a publisher gathers.
const GATHERED: usize = 64;
/// The longest that is told apart from what is longer still: an hour.
const NANOS_MAX: u64 = 3_600_000_000_000;

/// Latencies of many publishers.
#[derive(Debug)]
pub(super) struct Recorder {
    histogram: Mutex<Histogram<u64>>,
}

impl Default for Recorder {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, NANOS_MAX, 3);
        let histogram = histogram.expect("an hour in nanoseconds and three figures are in bounds");
        Self { histogram: Mutex::new(histogram) }
    }
}

/// The latencies of one publisher, on their way.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    recorder: &'a Recorder,
    nanos: Vec<u64>,
}

impl Recorder {
    pub(super) const fn gather(&self) -> Gathered<'_> {
        Gathered { recorder: self, nanos: Vec::new() }
    }

    fn add(&self, nanos: &mut Vec<u64>) {
        let mut histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        for nanos in nanos.drain(..) {
            histogram.saturating_record(nanos);
        }
    }

    /// What there was; none where nothing was recorded.
    pub(super) fn latency(&self) -> Option<Latency> {
        let histogram = self.histogram.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |quantile| Duration::from_nanos(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Latency {
            samples: histogram.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(histogram.max()),
        })
    }
}

impl Gathered<'_> {
    pub(super) fn record(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1));
        if self.nanos.len() >= GATHERED {
            self.recorder.add(&mut self.nanos);
        }
    }
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        self.recorder.add(&mut self.nanos);
    }
}

/// How long something took, many times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) samples: u64,
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_publishers_gathered_is_in_one_distribution() {
        let recorder = Recorder::default();
        assert!(recorder.latency().is_none());
        for first in [1, 501] {
            let mut gathered = recorder.gather();
            for millis in first..first + 500 {
                gathered.record(Duration::from_millis(millis));
            }
        }
        let latency = recorder.latency().unwrap();
        assert_eq!(latency.samples, 1_000);
        let near = |found: Duration, millis: u64| {
            let (found, wanted) = (found.as_micros(), u128::from(millis) * 1_000);
            found.abs_diff(wanted) * 500 < wanted
        };
        assert!(near(latency.p50, 500) && near(latency.p90, 900) && near(latency.p99, 990));
        assert!(near(latency.p999, 999) && near(latency.max, 1_000));
    }
}
