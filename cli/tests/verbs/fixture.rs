//! A board with something of everything, and a way to run the program on it.
//!
//! Each publish settles before the next one, and wakes one agent at a time, so that every run gives
//! the same events with the same seqs.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;

use artel::ids::CorrelationId;
use artel::{Artifact, Board, Context, Error, Jitter, Publication, Retry, Running};

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Verdict")]
pub(crate) struct Verdict {
    pub(crate) package: String,
    pub(crate) good: bool,
}

/// What the fixture's program calls itself.
pub(crate) const PROGRAM: &str = "review";

/// A board in a folder of its own.
pub(crate) struct Fixture {
    folder: TempDir,
    pub(crate) url: String,
    /// The tree of work of the package that nothing was wrong with.
    pub(crate) fine: CorrelationId,
    /// That of the one for which the judge fails for good.
    pub(crate) broken: CorrelationId,
    /// That of the one for which the judge fails twice.
    pub(crate) flaky: CorrelationId,
}

/// How the program ended, and what it printed.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn package(name: &str) -> Package {
    Package { name: name.to_owned(), size: 7 }
}

/// Says of each package that it is good, unless it is broken and nobody has mended it.
async fn judge(
    cx: Context,
    package: Arc<Package>,
    mended: Arc<AtomicBool>,
) -> Result<Verdict, Error> {
    cx.log(format!("looking at {}", package.name));
    let mended = mended.load(Ordering::Relaxed);
    match package.name.as_str() {
        "broken" if !mended => {
            let cause = std::io::Error::other("the manifest is cut off");
            Err(Error::permanent(cause).context("cannot read the package \u{1b}[31mbroken"))
        }
        "flaky" if !mended => Err(Error::transient("the registry does not answer")),
        _ => Ok(Verdict { package: package.name.clone(), good: true }),
    }
}

async fn scribe(cx: Context, verdict: Arc<Verdict>) -> Result<(), Error> {
    cx.step("write", async { Ok::<_, Error>(verdict.package.len()) }).await?;
    Ok(())
}

async fn express(_: Context, _: Arc<Package>) -> Result<(), Error> {
    Ok(())
}

/// Starts the fixture's program on a board.
pub(crate) async fn start(url: &str, mended: bool) -> Running {
    let board = Board::builder(url).name("packages").program(PROGRAM).open().await.unwrap();
    board
        .agent("judge")
        .on::<Package>()
        .retry(Retry::fixed(Duration::from_millis(1)).jitter(Jitter::None).max_attempts(2))
        .dead_letter_queue("verdicts")
        .state(AtomicBool::new(mended))
        .run(judge);
    board.agent("express").on::<Package>().tagged("urgent").run(express);
    board.agent("scribe").on::<Verdict>().matching(Verdict::fields().good.eq(true)).run(scribe);
    board.start().await.unwrap()
}

async fn publish(running: &Running, name: &str) -> CorrelationId {
    let publication = Publication::new(package(name)).tag(name).idempotency_key(name);
    let receipt = running.publish(publication).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    receipt.correlation
}

impl Fixture {
    /// A board on which a package went well, one left a dead letter at once and one after a retry,
    /// and which nobody owns any more.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("packages.db").display());
        let running = start(&url, false).await;
        let fine = publish(&running, "fine").await;
        let broken = publish(&running, "broken").await;
        let flaky = publish(&running, "flaky").await;
        let _ = running.shutdown().await;
        Self { folder, url, fine, broken, flaky }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command of the program on this board.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command(args);
        command.env("ARTEL_BOARD", &self.url).current_dir(self.folder());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs a verb that must succeed, and gives back what it printed, masked.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        mask(&ran.out).replace(&self.url, "URL")
    }

    /// Runs a verb that must succeed, and gives back its JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        assert_eq!(ran.out.lines().count(), 1, "one document, one line: {}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Runs a verb that must fail, and gives back its exit code and its error as JSON.
    pub(crate) fn error(&self, args: &[&str]) -> (i32, Value) {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.out, "", "{args:?}");
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        (ran.code.unwrap(), error["error"].clone())
    }
}

/// A command of the program, with nothing of this process's environment that it heeds.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
    for variable in ["ARTEL_BOARD", "ARTEL_OPERATOR", "RUST_LOG", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.env("USER", "tester").args(args);
    command
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A text with what differs from run to run made the same: ids, times, hashes, durations, and how
/// many blanks stand between columns.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        masked.push_str(&line[..indent]);
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let end = rest.find(' ').unwrap_or(rest.len());
            let word = mask_word(&rest[..end]);
            let after = rest[end..].trim_start();
            let blanks = rest.len() - end - after.len();
            let mut units = ["ms", "s"].into_iter();
            let unit = units.find(|unit| after.split(' ').next() == Some(unit));
            masked.push_str(if unit.is_some() { "<took>" } else { &word });
            rest = after.strip_prefix(unit.unwrap_or_default()).unwrap_or(after);
            let blanks = if unit.is_some() { rest.len() - rest.trim_start().len() } else { blanks };
            masked.push_str(&" ".repeat(blanks.min(2)));
            rest = rest.trim_start();
        }
        masked.push('\n');
    }
    masked
}

fn mask_word(word: &str) -> String {
    let (word, comma) = word.strip_suffix(',').map_or((word, ""), |word| (word, ","));
    let masked = match word.len() {
        36 if word.split('-').map(str::len).eq([8, 4, 4, 4, 12]) => "<id>",
        20 if word.ends_with('Z') && word.as_bytes()[10] == b'T' => "<time>",
        16 if word.chars().all(|c| c.is_ascii_hexdigit()) => "<fingerprint>",
        64 if word.chars().all(|c| c.is_ascii_hexdigit()) => "<hash>",
        _ => word,
    };
    format!("{masked}{comma}")
}

/// The numbers in a list of JSON.
pub(crate) fn numbers(list: &Value, field: &str) -> Vec<u64> {
    let items = list.as_array().unwrap_or_else(|| panic!("a list: {list}"));
    items.iter().map(|item| item[field].as_u64().unwrap()).collect()
}
