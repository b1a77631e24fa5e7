//! What `artel doctor` answers of a board in a file, and how it exits.

use serde_json::Value;

use super::fixture::{Fixture, start};

fn codes(examined: &Value) -> Vec<(&str, &str)> {
    let findings = examined["findings"].as_array().unwrap().iter();
    findings.map(|one| (one["code"].as_str().unwrap(), one["severity"].as_str().unwrap())).collect()
}

/// DOCTOR-1, DOCTOR-2: all that applies to a file is looked at, while its owner lives; the owner and the bytes
/// of the board are as they were, and nothing is left beside them.
#[tokio::test]
async fn a_file_is_examined_beside_its_owner() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, true).await;
    let (before, _) = running.state_hash().await.unwrap();
    let examined = fixture.json(&["doctor"]);
    let expected = [
        "durability",
        "free-space",
        "file",
        "commit-latency",
        "write-ahead",
        "ownership",
        "journal-mode",
        "schema-version",
        "board-size",
        "board",
        "registration",
        "paused",
        "dead-letters",
    ];
    let found = codes(&examined);
    assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), expected);
    assert_eq!(examined["problems"], 0, "{examined}");
    let dead = examined["findings"].as_array().unwrap().last().unwrap();
    assert_eq!((&dead["severity"], dead["advice"].is_string()), (&"warning".into(), true));
    let owner = &examined["findings"][5]["found"];
    assert!(owner.as_str().unwrap().starts_with("`review` (process "), "{owner}");
    assert_eq!(running.state_hash().await.unwrap().0, before);
    let names = std::fs::read_dir(fixture.folder()).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.contains("doctor")), "{names:?}");
    assert!(running.shutdown().await.complete);
}

/// DOCTOR-3: a weaker mode that the URL asks for is a warning.
#[tokio::test]
async fn a_weaker_mode_is_a_warning() {
    let fixture = Fixture::new().await;
    let url = format!("{}?synchronous=normal", fixture.url);
    let examined = fixture.json(&["doctor", &url]);
    assert_eq!(codes(&examined)[0], ("durability", "warning"));
    let text = fixture.text(&["doctor", "--board", &url]);
    assert!(text.contains("take `synchronous=normal` out of the URL"), "{text}");
}

/// DOCTOR-1, DOCTOR-4: what must not stay so is a problem, and then the program says no; what lies there is
/// left as it is.
#[tokio::test]
async fn a_file_that_is_no_board_is_a_problem() {
    let fixture = Fixture::new().await;
    let path = fixture.folder().join("notes.txt");
    std::fs::write(&path, "not a board").unwrap();
    for (place, code) in [("notes.txt", "file"), ("nothing.db", "board")] {
        let ran = fixture.run(&["doctor", place, "--json"]);
        assert_eq!(ran.code, Some(1), "{}", ran.err);
        let examined: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(codes(&examined).last().unwrap(), &(code, "problem"), "{examined}");
        let failure: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(failure["error"]["code"], "unwell");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a board");
    assert!(!fixture.folder().join("nothing.db").exists());
    let ran = fixture.run(&["doctor", "memory:"]);
    assert_eq!(ran.code, Some(3), "there is nothing to say of it: {}", ran.err);
}
