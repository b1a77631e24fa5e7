//! What holds for every verb: the board, help, colours, errors of use, diagnostics.

use super::fixture::{Fixture, Ran, command};

fn run(args: &[&str]) -> Ran {
    Ran::of(&command(args).output().unwrap())
}

#[tokio::test]
async fn the_board_is_named_by_a_flag_by_the_environment_or_not_at_all() {
    let fixture = Fixture::new().await;
    let name = |args: &[&str], board: Option<&str>| {
        let mut command = command(&[&["board", "show", "--json"], args].concat());
        command.current_dir(fixture.folder()).envs(board.map(|board| ("ARTEL_BOARD", board)));
        let ran = Ran::of(&command.output().unwrap());
        let json: serde_json::Value =
            serde_json::from_str(if ran.code == Some(0) { &ran.out } else { &ran.err }).unwrap();
        if ran.code == Some(0) {
            json["url"].to_string()
        } else {
            json["error"]["message"].to_string()
        }
    };
    assert_eq!(name(&["--board", &fixture.url], None), format!("\"{}\"", fixture.url));
    assert_eq!(name(&["--board", "packages.db"], Some("other.db")), "\"sqlite:packages.db\"");
    assert_eq!(name(&[], Some("packages.db")), "\"sqlite:packages.db\"");
    assert_eq!(name(&[], None), "\"cannot open the board `sqlite:artel.db`\"");
    std::fs::copy(fixture.folder().join("packages.db"), fixture.folder().join("artel.db")).unwrap();
    assert_eq!(name(&[], None), "\"sqlite:artel.db\"");
}

#[test]
fn help_teaches_by_examples_and_lists_the_exit_codes() {
    let ran = run(&["--help"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    for word in ["Examples:", "Exit codes:", "4  refused", "ARTEL_BOARD", "dlq", "event"] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    let ran = run(&["dlq", "redrive", "--help"]);
    assert!(ran.out.contains("artel dlq redrive --all --reason"), "{}", ran.out);
    let nothing = run(&[]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("Usage: artel"), "{}", nothing.err);
}

#[test]
fn a_wrong_command_line_is_told_to_people_and_to_programs() {
    let ran = run(&["board", "shwo"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.starts_with("error: unrecognized subcommand 'shwo'"), "{}", ran.err);
    let ran = run(&["artifact", "ls", "--since", "yesterday", "--json"]);
    assert_eq!(ran.code, Some(2));
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("invalid value 'yesterday' for '--since <TIME>': write 2026-"),
        "{message}"
    );
    assert!(!message.contains("For more information"), "{message}");
    assert_eq!(
        (&error["error"]["code"], &error["error"]["exit_code"]),
        (&"usage".into(), &2.into())
    );
}

#[test]
fn a_wrong_id_is_told_what_an_id_looks_like() {
    let uuid = "0193f2a0-7c1e-7000-8000-00000000000a";
    let (activation, seq) = ("an activation's id is a number", "a seq is a number, such as 42");
    let correlation = format!("a tree of work has a UUID, such as {uuid}");
    for (args, expected) in [
        (&["activation", "show", "x"][..], activation),
        (&["dlq", "drop", "x", "--reason", "x"], activation),
        (&["step", "settle", "x", "--not-happened", "a", "--reason", "x"], activation),
        (&["activation", "ls", "--correlation", "abc"], &correlation),
        (&["correlation", "show", "abc"], &correlation),
        (&["artifact", "ls", "--after", "x"], seq),
        (&["event", "tail", "--from", "x"], seq),
        (&["artifact", "show", "x"], "an artifact has a UUID"),
    ] {
        let ran = run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.err.contains(expected), "{args:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn who_looks_is_somebody_whom_the_board_knows() {
    let fixture = Fixture::new().await;
    for verb in [["board", "show"], ["types", "ls"], ["breaker", "ls"], ["artifact", "ls"]] {
        let (code, error) = fixture.error(&[&verb[..], &["--as", "ghost"]].concat());
        assert_eq!((code, &error["code"]), (1, &"unknown-name".into()), "{verb:?}");
    }
}

#[tokio::test]
async fn colours_are_for_terminals_unless_they_are_asked_for() {
    let fixture = Fixture::new().await;
    let red = "\u{1b}[1;31merror:\u{1b}[0m there is no artifact 1";
    let error = |color: &[&str]| fixture.run(&[&["artifact", "show", "1"], color].concat()).err;
    assert!(error(&[]).starts_with("error: there is no artifact 1"));
    assert!(error(&["--color", "never"]).starts_with("error: there is no artifact 1"));
    assert!(error(&["--color", "always"]).starts_with(red));
    let tail = fixture.run(&["event", "tail", "--from", "17", "--limit", "1", "--color", "always"]);
    assert!(tail.out.contains("\u{1b}[32mattempt ended"), "{}", tail.out);
    let json = fixture.run(&["event", "tail", "--limit", "1", "--color", "always", "--json"]);
    assert!(!json.out.contains('\u{1b}'), "{}", json.out);
}

#[tokio::test]
async fn diagnostics_are_shown_on_the_error_output_when_they_are_asked_for() {
    let fixture = Fixture::new().await;
    let mut command = fixture.command(&["dlq", "redrive", "19", "--reason", "x", "--json"]);
    let ran = Ran::of(&command.env("RUST_LOG", "artel=info").output().unwrap());
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("shutdown"), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
}

#[test]
fn no_password_is_printed() {
    for json in [&["--json"][..], &[]] {
        // One that this build has no backend for, and one where nobody listens.
        for url in ["redis://a:secret@h/x", "postgres://a:secret@127.0.0.1:1/x"] {
            let ran = run(&[&["board", "show", "--board", url], json].concat());
            assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
            assert!(!ran.err.contains("secret"), "{}", ran.err);
            assert!(ran.err.contains("://…@"), "{}", ran.err);
        }
    }
}
