//! The packages of a project's lock file, as cargo itself resolves them.
//!
//! Called by the program before it publishes anything, and by `scan`. Cargo runs in Artel's own
//! folder, so that a toolchain or a configuration in the project's folder plays no part; it runs
//! without the network and with the lock file locked, so that it writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{Metadata, MetadataCommand, TargetKind};
use serde::Deserialize;
use tokio::process::Command;

use crate::facts::{Package, PackageId};

/// Artel's own folder, in which cargo and rustc run.
pub(crate) const HOME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A project's lock file, with what cargo knows of each package.
#[derive(Clone, Debug)]
pub(crate) struct Locked {
    /// What people call the project.
    pub(crate) name: String,
    /// The text of the lock file.
    pub(crate) lock: String,
    /// How many packages of the lock file are the project's own, and therefore not reviewed.
    pub(crate) members: usize,
    /// Every other package of the lock file, by name and version.
    pub(crate) packages: Vec<Package>,
}

/// Why a project's packages cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program of the toolchain could not be run.
    #[error("could not run `{program}`")]
    Run {
        /// The program.
        program: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// `rustc -vV` did not say for which platform it builds.
    #[error("`rustc -vV` names no host")]
    Host,
    /// Cargo cannot work with the lock file or the cache as they are, and one command helps.
    #[error(
        "cargo cannot resolve the project as it is:\n\n{words}\n\nto make it ready, run:\n\n    {fetch}"
    )]
    NotReady {
        /// What cargo said.
        words: String,
        /// The command to run.
        fetch: String,
    },
    /// Cargo refuses the project for a reason that no download mends.
    #[error("cargo refuses the project:\n\n{words}")]
    Refused {
        /// What cargo said.
        words: String,
    },
    /// What cargo printed could not be read.
    #[error("could not read what `cargo metadata` printed")]
    Metadata(#[source] cargo_metadata::Error),
    /// The lock file could not be read.
    #[error("could not read `{path}`")]
    ReadLock {
        /// The lock file.
        path: Utf8PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The lock file is no lock file.
    #[error("could not parse `{path}`")]
    ParseLock {
        /// The lock file.
        path: Utf8PathBuf,
        /// What the parser said.
        #[source]
        source: Box<toml::de::Error>,
    },
}

/// Lists the packages of the project in `dir`. Where `scratch` has a folder `NAME-VERSION`, that
/// package is read from there instead.
///
/// # Errors
/// When the project has no lock file or a stale one, when a package is not in the cache, or when
/// cargo fails otherwise.
///
/// # Cancel safety
/// Dropping the future ends cargo; nothing was written.
pub(crate) async fn locked(dir: &Path, scratch: Option<&Path>) -> Result<Locked, Error> {
    let metadata = metadata(&dir.join("Cargo.toml")).await?;
    let path = metadata.workspace_root.join("Cargo.lock");
    let lock = match tokio::fs::read_to_string(&path).await {
        Ok(lock) => lock,
        Err(source) => return Err(Error::ReadLock { path, source }),
    };
    let entries = match toml::from_str::<LockFile>(&lock) {
        Ok(file) => file.package,
        Err(source) => return Err(Error::ParseLock { path, source: Box::new(source) }),
    };

    let mut used = used_packages(&metadata);
    let members: BTreeSet<PackageId> =
        metadata.workspace_packages().into_iter().map(package_id).collect();
    let mut packages: Vec<Package> = entries
        .into_iter()
        .filter(|id| !members.contains(id))
        .map(|id| used.remove(&id).unwrap_or_else(|| not_used_here(id)))
        .collect();
    if let Some(scratch) = scratch {
        for package in packages.iter_mut().filter(|package| package.used) {
            let copy = scratch.join(format!("{}-{}", package.id.name, package.id.version));
            if copy.is_dir() {
                package.dir = Some(copy.to_string_lossy().into_owned());
            }
        }
    }
    packages.sort_by_cached_key(|package| package.id.order());
    Ok(Locked { name: project_name(&metadata), lock, members: members.len(), packages })
}

/// The part of a lock file that the review needs.
#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<PackageId>,
}

async fn metadata(manifest: &Path) -> Result<Metadata, Error> {
    let host = host().await?;
    let output = toolchain("cargo")
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform"])
        .arg(&host)
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .await
        .map_err(|source| Error::Run { program: "cargo metadata", source })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        return Err(refusal(words, &host, manifest));
    }
    MetadataCommand::parse(String::from_utf8_lossy(&output.stdout)).map_err(Error::Metadata)
}

