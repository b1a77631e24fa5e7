//! The files of the project: read once, each with the crate that it belongs to and what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::source::{Source, line_of};

/// What is not part of the project, by name; `.git` is a file in a second worktree.
const NOT_OURS: [&str; 4] = ["target", ".git", ".artel", "node_modules"];
/// Folders of Rust files that are data of a test: they may be wrong on purpose.
const FIXTURES: [&str; 5] = ["ui", "compile_fail", "fixtures", "golden", "wip"];

/// The files below one folder.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// By path, with forward slashes, from the root of the project.
    files: BTreeMap<String, File>,
    /// Folder of a package (empty for the root) and its name.
    packages: BTreeMap<String, String>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root of the project.
    pub(crate) path: String,
    /// What is in it; empty for a file that is not text.
    pub(crate) text: String,
    /// Whether its owner may execute it.
    pub(crate) executable: bool,
    /// The package that it belongs to.
    pub(crate) package: String,
    /// What it is for.
    pub(crate) place: Place,
    /// Its parts, if it is Rust.
    pub(crate) rust: Option<Source>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Code that users run.
    Production,
    /// Code that only tests run.
    Test,
    /// A bench.
    Bench,
    /// An example.
    Example,
    /// Data of a test, even where it is Rust.
    Fixture,
    /// Everything that is not Rust.
    Other,
}

impl Tree {
    /// Reads the tree under a folder.
    pub(crate) fn load(root: &Path) -> Self {
        let mut found = Vec::new();
        walk(root, "", &mut found);
        Self::of(found)
    }

    /// A tree of these files, without any folder: for tests of the rules.
    pub(crate) fn fixture(files: &[(&str, &str)]) -> Self {
        let raw = |(path, text): &(&str, &str)| Raw {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            executable: text.starts_with("#!/"),
        };
        Self::of(files.iter().map(raw).collect())
    }

    fn of(found: Vec<Raw>) -> Self {
        let packages: BTreeMap<_, _> = found.iter().filter_map(package).collect();
        let mut tree = Self { files: BTreeMap::new(), packages };
        for Raw { path, text, executable } in found {
            let package = tree.package_of(&path).map_or(String::new(), |(_, name)| name.to_owned());
            let place = tree.place(&path);
            let rust = path.ends_with(".rs").then(|| Source::new(&text));
            let file = File { path: path.clone(), text, executable, package, place, rust };
            tree.files.insert(path, file);
        }
        tree.mark_test_modules();
        tree
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// All Rust files that are not data of a test.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, &Source)> {
        let code = self.files().filter(|file| file.place != Place::Fixture);
        code.filter_map(|file| file.rust.as_ref().map(|rust| (file, rust)))
    }

    /// All Rust files that users run, testkit and command line included.
    pub(crate) fn production(&self) -> impl Iterator<Item = (&File, &Source)> {
        self.rust().filter(|(file, _)| file.place == Place::Production)
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The folder and the name of the package that a path belongs to.
    fn package_of(&self, path: &str) -> Option<(&str, &str)> {
        let inside = |folder: &str| {
            folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let (folder, name) = self.packages.iter().rfind(|(folder, _)| inside(folder))?;
        Some((folder, name))
    }

    fn place(&self, path: &str) -> Place {
        if !path.ends_with(".rs") {
            return Place::Other;
        }
        if path.starts_with("examples/") {
            return Place::Example;
        }
        let folder = self.package_of(path).map_or("", |(folder, _)| folder);
        let inside = path[folder.len()..].trim_start_matches('/');
        let (first, rest) = inside.split_once('/').unwrap_or(("", inside));
        match first {
            "tests" if rest.split('/').any(|part| FIXTURES.contains(&part)) => Place::Fixture,
            "tests" => Place::Test,
            "benches" => Place::Bench,
            "examples" => Place::Example,
            _ => Place::Production,
        }
    }

    /// A file that its parent declares under `#[cfg(test)]` is a test, with all below it.
    fn mark_test_modules(&mut self) {
        let mut modules = BTreeSet::new();
        for (file, rust) in self.production() {
            let folder = match file.path.rsplit_once('/') {
                Some((folder, "lib.rs" | "mod.rs" | "main.rs")) => folder,
                _ => file.path.trim_end_matches(".rs"),
            };
            modules.extend(rust.test_modules.iter().map(|name| format!("{folder}/{name}")));
        }
        for file in self.files.values_mut() {
            let stem = file.path.trim_end_matches(".rs");
            let mut ancestors = stem.match_indices('/').map(|(at, _)| &stem[..at]);
            if file.place == Place::Production
                && (modules.contains(stem) || ancestors.any(|folder| modules.contains(folder)))
            {
                file.place = Place::Test;
            }
        }
    }
}

impl File {
    /// The line of an offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        line_of(&self.text, at)
    }

    /// The name without folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&self.path, |(_, name)| name)
    }
}

struct Raw {
    path: String,
    text: String,
    executable: bool,
}

/// Folder and name of the package whose manifest this is.
fn package(file: &Raw) -> Option<(String, String)> {
    let folder = file.path.strip_suffix("Cargo.toml")?;
    let manifest: toml::Table = toml::from_str(&file.text).ok()?;
    let name = manifest.get("package")?.get("name")?.as_str()?;
    Some((folder.trim_end_matches('/').to_owned(), name.to_owned()))
}

fn walk(root: &Path, folder: &str, found: &mut Vec<Raw>) {
    let entries = fs::read_dir(root.join(folder));
    let entries = entries.unwrap_or_else(|error| panic!("cannot list `{folder}`: {error}"));
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        let Ok(kind) = entry.file_type() else { continue };
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, found);
        } else if kind.is_file() {
            let text = fs::read(entry.path()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let executable = is_executable(&entry.path());
            found.push(Raw { path, text: text.unwrap_or_default(), executable });
        }
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}
