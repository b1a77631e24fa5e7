//! Runs the suites against every mutant; `dev/mutants` starts it. One patched copy of the tree has
//! all guards with a switch in front, so it is compiled once, and a variable of the environment says
//! which guard is off.

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
    seconds_max: u64,
    target: PathBuf,
    list: bool,
    json: bool,
}

fn options() -> Option<Options> {
    let mut options = Options {
        only: BTreeSet::new(),
        seeds: 2_000,
        seconds_max: 300,
        target: PathBuf::from("target"),
        list: false,
        json: false,
    };
    let mut arguments = std::env::args().skip(1).peekable();
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--list" => options.list = true,
            "--json" => options.json = true,
            "--seeds" => options.seeds = arguments.next()?.parse().ok()?,
            "--seconds" => options.seconds_max = arguments.next()?.parse().ok()?,
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
        eprintln!("usage: dev/mutants [--list] [--only NAME…] [--seeds N] [--seconds N] [--json]");
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
    let copy = Copy::make(options, &changed)?;
    copy.unmutated(&mutants)?;
    let found: Vec<Found> = mutants.into_iter().map(|mutant| copy.judge(mutant)).collect();
    let survived = found.iter().filter(|found| found.by.is_none()).count();
    if !options.json {
        println!("{} mutants, {survived} survived", found.len());
    }
    Ok(survived == 0)
}

/// The patched copy of the tree.
struct Copy<'a> {
    options: &'a Options,
    tree: PathBuf,
    target: PathBuf,
    simulation: PathBuf,
}

/// What became of a mutant.
struct Found {
    by: Option<String>,
}

impl<'a> Copy<'a> {
    /// Copies what git knows of the tree, changed, and compiles the simulation of it.
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
        let copy = Self { options, tree, target, simulation };
        copy.compile()?;
        Ok(copy)
    }

    fn compile(&self) -> Result<(), String> {
        eprintln!("compiling the patched copy");
        let words = "build --locked --release --package artel-testkit --example sim";
        let built = self.cargo(words.split(' '), None)?;
        if !built.status.success() {
            return Err(format!("it does not compile:\n{}", text(&built.stderr)));
        }
        Ok(())
    }

    fn cargo<'w>(
        &self,
        words: impl Iterator<Item = &'w str>,
        mutant: Option<&str>,
    ) -> Result<Output, String> {
        // Seconds enough to compile, where something is to be compiled still.
        let mut command = bounded("cargo", self.options.seconds_max + 1_800);
        command.args(words).current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        command.env(VARIABLE, mutant.unwrap_or_default());
        command.output().map_err(|error| format!("cannot run cargo: {error}"))
    }

    /// Every suite passes with all guards on.
    fn unmutated(&self, mutants: &[&Mutant]) -> Result<(), String> {
        let suites: BTreeSet<Option<&str>> =
            mutants.iter().map(|mutant| mutant.suite.as_deref()).collect();
        for suite in suites {
            eprintln!("all guards on: {}", suite.unwrap_or("the simulation"));
            if let Some(by) = self.suite(suite, "")? {
                return Err(format!("the tree itself fails: {by}"));
            }
        }
        Ok(())
    }

    fn judge(&self, mutant: &Mutant) -> Found {
        #[expect(clippy::disallowed_methods, reason = "how long it took, for people")]
        let began = Instant::now();
        let by = self.suite(mutant.suite.as_deref(), &mutant.name);
        let by = by.unwrap_or_else(|problem| Some(format!("it does not run: {problem}")));
        self.tell(mutant, by.as_deref(), began.elapsed());
        Found { by }
    }

    /// Runs a suite with a guard off: what failed first, if something did.
    fn suite(&self, suite: Option<&str>, mutant: &str) -> Result<Option<String>, String> {
        let Some(suite) = suite else { return self.simulate(mutant) };
        let words: Vec<&str> = suite.split(' ').collect();
        let target = if words.get(1) == Some(&"--lib") { 2 } else { 3 };
        let (package, filter) = (words.first().copied().unwrap_or_default(), &words[target..]);
        let mut all = vec!["test", "--locked", "--package", package];
        all.extend(&words[1..target]);
        all.push("--");
        all.extend(filter);
        let ran = self.cargo(all.into_iter(), Some(mutant))?;
        let out = text(&ran.stdout);
        let failed = out.lines().find_map(|line| line.strip_suffix(" ... FAILED"));
        match (ran.status.success(), failed) {
            (true, _) if out.contains("running 0 tests") => {
                Err(format!("the suite `{suite}` has no tests"))
            }
            (true, _) => Ok(None),
            (false, Some(test)) => Ok(Some(test.trim_start_matches("test ").to_owned())),
            (false, None) if ran.status.code() == Some(HANGS) => Ok(Some("it hangs".to_owned())),
            (false, None) => Err(format!("{suite}:\n{}", text(&ran.stderr))),
        }
    }

    fn simulate(&self, mutant: &str) -> Result<Option<String>, String> {
        let mut command = bounded(&self.simulation.to_string_lossy(), self.options.seconds_max);
        let seeds = self.options.seeds.to_string();
        command.args(["--seeds", &seeds, "--once", "--until-failed"]).env(VARIABLE, mutant);
        let ran = command.output().map_err(|error| format!("cannot simulate: {error}"))?;
        let out = text(&ran.stdout);
        let failed = out.lines().filter_map(|line| {
            let (seed, why) = line.strip_prefix("seed ")?.split_once(" failed: ")?;
            Some((seed.parse::<u64>().ok()?, why))
        });
        match (ran.status.success(), failed.min()) {
            (true, _) => Ok(None),
            (false, Some((seed, why))) => Ok(Some(format!("seed {seed}: {}", short(why)))),
            (false, None) if ran.status.code() == Some(HANGS) => Ok(Some("it hangs".to_owned())),
            (false, None) => Ok(Some(format!("it ended with {}", ran.status))),
        }
    }

    fn tell(&self, mutant: &Mutant, by: Option<&str>, took: Duration) {
        let Mutant { name, guard, protects, .. } = mutant;
        let seconds = took.as_secs_f64();
        if self.options.json {
            let found = by.map_or_else(|| "null".to_owned(), |by| format!("{by:?}"));
            println!(
                "{{\"mutant\": {name:?}, \"invariant\": {protects:?}, \"guard\": {guard:?}, \
                 \"found\": {found}, \"seconds\": {seconds:.1}}}"
            );
        } else {
            let by = by.unwrap_or("SURVIVED");
            println!("{protects:4} {name:24} {guard:72} {by:60} {seconds:5.1} s");
        }
    }
}

/// What `timeout` ends with when it had to end something.
const HANGS: i32 = 124;

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
