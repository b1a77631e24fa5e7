//! What `pause`, `resume` and `artel breaker` answer, change and refuse.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use artel::{Board, Breaker, Context, Dependency, Error, RateLimit, Retry};

use super::fixture::{Package, Ran, command, mask, package};

async fn fails(_: Context, _: Arc<Package>) -> Result<(), Error> {
    Err(Error::transient("the registry does not answer"))
}

/// A board that nobody owns, whose one agent has been to a registry that does not answer.
struct Turned {
    folder: TempDir,
    url: String,
}

impl Turned {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("packages.db").display());
        let board = Board::builder(&url).program("review").open().await.unwrap();
        let registry = Dependency::new("registry").breaker(Breaker::failure_rate(30));
        board.dependency(registry.rate_limit(RateLimit::per_minute(600)));
        let agent = board.agent("judge").on::<Package>().retry(Retry::never());
        agent.breaker(Breaker::consecutive(1)).depends_on("registry").run(fails);
        let running = board.start().await.unwrap();
        let receipt = running.publish(package("first")).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        running.publish(package("second")).await.unwrap();
        let _ = running.shutdown().await;
        Self { folder, url }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = command(args);
        command.env("ARTEL_BOARD", &self.url).current_dir(self.folder.path());
        Ran::of(&command.output().unwrap())
    }

    fn text(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        mask(&ran.out)
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        serde_json::from_str(&ran.out).unwrap()
    }

    /// What the one activation that waits waits for.
    fn gate(&self) -> (Value, Value) {
        let mut open = self.json(&["activation", "ls", "--open"]);
        let open = open["activations"][0].take();
        (open["gate"].clone(), open["held_by"].clone())
    }
}

const WHY: [&str; 4] = ["--reason", "test", "--by", "anna"];

fn said<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &WHY].concat()
}

#[tokio::test]
async fn breakers_are_listed_opened_and_closed() {
    let board = Turned::new().await;
    let expected = "\
BREAKER OF  PHASE  UNTIL  FAILURES  OPENS AT
agent judge  open  <time>  -  1 in a row
dependency registry  closed  1 of 1  30 % of at least 20
";
    let listed = board.text(&["breaker", "ls"]);
    assert_eq!(with_seconds(&listed), expected);
    assert_eq!(board.gate(), (json!("breaker"), json!("agent judge")));
    let open = board.text(&["activation", "ls", "--open"]);
    assert!(open.contains("  waiting: breaker of agent judge, until <time>  "), "{open}");
    let opened = board.json(&said(&["breaker", "open", "--dependency", "registry"]));
    let what = "the breaker of dependency registry";
    assert_eq!(opened, json!({"action": "open", "changed": true, "what": what}));
    let closed = board.text(&said(&["breaker", "close", "--agent", "judge"]));
    assert!(closed.starts_with("closed the breaker of agent judge\n"), "{closed}");
    assert_eq!(board.gate(), (json!("breaker"), json!("dependency registry")));
    let again = board.text(&said(&["breaker", "close", "--agent", "judge"]));
    assert_eq!(again, "nothing to close: the breaker of agent judge was closed already\n");
    let listed = board.json(&["breaker", "ls"]);
    let phases: Vec<_> = listed["breakers"].as_array().unwrap().iter().collect();
    assert_eq!((&phases[0]["phase"], &phases[1]["phase"]), (&json!("closed"), &json!("open")));
    assert_eq!(phases[1]["until"], Value::Null, "until it is closed by hand");
    let told = board.text(&["event", "tail", "--limit", "20"]);
    assert!(told.contains("breaker opened  dependency registry: by hand"), "{told}");
    assert!(told.contains("breaker closed  agent judge: by hand"), "{told}");
}

/// What a verb may name is listed, and the hint says where.
#[tokio::test]
async fn dependencies_are_listed_with_the_board() {
    let board = Turned::new().await;
    let text = board.text(&["board", "show"]);
    let table = "dependencies\nDEPENDENCY  BREAKER  RATE LIMIT\nregistry  closed  600 in ";
    assert!(text.contains(table), "{text}");
    let shown = board.json(&["board", "show"]);
    let registry = &shown["dependencies"][0];
    assert_eq!(
        (&registry["name"], &registry["rate_limit"]["attempts"]),
        (&json!("registry"), &json!(600))
    );
    assert_eq!(registry["breaker"]["phase"], "closed");
    for (args, what) in [
        (&["breaker", "open", "--dependency", "bank"][..], "dependency `bank`"),
        (&["agent", "pause", "nobody"], "agent `nobody`"),
    ] {
        let ran = board.run(&said(args));
        let hint = "hint: `artel board show` lists agents and dependencies";
        assert_eq!(
            (ran.code, ran.err),
            (Some(1), format!("error: the board has no {what}\n{hint}\n"))
        );
    }
}

