//! The figures that `artel bench` finds.

use serde_json::Value;

use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::{bench, scratch};

/// Agents in a row.
const CHAIN: u32 = 10;

pub(crate) fn memory_hops(how: &How) -> Result<Run, Error> {
    hops(&memory(how, 500_000, &[]))
}

pub(crate) fn memory_hops_many(how: &How) -> Result<Run, Error> {
    hops(&memory(how, 500_000, &["--many", "64", "--in-flight", "16"]))
}

pub(crate) fn sqlite_hops_ordered(how: &How) -> Result<Run, Error> {
    sqlite(how, 2_000_000, &[], hops)
}

pub(crate) fn sqlite_hops_random(how: &How) -> Result<Run, Error> {
    sqlite(how, 2_000_000, &["--correlations", "random", "--tags", "2"], hops)
}

pub(crate) fn memory_chain(how: &How) -> Result<Run, Error> {
    chain(&memory(how, 10_000, &ONE_TOKEN))
}

pub(crate) fn sqlite_chain(how: &How) -> Result<Run, Error> {
    sqlite(how, 1_000, &ONE_TOKEN, chain)
}

pub(crate) fn matching_10k(how: &How) -> Result<Run, Error> {
    let with = |unrelated: u32| {
        let unrelated = unrelated.to_string();
        let arguments = memory(how, 300_000, &["--no-baseline", "--unrelated", &unrelated]);
        Ok::<_, Error>(hops(&arguments)?.value)
    };
    let baseline = with(10)?;
    Ok(Run { value: with(how.size(10_000))?, baseline: Some(baseline) })
}

pub(crate) fn rss_flat(how: &How) -> Result<Run, Error> {
    sqlite(how, 1_000_000, &["--no-baseline"], |arguments| {
        let answer = bench(arguments)?;
        let mib = |field| Ok::<_, Error>(number(&answer, field)? / 1_048_576.0);
        let baseline = Some(mib("resident_at_tenth")?);
        Ok(Run { value: mib("resident_at_end")?, baseline })
    })
}

/// A row of agents with one token, which is followed to its end.
pub(crate) const ONE_TOKEN: [&str; 5] = ["--depth", "10", "--in-flight", "1", "--settle"];

pub(crate) fn memory(how: &How, hops: u32, more: &[&str]) -> Vec<String> {
    let hops = how.size(hops).to_string();
    ["--hops", &hops].iter().chain(more).map(|&word| word.to_owned()).collect()
}

fn sqlite(
    how: &How,
    hops: u32,
    more: &[&str],
    run: impl FnOnce(&[String]) -> Result<Run, Error>,
) -> Result<Run, Error> {
    let scratch = scratch()?;
    let url = format!("sqlite:{}?synchronous=full", scratch.path().join("bench.db").display());
    let mut arguments = memory(how, hops, more);
    arguments.extend(["--log".to_owned(), url]);
    run(&arguments)
}

/// Whole hops a second.
pub(crate) fn hops(arguments: &[String]) -> Result<Run, Error> {
    let answer = bench(arguments)?;
    Ok(Run { value: number(&answer, "value")?, baseline: answer["baseline"].as_f64() })
}

/// Microseconds that each hop of a token takes; the bare loop's too.
pub(crate) fn chain(arguments: &[String]) -> Result<Run, Error> {
    let tokens = hops(arguments)?;
    let micros = |tokens: f64| 1e6 / (tokens * f64::from(CHAIN));
    Ok(Run { value: micros(tokens.value), baseline: tokens.baseline.map(micros) })
}

fn number(answer: &Value, field: &str) -> Result<f64, Error> {
    answer[field].as_f64().ok_or_else(|| format!("`artel bench` said nothing of {field}").into())
}
