//! Random tests of async cases: a fixed number of inputs from a fixed seed, and the smallest one
//! that fails.

use std::fmt::Debug;
use std::future::Future;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

/// How many cases a property usually runs, where it does not say otherwise.
const USUAL: u32 = 256;

/// How often a failing input is made smaller at most.
const SHRINKS_MAX: u32 = 120;

/// Tries so many inputs of a strategy, or in proportion more where PROPTEST_CASES asks for other than
/// the usual 256.
///
/// # Panics
/// When the check fails, with the smallest input that was found for which it does.
pub async fn check<S, C, F>(cases: u32, strategy: S, check: C)
where
    S: Strategy,
    S::Value: Clone + Debug,
    C: Fn(S::Value) -> F,
    F: Future<Output = Result<(), String>>,
{
    let mut runner = TestRunner::deterministic();
    let cases = u64::from(cases) * u64::from(Config::default().cases) / u64::from(USUAL);
    for case in 0..cases.max(1) {
        let mut tree = strategy.new_tree(&mut runner).expect("the strategy has values");
        let Err(mut failure) = check(tree.current()).await else { continue };
        let mut smallest = tree.current();
        for _ in 0..SHRINKS_MAX {
            if !tree.simplify() {
                break;
            }
            match check(tree.current()).await {
                Err(smaller) => (failure, smallest) = (smaller, tree.current()),
                Ok(()) if tree.complicate() => {}
                Ok(()) => break,
            }
        }
        panic!("case {case}: {failure}\nwith {smallest:#?}");
    }
}
