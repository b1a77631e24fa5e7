//! The rules of the tree, as ordinary tests: one for each, with a message that says which file and
//! line breaks it and what to do. `cargo test --test tidy` takes a few seconds.
//!
//! Rules over text can be lifted for a file by a row with a reason in `tests/tidy/exceptions.toml`.
//! What needs types (spawning, clocks, the environment by resolved path) is banned once more in
//! `clippy.toml`. The rules themselves are proved by `tidy::violations`: each is broken once there.

#[cfg(test)]
mod tidy {
    pub(crate) mod citations;
    pub(crate) mod counts;
    pub(crate) mod finding;
    pub(crate) mod graph;
    pub(crate) mod manifests;
    pub(crate) mod missions;
    #[path = "../mutants/table.rs"]
    pub(crate) mod mutants;
    pub(crate) mod options;
    pub(crate) mod packages;
    pub(crate) mod proof;
    pub(crate) mod reach;
    pub(crate) mod rooms;
    pub(crate) mod shape;
    pub(crate) mod source;
    mod table_violations;
    pub(crate) mod traces;
    pub(crate) mod tree;
    mod violations;
}

#[cfg(test)]
mod rules {
    use std::path::Path;
    use std::sync::LazyLock;

    use crate::tidy::finding::{
        EXCEPTIONS, Rule, Spot, expect_none, hold, stale_exceptions, table,
    };
    use crate::tidy::graph::Graph;
    use crate::tidy::packages::{self, Policy};
    use crate::tidy::tree::{Place, Tree};
    use crate::tidy::{
        citations, counts, manifests, missions, options, proof, reach, rooms, shape, traces,
    };

    static TREE: LazyLock<Tree> =
        LazyLock::new(|| Tree::load(Path::new(env!("CARGO_MANIFEST_DIR"))));
    static GRAPH: LazyLock<Graph> =
        LazyLock::new(|| Graph::load(Path::new(env!("CARGO_MANIFEST_DIR"))));

    /// The rules that the table of exceptions can lift.
    pub(crate) const LIFTABLE: [Rule; 21] = [
        shape::FILE_LINES,
        shape::MODULE_DOC,
        shape::DECLARATIONS,
        shape::IMPORTS,
        shape::NAMES,
        shape::UNFINISHED,
        shape::IGNORED,
        shape::ALLOW,
        reach::APPEND,
        reach::SPAWN,
        reach::ENVIRONMENT,
        reach::CLOCK,
        reach::RANDOM,
        reach::SEEDED_MAP,
        reach::SIGHT,
        reach::LOG_READ,
        reach::SLEEP,
        proof::SIMULATION,
        traces::TRACES,
        traces::GOLDEN,
        traces::SCRIPTS,
    ];

    /// One test for each rule over the text of the tree.
    macro_rules! text_rules {
        ($($test:ident => $rule:expr;)*) => {$(
            #[test]
            fn $test() {
                hold(&$rule, &TREE);
            }
        )*};
    }

    text_rules! {
        files_are_short => shape::FILE_LINES;
        every_file_says_what_it_is => shape::MODULE_DOC;
        roots_of_modules_only_declare => shape::DECLARATIONS;
        imports_stand_in_four_paragraphs => shape::IMPORTS;
        r6_names_say_something => shape::NAMES;
        nothing_is_left_unfinished => shape::UNFINISHED;
        no_test_is_ignored => shape::IGNORED;
        lints_are_lifted_with_a_reason => shape::ALLOW;
        r7_only_the_committer_appends => reach::APPEND;
        r7_only_tasks_spawns => reach::SPAWN;
        r7_only_config_reads_the_environment => reach::ENVIRONMENT;
        r7_only_the_clock_tells_the_time => reach::CLOCK;
        random_numbers_have_one_source => reach::RANDOM;
        r7_core_and_root_have_no_seeded_map => reach::SEEDED_MAP;
        i12_artifacts_are_shown_by_sight => reach::SIGHT;
        i12_logs_are_read_in_few_files => reach::LOG_READ;
        tests_do_not_sleep => reach::SLEEP;
        simulations_run_production_code => proof::SIMULATION;
        nothing_tells_of_one_machine => traces::TRACES;
        r8_golden_files_are_read => traces::GOLDEN;
        scripts_can_be_run => traces::SCRIPTS;
    }

    /// Rules over an empty tree would all hold.
    #[test]
    fn tree_and_graph_are_really_read() {
        let core = TREE.get("core/src/lib.rs").expect("the core's root is in the tree");
        assert_eq!((core.package.as_str(), core.place), ("artel-core", Place::Production));
        let this = TREE.get("tests/tidy.rs").expect("this file is in the tree");
        assert_eq!((this.package.as_str(), this.place), ("artel", Place::Test));
        assert!(GRAPH.members["artel-core"].normal.contains("serde"));
        assert!(GRAPH.reach["artel"].contains("serde_core"), "what serde stands on is reached");
        let serde = GRAPH.packages.iter().find(|package| package.name == "serde");
        assert!(serde.is_some_and(|serde| serde.shipped && serde.licence.is_some()));
    }

