//! The program of the demo, killed with SIGKILL 25 times at moments drawn from its progress, on four
//! boards: nothing is lost, nothing is done twice. `dev/crash` does the same for any number of kills.
//!
//! Not in dev/test --quick: it runs the demo program and kills it

#[cfg(test)]
mod crash {
    use artel_testkit::crash::{Campaign, Check, Program};

    /// The program, and the project that it reviews: Artel itself.
    const COMMAND: [&str; 9] = [
        env!("CARGO_BIN_EXE_dependency_review"),
        "--project",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../.."),
        "--board",
        "{board}",
        "--ledger",
        "{ledger}",
        "--report",
        "{result}",
    ];

    /// I1, I3, I5, I6, I10: what the log recorded and what handlers did agree, whatever was killed
    /// when.
    #[tokio::test]
    async fn nothing_is_lost_or_done_twice_however_often_the_program_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let campaign = Campaign {
            program: Program::new(COMMAND).unwrap(),
            dir: dir.path().to_owned(),
            kills: 25,
            seed: 1,
            keep: false,
        };
        let ran = campaign.run(|report| println!("{} kills", report.kills)).await;
        if !ran.as_ref().is_ok_and(|report| report.holds()) {
            println!("what is left of it is in {}", dir.keep().display());
            println!("to draw the same moments again: dev/crash --kills 25 --seed 1");
        }
        let report = ran.unwrap();
        println!("{report}");
        assert!(report.holds(), "{:?} do not hold", report.verdicts.failed());
        assert_eq!(report.kills, 25);
        assert!(report.lost > 0 && report.repeated > 0, "kills interrupt work");
        assert!(report.went_on > 0 && report.at_take_over > 0, "kills are of every kind");
        for check in Check::ALL {
            assert!(report.verdicts.of(check).looked_at > 0, "{check:?} looked at nothing");
        }
    }
}
