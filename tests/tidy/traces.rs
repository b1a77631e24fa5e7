//! What must not be in the tree: paths of one machine, traces of how a text came about, files that
//! nothing reads, scripts that cannot be run.

use super::finding::{Rule, Spot};
use super::tree::{Place, Tree};

/// Folders of single machines. They are put together here so that this file does not name them.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tmp/", "bash_"),
];
/// Phrases about the making of a text instead of its matter, in lower case.
const MAKING_OF: [&str; 4] = [
    concat!("as an ai ", "language"),
    concat!("i have ", "implemented"),
    concat!("per the ", "brief"),
    concat!("as re", "quested"),
];

pub(crate) const TRACES: Rule = Rule {
    id: "traces",
    says: "No path of somebody's machine and no history of the making is in the tree.",
    do_this: "Use a path from the root of the project or a temporary folder, and say what is so \
              instead of how it came about.",
    check: traces,
};

pub(crate) const GOLDEN: Rule = Rule {
    id: "golden",
    says: "R8: every golden file is read by a test, so that every released format stays readable.",
    do_this: "Name the file, or its folder under golden/, in the test that reads it.",
    check: golden,
};

pub(crate) const SCRIPTS: Rule = Rule {
    id: "scripts",
    says: "Scripts in dev/ and .ci/ can be executed, stop at the first error and explain \
           themselves.",
    do_this: "chmod +x, begin with #!/usr/bin/env bash and `set -euo pipefail`, answer --help.",
    check: scripts,
};

fn traces(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for file in tree.files() {
        for (at, line) in file.text.lines().enumerate() {
            for path in MACHINE_PATHS.iter().filter(|path| has_path(line, path)) {
                let what = format!("a path of one machine (`{path}`)");
                spots.push(Spot::line(&file.path, at + 1, what));
            }
            let lower = line.to_lowercase();
            if MAKING_OF.iter().any(|phrase| lower.contains(phrase)) || has_session_count(&lower) {
                spots.push(Spot::line(&file.path, at + 1, "the history of the making"));
            }
        }
    }
    spots
}

/// Whether an absolute path begins here, rather than the middle of a URL or of a relative path.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '~'))
    })
}

/// A numbered session out of so many counts work on the project; the domain's sessions have ids.
fn has_session_count(lower: &str) -> bool {
    lower.match_indices(concat!("session", " ")).any(|(at, word)| {
        let rest = &lower[at + word.len()..];
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(" of ")
    })
}

fn golden(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for file in tree.files() {
        let Some((_, inside)) = file.path.split_once("tests/golden/") else { continue };
        let folder = inside.rsplit_once('/').map(|(folder, _)| format!("golden/{folder}"));
        let is_read =
            tree.rust().filter(|(user, _)| user.place != Place::Production).any(|(_, rust)| {
                rust.strings.contains(file.name())
                    || folder.as_ref().is_some_and(|folder| rust.strings.contains(folder))
            });
        if !is_read && file.name() != "README.md" {
            spots.push(Spot::line(&file.path, 1, "no test reads this file"));
        }
    }
    spots
}

fn scripts(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for file in tree.files() {
        let is_script = ["dev/", ".ci/"].iter().any(|folder| file.path.starts_with(folder));
        if !is_script || file.name().contains('.') || file.path.matches('/').count() > 1 {
            continue;
        }
        let mut say = |what: &str| spots.push(Spot::line(&file.path, 1, what));
        if !file.executable {
            say("cannot be executed");
        }
        if !file.text.starts_with("#!/usr/bin/env bash\n") {
            say("does not begin with #!/usr/bin/env bash");
        }
        if !file.text.contains("\nset -euo pipefail\n") {
            say("does not stop at the first error");
        }
        if !file.text.contains("--help") {
            say("does not answer --help");
        }
    }
    spots
}
