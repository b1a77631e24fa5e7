//! The second table: every public option, with the test that fails with the option's default and
//! passes when it is set. Options are found in the code, so a new one without a row fails.
//!
//! An option is a public function of a builder (one that takes the builder, or makes one), a long
//! flag of the command line, or a variable of the environment that a config.rs knows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::finding::{Spot, table};
use super::source::{Source, closing, find_token};
use super::tree::{File, Place, Tree};

/// Where the table stands.
pub(crate) const TABLE: &str = "tests/tidy/options.toml";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Types whose public functions are options.
    #[serde(default)]
    builder: Vec<Builder>,
    #[serde(default)]
    option: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Builder {
    /// The type's name.
    name: String,
    /// The file that it is in, or the folder of the files.
    at: String,
    /// Functions that look like options and are none, each with the reason.
    #[serde(default)]
    not_options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    option: String,
    file: String,
    test: String,
}

/// An option that the code has: its name, and the word that a test must use to set it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    option: String,
    word: String,
    path: String,
    line: usize,
}

/// Options without a row, rows without an option, and rows whose test is not there.
pub(crate) fn unproved(tree: &Tree) -> Vec<Spot> {
    let table: Options = table(tree, TABLE);
    let (found, mut spots) = options(tree, &table.builder);
    let text = tree.get(TABLE).map_or("", |file| &file.text);
    let line_of =
        |word: &str| text.lines().position(|line| line.contains(word)).map_or(1, |at| at + 1);
    let rows: BTreeSet<&str> = table.option.iter().map(|row| row.option.as_str()).collect();
    for option in found.iter().filter(|found| !rows.contains(found.option.as_str())) {
        let what = format!("the option `{}` has no row", option.option);
        spots.push(Spot::line(&option.path, option.line, what));
    }
    for row in &table.option {
        let line = line_of(&format!("\"{}\"", row.option));
        let Some(option) = found.iter().find(|found| found.option == row.option) else {
            let what = format!("there is no option `{}`", row.option);
            spots.push(Spot::line(TABLE, line, what));
            continue;
        };
        if let Err(why) = check(row, &option.word, tree) {
            spots.push(Spot::line(TABLE, line, format!("{}: {why}", row.option)));
        }
    }
    spots
}

fn check(row: &Row, word: &str, tree: &Tree) -> Result<(), String> {
    let file = tree.get(&row.file).ok_or_else(|| format!("there is no file `{}`", row.file))?;
    let rust = file.rust.as_ref().ok_or_else(|| format!("`{}` is not Rust", row.file))?;
    let test = rust.functions.iter().find(|function| function.name == row.test);
    let test = test.ok_or_else(|| format!("`{}` has no function `{}`", row.file, row.test))?;
    let runs = file.place == Place::Test || file.place == Place::Example || rust.in_test(test.at);
    if !test.is_test() || !runs {
        return Err(format!("`{}` is not a test", row.test));
    }
    let text = &file.text[test.span()];
    if find_token(text, word).next().is_none() {
        return Err(format!("the test `{}` does not mention `{word}`", row.test));
    }
    Ok(())
}

fn options(tree: &Tree, builders: &[Builder]) -> (Vec<Found>, Vec<Spot>) {
    let mut found = Vec::new();
    let mut spots = Vec::new();
    for builder in builders {
        let below = format!("{}/", builder.at);
        let mut functions = Vec::new();
        for (file, rust) in tree.production() {
            if file.path == builder.at || file.path.starts_with(&below) {
                functions.extend(builder_options(file, rust, &builder.name));
            }
        }
        let names: BTreeSet<&str> = functions.iter().map(|found| found.word.as_str()).collect();
        if names.is_empty() {
            let what = format!("`{}` has no `impl {}`", builder.at, builder.name);
            spots.push(Spot::line(TABLE, 1, what));
        }
        for (name, reason) in &builder.not_options {
            if !names.contains(name.as_str()) {
                let what = format!("`{}` has no function `{name}` to leave out", builder.name);
                spots.push(Spot::line(TABLE, 1, what));
            } else if reason.trim().len() < 10 {
                let what = format!("`{}::{name}` is left out without a reason", builder.name);
                spots.push(Spot::line(TABLE, 1, what));
            }
        }
        functions.retain(|found| !builder.not_options.contains_key(&found.word));
        found.append(&mut functions);
    }
    for (file, rust) in tree.production() {
        found.extend(flags(file, rust));
        if file.name() == "config.rs" {
            found.extend(variables(file, rust));
        }
    }
    found.sort();
    found.dedup_by(|one, other| one.option == other.option);
    (found, spots)
}

