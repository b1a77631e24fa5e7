//! The rules over packages, manifests and tables broken on purpose, each in a graph or a tree of a
//! few lines. Rules over text are broken in `violations`.

use super::finding::Spot;
use super::graph::{Graph, Package};
use super::packages::{Policy, permits};
use super::tree::Tree;
use super::{citations, manifests, missions, options, packages, proof, rooms};

const CORE: (&str, &str) = ("core/Cargo.toml", "[package]\nname = \"artel-core\"\n");

fn whats(spots: &[Spot]) -> Vec<&str> {
    spots.iter().map(|spot| spot.what.as_str()).collect()
}

#[test]
fn rooms_in_order_are_not_complained_about() {
    let graph = Graph::fixture(
        "artel-core: serde\nartel-persistence: artel-core sqlx\nartel-eventbus: artel-core tokio\n\
         artel-scheduler: artel-core\nartel: artel-core artel-persistence artel-eventbus\n\
         artel-cli: artel tracing-subscriber\nartel-testkit: artel artel-core",
    );
    let rules: [fn(&Graph) -> Vec<String>; 7] = [
        rooms::core_alone,
        rooms::rooms_apart,
        rooms::one_joiner,
        rooms::edges_on_root,
        rooms::testkit_for_tests,
        rooms::chain,
        rooms::subscriber,
    ];
    for rule in rules {
        assert_eq!(rule(&graph), Vec::<String>::new());
    }
}

#[test]
fn rooms_out_of_order_are_found() {
    let graph = Graph::fixture(
        "artel-core: artel-macros jsonschema tokio\nartel-macros: a\na: b\nb: sqlx\n\
         artel-persistence: artel-eventbus tracing-subscriber\nartel-eventbus: artel-core\n\
         artel-scheduler:\nartel: artel-testkit\nartel-testkit: artel-scheduler\n\
         artel-cli: artel-persistence artel-scheduler",
    );
    assert_eq!(
        rooms::core_alone(&graph),
        [
            "artel-core depends on artel-macros",
            "artel-core depends on tokio",
            "artel-core depends on sqlx through another package",
        ]
    );
    assert_eq!(rooms::rooms_apart(&graph), ["artel-persistence depends on artel-eventbus"]);
    assert_eq!(
        rooms::one_joiner(&graph),
        ["artel-cli joins artel-persistence and artel-scheduler"]
    );
    assert_eq!(
        rooms::edges_on_root(&graph),
        ["artel-cli depends on artel-persistence", "artel-cli depends on artel-scheduler"]
    );
    assert_eq!(
        rooms::testkit_for_tests(&graph),
        [
            "artel depends on artel-testkit outside its tests",
            "artel-testkit depends on artel-scheduler"
        ]
    );
    let chain = "artel-persistence → artel-eventbus → artel-core → artel-macros → a → b";
    assert_eq!(
        rooms::chain(&graph),
        [format!("6 edges: artel-cli → {chain}"), format!("5 edges: {chain}")]
    );
    assert_eq!(rooms::subscriber(&graph), ["artel-persistence depends on tracing-subscriber"]);
}

fn policy() -> Policy {
    toml::from_str(
        "licences = [\"MIT\", \"Apache-2.0\"]\nonce = [\"tokio\"]\nlicence_of = { old = \"MIT\" }\n\
         [banned]\nopenssl = \"one TLS stack\"\n[banned_in_libraries]\nanyhow = \"typed errors\"\n",
    )
    .expect("a policy")
}

fn package(name: &str, version: &str, licence: &str) -> Package {
    let licence = (!licence.is_empty()).then(|| licence.to_owned());
    Package { name: name.to_owned(), version: version.to_owned(), licence, shipped: true }
}

