//! Runs the suites against every mutant; `dev/mutants` starts it. One patched copy of the tree has
//! all guards with a switch in front, so it is compiled once, and a variable of the environment says
//! which guard is off.
//!
//! Found is what a suite says itself: a test that failed, or a seed that did, one that hangs included.
//! A suite that does not run, or takes far longer than it does with all guards on, is an error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use table::{Mutant, Table};

/// The variable that names the mutant in the patched copy.
const VARIABLE: &str = "ARTEL_MUTANT";

/// What the patched copy has beside its edits, at the end of the core's root.
const SWITCH: &str = r#"
extern crate self as artel_core;

pub mod mutation {
    //! Which guard is off in this process.
    use std::sync::OnceLock;

    static OFF: OnceLock<Option<String>> = OnceLock::new();

    /// Whether this guard is.
    pub fn off(name: &str) -> bool {
        OFF.get_or_init(|| std::env::var("ARTEL_MUTANT").ok()).as_deref() == Some(name)
    }
}
"#;

struct Options {
    only: BTreeSet<String>,
    seeds: u64,
    target: PathBuf,
    list: bool,
    check: bool,
    format: Format,
}

/// How what was found is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
    /// As rows of the table in docs/internals/proof.md.
    Markdown,
}

fn options() -> Option<Options> {
    let mut options = Options {
        only: BTreeSet::new(),
        seeds: 2_000,
        target: PathBuf::from("target"),
        list: false,
        check: false,
        format: Format::Text,
    };
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--list" => options.list = true,
            "--check" => options.check = true,
            "--json" => options.format = Format::Json,
            "--markdown" => options.format = Format::Markdown,
            "--seeds" => options.seeds = arguments.next()?.parse().ok()?,
            "--target" => options.target = arguments.next()?.into(),
            "--only" => {
                while let Some(only) = arguments.next_if(|word| !word.starts_with("--")) {
                    options.only.insert(only);
                }
            }
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!(
            "usage: dev/mutants [--list | --check] [--only NAME…] [--seeds N] [--json | --markdown]"
        );
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("mutants: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, String> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let table = Table::read(read)?;
    let known: BTreeSet<&str> = table.mutant.iter().map(|mutant| mutant.name.as_str()).collect();
    if let Some(unknown) = options.only.iter().find(|name| !known.contains(name.as_str())) {
        return Err(format!("there is no mutant `{unknown}`; --list names them"));
    }
    let chosen = |mutant: &&Mutant| options.only.is_empty() || options.only.contains(&mutant.name);
    let mutants: Vec<&Mutant> = table.mutant.iter().filter(chosen).collect();
    if options.list {
        for mutant in mutants {
            let suite = mutant.suite.as_deref().unwrap_or("the simulation");
            println!("{:24} {:4} {} ({suite})", mutant.name, mutant.protects, mutant.guard);
        }
        return Ok(true);
    }
    let switch = |name: &str| format!("artel_core::mutation::off({name:?})");
    let changed = table
        .apply(read, switch)
        .map_err(|wrong| format!("the table does not fit the tree:\n  {}", wrong.join("\n  ")))?;
    let mut copy = Copy::make(options, &changed)?;
    if options.check {
        copy.build("check --locked --workspace --tests")?;
        println!("the patched copy compiles, with {} mutants", mutants.len());
        return Ok(true);
    }
    if mutants.iter().any(|mutant| mutant.suite.is_none()) {
        copy.build("build --locked --release --package artel-testkit --example sim")?;
    }
    copy.measure(&mutants)?;
    let (mut survived, mut broken) = (0, Vec::new());
    for mutant in &mutants {
        match copy.judge(mutant) {
            Ok(found) => survived += usize::from(!found),
            Err(problem) => {
                eprintln!("{}: {problem}", mutant.name);
                broken.push(mutant.name.as_str());
            }
        }
    }
    let sum =
        format!("{} mutants, {survived} survived, {} not judged", mutants.len(), broken.len());
    match options.format {
        Format::Text => println!("{sum}"),
        Format::Json | Format::Markdown => eprintln!("{sum}"),
    }
    if broken.is_empty() {
        return Ok(survived == 0);
    }
    Err(format!("the suites of these did not run to their end: {}", broken.join(", ")))
}

/// The patched copy of the tree.
struct Copy<'a> {
    options: &'a Options,
    tree: PathBuf,
    target: PathBuf,
    simulation: PathBuf,
    /// How many seconds a suite may take: the simulation without a name.
    seconds_max: BTreeMap<Option<String>, u64>,
    /// How many seconds a seed may take.
    seed_seconds_max: u64,
}

