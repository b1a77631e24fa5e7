//! `artel bench`: makes load on a scratch board, and tells what it found.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Bench, Rate};
use crate::bench::{self, Latency, Measured, Progress};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::Whole;
use crate::table::Table;
use crate::wire;

pub(super) async fn bench(args: &Bench, config: &Config, out: &mut Output) -> Result<(), Error> {
    if config.board_given {
        return Err(bench::Error::Board.into());
    }
    let url = artel::board_url(Some(&args.log));
    let bar = Bar::new(out.json);
    let measured = bench::run(&url, args, &bar).await;
    bar.0.finish_and_clear();
    let report = report(&url, args, &measured?);
    if out.json {
        return Ok(out.json(&report)?);
    }
    tell(&report, out)?;
    if let Some(path) = url.strip_prefix("sqlite:").filter(|_| args.keep) {
        out.line(&format!("kept: {path}, and the files beside it whose names begin so"))?;
    }
    Ok(())
}

/// A bar, which is drawn on terminals only.
struct Bar(ProgressBar);

impl Bar {
    fn new(json: bool) -> Self {
        let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
        bar.set_style(style.expect("the template has no mistake"));
        Self(bar)
    }
}

impl Progress for Bar {
    fn begin(&self, what: &'static str, len: u64) {
        // Not the new name with how far the one before it was.
        self.0.set_position(0);
        self.0.set_length(len);
        self.0.set_message(what);
        self.0.reset_eta();
    }

    fn reach(&self, done: u64) {
        self.0.set_position(done);
    }
}

fn report(url: &str, args: &Bench, measured: &Measured) -> wire::Bench {
    let value = per_second(measured.hops, measured.took);
    let baseline = measured.baseline.map(|baseline| per_second(measured.hops, baseline.took));
    let all = measured.hops + measured.warm_up;
    wire::Bench {
        log: artel::without_secrets(url),
        optimised: !cfg!(debug_assertions),
        hops: measured.hops,
        warm_up_hops: measured.warm_up,
        payload: args.payload,
        agents: args.agents,
        depth: args.depth,
        unrelated: args.unrelated,
        tags: args.tags,
        correlations: match args.correlations {
            crate::args::Correlations::Ordered => "ordered",
            crate::args::Correlations::Random => "random",
        },
        in_flight: args.in_flight,
        many: args.many,
        rate: args.rate.to_string(),
        threads: tokio::runtime::Handle::current().metrics().num_workers(),
        settle: args.settle,
        value,
        baseline,
        // At a given rate the value is that rate, and says nothing of what the board can do.
        ratio: baseline.filter(|_| args.rate == Rate::Max).map(|baseline| value / baseline),
        baseline_rows: measured.baseline.map(|baseline| baseline.rows),
        took_ms: millis(measured.took),
        publish_ms: measured.publish.as_ref().map(latency),
        hop_ms: measured.hop.as_ref().map(latency),
        followed: measured.followed,
        appends: measured.appends,
        hops_per_append: quotient(measured.hops, measured.appends),
        resident_at_tenth: measured.resident_at_tenth,
        resident_at_end: measured.resident_at_end,
        disk_bytes_per_hop: measured.disk_len.map(|len| quotient(len, all)),
        sync_ms: measured.sync_time.map(millis),
    }
}

fn latency(latency: &Latency) -> wire::Latency {
    wire::Latency {
        samples: latency.samples,
        p50: millis(latency.p50),
        p90: millis(latency.p90),
        p99: millis(latency.p99),
        p999: millis(latency.p999),
        max: millis(latency.max),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn per_second(count: u64, took: Duration) -> f64 {
    quotient(count, 1) / took.as_secs_f64().max(1e-9)
}

fn quotient(count: u64, of: u64) -> f64 {
    count as f64 / of.max(1) as f64
}

fn tell(report: &wire::Bench, out: &mut Output) -> Result<(), Error> {
    let mib = |bytes: Option<u64>| {
        bytes.map_or_else(|| "unknown".to_owned(), |b| format!("{} MiB", b / 1_048_576))
    };
    let baseline = match (report.baseline, report.ratio) {
        (Some(baseline), Some(ratio)) => {
            format!("{baseline:.0} a second; the board does {:.0} % of it", ratio * 100.0)
        }
        (Some(baseline), None) => format!("{baseline:.0} a second"),
        (None, _) => "left out".to_owned(),
    };
    let mut fields = vec![
        ("log", report.log.clone()),
        ("hops", format!("{}, after {} to warm up", report.hops, report.warm_up_hops)),
        ("whole hops", format!("{:.0} a second", report.value)),
        ("baseline", baseline),
        ("threads", report.threads.to_string()),
        ("appends", format!("{}, {:.1} hops each", report.appends, report.hops_per_append)),
        (
            "memory",
            format!(
                "{} resident after a tenth, {} at the end",
                mib(report.resident_at_tenth),
                mib(report.resident_at_end)
            ),
        ),
    ];
    if let Some(bytes) = report.disk_bytes_per_hop {
        fields.push(("disk", format!("{bytes:.0} bytes a hop")));
    }
    if let Some(sync) = report.sync_ms {
        fields.push(("sync", format!("{sync:.3} ms for a page")));
    }
    out.fields(&fields)?;
    out.heading("latency in milliseconds")?;
    let mut table = Table::new(["", "SAMPLES", "P50", "P90", "P99", "P99.9", "MAX"].map(Whole));
    for (name, latency) in [("publish", &report.publish_ms), ("hop", &report.hop_ms)] {
        let Some(latency) = latency else { continue };
        let ms = |ms: f64| format!("{ms:.3}");
        table.row([
            name.to_owned(),
            latency.samples.to_string(),
            ms(latency.p50),
            ms(latency.p90),
            ms(latency.p99),
            ms(latency.p999),
            ms(latency.max),
        ]);
    }
    out.table(&table)?;
    if !report.optimised {
        out.line("")?;
        out.line(
            "this program was built without optimisation; figures of a release build mean more",
        )?;
    }
    Ok(())
}