#[test]
fn packages_that_may_not_be_shipped_are_found() {
    let mut graph = Graph::fixture("artel-core: anyhow");
    graph.packages = vec![
        package("fine", "1.0.0", "MIT OR GPL-3.0"),
        package("copyleft", "1.0.0", "GPL-3.0"),
        package("silent", "1.0.0", ""),
        package("garbled", "1.0.0", "MIT OR"),
        package("openssl", "0.10.0", "Apache-2.0"),
        package("tokio", "1.0.0", "MIT"),
        package("tokio", "0.2.0", "MIT"),
        package("fine", "2.0.0", "MIT"),
    ];
    assert_eq!(
        packages::licences(&policy(), &graph),
        [
            "copyleft 1.0.0: GPL-3.0",
            "silent 1.0.0: no licence in its manifest",
            "garbled 1.0.0: `MIT OR`: a name is missing",
            "licence_of names old, which is not in the graph",
        ]
    );
    assert_eq!(
        packages::banned(&policy(), &graph),
        ["openssl 0.10.0: one TLS stack", "artel-core depends on anyhow: typed errors"]
    );
    assert_eq!(packages::duplicates(&policy(), &graph), ["tokio: 1.0.0 and 0.2.0"]);
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let allowed = ["MIT", "Apache-2.0"].map(str::to_owned).into();
    for (expression, expected) in [
        ("MIT", Ok(true)),
        ("GPL-3.0 OR MIT", Ok(true)),
        ("GPL-3.0/MIT", Ok(true)),
        ("GPL-3.0 AND MIT", Ok(false)),
        ("GPL-3.0 AND X OR MIT", Ok(true)),
        ("(GPL-3.0 OR MIT) AND X", Ok(false)),
        ("(GPL-3.0 OR MIT) AND (Apache-2.0 WITH LLVM-exception)", Ok(true)),
        ("GPL-2.0 WITH Classpath-exception-2.0", Ok(false)),
        ("(MIT", Err("a bracket is open".to_owned())),
        ("MIT X", Err("`X` is left over".to_owned())),
        ("", Err("a name is missing".to_owned())),
    ] {
        assert_eq!(permits(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn versions_outside_the_table_and_rows_without_a_user_are_found() {
    let root = "[workspace.package]\nrust-version = \"1.95\"\n[workspace.dependencies]\n\
                artel = \"1\"\nserde = \"1\"\ntoml = \"1\"\n[package]\nname = \"artel\"\n\
                [target.'cfg(unix)'.dependencies]\nserde.workspace = true\n";
    let core = "[package]\nname = \"artel-core\"\nlicense.workspace = true\nversion = \"1\"\n\
                edition.workspace = true\nrust-version.workspace = true\npublish.workspace = true\n\
                [dev-dependencies]\nblake3 = \"1\"\n";
    let pin = "[toolchain]\nchannel = \"1.94.0\"\n";
    let files = [("Cargo.toml", root), ("core/Cargo.toml", core), ("rust-toolchain.toml", pin)];
    let tree = Tree::fixture(&files);
    assert_eq!(
        whats(&manifests::one_table(&tree)),
        ["`blake3` has its own version", "no member uses `toml`"]
    );
    let inherited = manifests::inherited(&tree);
    let core: Vec<&str> = inherited
        .iter()
        .filter(|spot| spot.path == "core/Cargo.toml")
        .map(|spot| spot.what.as_str())
        .collect();
    assert_eq!(core, ["`version` is not the workspace's", "the lints are not the workspace's"]);
    assert_eq!(manifests::one_rust(&tree).len(), 1);
    let pin = ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n");
    assert!(manifests::one_rust(&Tree::fixture(&[("Cargo.toml", root), pin])).is_empty());
}

#[test]
fn untrue_missions_are_found() {
    let row = |package: &str, file: &str| {
        format!("[[mission]]\npackage = {package:?}\ncrate = \"artel-core\"\nfile = {file:?}\n")
    };
    let table = [
        row("serde", "core/src/a.rs"),
        row("sqlx", "core/src/a.rs"),
        row("chrono", "core/src/a.rs"),
        row("left-pad", "core/src/a.rs"),
        row("serde", "core/src/gone.rs"),
        row("serde", "core/tests/b.rs"),
    ];
    let files = [
        CORE,
        ("core/src/a.rs", "//! A file.\nuse serde::Serialize;\n// chrono::Utc\n"),
        ("core/tests/b.rs", "use serde::Serialize;\n"),
        (missions::TABLE, &table.concat()),
    ];
    let graph = Graph::fixture("artel-core: serde chrono dashmap\nartel: tokio");
    assert_eq!(
        whats(&missions::untrue(&Tree::fixture(&files), &graph)),
        [
            "sqlx: artel-core does not depend on it",
            "chrono: `core/src/a.rs` does not use it: nothing there begins with `chrono::`",
            "left-pad: it is not one of the packages that Artel is built around",
            "serde: there is no file `core/src/gone.rs`",
            "serde: `core/tests/b.rs` is not production code of artel-core",
            "artel depends on tokio, and no row says where it is used",
            "artel-core depends on dashmap, and no row says where it is used",
        ]
    );
}

const BUILDER: &str = "//! A builder.
impl Builder {
    /// Makes one.
    pub fn new(a: u8) -> Self { Self }
    pub async fn quick(
        mut self, a: u8,
    ) -> Self { self }
    #[must_use]
    pub const fn slow(self) -> Self { self }
    pub fn len(&self) -> usize { 0 }
    pub(crate) fn inner(self) {}
}
impl fmt::Debug for Builder {
    pub fn debug(self) {}
}
struct Verify {
    #[arg(long)]
    /// In full.
    in_full: bool,
    #[arg(short, long = \"loud\")]
    pub volume: bool,
    #[arg(short)]
    quiet: bool,
}
";

#[test]
fn options_without_a_proof_are_found() {
    let row = |option: &str, test: &str| {
        format!("[[option]]\noption = {option:?}\nfile = \"core/tests/b.rs\"\ntest = {test:?}\n")
    };
    let table = [
        "[[builder]]\nname = \"Builder\"\nat = \"core/src\"\n\
         not_options = { new = \"makes the plain one\", gone = \"is gone\", slow = \"no\" }\n",
        "[[builder]]\nname = \"Nobody\"\nat = \"core/src\"\n",
        &row("Builder::quick", "quick_is_quick"),
        &row("Verify --in-full", "nothing"),
        &row("Verify --loud", "quick_is_quick"),
        &row("Verify --quiet", "quick_is_quick"),
        &row("ARTEL_BOARD", "not_a_test"),
    ];
    let test = "#[test]\nfn quick_is_quick() { a.quick() }\nfn not_a_test() { ARTEL_BOARD }\n";
    let files = [
        CORE,
        ("core/src/builder.rs", BUILDER),
        ("core/src/config.rs", "const A: &str = \"ARTEL_BOARD\"; const B: &str = \"ARTEL_DEV\";\n"),
        ("core/tests/b.rs", test),
        (options::TABLE, &table.concat()),
    ];
    assert_eq!(
        whats(&options::unproved(&Tree::fixture(&files))),
        [
            "`Builder` has no function `gone` to leave out",
            "`Builder::slow` is left out without a reason",
            "`core/src` has no `impl Nobody`",
            "the option `ARTEL_DEV` has no row",
            "Verify --in-full: `core/tests/b.rs` has no function `nothing`",
            "Verify --loud: the test `quick_is_quick` does not mention `--loud`",
            "there is no option `Verify --quiet`",
            "ARTEL_BOARD: `not_a_test` is not a test",
        ]
    );
}

#[test]
fn uncited_rules_and_citations_of_nothing_are_found() {
    let rules = "# Retries, SHA-256\n\n- **RETRY-1** is cited, RETRY-2 too.\n- `RETRY-3`: not.\n\
                 | RETRY-2 | a row |\n### RETRY-1 twice\n<a id=\"DEAD-LETTER-1\"></a> in a suite\n";
    let clauses = "1. LOG-1 cited by a case\n";
    let clauses = clauses.replace("1. ", "- ") + "- LOG-2 cited by a test only\n";
    let test = "//! A test of RETRY-3: too far away.\n/// RETRY-1, UTF-8\n#[test]\nfn a() {\n    \
                // RETRY-2 LOG-2 WRONG-1\n}\n";
    let case = "//! LOG-3\n/// LOG-1, DEAD-LETTER-1\npub async fn case() {}\n";
    let files = [
        CORE,
        ("docs/reference/retry.md", rules),
        ("docs/specs/log.md", clauses.as_str()),
        ("docs/specs/batch.md", "- FORMAT-1 cited by no test, FORMAT-2 not defined\n"),
        ("core/tests/a.rs", test),
        ("testkit/src/conformance/order.rs", case),
    ];
    assert_eq!(
        whats(&citations::broken(&Tree::fixture(&files))),
        [
            "RETRY-1 is defined a second time",
            "no test cites FORMAT-1",
            "no test cites RETRY-3",
            "no conformance case in testkit/src/conformance cites LOG-2",
            "no document defines WRONG-1",
            "no document defines LOG-3",
            "no document defines FORMAT-2",
        ]
    );
    assert!(citations::broken(&Tree::fixture(&[CORE])).is_empty());
}

#[test]
fn mutants_that_do_not_fit_are_found() {
    let mutant = "[[mutant]]\nname = \"a\"\nguard = \"b\"\nprotects = \"I1\"\n";
    let edit = |find: &str, replace: &str| {
        format!("[[edit]]\nfile = \"src/a.rs\"\nfind = {find:?}\nreplace = {replace:?}\n")
    };
    let misfit = |core: String| {
        let files = [
            ("Cargo.toml", "[package]\nname = \"artel\"\n"),
            ("src/a.rs", "//! Here.\nfn a() { one(); one(); two(); }\n"),
            ("docs/internals/proof.md", "| I1 | b | seed 0 |\n"),
            ("tests/mutants/core.toml", core.as_str()),
            ("tests/mutants/dead.toml", ""),
            ("tests/mutants/deaths.toml", ""),
            ("tests/mutants/groups.toml", ""),
            ("tests/mutants/logs.toml", ""),
            ("tests/mutants/outputs.toml", ""),
            ("tests/mutants/owner.toml", ""),
            ("tests/mutants/servers.toml", ""),
            ("tests/mutants/types.toml", ""),
        ];
        let found = proof::misfits(&Tree::fixture(&files));
        found.into_iter().map(|spot| spot.what).collect::<String>()
    };
    let fits = format!("{mutant}{}", edit("two();", "if !OFF(a) { two(); }"));
    assert_eq!(misfit(fits.clone()), "");
    let twice = format!("{mutant}{}", edit("one();", "OFF(a)"));
    assert_eq!(misfit(twice), "src/a.rs: has `one();` 2 times, an edit wants it once");
    assert_eq!(misfit(mutant.to_owned()), "no edit switches the mutant `a`");
    let untold = fits.replace("\"b\"", "\"d\"");
    let says = "docs/internals/proof.md has no row `| I1 | d |`";
    assert!(misfit(untold).starts_with(says));
    let unknown = format!("{fits}{}", edit("fn a()", "OFF(c)"));
    assert_eq!(misfit(unknown), "there is no mutant `c`");
}