async fn host() -> Result<String, Error> {
    let output = toolchain("rustc")
        .arg("-vV")
        .output()
        .await
        .map_err(|source| Error::Run { program: "rustc -vV", source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(Error::Host)
}

fn toolchain(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(HOME).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Says which command helps. Cargo has no codes for its errors, so its words decide, but only over
/// the hint: whatever they are, they are shown. A lock file that is not there or stale has to be
/// written first, which `--locked` would forbid.
fn refusal(words: String, host: &str, manifest: &Path) -> Error {
    let locked = if words.contains("--locked was passed") {
        ""
    } else if words.contains("offline") {
        "--locked "
    } else {
        return Error::Refused { words };
    };
    let manifest = quoted(&manifest.to_string_lossy());
    let fetch = format!("cargo fetch {locked}--target {host} --manifest-path {manifest}");
    Error::NotReady { words, fetch }
}

/// The text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// What cargo has in the graph for this platform and these features.
fn used_packages(metadata: &Metadata) -> BTreeMap<PackageId, Package> {
    let nodes: BTreeSet<&cargo_metadata::PackageId> =
        metadata.resolve.iter().flat_map(|graph| &graph.nodes).map(|node| &node.id).collect();
    metadata
        .packages
        .iter()
        .filter(|package| nodes.contains(&package.id))
        .map(|package| (package_id(package), used_package(package)))
        .collect()
}

fn package_id(package: &cargo_metadata::Package) -> PackageId {
    PackageId {
        name: package.name.to_string(),
        version: package.version.to_string(),
        source: package.source.as_ref().map(|source| source.repr.clone()),
    }
}

fn used_package(package: &cargo_metadata::Package) -> Package {
    let has = |kind: TargetKind| package.targets.iter().any(|target| target.is_kind(kind.clone()));
    Package {
        id: package_id(package),
        used: true,
        dir: package.manifest_path.parent().map(ToString::to_string),
        licence: package.license.clone(),
        licence_file: package.license_file.as_ref().map(ToString::to_string),
        build_script: has(TargetKind::CustomBuild),
        proc_macro: has(TargetKind::ProcMacro),
    }
}

fn not_used_here(id: PackageId) -> Package {
    Package {
        id,
        used: false,
        dir: None,
        licence: None,
        licence_file: None,
        build_script: false,
        proc_macro: false,
    }
}

fn project_name(metadata: &Metadata) -> String {
    let folder = || metadata.workspace_root.file_name().map(str::to_owned);
    let root = metadata.root_package().map(|package| package.name.to_string());
    root.or_else(folder).unwrap_or_else(|| metadata.workspace_root.to_string())
}

/// The folder of a project as an absolute path, whether it exists or not.
pub(crate) fn absolute(dir: &Path) -> io::Result<PathBuf> {
    dir.canonicalize().or_else(|_| std::path::absolute(dir))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use tempfile::TempDir;

    use super::*;

    const HEAD: &str = "version = 4\n";
    const ROOT: &str = "[package]\nname = \"root\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

    /// A project of these files, with an empty library in each package.
    fn project(files: &[(&str, &str)]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            let folder = path.parent().unwrap();
            fs::create_dir_all(folder.join("src")).unwrap();
            fs::write(folder.join("src/lib.rs"), "").unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn locked_package(name: &str, rest: &str) -> String {
        format!("\n[[package]]\nname = \"{name}\"\nversion = \"0.1.0\"\n{rest}")
    }

    /// A project with a dependency that is always used, one that no platform of ours uses, and one
    /// that a feature would add.
    fn three_dependencies() -> TempDir {
        let manifest = |name: &str| ROOT.replace("root", name);
        let root = format!(
            "{ROOT}[dependencies]\nalways = {{ path = \"always\" }}\n\
             by-feature = {{ path = \"by-feature\", optional = true }}\n\
             [target.'cfg(target_os = \"none\")'.dependencies]\nelsewhere = {{ path = \"elsewhere\" }}\n"
        );
        let always = manifest("always") + "license = \"MIT\"\nlicense-file = \"TERMS\"\n";
        let names = ["always", "by-feature", "elsewhere"];
        let lock = names.iter().map(|name| locked_package(name, "")).collect::<String>();
        let depends = "dependencies = [\n \"always\",\n \"by-feature\",\n \"elsewhere\",\n]\n";
        let lock = format!("{HEAD}{lock}{}", locked_package("root", depends));
        project(&[
            ("Cargo.toml", &root),
            ("Cargo.lock", &lock),
            ("always/Cargo.toml", &always),
            ("by-feature/Cargo.toml", &manifest("by-feature")),
            ("elsewhere/Cargo.toml", &manifest("elsewhere")),
        ])
    }

    #[tokio::test]
    async fn what_this_platform_or_these_features_leave_out_is_not_used_here() {
        let dir = three_dependencies();
        let locked = locked(dir.path(), None).await.unwrap();
        assert_eq!((locked.name.as_str(), locked.members), ("root", 1));
        let used: Vec<_> = locked
            .packages
            .iter()
            .map(|package| (package.id.name.as_str(), package.used))
            .collect();
        assert_eq!(used, [("always", true), ("by-feature", false), ("elsewhere", false)]);

        let [always, by_feature, _] = &locked.packages[..] else { panic!("{:?}", locked.packages) };
        assert_eq!(always.dir.as_deref(), dir.path().join("always").to_str());
        assert_eq!(always.licence.as_deref(), Some("MIT"));
        assert_eq!(always.licence_file.as_deref(), Some("TERMS"));
        assert_eq!(by_feature.dir, None);
    }

    #[tokio::test]
    async fn a_copy_in_the_scratch_folder_is_read_instead() {
        let dir = three_dependencies();
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("always-0.1.0")).unwrap();
        fs::create_dir(scratch.path().join("elsewhere-0.1.0")).unwrap();
        let locked = locked(dir.path(), Some(scratch.path())).await.unwrap();
        assert_eq!(locked.packages[0].dir.as_deref(), scratch.path().join("always-0.1.0").to_str());
        assert_eq!(locked.packages[2].dir, None);
    }

    /// Every path under the folder, with its length and the time of its last change.
    fn traces(dir: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
        let entries =
            walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().map(Result::unwrap);
        entries
            .map(|entry| {
                let metadata = entry.metadata().unwrap();
                (entry.into_path(), metadata.len(), metadata.modified().unwrap())
            })
            .collect()
    }

    #[tokio::test]
    async fn the_project_is_not_written_to() {
        let dir = three_dependencies();
        let before = traces(dir.path());
        locked(dir.path(), None).await.unwrap();
        assert_eq!(traces(dir.path()), before);

        fs::remove_file(dir.path().join("Cargo.lock")).unwrap();
        let before = traces(dir.path());
        locked(dir.path(), None).await.unwrap_err();
        assert_eq!(traces(dir.path()), before);
    }

    fn not_ready(error: Error) -> (String, String) {
        match error {
            Error::NotReady { words, fetch } => (words, fetch),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn without_a_lock_file_cargo_says_so_and_a_fetch_writes_one() {
        let dir = project(&[("Cargo.toml", ROOT)]);
        let (words, fetch) = not_ready(locked(dir.path(), None).await.unwrap_err());
        assert!(words.contains("Cargo.lock because --locked was passed"), "{words}");
        let host = host().await.unwrap();
        let manifest = dir.path().join("Cargo.toml");
        assert_eq!(
            fetch,
            format!("cargo fetch --target {host} --manifest-path {}", manifest.display())
        );
    }

    #[tokio::test]
    async fn a_stale_lock_file_is_written_anew_by_a_fetch() {
        let dir = three_dependencies();
        fs::write(dir.path().join("Cargo.lock"), format!("{HEAD}{}", locked_package("root", "")))
            .unwrap();
        let (words, fetch) = not_ready(locked(dir.path(), None).await.unwrap_err());
        assert!(words.contains("cannot update the lock file"), "{words}");
        assert!(!fetch.contains("--locked"), "{fetch}");
    }

    #[tokio::test]
    async fn a_package_outside_the_cache_is_fetched_with_the_lock_file_as_it_is() {
        let name = "artel-test-package-that-nobody-has";
        let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        let checksum = format!("checksum = \"{}\"\n", "0".repeat(64));
        let lock = locked_package(name, &format!("{source}{checksum}"))
            + &locked_package("root", &format!("dependencies = [\n \"{name}\",\n]\n"));
        let dir = project(&[
            ("Cargo.toml", &format!("{ROOT}[dependencies]\n{name} = \"0.1\"\n")),
            ("Cargo.lock", &format!("{HEAD}{lock}")),
        ]);
        let error = locked(dir.path(), None).await.unwrap_err();
        let text = error.to_string();
        let (words, fetch) = not_ready(error);
        assert!(words.contains(name), "{words}");
        assert!(fetch.starts_with("cargo fetch --locked --target "), "{fetch}");
        assert!(text.contains(&words) && text.ends_with(&fetch), "{text}");
    }

    #[tokio::test]
    async fn what_no_download_mends_is_cargos_word_alone() {
        let dir = project(&[("Cargo.toml", "[package]\nname = 3\n")]);
        let error = locked(dir.path(), None).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("invalid type"), "{error}");
    }

    /// On real input: this package's own lock file, against the packages in the cache.
    #[tokio::test]
    async fn our_own_dependencies_are_all_listed() {
        let locked = locked(Path::new(HOME), None).await.unwrap();
        let count = locked.lock.matches("[[package]]").count();
        assert_eq!(locked.packages.len() + locked.members, count);
        let find = |name: &str| locked.packages.iter().find(|package| package.id.name == name);
        let serde_derive = find("serde_derive").unwrap();
        assert!(serde_derive.used && serde_derive.proc_macro);
        assert_eq!(serde_derive.licence.as_deref(), Some("MIT OR Apache-2.0"));
        for package in locked.packages.iter().filter(|package| package.used) {
            let dir = package.dir.as_ref().unwrap();
            assert!(Path::new(dir).join("Cargo.toml").is_file(), "{dir}");
        }
    }

    #[test]
    fn a_command_can_be_pasted_whatever_the_folder_is_called() {
        assert_eq!(quoted("/srv/a-b_c.d/Cargo.toml"), "/srv/a-b_c.d/Cargo.toml");
        assert_eq!(quoted("/my files/it's"), r"'/my files/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
