//! What `artel step settle` records and refuses, and how doubt, suspects and limits are shown.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use artel::ids::CorrelationId;
use artel::{Board, Context, Error, Running};

use super::fixture::{Package, Ran, Verdict, command, mask, numbers, package};

/// A board in a folder of its own, whose payer does not hear what became of `lost` payments.
struct Payments {
    _folder: TempDir,
    url: String,
    /// The tree of work whose payment is in doubt, and the one that goes round.
    lost: CorrelationId,
    round: CorrelationId,
}

async fn pay(cx: Context, package: Arc<Package>) -> Result<Vec<Verdict>, Error> {
    if package.name == "refused" {
        return Err(Error::permanent("the bank refuses it"));
    }
    let charge = async |_key: String| match package.name.as_str() {
        "lost" => Err(Error::transient("the bank does not answer")),
        name => Ok(name.len()),
    };
    let paid: usize = cx.irreversible("charge", charge).await?;
    let good = package.name == "round";
    let package = format!("{} for {paid}", package.name);
    Ok(vec![Verdict { package, good }])
}

/// Hands good verdicts to itself.
async fn again(_: Context, verdict: Arc<Verdict>) -> Result<Verdict, Error> {
    Ok((*verdict).clone())
}

async fn start(url: &str) -> Running {
    let builder = Board::builder(url).name("payments").program("bank").depth_limit(2);
    let board = builder.open().await.unwrap();
    let size = Package::fields().size;
    board.agent("payer").on::<Package>().ordered().key_field(&size).crash_loop(7).run(pay);
    let good = Verdict::fields().good.eq(true);
    board.agent("again").on::<Verdict>().self_trigger().matching(good).run(again);
    board.start().await.unwrap()
}

async fn publish(running: &Running, name: &str) -> CorrelationId {
    let receipt = running.publish(package(name)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    receipt.correlation
}

impl Payments {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("payments.db").display());
        let running = start(&url).await;
        let round = publish(&running, "round").await;
        let lost = publish(&running, "lost").await;
        let _ = running.shutdown().await;
        Self { _folder: folder, url, lost, round }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let mut command = command(args);
        command.env("ARTEL_BOARD", &self.url);
        Ran::of(&command.output().unwrap())
    }

    fn text(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
        mask(&ran.out)
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[args, &["--json"]].concat()).out).unwrap()
    }

    fn error(&self, args: &[&str]) -> (i32, Value) {
        let ran = self.run(&[args, &["--json"]].concat());
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        (ran.code.unwrap(), error["error"].clone())
    }

    /// The dead letter that is in doubt.
    fn doubtful(&self) -> String {
        let listing = self.json(&["dlq", "ls", "--died-of", "in-doubt"]);
        let [id] = numbers(&listing["dead_letters"], "id")[..] else { panic!("{listing}") };
        id.to_string()
    }

    fn kinds(&self) -> Vec<String> {
        let out = self.run(&["event", "tail", "--from", "1", "--json"]).out;
        let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }
}

const SAID: [&str; 4] = ["--reason", "asked the bank", "--by", "anna"];

/// STEP-8: what is in doubt says so, and a redrive is refused before the board is touched.
#[tokio::test]
async fn what_is_in_doubt_is_shown_and_not_redriven() {
    let payments = Payments::new().await;
    let id = payments.doubtful();
    let shown = payments.json(&["dlq", "show", &id]);
    assert_eq!((&shown["in_doubt"], &shown["steps"]), (&json!(["charge"]), &json!([])));
    let text = payments.text(&["dlq", "show", &id]);
    assert!(text.contains("in doubt  charge\n"), "{text}");
    let events = payments.kinds().len();
    let (code, error) = payments.error(&["dlq", "redrive", &id, "--reason", "again"]);
    assert_eq!((code, &error["code"]), (4, &json!("in-doubt")));
    assert_eq!(error["hint"], format!("`artel dlq show {id}` names the steps in doubt"));
    let (code, _) = payments.error(&["dlq", "redrive", &id, "--dry-run"]);
    assert_eq!(code, 4);
    assert_eq!(payments.kinds().len(), events);
}

