//! The trouble that the demo makes: scratch copies of two packages, one with a source file that is
//! cut short, one with a named pipe for a source file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The project that is reviewed: Artel itself.
pub(crate) const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dependency_review");

/// A folder with the scratch copies, and room for boards and reports.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The folder; it goes away with this value.
    pub(crate) dir: TempDir,
    /// The pipe.
    pub(crate) pipe: PathBuf,
    /// The file that belongs in its place.
    pub(crate) late: PathBuf,
    /// Name and version of the package whose sources cannot be read.
    pub(crate) broken: (String, String),
}

impl Trouble {
    /// Looks for two packages with a file to be spoiled, and spoils copies of them.
    pub(crate) fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listed = Command::new(PROGRAM).args(["--project", PROJECT, "--list"]).output().unwrap();
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let listed = String::from_utf8(listed.stdout).unwrap();
        let mut victims = listed.lines().filter_map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut column = || columns.next().unwrap();
            let (name, version, dir) = (column(), column(), PathBuf::from(column()));
            let source = fs::read_to_string(dir.join("src/lib.rs")).ok()?;
            let cut = half(&source)?.to_owned();
            Some((name, version, dir, cut))
        });
        let mut next = || victims.next().expect("Artel has a dependency with sources");

        let (name, version, source, half) = next();
        let copy = copy(dir.path(), &name, &version, &source);
        fs::write(copy, half).unwrap();
        let broken = (name, version);

        let (name, version, source, _) = next();
        let pipe = self::copy(dir.path(), &name, &version, &source);
        fs::remove_file(&pipe).unwrap();
        run(Command::new("mkfifo").arg(&pipe));
        Self { dir, pipe, late: source.join("src/lib.rs"), broken }
    }

    /// The scratch copies.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    /// Name and version of every package in the lock file that is not the project's own.
    pub(crate) fn locked() -> BTreeSet<(String, String)> {
        let lock = fs::read_to_string(Path::new(PROJECT).join("Cargo.lock")).unwrap();
        let lock: toml::Table = toml::from_str(&lock).unwrap();
        let packages = lock["package"].as_array().unwrap().iter();
        let foreign = packages.filter(|package| package.get("source").is_some());
        let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        foreign.map(|package| (text(package, "name"), text(package, "version"))).collect()
    }
}

/// The first half of a source file, up to the `{` of a block that it does not close.
fn half(source: &str) -> Option<&str> {
    let mut opens = Vec::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        at += line.len();
        if line.trim_end().ends_with('{') && !line.contains(['"', '/']) {
            opens.push(at);
        }
    }
    opens.get(opens.len() / 2).map(|&end| &source[..end])
}

/// Copies a package to where the program looks for it first; its library file.
fn copy(dir: &Path, name: &str, version: &str, source: &Path) -> PathBuf {
    let scratch = dir.join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let to = scratch.join(format!("{name}-{version}"));
    run(Command::new("cp").arg("-R").arg(source).arg(&to));
    to.join("src/lib.rs")
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
