//! Manifests: one table of versions, the lints of the workspace everywhere, one Rust version.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::finding::Spot;
use super::tree::{File, Tree};

const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
/// What every member takes over from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Versions stand in the workspace table, and only there.
pub(crate) fn one_table(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut used = BTreeSet::new();
    for (file, manifest) in manifests(tree) {
        for (name, dependency) in dependencies(&manifest) {
            let inherits = dependency.get("workspace").and_then(Value::as_bool);
            // A crate whose tests need its own features names itself.
            if inherits != Some(true) && name != file.package {
                let line = line_with(file, &name);
                spots.push(Spot::line(&file.path, line, format!("`{name}` has its own version")));
            }
            used.insert(name);
        }
    }
    let Some(root) = tree.get("Cargo.toml") else { return spots };
    let workspace = parse(root).remove("workspace");
    let table = workspace.as_ref().and_then(|workspace| workspace.get("dependencies"));
    for name in table.and_then(Value::as_table).into_iter().flat_map(Table::keys) {
        if !used.contains(name) && !tree_has_package(tree, name) {
            let what = format!("no member uses `{name}`");
            spots.push(Spot::line(&root.path, line_with(root, name), what));
        }
    }
    spots
}

/// Every member takes lints, edition, Rust version and licence from the workspace.
pub(crate) fn inherited(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (file, manifest) in manifests(tree) {
        let Some(package) = manifest.get("package") else { continue };
        for key in INHERITED {
            let value = package.get(key).and_then(|value| value.get("workspace"));
            if value.and_then(Value::as_bool) != Some(true) {
                spots.push(Spot::line(&file.path, 1, format!("`{key}` is not the workspace's")));
            }
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            spots.push(Spot::line(&file.path, 1, "the lints are not the workspace's"));
        }
    }
    spots
}

/// The pinned toolchain is a release of the Rust version that the packages ask for.
pub(crate) fn one_rust(tree: &Tree) -> Vec<Spot> {
    let (Some(root), Some(pin)) = (tree.get("Cargo.toml"), tree.get("rust-toolchain.toml")) else {
        return vec![Spot::line("rust-toolchain.toml", 1, "there is no pinned toolchain")];
    };
    let workspace = parse(root).remove("workspace");
    let asked =
        workspace.as_ref().and_then(|workspace| workspace.get("package")?.get("rust-version"));
    let pinned = parse(pin).remove("toolchain");
    let pinned = pinned.as_ref().and_then(|toolchain| toolchain.get("channel"));
    match (asked.and_then(Value::as_str), pinned.and_then(Value::as_str)) {
        (Some(asked), Some(pinned)) if format!("{pinned}.").starts_with(&format!("{asked}.")) => {
            Vec::new()
        }
        (asked, pinned) => {
            let what = format!("toolchain {pinned:?} does not go with rust-version {asked:?}");
            vec![Spot::line(&pin.path, line_with(pin, "channel"), what)]
        }
    }
}

fn manifests(tree: &Tree) -> impl Iterator<Item = (&File, Table)> {
    let files = tree.files().filter(|file| file.name() == "Cargo.toml" && !file.package.is_empty());
    files.map(|file| (file, parse(file)))
}

fn parse(file: &File) -> Table {
    toml::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// All dependencies of a manifest, those of single platforms included.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter();
    let platforms = platforms.flat_map(Table::values).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(platforms);
    tables
        .flat_map(|table| KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn tree_has_package(tree: &Tree, name: &str) -> bool {
    tree.files().any(|file| file.name() == "Cargo.toml" && file.package == name)
}

fn line_with(file: &File, word: &str) -> usize {
    file.text.lines().position(|line| line.trim_start().starts_with(word)).map_or(1, |at| at + 1)
}
