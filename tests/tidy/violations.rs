//! The rules over text broken on purpose, each in a tree of a few lines: a rule that finds nothing
//! there would find nothing anywhere. Beside each stands what keeps the rule, so that it does not
//! find too much either. Rules over packages and tables are broken in `table_violations`.

use std::collections::BTreeSet;

use super::finding::{EXCEPTIONS, Rule, stale_exceptions, unexcused};
use super::source::Source;
use super::tree::{Place, Tree};
use super::{proof, reach, shape, traces};
use crate::rules::LIFTABLE;

const ROOT: (&str, &str) = ("Cargo.toml", "[package]\nname = \"artel\"\n");
const CORE: (&str, &str) = ("core/Cargo.toml", "[package]\nname = \"artel-core\"\n");
const DOC: &str = "//! What this file is, in a sentence.\n";

/// The lines at which a rule finds something in a file of this text, after a line of doc.
fn lines(rule: &Rule, path: &str, text: &str) -> Vec<usize> {
    let text = format!("{DOC}{text}");
    let tree = Tree::fixture(&[ROOT, CORE, (path, &text)]);
    let mut lines: Vec<usize> =
        unexcused(rule, &tree).into_iter().map(|spot| spot.line - 1).collect();
    lines.sort_unstable();
    lines
}

