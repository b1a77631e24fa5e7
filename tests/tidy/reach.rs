//! R7, as far as text shows it: who may append, spawn, read the environment, tell the time, draw
//! random numbers, sleep. Clippy bans the same calls by their resolved paths; these rules also see
//! what an #[expect] lifts, and say which one file is their home.

use super::finding::{Rule, Spot};
use super::source::{Source, closing, find_token};
use super::tree::{File, Place, Tree};

/// The packages that stand below the root package.
const BELOW_ROOT: [&str; 5] =
    ["artel-core", "artel-persistence", "artel-eventbus", "artel-scheduler", "artel-macros"];
/// The packages whose state is folded: everything in them must be the same on every run.
const DETERMINISTIC: [&str; 2] = ["artel-core", "artel"];
/// The packages that implement the port to a log, and so pass appends on.
const LOG_IMPLEMENTERS: [&str; 2] = ["artel-persistence", "artel-testkit"];
/// The only production file that starts tasks and threads.
const TASKS_FILE: &str = "src/tasks.rs";
/// The only production file that reads the machine's clocks.
const CLOCK_FILE: &str = "src/clock.rs";
/// The only production file that draws from the machine's source of randomness.
const RANDOM_FILE: &str = "src/entropy.rs";
/// The file, or the folder of the file, that appends to a log.
const COMMITTER: &str = "src/committer";
/// The name of the files that read the environment, one a crate.
const CONFIG_FILE: &str = "config.rs";

pub(crate) const APPEND: Rule = Rule {
    id: "append",
    says: "R7: only the committer appends, from one place.",
    do_this: "Send the committer a command; nobody else writes to a board's log.",
    check: append,
};

pub(crate) const SPAWN: Rule = Rule {
    id: "spawn",
    says: "R7: only src/tasks.rs starts tasks and threads.",
    do_this: "Below the root, return a future or take core's `Spawn` port. In the root, start the \
              task through `Tasks`, so that it has a name and is awaited at shutdown.",
    check: spawn,
};

pub(crate) const ENVIRONMENT: Rule = Rule {
    id: "environment",
    says: "R7: only files named config.rs read the environment.",
    do_this: "Read the variable in the crate's config.rs and hand the value on.",
    check: environment,
};

pub(crate) const CLOCK: Rule = Rule {
    id: "clock",
    says: "R7: only `Clock` tells the time; its production implementation is src/clock.rs.",
    do_this: "Take the time from the command, or from the `Clock` that the caller was given.",
    check: clock,
};

pub(crate) const RANDOM: Rule = Rule {
    id: "random",
    says: "Random numbers and ids are drawn in src/entropy.rs only; everybody else is given them.",
    do_this: "Take the seed or the id as a parameter, so that a simulation can repeat the run.",
    check: random,
};

pub(crate) const SEEDED_MAP: Rule = Rule {
    id: "seeded-map",
    says: "R7: core and root hold no randomly seeded map: its order differs from run to run.",
    do_this: "Take a BTreeMap, or name a fixed hasher: HashMap<K, V, BuildHasherDefault<…>>.",
    check: seeded_map,
};

pub(crate) const SIGHT: Rule = Rule {
    id: "sight",
    says: "I12: whoever asks for an artifact gets it from src/sight.rs, which looks at who may see it.",
    do_this: "Ask through `Seen`, `Reader` or `BoardView`; hand a `StoredArtifact` to `Sight::show`, and \
              give nobody an artifact, an envelope or a draft past it.",
    check: sight,
};

pub(crate) const LOG_READ: Rule = Rule {
    id: "log-read",
    says: "I12: what lies in a log is read in few files, each of which says who gets what it reads.",
    do_this: "Ask through `Seen`, `Reader` or `BoardView`, which look at who may see it. A file that must \
              read a log itself has a row that says how nobody gets what they may not see.",
    check: log_read,
};

pub(crate) const SLEEP: Rule = Rule {
    id: "sleep",
    says: "Tests do not sleep: they wait for a condition, or run under tokio's paused clock.",
    do_this: "Write #[tokio::test(start_paused = true)], or wait for what the sleep stands for and \
              print the last state when it does not come.",
    check: sleep,
};

fn append(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut home: Option<&str> = None;
    for (file, rust) in tree.production() {
        if LOG_IMPLEMENTERS.contains(&file.package.as_str()) {
            continue;
        }
        for at in rust.find(".append(").filter(|&at| !rust.in_test(at)) {
            let argument = rust.code[at + ".append(".len()..].trim_start();
            // Lists and files have a method of this name too.
            if ["&mut ", "true", "false"].iter().any(|start| argument.starts_with(start)) {
                continue;
            }
            let is_committer = file.path.starts_with(COMMITTER);
            if !is_committer || home.is_some_and(|home| home != file.path) {
                spots.push(Spot::at(file, at, "appends to a log"));
            }
            home = home.or_else(|| is_committer.then_some(file.path.as_str()));
        }
    }
    spots
}

