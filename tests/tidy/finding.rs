//! What a rule finds, how it is told, and the table of exceptions that lifts a rule for a file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use super::tree::{File, Tree};

/// Where the exceptions stand.
pub(crate) const EXCEPTIONS: &str = "tests/tidy/exceptions.toml";

/// A rule over the text of the tree.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What the table of exceptions calls it.
    pub(crate) id: &'static str,
    /// The rule, in one sentence.
    pub(crate) says: &'static str,
    /// What to do about a finding.
    pub(crate) do_this: &'static str,
    /// Finds what breaks it.
    pub(crate) check: fn(&Tree) -> Vec<Spot>,
}

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The file, from the root of the project.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) what: String,
}

impl Spot {
    /// A spot at an offset of a file.
    pub(crate) fn at(file: &File, at: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line: file.line(at), what: what.into() }
    }

    /// A spot at a line of some file.
    pub(crate) fn line(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

/// A row of the table of exceptions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    /// The file for which a rule is lifted.
    pub(crate) path: String,
    /// The rule's id.
    pub(crate) rule: String,
    /// Why.
    pub(crate) reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// The rows of the tree's table of exceptions.
pub(crate) fn exceptions(tree: &Tree) -> Vec<Exception> {
    let table: Exceptions = table(tree, EXCEPTIONS);
    table.exception
}

/// Reads one of tidy's tables. A tree without it has an empty one.
pub(crate) fn table<T: Default + for<'de> Deserialize<'de>>(tree: &Tree, path: &str) -> T {
    let Some(file) = tree.get(path) else { return T::default() };
    toml::from_str(&file.text).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// What breaks a rule and is not excepted.
pub(crate) fn unexcused(rule: &Rule, tree: &Tree) -> Vec<Spot> {
    let lifted: BTreeSet<String> = exceptions(tree)
        .into_iter()
        .filter(|row| row.rule == rule.id)
        .map(|row| row.path)
        .collect();
    (rule.check)(tree).into_iter().filter(|spot| !lifted.contains(&spot.path)).collect()
}

/// Rows of the table of exceptions that lift nothing, or give no reason.
pub(crate) fn stale_exceptions(rules: &[Rule], tree: &Tree) -> Vec<Spot> {
    let mut stale = Vec::new();
    for row in exceptions(tree) {
        let text = tree.get(EXCEPTIONS).map_or("", |file| &file.text);
        let line = text.lines().position(|line| line.contains(&row.path)).map_or(1, |at| at + 1);
        let mut say = |what: String| stale.push(Spot::line(EXCEPTIONS, line, what));
        if row.reason.trim().len() < 10 {
            say(format!("`{}` is lifted for `{}` without a reason", row.rule, row.path));
        }
        match rules.iter().find(|rule| rule.id == row.rule) {
            None => say(format!("there is no rule `{}`", row.rule)),
            Some(rule) if !(rule.check)(tree).iter().any(|spot| spot.path == row.path) => {
                say(format!("`{}` keeps the rule `{}` by now", row.path, row.rule));
            }
            Some(_) => {}
        }
    }
    stale
}

/// Ends the test with everything that was found.
pub(crate) fn expect_none(spots: &[Spot], says: &str, do_this: &str) {
    let mut text = format!("\n{says}\n\n");
    for spot in spots {
        writeln!(text, "  {}:{}: {}", spot.path, spot.line, spot.what).expect("a string takes all");
    }
    assert!(spots.is_empty(), "{text}\nTo do: {do_this}\n");
}

/// Ends the test unless the rule holds.
pub(crate) fn hold(rule: &Rule, tree: &Tree) {
    let do_this = format!(
        "{} Where breaking the rule reads better, add a row with a reason to {EXCEPTIONS} \
         (rule = \"{}\").",
        rule.do_this, rule.id
    );
    expect_none(&unexcused(rule, tree), rule.says, &do_this);
}