/// STEP-8, KEY-3: a rehearsal leaves what the board would leave, and says so in the same words.
#[tokio::test]
async fn a_rehearsal_leaves_what_is_in_doubt_or_out_of_order() {
    let payments = Payments::new().await;
    let running = start(&payments.url).await;
    for name in ["refused", "fine"] {
        publish(&running, name).await;
    }
    let _ = running.shutdown().await;
    let args = ["dlq", "redrive", "--agent", "payer"];
    let rehearsed = payments.json(&[&args[..], &["--dry-run"]].concat());
    let counts = ["meant", "changed", "skipped"].map(|field| rehearsed[field].clone());
    assert_eq!((counts, &rehearsed["ids"]), ([json!(2), json!(0), json!(2)], &json!([])));
    let text = payments.text(&[&args[..], &["--dry-run"]].concat());
    let why = ", since younger ones of their ordering key may have run since (--out-of-order redrives \
               them), they are in doubt (`artel step settle`), or somebody else had touched them\n";
    assert_eq!(text, format!("would redrive 0 dead letters\nwould leave 2 dead letters{why}"));
    let refused = payments.json(&["dlq", "ls", "--died-of", "not-retryable"]);
    let id = numbers(&refused["dead_letters"], "id")[0].to_string();
    let one = ["dlq", "redrive", &id];
    let rehearsed = payments.error(&[&one[..], &["--dry-run"]].concat());
    assert_eq!(rehearsed, payments.error(&[&one[..], &SAID].concat()));
    assert_eq!(rehearsed.1["code"], "out-of-order");

    let text = payments.text(&[&args[..], &SAID].concat());
    assert!(
        text.starts_with(&format!("redrove 0 dead letters\nleft 2 dead letters{why}")),
        "{text}"
    );
    let out_of_order = [&args[..], &["--out-of-order"]].concat();
    let rehearsed = payments.json(&[&out_of_order[..], &["--dry-run"]].concat());
    let done = payments.json(&[&out_of_order[..], &SAID].concat());
    assert_eq!((&rehearsed["ids"], &rehearsed["skipped"]), (&done["ids"], &json!(1)));
    assert_eq!((&done["changed"], &done["skipped"]), (&json!(1), &json!(1)));
}

/// STEP-9: what was done is recorded with its result, and the handler goes on with that at the next start.
#[tokio::test]
async fn what_was_done_is_settled_with_its_result() {
    let payments = Payments::new().await;
    let id = payments.doubtful();
    let args = [&["step", "settle", &id, "--happened", "charge=40"][..], &SAID].concat();
    let expected = format!(
        "settled activation {id}, which is tried again\n\
         no process owned the board, so this one recorded it; its agents run when `bank` starts\n"
    );
    assert_eq!(payments.text(&args), expected);
    let running = start(&payments.url).await;
    running.settled(payments.lost).await.unwrap();
    let _ = running.shutdown().await;
    let made =
        payments.json(&["artifact", "ls", "--type", "review.Verdict", "--limit", "1", "--newest"]);
    let payload =
        payments.json(&["artifact", "show", made["artifacts"][0]["id"].as_str().unwrap()]);
    assert_eq!(payload["payload"]["package"], "lost for 40");
    let text = payments.text(&["event", "tail", "--from", "1"]);
    for line in ["step begun  payer", "step settled  payer", "charge: it was done\n"] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// STEP-9, KEY-3: what was not done is done by the next attempt; where younger ones of its key ran, that has
/// to be asked for.
#[tokio::test]
async fn what_was_not_done_is_settled_in_order_or_out_of_it() {
    let payments = Payments::new().await;
    let id = payments.doubtful();
    let running = start(&payments.url).await;
    publish(&running, "younger").await;
    let _ = running.shutdown().await;
    let args = [&["step", "settle", &id, "--not-happened", "charge"][..], &SAID].concat();
    let (code, error) = payments.error(&args);
    assert_eq!((code, &error["code"]), (4, &json!("out-of-order")));
    let settled = payments.json(&[&args[..], &["--out-of-order"]].concat());
    let expected = json!({
        "action": "settle", "ids": [id.parse::<u64>().unwrap()], "meant": 1, "changed": 1,
        "skipped": 0, "dry_run": false, "runs_with": "bank",
    });
    assert_eq!(settled, expected);
    let kinds = payments.kinds();
    assert_eq!(kinds[kinds.len() - 2..], ["step_settled", "activation_redriven"]);
    let again = payments.error(&args);
    assert_eq!((again.0, &again.1["code"]), (1, &json!("no-dead-letter")));
}

/// STEP-9: what cannot be settled is refused, and says why.
#[tokio::test]
async fn what_cannot_be_settled_is_refused() {
    let payments = Payments::new().await;
    let id = payments.doubtful();
    let other = [&["step", "settle", &id, "--not-happened", "mail"][..], &SAID].concat();
    let (code, error) = payments.error(&other);
    assert_eq!((code, &error["code"]), (4, &json!("not-in-doubt")));
    let neither = payments.run(&[&["step", "settle", &id][..], &SAID].concat());
    assert_eq!(neither.code, Some(2));
    let no_json = [&["step", "settle", &id, "--happened", "charge=r-7"][..], &SAID].concat();
    let ran = payments.run(&no_json);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("write the step, `=` and its result as JSON"), "{}", ran.err);
    let unnamed = [&["step", "settle", &id, "--not-happened", ""][..], &SAID].concat();
    assert_eq!(payments.error(&unnamed).0, 2);
}

