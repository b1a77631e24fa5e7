//! What a fresh process does of a figure, and the numbers that it prints for the one that started it.

use std::ffi::OsString;
use std::process::ExitCode;

use tokio::runtime::Builder;

use crate::error::Error;
use crate::{holding, matching, moving, postgres, stall, takeover, waiting};

/// Carries out a part of a figure.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "that is how it answers")]
pub(crate) fn main(arguments: &[OsString]) -> ExitCode {
    match run(arguments) {
        Ok(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
            println!("{}", numbers.join(" "));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[OsString]) -> Result<Vec<f64>, Error> {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let [part, size, url] = words[..] else { return Err("a part, a size and a URL".into()) };
    let size: u32 = size.parse()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match part {
            "grow" => waiting::grow(url, size, true).await,
            "grow-idle" => waiting::grow(url, size, false).await,
            "fill" => waiting::fill(url, size, true).await,
            "fill-cut-off" => waiting::fill(url, size, false).await,
            "fill-worked" => moving::fill(url, size).await,
            "move" => moving::carry(url, size).await,
            "recover" => waiting::recover(url, size).await,
            "raw-commit" => postgres::raw_commit(url, size).await,
            "stand-by" => takeover::stand_by(url, size).await,
            "stall" => stall::measure(url, size).await,
            "held-limits" => holding::hops(url, size, holding::Held::Limits).await,
            "held-keys" => holding::hops(url, size, holding::Held::Keys).await,
            "held-open" => holding::open(url, size).await,
            "unrelated" => matching::measure(size, matching::Kind::Unrelated).await,
            "tag" => matching::measure(size, matching::Kind::Tag).await,
            "field" => matching::measure(size, matching::Kind::Field).await,
            "cel" => matching::measure(size, matching::Kind::Cel).await,
            "closure" => matching::measure(size, matching::Kind::Closure).await,
            _ => Err(format!("there is no part `{part}`").into()),
        }
    })
}
