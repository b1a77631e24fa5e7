//! What `artel types ls` and `check` answer, also from a program that has types of its own.

use std::path::Path;
use std::process::Command;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use artel::{Artifact, Board, descriptor};

use super::fixture::{Fixture, Ran, command, mask, numbers};

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Score")]
struct ScoreV1 {
    score: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Score", version = 2, upcast_from = ScoreV1)]
struct Score {
    #[schemars(range(max = 50))]
    points: u32,
}

impl TryFrom<ScoreV1> for Score {
    type Error = String;

    fn try_from(old: ScoreV1) -> Result<Self, String> {
        assert!(old.score != 13, "unlucky");
        let points = old.score.checked_mul(10).ok_or("the score is beyond all points")?;
        Ok(Self { points })
    }
}

/// A board with scores of version 1, and then some of version 2.
async fn scored(old: &[u32], new: &[u32]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("artel.db").display());
    let board = Board::builder(&url).program("scores").open().await.unwrap();
    board.type_of::<ScoreV1>();
    let running = board.start().await.unwrap();
    for &score in old {
        running.publish(ScoreV1 { score }).await.unwrap();
    }
    let _ = running.shutdown().await;
    if !new.is_empty() {
        let board = Board::builder(&url).program("scores").open().await.unwrap();
        board.type_of::<Score>();
        let running = board.start().await.unwrap();
        for &points in new {
            running.publish(Score { points }).await.unwrap();
        }
        let _ = running.shutdown().await;
    }
    folder
}

/// Runs the program `artel`, which has no types.
fn stock(folder: &Path, args: &[&str]) -> Ran {
    Ran::of(&command(args).current_dir(folder).output().unwrap())
}

/// Not a test of its own: the program that the others run, told by a file what its arguments are.
#[test]
fn program_of_these_tests() {
    if !std::env::args().any(|argument| argument == "--nocapture") {
        return;
    }
    let args = std::fs::read_to_string("arguments").unwrap();
    println!("begin");
    let ended = artel_cli::run_with(args.lines(), &[descriptor::<Score>()]);
    println!("end {}", u8::from(ended != std::process::ExitCode::SUCCESS));
}

/// Runs the verbs of a program that has the type in version 2.
fn own(folder: &Path, args: &[&str]) -> Ran {
    let lines = [&["scores"], args].concat().join("\n");
    std::fs::write(folder.join("arguments"), lines).unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["verbs::types::program_of_these_tests", "--exact", "--nocapture"]);
    for variable in ["ARTEL_BOARD", "RUST_LOG"] {
        program.env_remove(variable);
    }
    let mut ran = Ran::of(&program.current_dir(folder).output().unwrap());
    let (_, out) = ran.out.split_once("begin\n").unwrap();
    let (out, code) = out.split_once("end ").unwrap();
    ran.code = Some(i32::from(code.starts_with('1')));
    ran.out = out.to_owned();
    ran
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.err))
}

/// TYPE-12: every version of every type, with who works with it.
#[tokio::test]
async fn ls_lists_versions_and_who_works_with_them() {
    let fixture = Fixture::new().await;
    let text = fixture.text(&["types", "ls"]);
    let hashless: Vec<String> = text
        .lines()
        .map(|line| line.split(' ').filter(|word| word.len() != 12).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "TYPE  VERSION  ARTIFACTS  SCHEMA  SUBSCRIBERS  PUBLISHERS",
        "Package  1  3    express, judge",
        "review.Verdict  1  1    scribe  judge",
    ];
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let told: Vec<_> = hashless.iter().map(|line| words(line)).collect();
    assert_eq!(told, expected.map(words), "{text}");
    assert_eq!(fixture.json(&["type", "ls"]), fixture.json(&["types", "ls"]), "an alias");

    let folder = scored(&[1, 2, 3], &[40]).await;
    let types = document(&stock(folder.path(), &["types", "ls", "--json"]));
    let types = types["types"].as_array().unwrap();
    let told = |field: &str| types.iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    assert_eq!(told("version"), [json!(1), json!(2)]);
    assert_eq!(told("newest"), [json!(false), json!(true)]);
    assert_eq!(told("artifacts"), [json!(3), json!(1)]);
    assert_ne!(types[0]["schema_hash"], types[1]["schema_hash"]);
    assert_eq!(types[1]["schema"]["properties"]["points"]["maximum"], 50);
    let listed = document(&stock(folder.path(), &["artifact", "ls", "--json"]));
    assert_eq!(numbers(&listed["artifacts"], "type_version"), [1, 1, 1, 2]);
}