/// What makes an artifact that may be shown, and the only file that may.
const SHOWN: [&str; 2] = ["Stored::new(", "Admitted("];
const SIGHT_FILE: &str = "src/sight.rs";
/// Artifacts and parts of them, as the log has them: in no signature that programs see.
const UNSEEN: [&str; 6] =
    ["StoredArtifact", "NewArtifact", "Envelope", "Draft", "ArtifactRow", "Tail"];
/// Whose signatures show them all the same: the whole log, for the program that owns it.
const OWNERS: [&str; 1] = ["src/running.rs"];

fn sight(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.production() {
        if file.package != "artel" {
            continue;
        }
        for token in SHOWN {
            for at in rust.find(token).filter(|&at| !rust.in_test(at)) {
                if file.path != SIGHT_FILE {
                    spots.push(Spot::at(file, at, "makes an artifact that may be shown"));
                }
            }
        }
        if OWNERS.contains(&file.path.as_str()) {
            continue;
        }
        for start in ["pub fn ", "pub async fn ", "pub const fn "] {
            for at in rust.find(start).filter(|&at| !rust.in_test(at)) {
                let rest = &rust.code[at..];
                let signature = &rest[..rest.find(['{', ';']).unwrap_or(rest.len())];
                let gives = signature.split_once("->").map_or("", |(_, gives)| gives);
                let words = gives.split(|c: char| !c.is_alphanumeric());
                if words.into_iter().any(|word| UNSEEN.contains(&word)) {
                    spots.push(Spot::at(file, at, "gives an artifact past who may see it"));
                }
            }
        }
    }
    spots
}

/// What only logs are asked for, and what others are asked for too.
const READS: [&str; 3] = [".contents(", ".artifacts_at(", ".envelopes_at("];
const SHARED_READS: [&str; 3] = [".artifact(", ".artifacts(", ".look_up("];

/// Whoever has a log may read all of it, so those who do are named: library, command line and examples.
fn log_read(tree: &Tree) -> Vec<Spot> {
    let guarded = |file: &File| {
        let package = file.package.as_str();
        !BELOW_ROOT.contains(&package) && package != "artel-testkit" && file.path != SIGHT_FILE
    };
    let mut spots = Vec::new();
    for (file, rust) in tree.production().filter(|(file, _)| guarded(file)) {
        for (call, shared) in
            READS.map(|call| (call, false)).into_iter().chain(SHARED_READS.map(|call| (call, true)))
        {
            let found = rust.find(call).filter(|&at| !rust.in_test(at));
            let read = found.filter(|&at| {
                let asked = rust.code[..at].trim_end();
                if shared { is_log(asked) } else { !is_word(asked, "self") }
            });
            spots.extend(read.map(|at| Spot::at(file, at, format!("`{call}…)` of a log"))));
        }
    }
    spots
}

/// Whether code ends with something that is called a log.
fn is_log(code: &str) -> bool {
    is_word(code.strip_suffix("()").unwrap_or(code), "log")
}