/// How often the time that a suite takes with all guards on it may take with one off, and how many
/// seconds it may take in any case.
const SUITE: (u64, u64) = (10, 60);
/// The same for a seed.
const SEED: (u64, u64) = (40, 10);
/// How many seconds a suite may take that was not measured yet, or has to be compiled.
const UNMEASURED: u64 = 3_600;

fn limit((times, least): (u64, u64), measured: Duration) -> u64 {
    measured.as_secs().saturating_add(1).saturating_mul(times).max(least)
}

impl<'a> Copy<'a> {
    /// Copies what git knows of the tree, changed.
    fn make(options: &'a Options, changed: &BTreeMap<String, String>) -> Result<Self, String> {
        let here = std::env::current_dir().map_err(|error| error.to_string())?;
        // A folder of its own: cargo takes the copy and the tree for the same packages.
        let folder = here.join(&options.target).join("mutants");
        let (tree, target) = (folder.join("tree"), folder.join("build"));
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .map_err(|error| format!("cannot list the tree's files: {error}"))?;
        let mut kept = BTreeSet::new();
        for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            let Ok(text) = fs::read(here.join(path)) else { continue };
            let mut text = changed.get(path).map_or(text, |changed| changed.clone().into_bytes());
            if path == "core/src/lib.rs" {
                text.extend_from_slice(SWITCH.as_bytes());
            }
            let place = tree.join(path);
            keep(&place, &text).map_err(|error| format!("cannot write {path}: {error}"))?;
            kept.insert(place);
        }
        sweep(&tree, &kept).map_err(|error| format!("cannot tidy the copy: {error}"))?;
        let simulation = target.join("release/examples/sim");
        let (seconds_max, seed_seconds_max) = (BTreeMap::new(), UNMEASURED);
        Ok(Self { options, tree, target, simulation, seconds_max, seed_seconds_max })
    }

    fn build(&self, words: &str) -> Result<(), String> {
        eprintln!("compiling the patched copy");
        let built = self.cargo(words.split(' '), ("", UNMEASURED))?;
        if !built.status.success() {
            return Err(format!("it does not compile:\n{}", text(&built.stderr)));
        }
        Ok(())
    }

    fn cargo<'w>(
        &self,
        words: impl Iterator<Item = &'w str>,
        (mutant, seconds_max): (&str, u64),
    ) -> Result<Output, String> {
        let mut command = bounded("cargo", seconds_max);
        command.args(words).current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        command.env(VARIABLE, mutant);
        command.output().map_err(|error| format!("cannot run cargo: {error}"))
    }

    /// Sees that every suite passes with all guards on, and takes the time.
    fn measure(&mut self, mutants: &[&Mutant]) -> Result<(), String> {
        let suites: BTreeSet<Option<&str>> =
            mutants.iter().map(|mutant| mutant.suite.as_deref()).collect();
        for suite in suites {
            eprintln!("all guards on: {}", suite.unwrap_or("the simulation"));
            // A first run compiles the tests.
            let times = if suite.is_some() { 2 } else { 1 };
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let began = now();
                if let Some(by) = self.suite(suite, "")? {
                    return Err(format!("the tree itself fails: {by}"));
                }
                took = began.elapsed();
            }
            self.seconds_max.insert(suite.map(str::to_owned), limit(SUITE, took));
        }
        Ok(())
    }

    /// Whether a mutant is found.
    fn judge(&mut self, mutant: &Mutant) -> Result<bool, String> {
        let began = now();
        let by = self.suite(mutant.suite.as_deref(), &mutant.name)?;
        self.tell(mutant, by.as_deref(), began.elapsed());
        Ok(by.is_some())
    }

    /// Runs a suite with a guard off: what failed first, if something did.
    fn suite(&mut self, suite: Option<&str>, mutant: &str) -> Result<Option<String>, String> {
        let seconds_max = self.seconds_max.get(&suite.map(str::to_owned)).copied();
        let seconds_max = seconds_max.unwrap_or(UNMEASURED);
        match suite {
            Some(suite) => self.test(suite, (mutant, seconds_max)),
            None => self.simulate((mutant, seconds_max)),
        }
    }

    fn test(&self, suite: &str, run: (&str, u64)) -> Result<Option<String>, String> {
        let words: Vec<&str> = suite.split(' ').collect();
        let target = if words.get(1) == Some(&"--lib") { 2 } else { 3 };
        let (package, filter) = (words.first().copied().unwrap_or_default(), &words[target..]);
        let mut all = vec!["test", "--locked", "--package", package];
        all.extend(&words[1..target]);
        all.push("--");
        all.extend(filter);
        let ran = self.cargo(all.into_iter(), run)?;
        let out = text(&ran.stdout);
        let failed = out.lines().find_map(|line| line.strip_suffix(" ... FAILED"));
        match (ran.status.success(), failed) {
            (true, _) if out.contains("running 0 tests") => Err(format!("`{suite}` has no tests")),
            (true, _) => Ok(None),
            (false, Some(test)) => Ok(Some(test.trim_start_matches("test ").to_owned())),
            (false, None) => Err(format!("`{suite}`: {}", why(&ran, run.1))),
        }
    }

    /// Runs the simulation, until a seed fails or hangs, which it says itself.
    fn simulate(&mut self, run: (&str, u64)) -> Result<Option<String>, String> {
        let (mutant, seconds_max) = run;
        let mut command = bounded(&self.simulation.to_string_lossy(), seconds_max);
        let (seeds, longest) = (self.options.seeds.to_string(), self.seed_seconds_max.to_string());
        command.args(["--seeds", &seeds, "--once", "--until-failed", "--seed-seconds", &longest]);
        let ran = command.env(VARIABLE, mutant).output();
        let ran = ran.map_err(|error| format!("cannot simulate: {error}"))?;
        let out = text(&ran.stdout);
        let failed = out.lines().filter_map(|line| {
            let (seed, why) = line.strip_prefix("seed ")?.split_once(" failed: ")?;
            Some((seed.parse::<u64>().ok()?, why))
        });
        match (ran.status.success(), failed.min()) {
            (true, _) => {
                let longest = longest_of(&out).ok_or("the simulation does not say how long")?;
                if mutant.is_empty() {
                    self.seed_seconds_max = limit(SEED, longest);
                }
                Ok(None)
            }
            (false, Some((seed, why))) => Ok(Some(format!("seed {seed}: {}", short(why)))),
            (false, None) => Err(format!("the simulation: {}", why(&ran, seconds_max))),
        }
    }

    fn tell(&self, mutant: &Mutant, by: Option<&str>, took: Duration) {
        let Mutant { name, guard, protects, .. } = mutant;
        let seconds = took.as_secs_f64();
        match self.options.format {
            Format::Json => {
                let found = by.map_or_else(|| "null".to_owned(), |by| format!("{by:?}"));
                println!(
                    "{{\"mutant\": {name:?}, \"invariant\": {protects:?}, \"guard\": {guard:?}, \
                     \"found\": {found}, \"seconds\": {seconds:.1}}}"
                );
            }
            Format::Markdown => {
                let by = by.unwrap_or("nobody");
                let by = match by.split_once(": ") {
                    Some((seed, _)) if seed.starts_with("seed ") => seed.to_owned(),
                    _ => format!("`{by}`"),
                };
                println!("| {protects} | {guard} | {by} |");
            }
            Format::Text => {
                let by = by.unwrap_or("SURVIVED");
                println!("{protects:4} {name:24} {guard:72} {by:60} {seconds:5.1} s");
            }
        }
    }
}

