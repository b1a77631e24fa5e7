//! Simulations: 200 seeds of everything that can go wrong, each twice.
//! Not in dev/test --quick: takes a minute and a half.

use std::panic;

use artel_testkit::sim;

/// I1, I2, I3, I4, I5, I6, I10: what must always hold, in 200 simulations.
#[test]
fn what_must_always_hold_holds_in_simulations() {
    // The agents of a simulation panic on purpose.
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("drawn") {
            others(info);
        }
    }));
    let failed = |seed, why: &str| println!("{why}: dev/sim --seeds 1 --from {seed}");
    let report = sim::run_seeds(0, 200, failed, |_| {});
    assert_eq!(report.failed, [0; 0], "{report:?}");
    assert!(report.processes > report.seeds, "processes die: {report:?}");
    assert!(report.acknowledged > 20 * report.seeds, "clients publish: {report:?}");
}