/// Whether code ends with this word.
fn is_word(code: &str, word: &str) -> bool {
    let before = code.strip_suffix(word);
    before.is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn spawn(tree: &Tree) -> Vec<Spot> {
    const TOKENS: [&str; 13] = [
        "tokio::spawn",
        "task::spawn",
        "spawn_blocking",
        "spawn_local",
        "thread::spawn",
        "thread::scope",
        "thread::Builder",
        "block_in_place",
        "block_on",
        "Handle::current",
        "Handle::try_current",
        "JoinSet",
        "TaskTracker",
    ];
    let guarded = |file: &File| {
        let package = file.package.as_str();
        BELOW_ROOT.contains(&package) || package == "artel" && file.path != TASKS_FILE
    };
    tokens(tree, &TOKENS, guarded)
}

fn environment(tree: &Tree) -> Vec<Spot> {
    const TOKENS: [&str; 6] =
        ["env::var", "env::var_os", "env::vars", "env::vars_os", "env::set_var", "env::remove_var"];
    let mut spots = tokens(tree, &TOKENS, |file| file.name() != CONFIG_FILE);
    for (file, rust) in tree.production().filter(|(file, _)| file.name() != CONFIG_FILE) {
        for at in find_token(&rust.code, "#[arg(") {
            let end = closing(rust.code.as_bytes(), at + 1).unwrap_or(rust.code.len());
            let attribute = &rust.code[at..end];
            for inside in find_token(attribute, "env") {
                spots.push(Spot::at(file, at + inside, "an argument with `env`"));
            }
        }
    }
    spots
}

/// Tokio's own instants may be read: they stand still with its paused clock, and no event has one.
fn clock(tree: &Tree) -> Vec<Spot> {
    const TOKENS: [&str; 6] = [
        "SystemTime::now",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "UNIX_EPOCH.elapsed",
        "OffsetDateTime::now_utc",
    ];
    let mut spots = tokens(tree, &TOKENS, |file| file.path != CLOCK_FILE);
    spots.retain(|spot| {
        let file = tree.get(&spot.path);
        let line = file.and_then(|file| file.text.lines().nth(spot.line - 1)).unwrap_or("");
        let is_std = line.contains("std::time::");
        let imports = file.and_then(|file| file.rust.as_ref()).is_some_and(imports_tokio_instant);
        let is_tokio = line.contains("tokio::time::Instant::now") || imports && !is_std;
        !(spot.what == "`Instant::now`" && is_tokio)
    });
    spots
}

fn imports_tokio_instant(rust: &Source) -> bool {
    rust.find("tokio::time::").any(|at| {
        let rest = &rust.code[at..];
        let path = &rest[..rest.find(';').unwrap_or(rest.len())];
        rust.code[..at].ends_with("use ") && find_token(path, "Instant").next().is_some()
    })
}

fn random(tree: &Tree) -> Vec<Spot> {
    const TOKENS: [&str; 12] = [
        "rand::rng",
        "rand::random",
        "thread_rng",
        "ThreadRng",
        "OsRng",
        "SysRng",
        "getrandom",
        "from_os_rng",
        "from_entropy",
        "Uuid::new_v4",
        "Uuid::now_v7",
        "RandomState",
    ];
    tokens(tree, &TOKENS, |file| file.path != RANDOM_FILE)
}

fn seeded_map(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let guarded = |file: &File| DETERMINISTIC.contains(&file.package.as_str());
    for (file, rust) in tree.production().filter(|(file, _)| guarded(file)) {
        for (name, hasher_at) in [("HashMap", 3), ("HashSet", 2)] {
            let found = rust.find(name).filter(|&at| !rust.in_test(at));
            let seeded = found.filter(|&at| is_seeded(&rust.code[at + name.len()..], hasher_at));
            spots.extend(seeded.map(|at| Spot::at(file, at, format!("`{name}` without a hasher"))));
        }
    }
    spots
}

/// Whether what follows the name of a map is a type without a hasher, or makes a map with one that
/// is seeded.
fn is_seeded(rest: &str, hasher_at: usize) -> bool {
    const MAKERS: [&str; 3] = ["::new(", "::with_capacity(", "::from("];
    if MAKERS.iter().any(|maker| rest.starts_with(maker)) {
        return true;
    }
    let Some(inside) = rest.trim_start_matches("::").strip_prefix('<') else { return false };
    let mut depth = 0_usize;
    let mut commas = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '>' if inside[..at].ends_with('-') => {}
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 => break,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => commas += 1,
            _ => {}
        }
    }
    commas + 1 < hasher_at
}

fn sleep(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.rust() {
        for name in ["sleep", "sleep_until"] {
            for at in rust.find(name) {
                let called = rust.code[at + name.len()..].starts_with('(');
                let ours = rust.code[..at].ends_with('.') || rust.code[..at].ends_with("fn ");
                let test = file.place == Place::Test || rust.in_test(at);
                if called && test && !ours && !is_paused(rust, at) {
                    spots.push(Spot::at(file, at, format!("`{name}` in real time")));
                }
            }
        }
    }
    spots
}

/// Whether a call runs under a paused clock: its test says so or pauses it, or it stands beside
/// tests all of which say so.
fn is_paused(rust: &Source, at: usize) -> bool {
    if rust.code[..at].ends_with("thread::") {
        return false;
    }
    match rust.function_at(at) {
        Some(function) if function.is_test() => {
            let body = function.body.clone().map_or("", |body| &rust.code[body]);
            function.is_paused() || body.contains("time::pause()")
        }
        _ => {
            let mut tests = rust.functions.iter().filter(|function| function.is_test());
            tests.clone().next().is_some() && tests.all(super::source::Function::is_paused)
        }
    }
}

/// Where one of the tokens stands in the production part of a guarded file.
fn tokens(tree: &Tree, tokens: &[&str], guarded: impl Fn(&File) -> bool) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.production().filter(|(file, _)| guarded(file)) {
        for token in tokens {
            let found = rust.find(token).filter(|&at| !rust.in_test(at));
            spots.extend(found.map(|at| Spot::at(file, at, format!("`{token}`"))));
        }
    }
    spots
}
