//! The examination of a board: what it says of the board itself, and the page that lists its codes.

#[cfg(test)]
mod doctor {
    use std::fmt::Write as _;
    use std::path::Path;
    use std::sync::Arc;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use artel::finding::{Code, Finding, Severity};
    use artel::{Artifact, Board, Context, Error, Retry, Running, examine};

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    struct Thing {
        good: bool,
    }

    async fn work(_: Context, thing: Arc<Thing>) -> Result<(), Error> {
        if thing.good { Ok(()) } else { Err(Error::permanent("bad")) }
    }

    /// Starts a program that has some of the agents of a board.
    async fn start(url: &str, agents: &[&'static str]) -> Running {
        let board = Board::open(url).await.unwrap();
        for agent in agents {
            board.agent(*agent).on::<Thing>().retry(Retry::never()).run(work);
        }
        board.start().await.unwrap()
    }

    fn found(findings: &[Finding], code: Code) -> &Finding {
        findings.iter().find(|finding| finding.code == code).expect("it was looked at")
    }

    /// DOCTOR-5: what waits for somebody is told: work of an agent that nobody registers, what is paused, dead
    /// letters; and nothing of it where there is none.
    #[tokio::test]
    async fn what_waits_for_somebody_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("board.db").display());
        let running = start(&url, &["kept", "gone"]).await;
        let findings = examine(&url).await.unwrap();
        for code in [Code::Board, Code::Registration, Code::Paused, Code::DeadLetters] {
            assert_eq!(found(&findings, code).severity, Severity::Ok, "{code:?}");
        }
        running.operator("ann", "a look").unwrap().pause_agent("gone").await.unwrap();
        running.publish(Thing { good: false }).await.unwrap();
        let dead = |state: &artel::state::State| {
            state.subscriptions().map(|(_, record)| record.counters.dead).sum::<u64>()
        };
        while running.look(dead).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(running.shutdown().await.complete);
        assert!(start(&url, &["kept"]).await.shutdown().await.complete);

        let findings = examine(&url).await.unwrap();
        for (code, part) in [
            (Code::Registration, "1 of `gone`"),
            (Code::Paused, "agent `gone`"),
            (Code::DeadLetters, ": 1"),
        ] {
            let finding = found(&findings, code);
            assert_eq!(finding.severity, Severity::Warning, "{finding:?}");
            assert!(finding.found.contains(part) && finding.advice.is_some(), "{finding:?}");
        }
        assert!(found(&findings, Code::Board).found.contains("1 activations are open"));
    }

    fn table() -> String {
        let mut table = "| code | what is looked at | `warning` | `problem` |\n".to_owned();
        table.push_str("| --- | --- | --- | --- |\n");
        for code in Code::ALL {
            let (warns, fails) = (code.warns().unwrap_or("never"), code.fails().unwrap_or("never"));
            let _ =
                writeln!(table, "| `{}` | {} | {warns} | {fails} |", code.as_str(), code.subject());
        }
        table
    }

    /// DOCTOR-1: the page lists the codes that there are, and what makes them warnings and problems.
    #[test]
    fn the_page_lists_all_codes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/doctor.md");
        let found = std::fs::read_to_string(&path).unwrap();
        let mark = "out of date -->\n";
        let head = &found[..found.find(mark).unwrap() + mark.len()];
        let page = format!("{head}\n{}", table());
        if page != found {
            std::fs::write(&path, page).unwrap();
            panic!(
                "docs/reference/doctor.md was out of date; it is written anew: look at it and commit it"
            );
        }
    }
}
