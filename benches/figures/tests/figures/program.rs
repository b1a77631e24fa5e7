//! At sizes at which nothing is measured: what the program lists, what it prints, and that its parts
//! come to an end. Nothing here depends on how fast the machine is.

use std::process::{Command, Output};

use serde_json::Value;

fn figures(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_figures")).args(arguments).output().unwrap()
}

/// The answers to arguments that must succeed, one a line.
fn answers(arguments: &[&str]) -> Vec<Value> {
    let output = figures(&[&["--json", "--runs", "1"], arguments].concat());
    let (out, err) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}", err.unwrap());
    out.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn listed() -> Vec<String> {
    let output = figures(&["--list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn the_list_names_every_figure_and_the_page_explains_each() {
    let listed = listed();
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md"));
    let page = page.unwrap();
    let (explained, measured) = page.split_once("### What was measured").unwrap();
    assert!(listed.iter().all(|name| measured.contains(&format!("| `{name}` |"))));
    let explained: Vec<&str> = explained
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        // Other tables name other things.
        .filter(|name| name.contains('.') || listed.iter().any(|one| one == name))
        .collect();
    assert_eq!(listed, explained);
    assert!(listed.len() >= 15, "{listed:?}");
}

#[test]
fn an_answer_has_its_eight_fields() {
    let found = answers(&["--scale", "0.01", "memory.hops", "sqlite.chain"]);
    let names: Vec<&str> = found.iter().map(|one| one["figure"].as_str().unwrap()).collect();
    assert_eq!(names, ["memory.hops", "sqlite.chain"]);
    for one in &found {
        let fields: Vec<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            ["baseline", "figure", "holds", "ratio", "runs", "target", "unit", "value"]
        );
        // What was measured at another size says nothing about the target.
        assert_eq!(one["holds"], Value::Null);
        assert_eq!(one["runs"].as_array().unwrap().len(), 1);
        let [value, baseline, ratio] = ["value", "baseline", "ratio"].map(|of| one[of].as_f64());
        let (value, baseline) = (value.unwrap(), baseline.unwrap());
        assert!(value > 0.0 && baseline > 0.0);
        assert!((ratio.unwrap() - value / baseline).abs() < 0.01, "{one}");
    }
    assert_eq!(found[0]["target"], "at least 150000");
    assert_eq!(found[1]["target"], "at most 1.3 times the baseline");
}

#[test]
fn parts_that_are_processes_of_their_own_answer() {
    let names = [
        "matching.10k.alone",
        "matching.same.field",
        "policies.cost",
        "keys.hops",
        "breaker.held",
        "recovery.100k",
        "recovery.100k.clean",
        "waiting.bytes",
    ];
    let found = answers(&[&["--scale", "0.1"][..], &names].concat());
    assert_eq!(found.len(), names.len());
    for (one, name) in found.iter().zip(names) {
        assert_eq!(one["figure"], name);
        assert!(one["value"].is_number(), "{one}");
    }
    assert_eq!(found[1]["target"], Value::Null);
}

#[test]
fn people_get_a_line_and_what_is_not_known_is_refused() {
    let output = figures(&["--runs", "2", "--scale", "0.01", "memory.hops.many"]);
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("memory.hops.many ") && line.contains("hops/s"), "{line}");
    for (wrong, says) in [
        (&["memory.hop"][..], "there is no figure `memory.hop`"),
        (&["--runs", "0"], "--runs takes a number above 0"),
        (&["--scale", "200"], "--scale takes a percentage above 0 and up to 100"),
    ] {
        let output = figures(wrong);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(err.contains(says), "{err}");
    }
}