/// LOOP-1, DEATH-2: a tree of work shows the limits that it reached, and an agent the deaths that it is given.
#[tokio::test]
async fn a_tree_of_work_shows_its_limits() {
    let payments = Payments::new().await;
    let id = payments.round.to_string();
    let shown = payments.json(&["correlation", "show", &id]);
    assert_eq!((&shown["standing"], &shown["dead"]), (&json!("dead-letters"), &json!(1)));
    let reached = json!({ "limit": "depth", "value": 3, "bound": 2 });
    assert_eq!(
        (&shown["limits"][0]["agent"], &shown["limits"][0]["reached"]),
        (&json!("again"), &reached)
    );
    assert_eq!(shown["dead_letters"][0]["reason"], "loop");
    let text = payments.text(&["correlation", "show", &id]);
    assert!(text.contains("depth  3, the limit is 2\n"), "{text}");
    let dead = shown["dead_letters"][0]["id"].to_string();
    let history = payments.json(&["activation", "show", &dead]);
    assert_eq!(history["history"][0]["limit"], reached);
    let text = payments.text(&["activation", "show", &dead]);
    assert!(text.contains("dead: loop, depth 3, the limit is 2"), "{text}");
    let events = payments.text(&["event", "tail", "--from", "1"]);
    assert!(events.contains("depth: 3, the limit is 2\n"), "{events}");
    let unknown = "0193f2a0-7c1e-7000-8000-00000000000a";
    let (code, error) = payments.error(&["correlation", "show", unknown]);
    assert_eq!((code, &error["code"]), (1, &json!("not-found")));
    let out = payments.run(&["event", "tail", "--from", "1", "--json"]).out;
    let defined = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let deaths = defined.filter(|event| event["kind"] == "agent_defined");
    let deaths: Vec<_> = deaths.map(|event| event["definition"]["crash_loop"].clone()).collect();
    assert!(deaths.contains(&json!(7)) && deaths.contains(&json!(5)), "{deaths:?}");
}

/// DEATH-1: what ran when a process died shows that, and what it waits for.
#[tokio::test]
async fn a_suspect_is_shown() {
    async fn hangs(_: Context, _: Arc<Package>) -> Result<(), Error> {
        std::future::pending().await
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("deaths.db").display());
    let start = async || {
        let board = Board::open(&url).await.unwrap();
        board.agent("hangs").on::<Package>().run(hangs);
        board.start().await.unwrap()
    };
    let die = async |running: Running| {
        let log = running.log();
        drop(running);
        log.close().await;
    };
    let running = start().await;
    running.publish_many([package("one"), package("two")]).await.unwrap();
    die(running).await;
    die(start().await).await;
    die(start().await).await;
    let ran = Ran::of(&command(&["activation", "ls", "--json", "--board", &url]).output().unwrap());
    let listing: Value = serde_json::from_str(&ran.out).unwrap();
    let [first, second] = &listing["activations"].as_array().unwrap()[..] else { panic!("two") };
    assert_eq!((&first["suspect_deaths"], &second["suspect_deaths"]), (&json!(1), &json!(0)));
    // It has had its turn, and goes behind the other one.
    assert_eq!(second["standing"], "running");
    assert_eq!((&first["gate"], &first["held_by"]), (&json!("suspect"), &json!("activation 9")));
    let id = first["id"].to_string();
    let ran = Ran::of(&command(&["activation", "show", &id, "--board", &url]).output().unwrap());
    assert!(ran.out.contains("1 process died in its own turn"), "{}", ran.out);
}
