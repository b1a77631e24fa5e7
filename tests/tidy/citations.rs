//! The third table, kept in the documents themselves: every rule of `docs/reference/` and every
//! clause of `docs/specs/` has an id, and every id is cited by a test that would fail without it.
//!
//! An id, such as `RETRY-2`, is defined where a line begins with it (as heading, list item, table
//! row or anchor), and cited in a comment of a test function, above it or inside it.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Spot;
use super::source::{Function, Source};
use super::tree::{File, Place, Tree};

/// Rules of what users meet, and of formats; cited by any test.
const RULES: [&str; 2] = ["docs/reference/", "docs/specs/"];
/// The contract of the port to a log; cited by the cases of the conformance suite.
const CONTRACT: &str = "docs/specs/log.md";
/// Where the conformance suites are.
const SUITES: &str = "testkit/src/conformance";
/// What looks like an id and is a name of the world outside.
const NOT_IDS: [&str; 14] = [
    "UTF", "SHA", "ISO", "RFC", "CVE", "UUID", "HMAC", "AES", "BLAKE", "IEEE", "HTTP", "TLS", "CC",
    "ASCII",
];

/// Ids that no test cites, cited ids that no document defines, and ids defined twice.
pub(crate) fn broken(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let is_rule = |path: &str| RULES.iter().any(|folder| path.starts_with(folder));
    let rules = defined(tree, |path| is_rule(path) && path != CONTRACT, &mut spots);
    let clauses = defined(tree, |path| path == CONTRACT, &mut spots);
    let is_known = |id: &str| rules.contains_key(id) || clauses.contains_key(id);
    let by_tests =
        cited(tree, |file, rust, at| in_suite(file, rust, at) || in_test(file, rust, at));
    let by_cases = cited(tree, in_suite);
    for (id, spot) in &rules {
        if !by_tests.contains_key(id) {
            spots.push(Spot::line(&spot.0, spot.1, format!("no test cites {id}")));
        }
    }
    for (id, spot) in &clauses {
        if !by_cases.contains_key(id) {
            let what = format!("no conformance case in {SUITES} cites {id}");
            spots.push(Spot::line(&spot.0, spot.1, what));
        }
    }
    let prefixes: BTreeSet<&str> =
        rules.keys().chain(clauses.keys()).map(|id| prefix(id)).collect();
    let everywhere = cited(tree, |_, _, _| true);
    for (id, (path, line)) in by_tests.iter().chain(&everywhere) {
        let counts = by_tests.contains_key(id) || prefixes.contains(prefix(id));
        if counts && !is_known(id) {
            let spot = Spot::line(path, *line, format!("no document defines {id}"));
            if !spots.contains(&spot) {
                spots.push(spot);
            }
        }
    }
    for file in tree.files().filter(|file| is_rule(&file.path)) {
        let unknown = ids(&file.text).filter(|(_, id)| prefixes.contains(prefix(id)));
        for (at, id) in unknown.filter(|(_, id)| !is_known(id)) {
            spots.push(Spot::at(file, at, format!("no document defines {id}")));
        }
    }
    spots
}

type Places = BTreeMap<String, (String, usize)>;

/// Whether a comment belongs to a function of a conformance suite.
fn in_suite(file: &File, rust: &Source, at: usize) -> bool {
    file.path.starts_with(SUITES) && function_of(rust, at).is_some()
}

/// Whether a comment belongs to a test function.
fn in_test(file: &File, rust: &Source, at: usize) -> bool {
    let runs = file.place != Place::Production || rust.in_test(at);
    runs && function_of(rust, at).is_some_and(Function::is_test)
}

/// The function that a comment stands above or in; a module doc belongs to none.
fn function_of(rust: &Source, at: usize) -> Option<&Function> {
    let line = rust.comments[..at].rfind('\n').map_or(0, |end| end + 1);
    let in_module_doc = rust.comments[line..].trim_start_matches(' ').starts_with("//!");
    rust.function_at(at).filter(|_| !in_module_doc)
}

/// The ids that some documents define, each with its place.
fn defined(tree: &Tree, chosen: impl Fn(&str) -> bool, spots: &mut Vec<Spot>) -> Places {
    let mut places = Places::new();
    let documents = tree.files().filter(|file| chosen(&file.path));
    for file in documents.filter(|file| file.path.ends_with(".md")) {
        for (at, line) in file.text.lines().enumerate() {
            let text = line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '<');
            let text = text.strip_prefix("<a id=\"").unwrap_or(text);
            let Some((0, id)) = ids(text).next() else { continue };
            if places.contains_key(id) {
                let what = format!("{id} is defined a second time");
                spots.push(Spot::line(&file.path, at + 1, what));
            }
            places.entry(id.to_owned()).or_insert_with(|| (file.path.clone(), at + 1));
        }
    }
    places
}

/// The ids in comments at which `counts` says so, each with its first place.
fn cited(tree: &Tree, counts: impl Fn(&File, &Source, usize) -> bool) -> Places {
    let mut places = Places::new();
    for (file, rust) in tree.rust() {
        for (at, id) in ids(&rust.comments) {
            if !places.contains_key(id) && counts(file, rust, at) {
                places.insert(id.to_owned(), (file.path.clone(), file.line(at)));
            }
        }
    }
    places
}

fn prefix(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(prefix, _)| prefix)
}

/// Everything of the form `WORD-12` or `TWO-WORDS-12`, with its offset.
pub(crate) fn ids(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let from = at + text[at..].find(is_part)?;
            let len = text[from..].find(|c| !is_part(c)).unwrap_or(text.len() - from);
            at = from + len;
            let word = text[from..at].trim_end_matches('-');
            if is_id(word) {
                return Some((from, word));
            }
        }
    })
}

fn is_id(word: &str) -> bool {
    let Some((prefix, number)) = word.rsplit_once('-') else { return false };
    let is_word = |part: &str| part.len() >= 2 && part.chars().all(|c| c.is_ascii_uppercase());
    !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
        && prefix.split('-').all(is_word)
        && !NOT_IDS.contains(&prefix)
}