/// A listing with its times to the millisecond masked.
fn with_seconds(text: &str) -> String {
    let word = |word: &str| {
        let time = word.len() == 24 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        if time { "<time>".to_owned() } else { word.to_owned() }
    };
    let line = |line: &str| line.split("  ").map(word).collect::<Vec<_>>().join("  ") + "\n";
    text.lines().map(line).collect()
}

#[tokio::test]
async fn what_is_paused_waits_until_it_is_resumed() {
    let board = Turned::new().await;
    let open = board.json(&["activation", "ls", "--open"]);
    let correlation = open["activations"][0]["correlation"].as_str().unwrap().to_owned();
    let turns: [(&[&str], &str); 3] = [
        (&["board"], "the board"),
        (&["agent", "judge"], "agent judge"),
        (&["correlation", &correlation], &format!("correlation {correlation}")),
    ];
    for (noun, what) in turns {
        let verb = |verb| said(&[&noun[..1], &[verb], &noun[1..]].concat());
        let paused = board.json(&verb("pause"));
        assert_eq!(paused, json!({"action": "pause", "changed": true, "what": what}));
        assert_eq!(board.gate(), (json!("paused"), json!(what)));
        let again = board.json(&verb("pause"));
        assert_eq!(again["changed"], false);
        let resumed = board.text(&verb("resume"));
        assert!(resumed.starts_with("resumed "), "{resumed}");
        assert_eq!(board.gate().0, json!("breaker"));
    }
    let ran = board.run(&["board", "pause"]);
    assert!(ran.code == Some(2) && ran.err.contains("--reason"), "{}", ran.err);
    let ran = board.run(&said(&["agent", "pause", "nobody"]));
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("the board has no agent `nobody`"), "{}", ran.err);
}

#[tokio::test]
async fn a_paused_board_says_so() {
    let board = Turned::new().await;
    board.text(&said(&["board", "pause"]));
    board.text(&said(&["agent", "pause", "judge"]));
    let shown = board.text(&["board", "show"]);
    assert!(shown.contains("paused: all work waits until `artel board resume`"), "{shown}");
    assert!(shown.contains("yes, but it is paused: its work waits"), "{shown}");
    let shown = board.json(&["board", "show"]);
    assert_eq!((&shown["paused"], &shown["agents"][0]["paused"]), (&json!(true), &json!(true)));
    let told = board.json(&["event", "tail", "--limit", "1"]);
    assert_eq!((&told["kind"], &told["what"]), (&json!("paused"), &json!("agent judge")));
    assert_eq!(told["actor"]["name"], "anna", "as --by says");
}

async fn gives_up(_: Context, package: Arc<Package>) -> Result<(), Error> {
    if package.name == "first" {
        return Err(Error::permanent("the registry has no such package"));
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_letter_is_redriven_out_of_order_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("packages.db").display());
    let board = Board::builder(&url).program("review").open().await.unwrap();
    let agent = board.agent("judge").on::<Package>().ordered();
    agent.key(|package: &Package| Some(package.size.to_string())).run(gives_up);
    let running = board.start().await.unwrap();
    for name in ["first", "second"] {
        let receipt = running.publish(package(name)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
    }
    let _ = running.shutdown().await;
    let board = Turned { folder, url };
    let dead = board.json(&["dlq", "ls"]);
    let letter = &dead["dead_letters"][0];
    assert_eq!((&letter["key"], &letter["reason"]), (&json!("7"), &json!("not-retryable")));
    let id = letter["id"].to_string();
    let refused = board.run(&said(&["dlq", "redrive", &id]));
    assert_eq!(refused.code, Some(4));
    assert!(refused.err.contains("of which younger ones may have run since"), "{}", refused.err);
    let redriven = board.json(&said(&["dlq", "redrive", &id, "--out-of-order"]));
    assert_eq!(redriven["changed"], 1);
    let told = board.run(&["event", "tail", "--json"]);
    assert!(told.out.contains(r#""out_of_order":true"#), "{}", told.out);
}

/// Text says which key is held back, and by what.
#[tokio::test]
async fn what_waits_in_its_key_names_the_key_and_what_is_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("packages.db").display());
    let board = Board::builder(&url).program("review").open().await.unwrap();
    let agent = board.agent("judge").on::<Package>().ordered_strictly();
    agent.key(|package: &Package| Some(format!("c-{}", package.size))).run(gives_up);
    let running = board.start().await.unwrap();
    let first = running.publish(package("first")).await.unwrap();
    running.settled(first.correlation).await.unwrap();
    running.publish(package("second")).await.unwrap();
    let _ = running.shutdown().await;
    let board = Turned { folder, url };
    let before = board.json(&["dlq", "ls"])["dead_letters"][0]["id"].to_string();
    let said = format!("waiting: ordering-key c-7, behind activation {before}");
    let text = board.text(&["activation", "ls", "--open"]);
    assert!(text.contains(&format!("  {said}  ")), "{text}");
    let id = board.json(&["activation", "ls", "--open"])["activations"][0]["id"].to_string();
    let text = board.text(&["activation", "show", &id]);
    assert!(text.contains(&format!("standing  {said}\nkey  c-7\n")), "{text}");
}