/// Public functions in the inherent impls of a type that take it by value, or make one.
fn builder_options(file: &File, rust: &Source, name: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for at in rust.find("impl") {
        let Some(open) = rust.code[at..].find('{').map(|len| at + len) else { continue };
        let head = &rust.code[at..open];
        if head.contains(" for ") || !names_type(head, name) || rust.in_test(at) {
            continue;
        }
        let end = closing(rust.code.as_bytes(), open).unwrap_or(rust.code.len());
        let inside = rust.functions.iter().filter(|function| (open..end).contains(&function.at));
        for function in inside {
            let header = function.header.rsplit(']').next().unwrap_or("");
            let is_public = find_token(header, "pub").next().is_some() && !header.contains("pub(");
            let signature = function.signature.replace(char::is_whitespace, " ");
            let (_, rest) = signature.split_once('(').unwrap_or(("", &signature));
            let takes = ["self,", "self)", "mut self", "self:"];
            let takes = takes.iter().any(|start| rest.trim_start().starts_with(start));
            let returns = signature.rsplit("->").next().unwrap_or("");
            let makes =
                !rest.contains("self") && (returns.contains("Self") || names_type(returns, name));
            if is_public && (takes || makes) {
                found.push(Found {
                    option: format!("{name}::{}", function.name),
                    word: function.name.clone(),
                    path: file.path.clone(),
                    line: file.line(function.at),
                });
            }
        }
    }
    found
}

fn names_type(head: &str, name: &str) -> bool {
    find_token(head, name).next().is_some()
}

/// Long flags: fields under `#[arg(long …)]`, by the type that they are in.
fn flags(file: &File, rust: &Source) -> Vec<Found> {
    let mut found = Vec::new();
    for at in find_token(&rust.code, "#[arg(") {
        let Some(end) = closing(rust.code.as_bytes(), at + 1) else { continue };
        if find_token(&rust.code[at..end], "long").next().is_none() || rust.in_test(at) {
            continue;
        }
        let Some(field) = field_after(&rust.code[end + 1..]) else { continue };
        let word =
            format!("--{}", long_name(rust, at..end).unwrap_or_else(|| field.replace('_', "-")));
        let owner = owner_before(&rust.code[..at]);
        let line = file.line(at);
        let option = format!("{owner} {word}");
        found.push(Found { option, word, path: file.path.clone(), line });
    }
    found
}

/// The name that `long = "…"` gives.
fn long_name(rust: &Source, attribute: std::ops::Range<usize>) -> Option<String> {
    let code = &rust.code[attribute.clone()];
    let at = find_token(code, "long").next()?;
    let rest = code[at + 4..].trim_start().strip_prefix('=')?.trim_start();
    let open = attribute.end - rest.len() + 1;
    let len = rest.strip_prefix('"')?.find('"')?;
    Some(rust.strings[open..open + len].to_owned())
}

/// The field's name after its attributes.
fn field_after(code: &str) -> Option<String> {
    let mut rest = code.trim_start();
    while rest.starts_with("#[") {
        rest = rest[closing(rest.as_bytes(), 1)? + 1..].trim_start();
    }
    let (head, _) = rest.split_once(':')?;
    head.split_whitespace().last().map(str::to_owned)
}

/// The struct, or the variant, whose braces are open at the end of the code.
fn owner_before(code: &str) -> String {
    let mut depth = 0_usize;
    let open = code.bytes().rposition(|byte| match byte {
        b'}' => {
            depth += 1;
            false
        }
        b'{' if depth == 0 => true,
        b'{' => {
            depth -= 1;
            false
        }
        _ => false,
    });
    let head = code[..open.unwrap_or(0)].trim_end();
    let name = head.split(|c: char| !(c.is_alphanumeric() || c == '_')).next_back();
    name.unwrap_or("").to_owned()
}

/// Variables of Artel's that a config.rs names.
fn variables(file: &File, rust: &Source) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, _) in rust.strings.match_indices("ARTEL_").filter(|(at, _)| !rust.in_test(*at)) {
        let is_name = |c: &char| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_';
        let name: String = rust.strings[at..].chars().take_while(is_name).collect();
        let line = file.line(at);
        found.push(Found { option: name.clone(), word: name, path: file.path.clone(), line });
    }
    found
}
