//! How heavy a package is, and which other versions of it the project carries as well.
//!
//! Called by the agent `weight`. [`on_disk`] blocks: call it off the async threads.

use std::path::Path;

use cargo_metadata::semver::Version;
use walkdir::WalkDir;

use crate::facts::{Package, PackageId};

/// What a folder weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OnDisk {
    /// How many files it has, pipes and links left out.
    pub(crate) files: u64,
    /// How many bytes they have together.
    pub(crate) bytes: u64,
}

/// Weighs everything in the folder, but for what cargo and version control put there.
///
/// # Errors
/// When the folder cannot be walked through.
pub(crate) fn on_disk(dir: &Path) -> Result<OnDisk, walkdir::Error> {
    let mut sum = OnDisk::default();
    let walk = WalkDir::new(dir).into_iter().filter_entry(|entry| {
        entry.depth() != 1 || !matches!(entry.file_name().to_str(), Some("target" | ".git"))
    });
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_file() {
            sum.files += 1;
            sum.bytes += entry.metadata()?.len();
        }
    }
    Ok(sum)
}

/// The versions among `named_alike` that are used beside this one, oldest first.
pub(crate) fn other_versions<'a>(
    package: &PackageId,
    named_alike: impl IntoIterator<Item = &'a Package>,
) -> Vec<String> {
    let mut versions: Vec<&str> = named_alike
        .into_iter()
        .filter(|other| other.used && other.id.name == package.name)
        .map(|other| other.id.version.as_str())
        .filter(|version| *version != package.version)
        .collect();
    versions.sort_by_cached_key(|version| (Version::parse(version).ok(), version.to_owned()));
    versions.dedup();
    versions.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn package(name: &str, version: &str, used: bool) -> Package {
        Package {
            id: PackageId { name: name.to_owned(), version: version.to_owned(), source: None },
            used,
            dir: None,
            licence: None,
            licence_file: None,
            build_script: false,
            proc_macro: false,
        }
    }

    #[test]
    fn other_versions_are_those_in_use_in_the_order_of_versions() {
        let all = [
            package("syn", "10.0.0", true),
            package("syn", "2.0.9", true),
            package("syn", "2.0.10", true),
            package("syn", "1.0.0", false),
            package("synstructure", "0.13.0", true),
        ];
        assert_eq!(other_versions(&all[0].id, &all), ["2.0.9", "2.0.10"]);
        assert_eq!(other_versions(&all[1].id, &all), ["2.0.10", "10.0.0"]);
        assert!(other_versions(&all[4].id, &all).is_empty());
    }

    #[test]
    fn a_folder_weighs_its_files() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [("a.rs", "12345"), ("b/c.txt", "123"), ("target/d", "1234567")] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(on_disk(dir.path()).unwrap(), OnDisk { files: 2, bytes: 8 });
        assert!(on_disk(&dir.path().join("gone")).is_err());
    }
}
