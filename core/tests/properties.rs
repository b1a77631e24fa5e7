//! Random histories of boards against oracles that are too simple to be wrong. Each oracle is
//! written from `docs/reference/`, knows nothing of the production code but its commands, events and
//! public state, and takes no short cuts.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use proptest::test_runner::Config;

#[path = "properties/acts.rs"]
mod acts;
#[path = "properties/agenda.rs"]
mod agenda;
#[path = "properties/breakers.rs"]
mod breakers;
#[path = "properties/desk.rs"]
mod desk;
#[path = "properties/idempotency.rs"]
mod idempotency;
#[path = "properties/keys.rs"]
mod keys;
#[path = "properties/matching.rs"]
mod matching;
#[path = "properties/rates.rs"]
mod rates;
#[path = "properties/recovery.rs"]
mod recovery;
#[path = "properties/retries.rs"]
mod retries;
#[path = "properties/settling.rs"]
mod settling;

/// So many cases, or in proportion more where PROPTEST_CASES asks for other than the usual 256. What
/// fails is printed in its smallest form, and not kept in a file.
fn cases(of_256: u32) -> Config {
    let usual = Config::default();
    let cases = (usual.cases * of_256 / 256).max(1);
    Config { cases, failure_persistence: None, ..usual }
}
