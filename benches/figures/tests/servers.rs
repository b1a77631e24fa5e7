//! The figures that start a server, at sizes at which nothing is measured: that they come to an end, and what they
//! are compared with.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::process::Command;

use serde_json::Value;

/// The answer to one figure, measured once.
fn measured(figure: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_figures"));
    let ran = command.args(["--json", "--runs", "1", "--scale", "0.1", figure]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{figure}: {said}");
    serde_json::from_slice(&ran.stdout).expect(&said)
}

/// OWN-6: the owner is killed when its ownership has just begun, so that nearly all of it has to be waited for: at
/// this size it is a second.
#[test]
fn a_board_goes_on_in_another_process_when_the_ownership_of_the_dead_one_is_over() {
    for figure in ["takeover.postgres", "takeover.redis"] {
        let found = measured(figure);
        assert_eq!((&found["unit"], &found["target"]), (&"s".into(), &"at most 12".into()));
        // It was renewed when a third of it was over.
        assert!(found["value"].as_f64().unwrap() > 0.3, "{found}");
    }
}

#[test]
fn what_is_held_to_a_bare_loop_has_one() {
    for (figure, target) in [
        ("postgres.hops", "at least 18000, and 0.6 times the baseline"),
        ("postgres.latency", "at most 1.5 times the baseline"),
        ("postgres.latency.row", ""),
        ("redis.hops.everysec", "at least 15000, and 0.6 times the baseline"),
        ("redis.hops.always", "at least 10000, and 0.6 times the baseline"),
    ] {
        let found = measured(figure);
        assert_eq!(found["target"].as_str().unwrap_or_default(), target);
        for field in ["value", "baseline", "ratio"] {
            assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
        }
    }
}