/// TYPE-13: without the types, payloads are held to their own schemas, and the program is named that
/// has the types.
#[tokio::test]
async fn check_holds_payloads_to_the_schema_that_they_were_published_under() {
    let folder = scored(&[1, 13, u32::MAX], &[40]).await;
    let ran = stock(folder.path(), &["types", "check"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let expected = "\
TYPE  VERSION  ARTIFACTS  CHECKED  REMOVED  FAILED  READ AS
review.Score  1  3  3  0  0  json
review.Score  2  1  1  0  0  json
what was read as json was held to its own schema only: the types and their upcasters are in the \
program `scores`, which has this verb by `artel_cli::run_with`
";
    assert_eq!(mask(&ran.out), expected);
    let (code, unknown) = {
        let ran = stock(folder.path(), &["types", "check", "Nothing", "--json"]);
        (ran.code, serde_json::from_str::<Value>(&ran.err).unwrap())
    };
    assert_eq!((code, &unknown["error"]["code"]), (Some(1), &json!("unknown-name")));
}

/// TYPE-13: a program's own verb reads payloads as the program does; one that cannot be read is told
/// with the reason, and is exit code 1.
#[tokio::test]
async fn check_runs_the_upcasters_of_its_program() {
    let folder = scored(&[1, 13, u32::MAX, 9, 2], &[40]).await;
    let ran = own(folder.path(), &["types", "check"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("error: 3 of 6 payloads are not what they should be"), "{}", ran.err);
    let rows: Vec<&str> = ran.out.lines().collect();
    let cells = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(rows[1]), ["review.Score", "1", "5", "5", "0", "3", "version", "2"]);
    assert_eq!(cells(rows[2]), ["review.Score", "2", "1", "1", "0", "0", "value"]);
    for reason in ["panicked: unlucky", "failed: the score is beyond all points", "90 is greater"] {
        assert!(ran.out.contains(reason), "{reason}: {}", ran.out);
    }

    let ran = own(folder.path(), &["types", "check", "--failures", "1", "--json"]);
    let answer = document(&ran);
    assert_eq!((ran.code, &answer["ok"], &answer["failed"]), (Some(1), &json!(false), &json!(3)));
    assert_eq!(answer["failures"].as_array().unwrap().len(), 1, "the others are counted");
    assert_eq!(answer["failures"][0]["type"], "review.Score");
    let read: Vec<&Value> =
        answer["versions"].as_array().unwrap().iter().map(|one| &one["read"]).collect();
    assert_eq!(read, ["upcast", "value"]);

    let folder = scored(&[1, 2], &[40]).await;
    let ran = own(folder.path(), &["types", "check", "review.Score"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

/// TYPE-13: a sample takes so many of each version, the first and the last among them.
#[tokio::test]
async fn check_takes_a_sample() {
    let folder = scored(&[1, 2, 13, 3, 9], &[40, 41]).await;
    let checked = |sample: &str| {
        let ran = own(folder.path(), &["types", "check", "--sample", sample, "--json"]);
        let answer = document(&ran);
        let checked = numbers(&answer["versions"], "checked");
        (checked, numbers(&answer["versions"], "failed"))
    };
    assert_eq!(checked("1"), (vec![1, 1], vec![0, 0]));
    assert_eq!(checked("2"), (vec![2, 2], vec![1, 0]), "the last is beyond the bound");
    assert_eq!(checked("3"), (vec![3, 2], vec![2, 0]), "the third is unlucky");
    assert_eq!(checked("99"), (vec![5, 2], vec![2, 0]));
}
