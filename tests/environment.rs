//! What the environment says: each case is a process of its own, since the environment belongs to
//! one. The test runs itself again as the program that it looks at.

#[cfg(test)]
mod environment {
    use std::path::Path;
    use std::process::{Command, Output};

    use artel::{Artifact, Board};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "Thing")]
    struct Before {
        size: u32,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "Thing")]
    struct After {
        size: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "Thing", version = 2)]
    struct Newer {
        size: u32,
    }

    /// Not a test of its own: the program that the others run, told what to do by an argument that
    /// the test harness takes for a filter.
    #[tokio::test]
    async fn program_of_these_tests() {
        if !std::env::args().any(|argument| argument == "--nocapture") {
            return;
        }
        let board = Board::open_default().await.unwrap();
        if Path::new("after").exists() {
            board.type_of::<After>();
        } else if Path::new("newer").exists() {
            board.type_of::<Newer>();
        } else {
            board.type_of::<Before>();
        }
        match board.start().await {
            Ok(running) => {
                println!("started at {}", running.durable());
                let owner = running.log().owner().await.unwrap().unwrap();
                println!("found at {:?}", owner.endpoint);
                running.shutdown().await;
            }
            Err(error) => println!("refused: {error}"),
        }
    }

    fn run(folder: &Path, variables: &[(&str, &str)]) -> String {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["environment::program_of_these_tests", "--exact", "--nocapture"]);
        program.current_dir(folder).env_remove("ARTEL_BOARD").env_remove("ARTEL_DEV");
        let Output { stdout, stderr, status } =
            program.envs(variables.iter().copied()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{out}{err}");
        out.into_owned()
    }

    /// `ARTEL_BOARD` names the board; without it, it is `artel.db` in the current folder.
    #[test]
    fn artel_board_names_the_default_board() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &[]);
        assert!(folder.path().join("artel.db").exists());
        run(folder.path(), &[("ARTEL_BOARD", "sqlite:other.db")]);
        assert!(folder.path().join("other.db").exists());
        run(folder.path(), &[("ARTEL_BOARD", "bare.db")]);
        assert!(folder.path().join("bare.db").exists(), "a path without a scheme is a file");
    }

    /// OWN-10: `ARTEL_ADVERTISE` says where the owner of a board is found; without it nobody is told.
    #[test]
    fn artel_advertise_is_where_an_owner_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert!(run(folder.path(), &[]).contains("found at None"));
        let told = run(folder.path(), &[("ARTEL_ADVERTISE", "shop-3:7070")]);
        assert!(told.contains("found at Some(\"shop-3:7070\")"), "{told}");
    }

    /// TYPE-1: who cannot move a changed board aside is told both what was changed and why not.
    #[test]
    fn a_board_that_stays_says_what_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &[]);
        std::fs::write(folder.path().join("after"), "").unwrap();
        let refused = run(folder.path(), &[("ARTEL_DEV", "1")]);
        assert!(refused.contains("the schema of `Thing` version 1 is not the one"), "{refused}");
        assert!(refused.contains("cannot move the board aside"), "{refused}");
    }

    /// TYPE-1: `ARTEL_DEV` moves a board aside whose schemas are not the program's, but only one that
    /// was created under it.
    #[test]
    fn artel_dev_moves_a_changed_board_aside() {
        for (created, changed, started) in
            [("0", "0", false), ("0", "1", false), ("1", "0", false), ("1", "1", true)]
        {
            let folder = tempfile::tempdir().unwrap();
            let first = run(folder.path(), &[("ARTEL_DEV", created)]);
            assert!(first.contains("started at"), "{first}");
            std::fs::write(folder.path().join("after"), "").unwrap();
            let second = run(folder.path(), &[("ARTEL_DEV", changed)]);
            assert_eq!(second.contains("started at"), started, "{created} {changed}: {second}");
            let files = std::fs::read_dir(folder.path()).unwrap();
            let boards = files.filter(|file| {
                let name = file.as_ref().unwrap().file_name().to_string_lossy().into_owned();
                name.starts_with("artel")
                    && !["-owner", "-wal", "-shm"].iter().any(|end| name.ends_with(end))
            });
            assert_eq!(boards.count(), if started { 2 } else { 1 });
        }
    }

    /// TYPE-7: `ARTEL_DEV` moves a board aside whose older types the program cannot read.
    #[test]
    fn artel_dev_moves_a_board_aside_that_cannot_be_upcast() {
        for (dev, started) in [("0", false), ("1", true)] {
            let folder = tempfile::tempdir().unwrap();
            run(folder.path(), &[("ARTEL_DEV", "1")]);
            std::fs::write(folder.path().join("newer"), "").unwrap();
            let second = run(folder.path(), &[("ARTEL_DEV", dev)]);
            assert_eq!(second.contains("started at"), started, "{second}");
            assert_eq!(second.contains("upcast(1 = thing_from_1)"), !started, "{second}");
        }
    }
}
