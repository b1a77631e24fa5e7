//! Caps and habits of style that can be read off the text: sizes, module docs, names, imports.

use super::finding::{Rule, Spot};
use super::source::{Source, find_token};
use super::tree::{File, Place, Tree};

/// Lines that a file may have, its tests left out.
const FILE_LINES_MAX: usize = 500;
/// Letters that a module doc has at least: less says nothing.
const MODULE_DOC_LEN_MIN: usize = 20;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "misc", "shared", "stuff"];

pub(crate) const FILE_LINES: Rule = Rule {
    id: "file-lines",
    says: "A file has at most 500 lines, its tests left out.",
    do_this: "Split the file along its ideas: the parent holds the branches, the parts stay pure.",
    check: file_lines,
};

pub(crate) const MODULE_DOC: Rule = Rule {
    id: "module-doc",
    says: "Every Rust file begins with a module doc (`//!`) that says what it is.",
    do_this: "Say in the first lines what the file is, who calls it, and what it must never do.",
    check: module_doc,
};

pub(crate) const DECLARATIONS: Rule = Rule {
    id: "declarations",
    says: "lib.rs and mod.rs declare and re-export; they hold no logic.",
    do_this: "Move the function into a file named for what it does.",
    check: declarations,
};

pub(crate) const IMPORTS: Rule = Rule {
    id: "imports",
    says: "Imports stand at the top, in paragraphs: std, external crates, crates of this \
           workspace, this crate.",
    do_this: "Sort the imports into these four paragraphs, in this order, a blank line between.",
    check: imports,
};

pub(crate) const NAMES: Rule = Rule {
    id: "names",
    says: "R6: no crate or module is named util, common, helpers, misc or the like.",
    do_this: "Name it for the one thing that is in it; split it if that is not possible.",
    check: names,
};

pub(crate) const UNFINISHED: Rule = Rule {
    id: "unfinished",
    says: "No todo!, unimplemented! or dbg! is left, in tests neither.",
    do_this: "Finish the code, or leave out what calls it.",
    check: unfinished,
};

pub(crate) const IGNORED: Rule = Rule {
    id: "ignored",
    says: "No test is ignored: a test that does not run proves nothing.",
    do_this: "Make the test run, or delete it. A slow one says so in its file's module doc \
              (`Not in dev/test --quick: …`).",
    check: ignored,
};

pub(crate) const ALLOW: Rule = Rule {
    id: "allow",
    says: "A lint is lifted by #[expect(lint, reason = \"…\")], never by #[allow].",
    do_this: "Write #[expect] with the reason; it warns when it is no longer needed.",
    check: allow,
};

fn file_lines(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.rust().filter(|(file, _)| file.place != Place::Test) {
        let lines = file.text.lines().count();
        let tests: usize =
            rust.tests.iter().map(|range| file.text[range.clone()].lines().count()).sum();
        if lines - tests > FILE_LINES_MAX {
            let what = format!("{} lines, the limit is {FILE_LINES_MAX}", lines - tests);
            spots.push(Spot::line(&file.path, lines, what));
        }
    }
    spots
}

fn module_doc(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, _) in tree.rust() {
        let head = file.text.lines().take(3);
        let Some(from) = head.clone().position(|line| line.starts_with("//!")) else {
            spots.push(Spot::line(&file.path, 1, "no module doc in the first three lines"));
            continue;
        };
        let doc = file.text.lines().skip(from).take_while(|line| line.starts_with("//!"));
        let letters: usize =
            doc.map(|line| line.chars().filter(|c| c.is_alphabetic()).count()).sum();
        if letters < MODULE_DOC_LEN_MIN {
            spots.push(Spot::line(&file.path, from + 1, "the module doc says nothing"));
        }
    }
    spots
}

fn declarations(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let roots = tree.production().filter(|(file, _)| matches!(file.name(), "lib.rs" | "mod.rs"));
    for (file, rust) in roots {
        for function in &rust.functions {
            // A procedural macro has to stand at the root of its crate.
            let is_macro = function.header.contains("#[proc_macro");
            if function.body.is_some() && !is_macro && !rust.in_test(function.at) {
                let what = format!("`fn {}` has a body", function.name);
                spots.push(Spot::at(file, function.at, what));
            }
        }
    }
    spots
}

