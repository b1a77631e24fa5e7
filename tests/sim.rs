//! Simulations: 200 seeds of everything that can go wrong, each twice.
//! Not in dev/test --quick: takes a minute and a half.

use artel_testkit::sim;

/// I1, I2, I3, I4, I5, I6, I10, I13: what must always hold, in 200 simulations.
#[test]
fn what_must_always_hold_holds_in_simulations() {
    let failed = |seed, why: &str| println!("dev/sim --seeds 1 --from {seed}\n  {why}");
    let seconds_max = sim::SEED_SECONDS_MAX;
    let seeds = sim::Seeds { from: 0, count: 200, twice: true, until_failed: false, seconds_max };
    let report = sim::run_seeds(seeds, failed, |_| {});
    assert_eq!(report.failed, [0; 0], "{report:?}");
    assert!(report.processes > report.seeds, "processes die: {report:?}");
    assert!(report.acknowledged > 20 * report.seeds, "clients publish: {report:?}");
    assert_eq!(report.cases.missing(), [], "what no simulation came to: {report:?}");
}
