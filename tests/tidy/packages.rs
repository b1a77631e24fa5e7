//! Packages from outside: their licences, the packages that are banned, and those of which there
//! must not be two. The lists, with reasons, are in `tests/tidy/packages.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::graph::{Graph, Package};

/// Where the lists stand.
pub(crate) const TABLE: &str = "tests/tidy/packages.toml";

/// What packages from outside may be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// Licences that may be shipped.
    licences: BTreeSet<String>,
    /// Packages whose manifest has no licence expression, with what was found in their files.
    #[serde(default)]
    licence_of: BTreeMap<String, String>,
    /// Packages that must be nowhere in the graph, with the reason.
    banned: BTreeMap<String, String>,
    /// Packages that no member may name outside its tests, with the reason.
    banned_in_libraries: BTreeMap<String, String>,
    /// Packages of which there must be one version.
    once: BTreeSet<String>,
}

/// Packages whose licence is not one of those allowed.
pub(crate) fn licences(policy: &Policy, graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for package in &graph.packages {
        let stated = policy.licence_of.get(&package.name).or(package.licence.as_ref());
        let says = |what: &str| format!("{} {}: {what}", package.name, package.version);
        match stated.map(|expression| (expression, permits(expression, &policy.licences))) {
            None => found.push(says("no licence in its manifest")),
            Some((_, Ok(true))) => {}
            Some((expression, Ok(false))) => found.push(says(expression)),
            Some((expression, Err(why))) => found.push(says(&format!("`{expression}`: {why}"))),
        }
    }
    for name in policy.licence_of.keys() {
        if !graph.packages.iter().any(|package| package.name == *name) {
            found.push(format!("licence_of names {name}, which is not in the graph"));
        }
    }
    found
}

/// Packages that are in the graph although they are banned.
pub(crate) fn banned(policy: &Policy, graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for package in &graph.packages {
        if let Some(reason) = policy.banned.get(&package.name) {
            found.push(format!("{} {}: {reason}", package.name, package.version));
        }
    }
    for (name, member) in graph.members.iter().filter(|(_, member)| member.is_library) {
        for (banned, reason) in &policy.banned_in_libraries {
            if member.normal.contains(banned) {
                found.push(format!("{name} depends on {banned}: {reason}"));
            }
        }
    }
    found
}

/// Packages that are in the graph in several versions although one must do.
pub(crate) fn duplicates(policy: &Policy, graph: &Graph) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Package { name, version, .. } in graph.packages.iter().filter(|package| package.shipped) {
        versions.entry(name).or_default().push(version);
    }
    versions.retain(|name, versions| versions.len() > 1 && policy.once.contains(*name));
    versions
        .into_iter()
        .map(|(name, versions)| format!("{name}: {}", versions.join(" and ")))
        .collect()
}

/// Whether an SPDX expression can be satisfied with the licences that are allowed. `A/B`, which
/// crates.io took before SPDX, is read as `A OR B`.
pub(crate) fn permits(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    let answer = any(&mut words, allowed)?;
    if words.is_empty() { Ok(answer) } else { Err(format!("`{}` is left over", words.join(" "))) }
}

fn any(words: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut answer = all(words, allowed)?;
    while take(words, "OR") {
        answer |= all(words, allowed)?;
    }
    Ok(answer)
}

fn all(words: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut answer = one(words, allowed)?;
    while take(words, "AND") {
        answer &= one(words, allowed)?;
    }
    Ok(answer)
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    if take(words, "(") {
        let answer = any(words, allowed)?;
        return if take(words, ")") { Ok(answer) } else { Err("a bracket is open".to_owned()) };
    }
    let Some((&name, rest)) = words.split_first() else { return Err("a name is missing".into()) };
    if matches!(name, ")" | "OR" | "AND" | "WITH") {
        return Err(format!("`{name}` stands where a licence should"));
    }
    *words = rest;
    if take(words, "WITH") {
        let Some((exception, rest)) = words.split_first() else {
            return Err("an exception is missing".into());
        };
        *words = rest;
        // Who allows the licence bare also allows it with a permission more.
        return Ok(allowed.contains(name) || allowed.contains(&format!("{name} WITH {exception}")));
    }
    Ok(allowed.contains(name))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    let is_next = *first == word;
    if is_next {
        *words = rest;
    }
    is_next
}
