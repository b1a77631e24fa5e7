//! What `artel bench` measures, writes, leaves and refuses. Nothing here depends on how fast the
//! machine is.

use std::path::Path;

use serde_json::Value;

use artel::{ActivationFilter, Query, Reader};

use super::fixture::{Ran, command};

/// A run in a folder, which must succeed.
fn bench(folder: &Path, args: &[&str]) -> Value {
    let ran = run(folder, &[args, &["--json"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

fn run(folder: &Path, args: &[&str]) -> Ran {
    let mut command = command(&[&["bench"], args].concat());
    Ran::of(&command.current_dir(folder).output().unwrap())
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a run left that was to keep its board.
async fn kept(folder: &Path) -> Reader {
    Reader::open(format!("sqlite:{}", folder.join("kept.db").display())).await.unwrap()
}

/// Runs on a file, which is to be among what stays, and opens it.
async fn keep(args: &[&str]) -> (Value, Reader, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let all = [&["--log", "sqlite:kept.db?synchronous=normal", "--keep"], args].concat();
    let found = bench(folder.path(), &all);
    let reader = kept(folder.path()).await;
    (found, reader, folder)
}

#[test]
fn on_memory_it_says_what_the_board_does_and_what_a_bare_loop_does() {
    let folder = tempfile::tempdir().unwrap();
    let found = bench(folder.path(), &["--hops", "600", "--in-flight", "8"]);
    assert_eq!((&found["log"], &found["hops"]), (&"memory:".into(), &600.into()));
    assert_eq!(found["warm_up_hops"], 30);
    for field in ["value", "baseline", "ratio", "took_ms", "hops_per_append"] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
    }
    assert_eq!(found["publish_ms"]["samples"], 600);
    assert_eq!((&found["followed"], &found["hop_ms"]["samples"]), (&256.into(), &3.into()));
    let latency = &found["publish_ms"];
    let ascending = ["p50", "p90", "p99", "p999", "max"].map(|at| latency[at].as_f64().unwrap());
    assert!(ascending.is_sorted() && ascending[0] > 0.0, "{latency}");
    assert_eq!((&found["disk_bytes_per_hop"], &found["sync_ms"]), (&Value::Null, &Value::Null));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn on_a_file_the_baseline_writes_every_row_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let found = bench(folder.path(), &["--log", "sqlite:a.db", "--hops", "400", "--tags", "2"]);
    for field in ["value", "baseline", "ratio", "disk_bytes_per_hop", "sync_ms"] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
    }
    // For each of 420 hops two artifacts, two tags, a closed activation and what it worked on; the
    // row that says where the log ends; and batches and stretches.
    let others = found["baseline_rows"].as_u64().unwrap() - 420 * 6 - 1;
    assert!(others > found["appends"].as_u64().unwrap(), "{found}");
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

#[tokio::test]
async fn what_it_keeps_is_a_board_with_what_was_asked_for() {
    let (found, reader, folder) = keep(&["--hops", "40", "--payload", "64", "--no-baseline"]).await;
    assert_eq!(found["baseline"], Value::Null);
    assert!(!files(folder.path()).contains(&"kept.db-baseline".to_owned()));
    let inputs = reader.artifacts(&Query::default().type_name("bench.Input")).await.unwrap();
    assert_eq!(inputs.artifacts.len(), 42);
    for input in &inputs.artifacts {
        assert_eq!(input.payload().unwrap().len(), 64);
    }
    reader.close().await;
    // With --keep the baseline's file stays too.
    let (_, reader, folder) = keep(&["--hops", "40"]).await;
    assert!(files(folder.path()).contains(&"kept.db-baseline".to_owned()));
    reader.close().await;
}

#[tokio::test]
async fn agents_stand_beside_each_other_and_in_a_row() {
    let args = ["--hops", "20", "--agents", "3", "--depth", "2", "--unrelated", "4"];
    let (_, reader, _folder) = keep(&args).await;
    // 21 inputs wake three agents; the outputs of one of them wake three more.
    let filter = ActivationFilter { limit: 1_000, ..ActivationFilter::default() };
    assert_eq!(reader.activations(&filter).await.unwrap().activations.len(), 21 * 6);
    assert_eq!(reader.state().artifacts(), 21 * 7);
    assert_eq!(reader.state().agents().count(), 6 + 4);
    reader.close().await;
}

#[tokio::test]
async fn a_publish_has_as_many_inputs_as_are_asked_for_and_its_trees_their_names() {
    let trees = async |args: &[&str]| {
        let (_, reader, _folder) = keep(&[&["--hops", "40"], args].concat()).await;
        let inputs = reader.artifacts(&Query::default().type_name("bench.Input")).await.unwrap();
        let mut trees: Vec<_> =
            inputs.artifacts.iter().map(|input| input.correlation().uuid()).collect();
        trees.sort_unstable();
        trees.dedup();
        reader.close().await;
        trees
    };
    // 40 inputs, and two to warm up.
    let alone = trees(&[]).await;
    assert_eq!(alone.len(), 42);
    assert!(alone.iter().all(|tree| tree.get_version_num() == 7), "in the order of time");
    assert_eq!(trees(&["--many", "8"]).await.len(), 5 + 1);
    let random = trees(&["--many", "8", "--correlations", "random"]).await;
    assert_eq!(random.len(), 42);
    assert!(random.iter().any(|tree| tree.get_version_num() != 7));
}

#[tokio::test]
async fn one_at_a_time_settles_before_the_next() {
    let args = ["--hops", "20", "--in-flight", "1", "--settle", "--depth", "2"];
    let (found, mut reader, _folder) = keep(&args).await;
    assert_eq!((&found["followed"], &found["hop_ms"]["samples"]), (&1.into(), &20.into()));
    // One append for each publish, and one for each end of an attempt.
    assert_eq!(found["appends"], 20 * 3);
    reader.refresh().await.unwrap();
    reader.close().await;
}

#[test]
fn it_has_as_many_threads_as_it_may_and_as_there_are_cores() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--hops", "20", "--no-baseline", "--threads"];
    for threads in ["1", "3"] {
        let found = bench(folder.path(), &[&args[..], &[threads]].concat());
        assert_eq!(found["threads"].to_string(), threads);
    }
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(bench(folder.path(), &args[..3])["threads"], cores);
}

#[test]
fn a_rate_is_kept_to_whatever_the_board_does() {
    let folder = tempfile::tempdir().unwrap();
    let found = bench(folder.path(), &["--hops", "40", "--rate", "400", "--no-baseline"]);
    assert_eq!((&found["rate"], &found["publish_ms"]["samples"]), (&"400".into(), &40.into()));
    // The last is due when 39 of 400 parts of a second are over.
    assert!(found["took_ms"].as_f64().unwrap() >= 97.5, "{found}");
}

#[test]
fn it_takes_no_place_that_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.db"), "mine").unwrap();
    let ran = run(folder.path(), &["--log", "sqlite:a.db"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""));
    assert!(ran.err.contains("there is something at `a.db` already"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("a.db")).unwrap(), "mine");
    std::fs::write(folder.path().join("b.db-baseline"), "mine").unwrap();
    let ran = run(folder.path(), &["--log", "b.db", "--json"]);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["code"], "bench-exists");
    assert_eq!(files(folder.path()), ["a.db", "b.db-baseline"]);
}

#[test]
fn a_wrong_value_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (["--payload", "10"], "10 is not in 40..=1048576"),
        (["--depth", "17"], "17 is not in 1..=16"),
        (["--agents", "0"], "0 is not in 1..=256"),
        (["--in-flight", "0"], "0 is not in 1..=65536"),
        (["--many", "0"], "0 is not in 1..=10000"),
        (["--threads", "0"], "0 is not in 1..=1024"),
        (["--hops", "0"], "0 is not in 1..="),
        (["--tags", "257"], "257 is not in 0..=256"),
        (["--rate", "0"], "write `max`, or a whole number above 0"),
        (["--correlations", "sorted"], "possible values: ordered, random"),
        (["--board", "a.db"], "a bench makes its own"),
    ] {
        let ran = run(folder.path(), &args);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    let ran = run(folder.path(), &["--log", "redis://a:secret@h/x"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("cannot be read") && !ran.err.contains("secret"), "{}", ran.err);
    for (log, hint) in [
        ("memory", "write --log memory: (with the colon)"),
        ("sqlite:nowhere/a.db", "see whether the folder is there"),
    ] {
        let ran = run(folder.path(), &["--log", log]);
        assert!(ran.err.contains(hint), "{log}: {}", ran.err);
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn people_get_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), &["--hops", "100", "--log", "sqlite:a.db"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    for word in ["whole hops", "baseline", "appends", "bytes a hop", "P99.9", "publish"] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
}
