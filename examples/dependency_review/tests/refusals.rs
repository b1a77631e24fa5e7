//! Projects that cannot be reviewed as they are: the program says why in cargo's words, says which
//! command helps, and publishes nothing.

#[cfg(test)]
mod refusals {
    use std::fs;
    use std::process::Command;

    use tempfile::TempDir;

    const MANIFEST: &str = "[package]\nname = \"root\"\nversion = \"0.1.0\"\n[dependencies]\n";
    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"root\"\nversion = \"0.1.0\"\n";

    fn project(manifest: &str, lock: Option<&str>) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/lib.rs"), "").unwrap();
        fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
        if let Some(lock) = lock {
            fs::write(dir.path().join("Cargo.lock"), lock).unwrap();
        }
        dir
    }

    /// Reviews the project, which must be refused with these words and this command.
    fn assert_refused(project: &TempDir, words: &str, fetch: &str) {
        let out = tempfile::tempdir().unwrap();
        let board = format!("sqlite:{}", out.path().join("review.artel.db").display());
        let ran = Command::new(env!("CARGO_BIN_EXE_dependency_review"))
            .args(["--board", &board, "--project"])
            .arg(project.path())
            .arg("--report")
            .arg(out.path().join("report.md"))
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        let manifest = project.path().join("Cargo.toml");
        let command = said.lines().rfind(|line| line.starts_with("    cargo fetch ")).unwrap();
        assert!(command.starts_with(&format!("    {fetch} ")), "{command}");
        assert!(
            command.ends_with(&format!(" --manifest-path {}", manifest.display())),
            "{command}"
        );
        let left: Vec<_> = fs::read_dir(out.path()).unwrap().collect();
        assert!(left.is_empty(), "there is no board and no report: {left:?}");
    }

    #[test]
    fn no_lock_file() {
        let words = "Cargo.lock because --locked was passed";
        assert_refused(&project(MANIFEST, None), words, "cargo fetch --target");
    }

    #[test]
    fn a_stale_lock_file() {
        let manifest = format!("{MANIFEST}other = {{ path = \"other\" }}\n");
        let project = project(&manifest, Some(LOCK));
        fs::create_dir_all(project.path().join("other/src")).unwrap();
        fs::write(project.path().join("other/src/lib.rs"), "").unwrap();
        let other = MANIFEST.replace("root", "other");
        fs::write(project.path().join("other/Cargo.toml"), other).unwrap();
        assert_refused(&project, "cannot update the lock file", "cargo fetch --target");
    }

    #[test]
    fn a_package_outside_the_cache() {
        let name = "artel-test-package-that-nobody-has";
        let lock = format!(
            "{LOCK}dependencies = [\n \"{name}\",\n]\n\n[[package]]\nname = \"{name}\"\n\
             version = \"0.1.0\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
             checksum = \"{}\"\n",
            "0".repeat(64)
        );
        let project = project(&format!("{MANIFEST}{name} = \"0.1\"\n"), Some(&lock));
        assert_refused(&project, name, "cargo fetch --locked --target");
    }
    /// The demo refuses a place for its board that is none before it does anything else, and repeats no password.
    #[test]
    fn a_place_that_is_none() {
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dev/demo");
        for url in ["mysql://ann:secret@host/reviews", "memory:", "sqlite:", "secret.db"] {
            let ran = Command::new(demo).args(["--board", url]).output().unwrap();
            let said = String::from_utf8(ran.stderr).unwrap();
            assert_eq!((ran.status.code(), &*ran.stdout), (Some(2), &b""[..]), "{url}: {said}");
            assert!(said.contains("is no place for a board"), "{url}: {said}");
            assert!(url == "secret.db" || !said.contains("secret"), "{said}");
        }
    }
}
