//! Two processes on one board of a server, and that, killed 50 times, stopped, and cut off from each
//! other: nothing is lost, nothing is done twice. `dev/crash --log postgres` or `redis` does the same for any
//! number of kills. Each process is this test, started by itself.
//!
//! Not in dev/test --quick: it starts a server and kills it.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]
#![expect(clippy::print_stdout, reason = "what a campaign came to")]

use std::path::Path;

use artel_testkit::crash::{Pair, PairReport, live};
use artel_testkit::servers::Kind;

/// With this one every kind of fault is drawn before 50 kills are.
const SEED: u64 = 4;

/// A process of the campaign, in a folder that this has made; by itself it has nothing to do.
#[tokio::test]
async fn one_life() {
    live(Path::new(".")).await.unwrap();
}

/// What the log recorded, what the processes were told, and what their handlers did agree, whatever was killed or
/// cut off when.
async fn nothing_is_lost_or_done_twice(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let here = std::env::current_exe().unwrap().display().to_string();
    let command = [&here, "--exact", "one_life", "--nocapture"].map(str::to_owned).to_vec();
    let pair = Pair { command, kind, dir: dir.path().join("pair"), kills: 50, seed: SEED };
    let ran = Box::pin(pair.run(|kills| println!("{kills} kills"))).await;
    if !ran.as_ref().is_ok_and(PairReport::holds) {
        println!("what is left of it is in {}", dir.keep().display());
        println!("to draw the same moments again: dev/crash --log L --kills 50 --seed {SEED}");
    }
    let report = ran.unwrap();
    println!("{report}");
    assert!(report.holds(), "{:?} do not hold", report.verdicts.failed());
    assert!(report.kills >= 50);
    assert!(report.audited.lost > 0 && report.audited.repeated > 0, "kills interrupt work");
    assert_eq!(report.idle(), [], "they looked at nothing");
    assert_eq!(report.faults.len(), 13, "every kind of fault: {:?}", report.faults);
    assert!(report.cuts > 0, "answers were cut off");
}

#[cfg(test)]
mod postgres {
    use super::*;

    /// I1, I2, I3, I5, I6, I10, POSTGRES-21, POSTGRES-22, OWN-6.
    #[tokio::test]
    async fn nothing_is_lost_or_done_twice() {
        super::nothing_is_lost_or_done_twice(Kind::Postgres).await;
    }
}

#[cfg(test)]
mod redis {
    use super::*;

    /// I1, I2, I3, I5, I6, I10, REDIS-3, REDIS-12, OWN-6.
    #[tokio::test]
    async fn nothing_is_lost_or_done_twice() {
        super::nothing_is_lost_or_done_twice(Kind::Redis).await;
    }
}
