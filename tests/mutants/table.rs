//! The table of mutants: guards of production code, and how each is switched off. Read by
//! `dev/mutants`, which runs the suites against them, and by tidy, which sees that they still fit.
//!
//! An edit replaces a text that a file has once. Where `OFF(NAME)` stands in the new text, the
//! patched copy asks whether the mutant of that name is the one that runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The files of the table, without folder and ending.
pub(crate) const FILES: [&str; 9] =
    ["core", "dead", "deaths", "groups", "logs", "outputs", "owner", "servers", "types"];
/// The folder that they are in.
pub(crate) const FOLDER: &str = "tests/mutants";
/// What stands before the name of a mutant in a new text.
const OFF: &str = "OFF(";

/// A guard that is switched off.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// What the guard says.
    pub(crate) guard: String,
    /// The invariant that it stands for.
    pub(crate) protects: String,
    /// The package, the target and perhaps the module of the tests that have to find it; the
    /// simulation without one.
    pub(crate) suite: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

/// All mutants, and what switches them off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(default)]
    pub(crate) mutant: Vec<Mutant>,
    #[serde(default)]
    edit: Vec<Edit>,
}

impl Table {
    /// Reads the table from its files.
    pub(crate) fn read(file: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut table = Self::default();
        for name in FILES {
            let path = format!("{FOLDER}/{name}.toml");
            let text = file(&path).ok_or_else(|| format!("there is no {path}"))?;
            let part: Self = toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
            table.mutant.extend(part.mutant);
            table.edit.extend(part.edit);
        }
        Ok(table)
    }

    /// The files that the edits change, changed; or what does not fit, one a line. `switch` makes
    /// the expression that says whether a mutant runs.
    pub(crate) fn apply(
        &self,
        file: impl Fn(&str) -> Option<String>,
        switch: impl Fn(&str) -> String,
    ) -> Result<BTreeMap<String, String>, Vec<String>> {
        let mut wrong = self.names();
        let mut changed: BTreeMap<String, String> = BTreeMap::new();
        for Edit { file: path, find, replace } in &self.edit {
            let Some(text) = changed.get(path).cloned().or_else(|| file(path)) else {
                wrong.push(format!("{path}: there is no such file"));
                continue;
            };
            let count = text.matches(find.as_str()).count();
            if count != 1 {
                let first = find.trim().lines().next().unwrap_or_default();
                wrong.push(format!("{path}: has `{first}` {count} times, an edit wants it once"));
                continue;
            }
            let mut new = replace.clone();
            for name in switched(replace) {
                new = new.replace(&format!("{OFF}{name})"), &switch(name));
            }
            changed.insert(path.clone(), text.replacen(find.as_str(), &new, 1));
        }
        if wrong.is_empty() { Ok(changed) } else { Err(wrong) }
    }

    /// Names that are used twice, that nothing switches, and that nobody has.
    fn names(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let used: BTreeSet<&str> =
            self.edit.iter().flat_map(|edit| switched(&edit.replace)).collect();
        let mut known = BTreeSet::new();
        for Mutant { name, guard, protects, suite } in &self.mutant {
            let number = protects.strip_prefix('I').and_then(|number| number.parse::<u8>().ok());
            if guard.is_empty() || !number.is_some_and(|number| (1..=14).contains(&number)) {
                wrong.push(format!("the mutant `{name}` names no guard, or none of I1 to I14"));
            }
            let target = suite.as_deref().map(|suite| suite.split(' ').nth(1).unwrap_or_default());
            if target.is_some_and(|target| !["--lib", "--test"].contains(&target)) {
                wrong.push(format!("the suite of `{name}` is no PACKAGE --lib or --test TARGET"));
            }
            if !known.insert(name.as_str()) {
                wrong.push(format!("the mutant `{name}` is there twice"));
            }
            if !used.contains(name.as_str()) {
                wrong.push(format!("no edit switches the mutant `{name}`"));
            }
        }
        wrong.extend(used.difference(&known).map(|name| format!("there is no mutant `{name}`")));
        wrong
    }
}

/// The names of the mutants that a text asks for.
fn switched(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(OFF).filter_map(|(at, _)| text[at + OFF.len()..].split(')').next())
}
