//! How many tests a backend has to have: that `dev/counts.txt` knows every backend, and that the script that
//! `dev/test` counts with counts what ran, and says so where it is too little.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Spot;
use super::tree::Tree;

/// Where the counts stand.
const TABLE: &str = "dev/counts.txt";
/// The folder of the backends, a folder each.
const BACKENDS: &str = "persistence/src/";
/// The line of all tests.
const ALL: &str = "all";

/// Backends without a line, lines without a backend, and lines that ask for nothing.
pub(crate) fn uncounted(tree: &Tree) -> Vec<Spot> {
    let text = tree.get(TABLE).map_or("", |file| &file.text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let rows: BTreeMap<&str, (usize, Option<u32>)> = lines
        .filter_map(|(at, line)| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            Some((name, (at + 1, words.next().and_then(|count| count.parse().ok()))))
        })
        .collect();
    let inside = tree.files().filter_map(|file| file.path.strip_prefix(BACKENDS));
    let backends: BTreeSet<&str> =
        inside.filter_map(|path| Some(path.split_once('/')?.0)).chain([ALL]).collect();
    let missing = backends.iter().filter(|name| !rows.contains_key(*name));
    let mut spots: Vec<Spot> =
        missing.map(|name| Spot::line(TABLE, 1, format!("`{name}` has no line"))).collect();
    for (name, (line, count)) in rows {
        if !backends.contains(name) {
            spots.push(Spot::line(TABLE, line, format!("there is no backend `{name}`")));
        } else if count.is_none_or(|count| count == 0) {
            spots.push(Spot::line(TABLE, line, format!("`{name}` has no number above 0")));
        }
    }
    spots
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    const LOG: &str = "\
     Running unittests src/lib.rs (target/debug/deps/artel_persistence-1)
test sqlite::own::tests::a_lock_counts_only_at_its_place ... ok
test url::tests::no_password_is_shown ... ok
     Running tests/postgres/main.rs (target/debug/deps/postgres-2)
test open::a_schema_is_made_once ... ok
test own::a_time_is_renewed ... FAILED
test postgres::append::a_log_describes_itself ... ok
     Running tests/postgres.rs (target/debug/deps/postgres-3)
test a_board_goes_on ... ok
   Doc-tests artel_persistence
test persistence/src/sqlite/mod.rs - sqlite::open (line 3) ... ok
";

    /// What the script says of that log, and whether it is content.
    fn counted(least: &str, option: &str) -> (String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let (counts, log) = (folder.path().join("counts"), folder.path().join("log"));
        std::fs::write(&counts, least).unwrap();
        std::fs::write(&log, LOG).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/counts.awk");
        let mut awk = Command::new("awk");
        let ran = awk.args(["-v", option, "-f"]).args([&script, &counts, &log]).output().unwrap();
        (String::from_utf8(ran.stdout).unwrap(), ran.status.success())
    }

    #[test]
    fn too_few_tests_of_a_backend_are_noticed() {
        let table = "# Why.\nsqlite 1\npostgres 3 server\nall 5\n";
        assert_eq!(counted(table, "anew=yes"), (table.to_owned(), true));
        let (said, content) = counted(table, "quick=no");
        assert!(content && said.contains("postgres       3 passed, of at least 3"), "{said}");
        for (more, name) in
            [("sqlite 2", "sqlite"), ("postgres 4 server", "postgres"), ("all 6", "all")]
        {
            let (said, content) = counted(more, "quick=no");
            assert!(!content && said.contains(name) && said.contains("TOO FEW"), "{said}");
        }
        assert_eq!(counted("postgres 4 server\nall 6\n", "quick=yes"), (String::new(), true));
        assert!(!counted("sqlite 2\n", "quick=yes").1);
    }

    #[test]
    fn a_backend_without_a_line_is_found() {
        let found = |counts: &str| {
            let tree = Tree::fixture(&[
                (TABLE, counts),
                ("persistence/src/open.rs", "//! Opens.\n"),
                ("persistence/src/redis/mod.rs", "//! Redis.\n"),
            ]);
            uncounted(&tree).into_iter().map(|spot| spot.what).collect::<Vec<_>>()
        };
        assert_eq!(found("# a\nredis 3 server\nall 4\n"), Vec::<String>::new());
        assert_eq!(found("all 4\n"), ["`redis` has no line"]);
        assert_eq!(
            found("redis 0\nkafka 1\nall 4\n"),
            ["there is no backend `kafka`", "`redis` has no number above 0"]
        );
    }
}