    #[test]
    fn r1_core_stands_alone() {
        let says = "R1: artel-core depends on no member of the workspace, and on none of tokio, \
                    sqlx, redis, rdkafka, axum, opentelemetry.";
        let do_this = "Declare a port (a trait) in core, and implement it in the crate that does \
                       the input and output.";
        graph_rule(rooms::core_alone(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r2_rooms_stand_apart() {
        let says = "R2: persistence, eventbus and scheduler depend on core only, never on each \
                    other.";
        let do_this = "Let the root package pass what one room needs of the other, through core's \
                       types.";
        graph_rule(rooms::rooms_apart(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r3_only_the_root_package_joins() {
        let says = "R3: the root package is the only one that joins rooms.";
        let do_this = "Depend on artel instead, and make it re-export what is missing.";
        graph_rule(rooms::one_joiner(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r4_edges_stand_on_the_root_package() {
        let says = "R4: server and cli stand on the root package.";
        let do_this = "Depend on artel instead, and make it re-export what is missing.";
        graph_rule(rooms::edges_on_root(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r5_testkit_is_for_tests() {
        let says = "R5: testkit is a development dependency, and stands on the root package.";
        let do_this = "Move the dependency to [dev-dependencies], or the code into a test.";
        graph_rule(rooms::testkit_for_tests(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r6_chains_are_short() {
        let says = "R6: the longest chain of libraries has at most 4 edges.";
        let do_this = "Let two of the crates in the chain become one, or stand beside each other.";
        graph_rule(rooms::chain(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn r7_only_programs_set_up_tracing() {
        let says = "R7: among libraries, only cli and testkit depend on tracing-subscriber.";
        let do_this = "Write to tracing's macros; the program chooses where the lines go.";
        graph_rule(rooms::subscriber(&GRAPH), "Cargo.toml", says, do_this);
    }

    #[test]
    fn versions_stand_in_one_table() {
        let says = "Versions of packages stand in the root's [workspace.dependencies], and every \
                    row there is used.";
        let do_this = "Write `name.workspace = true` in the member; delete rows without a user.";
        expect_none(&manifests::one_table(&TREE), says, do_this);
    }

    #[test]
    fn members_inherit_from_the_workspace() {
        let says = "Every member takes lints, version, edition, Rust version and licence from the \
                    workspace.";
        let do_this = "Write `lints.workspace = true` and the like in the member's manifest.";
        expect_none(&manifests::inherited(&TREE), says, do_this);
    }

    #[test]
    fn the_toolchain_is_the_oldest_one_supported() {
        let says = "rust-toolchain.toml pins a release of the workspace's rust-version, so that \
                    what passes here builds for everybody.";
        let do_this = "Raise both together.";
        expect_none(&manifests::one_rust(&TREE), says, do_this);
    }

    #[test]
    fn licences_of_packages_are_allowed() {
        let says = "Every package in the graph has a licence under which Artel can be shipped.";
        let do_this = "Take another package. Only a licence without conditions on Artel's own code \
                       may be added to the list.";
        graph_rule(packages::licences(&policy(), &GRAPH), packages::TABLE, says, do_this);
    }

    #[test]
    fn banned_packages_are_absent() {
        let says = "No banned package is in the graph.";
        let do_this = "Take what the reason names instead; `cargo tree -i NAME` shows who asks.";
        graph_rule(packages::banned(&policy(), &GRAPH), packages::TABLE, says, do_this);
    }

    #[test]
    fn large_packages_are_there_once() {
        let says = "Large packages are in the graph in one version only.";
        let do_this = "Choose versions that agree; `cargo tree -d` shows who asks for which.";
        graph_rule(packages::duplicates(&policy(), &GRAPH), packages::TABLE, says, do_this);
    }

    #[test]
    fn mission_packages_are_used() {
        let says = "Each package that Artel is built around has a row: package, crate, production \
                    file that uses it.";
        let do_this = "Add a row when a crate takes up one of these packages; keep it true.";
        expect_none(&missions::untrue(&TREE, &GRAPH), says, do_this);
    }

    #[test]
    fn options_are_proved() {
        let says = "Each public option has a row: the option, and the test that fails with its \
                    default and passes when it is set.";
        let do_this = "Write that test and its row. An option for which there is no such test does \
                       nothing, and does not exist. A function that is no option goes to \
                       `not_options`, with the reason.";
        expect_none(&options::unproved(&TREE), says, do_this);
    }

    #[test]
    fn mutants_fit_the_tree() {
        let says = "Each edit of tests/mutants/*.toml finds its text in the tree, once, and each \
                    mutant has an edit that switches it, and a row in docs/internals/proof.md.";
        let do_this = "Write the edit anew for the text that the guard has now; `dev/mutants \
                       --only NAME` sees whether it is still found.";
        expect_none(&proof::misfits(&TREE), says, do_this);
    }

    #[test]
    fn each_backend_is_counted() {
        let says = "dev/counts.txt has a line for each backend: its name, and how many of its tests have to \
                    pass.";
        let do_this = "Add the line, and take the number from `dev/test --counts`.";
        expect_none(&counts::uncounted(&TREE), says, do_this);
    }

    #[test]
    fn rules_and_clauses_are_cited() {
        let says = "Each rule of docs/reference/ is cited by a test, each clause of docs/specs/ by \
                    a conformance case, and each citation names an id that exists.";
        let do_this = "Write the test, and name the id in a comment of it (`/// RETRY-2: …`).";
        expect_none(&citations::broken(&TREE), says, do_this);
    }

    #[test]
    fn exceptions_are_needed() {
        let says = "Each row of the table of exceptions lifts a rule that would not hold, and says \
                    why.";
        let do_this = "Delete rows that are no longer needed; give the others a reason.";
        expect_none(&stale_exceptions(&LIFTABLE, &TREE), says, do_this);
    }

    fn policy() -> Policy {
        table(&TREE, packages::TABLE)
    }

    /// Findings in the graph have no line; they are told with the file that would change.
    fn graph_rule(found: Vec<String>, path: &str, says: &str, do_this: &str) {
        let spots: Vec<Spot> = found.into_iter().map(|what| Spot::line(path, 1, what)).collect();
        let do_this = format!("{do_this} (No row in {EXCEPTIONS} lifts this rule.)");
        expect_none(&spots, says, &do_this);
    }
}
