//! What the proof stands on: simulations run production code and nothing that only resembles it, and
//! every mutant still fits the tree.

use super::finding::{Rule, Spot};
use super::mutants::{FOLDER, Mutant, Table};
use super::tree::Tree;

/// Where simulations are made.
const TESTKIT: &str = "testkit/src/";
/// Where a simulation is.
const SIMULATION_FOLDER: &str = "testkit/src/sim/";
/// Where each mutant is told of.
const PROOF: &str = "docs/internals/proof.md";
/// How a simulation gets its boards.
const RUNTIME: &str = "Board::builder";
/// What a board is made of, and what only the core may define: what such functions begin with.
const TRANSITIONS: [&str; 2] = ["decide", "evolve"];
const STATES: [&str; 5] = ["struct State", "enum State", "type State", "trait State", "impl State"];

pub(crate) const SIMULATION: Rule = Rule {
    id: "simulation",
    says: "Simulations run the production runtime: testkit defines no decide…, no evolve… and no \
           State of its own.",
    do_this: "Ask the core's State, or say in a rule what must hold; begin boards with \
              `Board::builder`.",
    check: simulation,
};

fn simulation(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut without_runtime = None;
    let mut has_runtime = false;
    for (file, rust) in tree.production().filter(|(file, _)| file.path.starts_with(TESTKIT)) {
        for function in &rust.functions {
            if TRANSITIONS.iter().any(|begin| function.name.starts_with(begin)) {
                let what = format!("a `{}` beside the core's", function.name);
                spots.push(Spot::at(file, function.at, what));
            }
        }
        for state in STATES {
            let found = rust.find(state);
            spots.extend(found.map(|at| Spot::at(file, at, format!("`{state}` in testkit"))));
        }
        if file.path.starts_with(SIMULATION_FOLDER) {
            has_runtime |= rust.find(RUNTIME).next().is_some();
            without_runtime.get_or_insert(&file.path);
        }
    }
    if let Some(path) = without_runtime.filter(|_| !has_runtime) {
        spots.push(Spot::line(path, 1, format!("the simulation has no `{RUNTIME}`")));
    }
    spots
}

/// Mutants that do not fit the tree any more.
pub(crate) fn misfits(tree: &Tree) -> Vec<Spot> {
    let read = |path: &str| tree.get(path).map(|file| file.text.clone());
    let fits = Table::read(read).and_then(|table| {
        let told = read(PROOF).unwrap_or_default();
        let row = |mutant: &&Mutant| format!("| {} | {} |", mutant.protects, mutant.guard);
        if let Some(mutant) = table.mutant.iter().find(|mutant| !told.contains(&row(mutant))) {
            let row = row(&mutant);
            return Err(format!("{PROOF} has no row `{row}` (`dev/mutants --markdown` prints it)"));
        }
        table.apply(read, |_| "true".to_owned()).map(drop).map_err(|wrong| wrong.join("\n  "))
    });
    fits.err().map(|wrong| Spot::line(FOLDER, 1, wrong)).into_iter().collect()
}