/// What `timeout` ends with when it had to end something.
const HANGS: i32 = 124;

/// Why a suite did not run to its end.
fn why(ran: &Output, seconds_max: u64) -> String {
    if ran.status.code() == Some(HANGS) {
        return format!("it did not end within {seconds_max} s, and says itself of nothing why");
    }
    format!("it ended with {}:\n{}", ran.status, text(&ran.stderr))
}

/// How long the longest seed took, as the last line of a simulation says it.
fn longest_of(out: &str) -> Option<Duration> {
    let (_, rest) = out.lines().last()?.split_once("the longest took ")?;
    let (seconds, _) = rest.split_once(" s;")?;
    seconds.parse().ok().map(Duration::from_secs_f64)
}

#[expect(clippy::disallowed_methods, reason = "how long suites take, for people and for bounds")]
fn now() -> Instant {
    Instant::now()
}

/// A program that is ended after so many seconds.
fn bounded(program: &str, seconds: u64) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &seconds.to_string(), program]);
    command
}

/// Writes a file unless it is as it should be: what did not change is not compiled again.
fn keep(place: &Path, text: &[u8]) -> std::io::Result<()> {
    if fs::read(place).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(place, text)
}

/// Removes files that the tree does not have any more.
fn sweep(folder: &Path, kept: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sweep(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The beginning of a reason, for a column.
fn short(why: &str) -> String {
    let end = why.floor_char_boundary(48);
    if end < why.len() { format!("{}…", &why[..end]) } else { why.to_owned() }
}