fn names(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for file in tree.files().filter(|file| file.place != Place::Fixture) {
        let is_empty = |part: &str| EMPTY_NAMES.contains(&part.trim_end_matches(".rs"));
        if file.rust.is_some() && file.path.split('/').any(is_empty) {
            spots.push(Spot::line(&file.path, 1, "a name that says nothing"));
        }
        if file.name() == "Cargo.toml" {
            let mut words = file.package.split(['-', '_']);
            if words.any(|word| EMPTY_NAMES.contains(&word)) {
                let what = format!("the package `{}` has a name that says nothing", file.package);
                spots.push(Spot::line(&file.path, 1, what));
            }
        }
    }
    for (file, rust) in tree.rust() {
        for at in rust.find("mod") {
            let rest = rust.code[at + 3..].trim_start();
            let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next();
            if name.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
                spots.push(Spot::at(file, at, "a module with a name that says nothing"));
            }
        }
    }
    spots
}

fn unfinished(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.rust() {
        for mark in ["todo!", "unimplemented!", "dbg!"] {
            spots.extend(rust.find(mark).map(|at| Spot::at(file, at, format!("`{mark}`"))));
        }
    }
    spots
}

fn ignored(tree: &Tree) -> Vec<Spot> {
    attributes(tree, &["#[ignore"])
}

fn allow(tree: &Tree) -> Vec<Spot> {
    attributes(tree, &["#[allow", "#![allow"])
}

fn attributes(tree: &Tree, starts: &[&str]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, rust) in tree.rust() {
        for start in starts {
            spots.extend(find_token(&rust.code, start).map(|at| Spot::at(file, at, *start)));
        }
    }
    spots
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Std,
    External,
    Workspace,
    Crate,
}

fn imports(tree: &Tree) -> Vec<Spot> {
    tree.rust().flat_map(|(file, rust)| imports_of(file, rust)).collect()
}

fn imports_of(file: &File, rust: &Source) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut before: Option<(Origin, usize)> = None;
    let first_item = first_item(rust);
    for at in line_starts(&rust.code).filter(|&at| rust.code[at..].starts_with("use ")) {
        if rust.in_test(at) {
            continue;
        }
        let end = rust.code[at..].find(';').map_or(rust.code.len(), |len| at + len);
        let origin = match origin(rust, rust.code[at + 4..end].trim()) {
            // An example looks like a user's program, to which Artel is a crate among others.
            Origin::Workspace if file.place == Place::Example => Origin::External,
            origin => origin,
        };
        if first_item.is_some_and(|item| item < at) {
            spots.push(Spot::at(file, at, "an import below the first item"));
        }
        if let Some((previous, previous_end)) = before {
            let apart = file.text[previous_end..at].contains("\n\n");
            if origin < previous {
                let what = format!("{origin:?} after {previous:?}");
                spots.push(Spot::at(file, at, what));
            } else if (origin == previous) == apart && !between_is_code(rust, previous_end, at) {
                let what = if apart {
                    format!("a second paragraph of {origin:?}")
                } else {
                    format!("{previous:?} and {origin:?} in one paragraph")
                };
                spots.push(Spot::at(file, at, what));
            }
        }
        before = Some((origin, end));
    }
    spots
}

/// Whether anything but blanks and attributes stands between two imports, such as a re-export.
fn between_is_code(rust: &Source, from: usize, to: usize) -> bool {
    let between = rust.code[from..to].trim_start_matches(';');
    between.lines().any(|line| !line.trim().is_empty() && !line.starts_with("#["))
}

/// The first line that begins an item other than a module, an import or a re-export.
fn first_item(rust: &Source) -> Option<usize> {
    const ITEMS: [&str; 8] =
        ["fn", "async fn", "const fn", "struct", "enum", "trait", "impl", "type"];
    line_starts(&rust.code).find(|&at| {
        let line = rust.code[at..].lines().next().unwrap_or("");
        let visible = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub "));
        let line = visible.unwrap_or(line);
        ITEMS
            .iter()
            .any(|item| line.strip_prefix(item).is_some_and(|rest| rest.starts_with([' ', '<'])))
    })
}

fn line_starts(code: &str) -> impl Iterator<Item = usize> + '_ {
    std::iter::once(0).chain(code.match_indices('\n').map(|(at, _)| at + 1))
}

/// Where an imported path comes from.
fn origin(rust: &Source, path: &str) -> Origin {
    let path = path.trim_start_matches("::");
    let first = path.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
    match first {
        "std" | "core" | "alloc" => Origin::Std,
        "crate" | "self" | "super" => Origin::Crate,
        _ if first.starts_with(char::is_uppercase) => Origin::Crate,
        _ if first == "artel" || first.starts_with("artel_") => Origin::Workspace,
        _ if declares(rust, first) => Origin::Crate,
        _ => Origin::External,
    }
}

fn declares(rust: &Source, module: &str) -> bool {
    rust.find("mod").any(|at| {
        let rest = rust.code[at + 3..].trim_start();
        rest.strip_prefix(module).is_some_and(|rest| rest.starts_with([';', ' ']))
    })
}