/// A rule, a file that breaks it, in which lines; and a file that keeps it.
type Case = (Rule, (&'static str, &'static str, &'static [usize]), (&'static str, &'static str));

/// The rules that read single files.
const CASES: [Case; 21] = [
    (
        shape::DECLARATIONS,
        ("core/src/lib.rs", "mod a;\npub fn logic() {}\n", &[2]),
        ("core/src/log/mod.rs", "mod a;\npub trait Log {\n    fn read(&self);\n}\n"),
    ),
    (
        shape::IMPORTS,
        ("core/src/a.rs", "use serde::A;\nuse crate::b::B;\n\nuse std::fmt;\n", &[2, 4]),
        (
            "core/src/a.rs",
            "use std::fmt;\n\nuse serde::A;\n\nuse artel::B;\n\nuse super::{\n    C,\n};\n",
        ),
    ),
    (
        shape::IMPORTS,
        ("src/a.rs", "use std::fmt;\n\nuse std::io;\n\nstruct A;\n\nuse crate::C;\n", &[3, 7]),
        ("src/a.rs", "mod kind;\n\nuse serde::A;\n\nuse kind::Kind;\nuse super::C;\n"),
    ),
    (
        shape::NAMES,
        ("core/src/a.rs", "mod helpers {}\n", &[1]),
        ("core/src/a.rs", "mod model {}\n// mod helpers\n"),
    ),
    (
        shape::UNFINISHED,
        ("tests/a.rs", "fn a() {\n    todo!()\n}\n", &[2]),
        ("tests/a.rs", "// todo!()\nconst A: &str = \"dbg!\";\n"),
    ),
    (
        shape::IGNORED,
        ("tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n", &[2]),
        ("tests/a.rs", "#[test]\nfn ignore() {}\n"),
    ),
    (
        shape::ALLOW,
        ("src/a.rs", "#[allow(dead_code)]\nfn a() {}\n", &[1]),
        ("src/a.rs", "#[expect(dead_code, reason = \"b\")]\nfn a() {}\n"),
    ),
    (
        reach::APPEND,
        ("src/publish.rs", "fn a() {\n    log.append(batch);\n}\n", &[2]),
        ("src/committer/write.rs", "fn a() {\n    log.append(batch);\n    b.append(&mut c);\n}\n"),
    ),
    (
        reach::SPAWN,
        (
            "core/src/a.rs",
            "fn a() {\n    tokio::spawn(b);\n    task::spawn_blocking(c);\n}\n",
            &[2, 3],
        ),
        ("src/tasks.rs", "fn a() {\n    tokio::spawn(b);\n}\n"),
    ),
    (
        reach::ENVIRONMENT,
        (
            "src/a.rs",
            "fn a() {\n    env::var(B);\n}\nstruct C {\n    #[arg(env = \"B\")]\n    b: D,\n}\n",
            &[2, 5],
        ),
        ("src/config.rs", "fn a() {\n    std::env::var(B);\n}\n"),
    ),
    (
        reach::CLOCK,
        ("src/a.rs", "fn a() {\n    std::time::Instant::now();\n    Utc::now();\n}\n", &[2, 3]),
        ("src/clock.rs", "fn a() {\n    std::time::Instant::now();\n}\n"),
    ),
    (
        reach::RANDOM,
        ("src/a.rs", "fn a() {\n    Uuid::now_v7();\n}\n", &[2]),
        (
            "src/a.rs",
            "#[cfg(test)]\nmod tests {\n    fn a() {\n        Uuid::now_v7();\n    }\n}\n",
        ),
    ),
    (
        reach::SEEDED_MAP,
        (
            "core/src/a.rs",
            "type A = HashMap<(u8, u8), Vec<u8>>;\nfn a() {\n    HashSet::new();\n}\n",
            &[1, 3],
        ),
        (
            "core/src/a.rs",
            "use a::HashMap;\n\ntype A<K> = HashMap<K, Vec<K>, BuildHasherDefault<B>>;\n",
        ),
    ),
    (
        reach::CLOCK,
        ("src/a.rs", "use std::time::Instant;\n\nfn a() {\n    Instant::now();\n}\n", &[4]),
        ("src/a.rs", "use tokio::time::{Instant, sleep};\n\nfn a() {\n    Instant::now();\n}\n"),
    ),
    (
        reach::SIGHT,
        (
            "src/a.rs",
            "fn a() {\n    Stored::new(b, c);\n}\npub fn d(&self) -> Vec<StoredArtifact> {\n}\n",
            &[2, 4],
        ),
        (
            "src/sight.rs",
            "fn a() {\n    Stored::new(Admitted(b), c);\n}\npub fn d(e: &Envelope) -> Stored {\n}\n",
        ),
    ),
    (
        reach::LOG_READ,
        (
            "src/a.rs",
            "fn a() {\n    self.log.artifact(b);\n    store.contents(&[c]);\n    d.log()\n        .look_up(e);\n}\n",
            &[2, 3, 5],
        ),
        (
            "src/a.rs",
            "fn a() {\n    seen.artifacts(b);\n    self.contents(c);\n    catalog.look_up(d);\n}\n",
        ),
    ),
    (
        reach::LOG_READ,
        ("src/a.rs", "fn a() {\n    log.envelopes_at(b);\n    log.artifacts_at(c);\n}\n", &[2, 3]),
        ("core/src/a.rs", "fn a() {\n    log.artifacts_at(b);\n}\n"),
    ),
    (
        reach::SLEEP,
        (
            "tests/a.rs",
            "#[tokio::test]\nasync fn a() {\n    tokio::time::sleep(b).await;\n}\n",
            &[3],
        ),
        (
            "tests/a.rs",
            "#[tokio::test(start_paused = true)]\nasync fn a() {\n    sleep(b).await;\n}\n",
        ),
    ),
    (
        reach::SLEEP,
        (
            "tests/a.rs",
            "#[tokio::test(start_paused = true)]\nasync fn a() {\n    thread::sleep(b);\n}\n",
            &[3],
        ),
        ("src/a.rs", "async fn a() {\n    sleep(b).await;\n}\n"),
    ),
    (
        proof::SIMULATION,
        (
            "testkit/src/sim/a.rs",
            "fn decide_publish() {}\nfn evolve() {}\nstruct State;\n",
            &[0, 1, 2, 3],
        ),
        ("testkit/src/sim/a.rs", "fn a() {\n    Board::builder(b);\n    state.evolve();\n}\n"),
    ),
    (
        traces::TRACES,
        ("docs/a.md", concat!("see /ro", "ot/x\nin session ", "2 of 5\n"), &[1, 2]),
        ("docs/a.md", "see docs/root/x and https://a.org/work/b\nin session 7\n"),
    ),
];

#[test]
fn each_rule_finds_what_breaks_it_and_nothing_else() {
    for (rule, (path, text, expected), (kept_path, kept)) in &CASES {
        assert_eq!(&lines(rule, path, text), expected, "{} broken in {path}:\n{text}", rule.id);
        let found = lines(rule, kept_path, kept);
        assert!(found.is_empty(), "{} kept in {kept_path}, found at {found:?}:\n{kept}", rule.id);
    }
}

#[test]
fn each_rule_is_broken_here() {
    let others = [shape::FILE_LINES, shape::MODULE_DOC, traces::GOLDEN, traces::SCRIPTS];
    let broken: BTreeSet<&str> =
        CASES.iter().map(|(rule, ..)| rule.id).chain(others.iter().map(|rule| rule.id)).collect();
    let all: BTreeSet<&str> = LIFTABLE.iter().map(|rule| rule.id).collect();
    assert_eq!(broken, all);
}

#[test]
fn a_long_file_is_found_and_its_tests_do_not_count() {
    let long = "const A: u8 = 1;\n".repeat(500);
    assert_eq!(lines(&shape::FILE_LINES, "src/a.rs", &long), [500]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
    assert!(lines(&shape::FILE_LINES, "src/a.rs", &tests).is_empty());
}

#[test]
fn a_missing_or_empty_module_doc_is_found() {
    let files = [ROOT, ("src/a.rs", "fn a() {}\n"), ("src/b.rs", "//! Here.\n"), ("src/c.rs", DOC)];
    let found = unexcused(&shape::MODULE_DOC, &Tree::fixture(&files));
    let paths: Vec<&str> = found.iter().map(|spot| spot.path.as_str()).collect();
    assert_eq!(paths, ["src/a.rs", "src/b.rs"]);
}

#[test]
fn a_golden_file_that_no_test_reads_is_found() {
    let test = format!("{DOC}const A: &str = \"golden/v1\";\nconst B: &str = \"batch-1.bin\";\n");
    let files = [
        ROOT,
        ("tests/a.rs", test.as_str()),
        ("tests/golden/batch-1.bin", ""),
        ("tests/golden/v1/any.bin", ""),
        ("tests/golden/batch-2.bin", ""),
    ];
    let found = unexcused(&traces::GOLDEN, &Tree::fixture(&files));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, "tests/golden/batch-2.bin");
}

#[test]
fn a_script_that_cannot_be_run_is_found() {
    let good = "#!/usr/bin/env bash\n# --help\nset -euo pipefail\n";
    let tree = Tree::fixture(&[("dev/good", good), ("dev/bad", "echo\n"), ("dev/data.toml", "")]);
    let found = unexcused(&traces::SCRIPTS, &tree);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().all(|spot| spot.path == "dev/bad"));
}

#[test]
fn an_exception_lifts_a_rule_and_a_stale_one_is_found() {
    let row = |path: &str, rule: &str, reason: &str| {
        format!("[[exception]]\npath = {path:?}\nrule = {rule:?}\nreason = {reason:?}\n")
    };
    let table = [
        row("src/a.rs", "unfinished", "it stands here on purpose"),
        row("src/b.rs", "unfinished", "it stood here on purpose"),
        row("src/a.rs", "no-such-rule", "it stands here on purpose"),
        row("src/a.rs", "module-doc", ""),
    ];
    let files = [
        ROOT,
        ("src/a.rs", "fn a() { todo!() }\n"),
        ("src/b.rs", DOC),
        (EXCEPTIONS, &table.concat()),
    ];
    let tree = Tree::fixture(&files);
    assert!(unexcused(&shape::UNFINISHED, &tree).is_empty());
    let stale = stale_exceptions(&LIFTABLE, &tree);
    let stale: Vec<&str> = stale.iter().map(|spot| spot.what.as_str()).collect();
    assert_eq!(
        stale,
        [
            "`src/b.rs` keeps the rule `unfinished` by now",
            "there is no rule `no-such-rule`",
            "`module-doc` is lifted for `src/a.rs` without a reason",
        ]
    );
}

#[test]
fn a_file_declared_under_cfg_test_is_a_test() {
    let parent = format!("{DOC}#[cfg(test)]\n#[path_is_usual]\nmod proofs;\nmod plain;\n");
    let files = [
        ROOT,
        CORE,
        ("core/src/a.rs", parent.as_str()),
        ("core/src/a/proofs.rs", DOC),
        ("core/src/a/proofs/deep.rs", DOC),
        ("core/src/a/plain.rs", DOC),
        ("core/tests/ui/wrong.rs", "fn"),
    ];
    let tree = Tree::fixture(&files);
    let place = |path: &str| tree.get(path).map(|file| file.place);
    assert_eq!(place("core/src/a/proofs.rs"), Some(Place::Test));
    assert_eq!(place("core/src/a/proofs/deep.rs"), Some(Place::Test));
    assert_eq!(place("core/src/a/plain.rs"), Some(Place::Production));
    assert_eq!(place("core/tests/ui/wrong.rs"), Some(Place::Fixture));
}

#[test]
fn the_scanner_tells_code_from_comments_and_strings() {
    let text = r##"fn a<'a>(b: &'a str) -> char { /* x /* y */ " */ '"' } // "z
const C: &str = r#"fn no() { " "# ; const D: &str = "\" fn no() {";"##;
    let source = Source::new(text);
    let names: Vec<&str> = source.functions.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(
        source.comments.split_whitespace().collect::<Vec<_>>().join(" "),
        "/* x /* y */ \" */ // \"z"
    );
    assert!(source.strings.contains("fn no() { \" "), "{}", source.strings);
    assert_eq!([source.code.len(), source.comments.len(), source.strings.len()], [text.len(); 3]);
}
