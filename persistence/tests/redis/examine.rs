//! What there is to say of a server, and of a board on it.

use std::collections::BTreeSet;

use redis::aio::MultiplexedConnection;
use redis::cmd;

use artel_core::finding::{Code, Finding, Severity};
use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_persistence::{Mark, mark};
use artel_testkit::VirtualClock;
use artel_testkit::conformance::{NewBoard, Sample, Scribe};
use artel_testkit::servers::{RedisCluster, RedisServer};

use crate::place::{Place, SERVER, connect, create, new_name, run, with_replica};

async fn examine(url: &str) -> Vec<Finding> {
    artel_persistence::examine(url, &VirtualClock::default()).await.unwrap()
}

fn found(findings: &[Finding], code: Code) -> &Finding {
    findings.iter().find(|finding| finding.code == code).expect("it was looked at")
}

async fn set(connection: &mut MultiplexedConnection, name: &str, value: &str) {
    let mut set = cmd("CONFIG");
    set.arg("SET").arg(name).arg(value);
    let () = set.query_async(connection).await.unwrap();
}

/// All keys but those that commits were timed with, with what they hold.
async fn kept(connection: &mut MultiplexedConnection) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = cmd("KEYS").arg("*").query_async(connection).await.unwrap();
    keys.retain(|key| !key.starts_with("artel:doctor:"));
    keys.sort();
    let mut all = Vec::new();
    for key in keys {
        let held = cmd("DUMP").arg(&key).query_async(connection).await.unwrap();
        all.push((key, held));
    }
    all
}

/// What was called on a server since its counts were reset, without what this program asks it.
async fn called(connection: &mut MultiplexedConnection) -> BTreeSet<String> {
    let mut info = cmd("INFO");
    info.arg("commandstats");
    let told: String = info.query_async(connection).await.unwrap();
    let lines = told.lines().filter_map(|line| line.strip_prefix("cmdstat_"));
    let names = lines.map(|line| line.split(',').next().unwrap().replace(":calls=", " "));
    names.filter(|name| !name.starts_with("config|resetstat")).collect()
}

/// DOCTOR-2, DOCTOR-1: a server and a board that somebody owns are examined without anything being written to the
/// board, and the owner goes on.
#[tokio::test]
async fn a_server_is_examined_beside_the_owner() {
    let server = RedisServer::start();
    let url = format!("{}?ownership=600s", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let mut connection = connect(&server.url()).await;
    let before = kept(&mut connection).await;
    assert!(before.len() > 5, "{before:?}");
    let () = cmd("CONFIG").arg("RESETSTAT").query_async(&mut connection).await.unwrap();
    let findings = examine(&url).await;
    let called = called(&mut connection).await;
    assert_eq!(kept(&mut connection).await, before);
    let reads = [
        "client|",
        "config|get ",
        "get ",
        "hget ",
        "hmget ",
        "info ",
        "pttl ",
        "smembers ",
        "time ",
    ];
    let writes: Vec<_> =
        called.iter().filter(|name| !reads.iter().any(|read| name.starts_with(read))).collect();
    assert_eq!(writes, ["set 21"], "a commit is timed, and nothing else is written");
    let timed: Vec<String> =
        cmd("KEYS").arg("artel:doctor:*").query_async(&mut connection).await.unwrap();
    for key in timed {
        let left: i64 = cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
        assert_ne!(left, -1, "it goes by itself");
    }

    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    let expected = [
        Code::ServerVersion,
        Code::ServerRole,
        Code::ServerConnections,
        Code::Encryption,
        Code::Durability,
        Code::FailOver,
        Code::ClockDifference,
        Code::CommitLatency,
        Code::SchemaVersion,
        Code::BoardSize,
        Code::Ownership,
        Code::Sharing,
    ];
    assert_eq!(codes, expected);
    for finding in &findings {
        let well = finding.severity == Severity::Ok;
        // The clock of a test shows another time than the server's, and a disk may be slow.
        let other = [Code::ClockDifference, Code::CommitLatency].contains(&finding.code);
        assert!(well || other && finding.severity == Severity::Warning, "{finding:?}");
    }
    let said = |code| &found(&findings, code).found;
    assert!(said(Code::ServerVersion).starts_with("Redis "));
    assert!(said(Code::Durability).contains("survives the death of the server's host"));
    assert!(said(Code::FailOver).starts_with("0 replicas, and nobody waits for them"));
    assert!(said(Code::ClockDifference).contains("ms ahead of this machine's"));
    assert!(said(Code::CommitLatency).contains(", of 20"));
    assert!(said(Code::BoardSize).starts_with("1 events; "));
    let owner = said(Code::Ownership);
    assert!(
        owner.starts_with("`suite` (process ") && owner.contains(" s if it is not renewed"),
        "{owner}"
    );
    scribe.publish(&[Sample::new(2)]).await;
    log.close().await;
    assert_eq!(found(&examine(&url).await, Code::Ownership).found, "nobody owns the board");
}

/// DOCTOR-3: settings are judged by what the URL promises. The rest is looked at all the same.
#[tokio::test]
async fn settings_are_judged_by_what_the_url_promises() {
    let server = RedisServer::with(&["--appendfsync", "everysec"]);
    let host = format!("{}?board=b", server.url());
    let process = format!("{host}&durability=process");
    artel_persistence::open(&process, create(NewBoard::sample())).await.unwrap().close().await;
    let mut connection = connect(&server.url()).await;
    for (settings, problem, process_is) in [
        (&[][..], "`appendfsync`", Severity::Warning),
        (&[("appendonly", "no")], "`appendonly`", Severity::Problem),
        (
            &[("appendonly", "yes"), ("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")],
            "`maxmemory-policy`",
            Severity::Problem,
        ),
    ] {
        for (name, value) in settings {
            set(&mut connection, name, value).await;
        }
        for (url, severity) in [(&host, Severity::Problem), (&process, process_is)] {
            let findings = examine(url).await;
            let durability = found(&findings, Code::Durability);
            assert_eq!(durability.severity, severity, "{durability:?}");
            assert!(durability.advice.as_ref().unwrap().contains(problem), "{durability:?}");
            assert_eq!(found(&findings, Code::BoardSize).severity, Severity::Ok);
        }
    }
}

/// DOCTOR-3: of a user who may not ask for the settings nothing more than the program's death is promised.
#[tokio::test]
async fn a_user_who_may_not_ask_for_the_settings_is_told() {
    let (place, _) = Place::with_batches(1).await;
    let user = new_name();
    let mut acl = cmd("ACL");
    acl.arg("SETUSER").arg(&user).arg("on").arg(">secret").arg("~artel:*").arg("+@all");
    let () = run(acl.arg("-config")).await;
    let url = place.url.replace("artel:secret@", &format!("{user}:secret@"));
    assert_ne!(url, place.url);
    let findings = examine(&url).await;
    let durability = found(&findings, Code::Durability);
    assert_eq!(durability.severity, Severity::Problem);
    assert!(durability.advice.as_ref().unwrap().contains("`CONFIG GET`"), "{durability:?}");
    let findings = examine(&format!("{url}&durability=process")).await;
    let durability = found(&findings, Code::Durability);
    assert_eq!(durability.severity, Severity::Warning);
    assert!(durability.found.contains("and of nothing else"), "{durability:?}");
}

/// DOCTOR-4: a user who may not read the server's clock is told so, and of everything else.
#[tokio::test]
async fn a_user_who_may_not_read_the_clock_is_told() {
    let (place, _) = Place::with_batches(1).await;
    let user = new_name();
    let mut acl = cmd("ACL");
    acl.arg("SETUSER").arg(&user).arg("on").arg(">secret").arg("~artel:*").arg("+@all");
    let () = run(acl.arg("-time")).await;
    let url = place.url.replace("artel:secret@", &format!("{user}:secret@"));
    let findings = examine(&url).await;
    let clock = found(&findings, Code::ClockDifference);
    assert_eq!(clock.severity, Severity::Warning);
    assert_eq!(clock.advice.as_deref(), Some("allow this user `TIME`"));
    assert!(found(&findings, Code::BoardSize).found.starts_with("1 events; "), "{findings:?}");
}

/// DOCTOR-1: a replica takes no writes; what its own settings are is not the question.
#[tokio::test]
async fn a_replica_is_told() {
    let (primary, replica) = with_replica().await;
    let url = format!("{}?board=b&replicas=1", primary.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    Scribe::own(&log).await.publish(&[Sample::new(1)]).await;
    log.close().await;
    let findings = examine(&format!("{}?board=b", replica.url())).await;
    let problems: Vec<_> =
        findings.iter().filter(|finding| finding.severity == Severity::Problem).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].code, Code::ServerRole);
    assert_eq!(problems[0].advice.as_deref(), Some("name the primary in the URL"));
    assert!(findings.iter().all(|finding| finding.code != Code::Durability), "{findings:?}");
    let commits = found(&findings, Code::CommitLatency);
    assert!(commits.found.contains("could not be timed"), "{commits:?}");
    assert!(found(&findings, Code::BoardSize).found.starts_with("1 events; "));
    let of_primary = examine(&url).await;
    let fail_over = &found(&of_primary, Code::FailOver).found;
    assert!(fail_over.starts_with("1 replicas, and 1 have what is acknowledged"), "{fail_over}");
    let findings = examine(&url.replace("replicas=1", "replicas=2")).await;
    let fail_over = found(&findings, Code::FailOver);
    assert_eq!(fail_over.severity, Severity::Problem, "{fail_over:?}");
    assert!(fail_over.found.starts_with("1 replicas are in step, and 2 have to"), "{fail_over:?}");
}

/// DOCTOR-3: of a cluster each node is judged, whichever is in the URL.
#[tokio::test]
async fn each_node_of_a_cluster_is_judged() {
    let cluster = RedisCluster::replicated(1);
    let mut connection = connect(&cluster.url()).await;
    let nodes: String = cmd("CLUSTER").arg("NODES").query_async(&mut connection).await.unwrap();
    let addresses = |role: &'static str| {
        let those = nodes.lines().filter(move |line| line.contains(role));
        those.map(|line| line.split([' ', '@']).nth(1).unwrap())
    };
    let url = format!("redis://{}?board=b", addresses("slave").next().unwrap());
    artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap().close().await;
    for finding in examine(&url).await {
        assert!(finding.severity < Severity::Problem, "{finding:?}");
    }
    let other = addresses("master").find(|at| !cluster.url().ends_with(at)).unwrap();
    let mut connection = connect(&format!("redis://{other}")).await;
    set(&mut connection, "appendonly", "no").await;
    let findings = examine(&url).await;
    let durability = found(&findings, Code::Durability);
    assert_eq!(durability.severity, Severity::Problem, "{durability:?}");
    assert!(durability.found.contains(other), "{durability:?}");
}

/// DOCTOR-1: a board that is marked is told, and what the mark means.
#[tokio::test]
async fn a_marked_board_is_told() {
    let (place, scribe) = Place::with_batches(1).await;
    let marks = [
        (
            Mark::Moved { to: "redis://elsewhere".to_owned() },
            Severity::Warning,
            "redis://elsewhere",
        ),
        (Mark::Arriving { from: "sqlite:old".to_owned() }, Severity::Problem, "`sqlite:old`"),
        (Mark::Regressed { known: Seq(7) }, Severity::Problem, "up to seq 7"),
    ];
    let all = examine(&place.url).await;
    assert!(all.iter().all(|finding| finding.code != Code::Board), "{all:?}");
    for (of, severity, said) in marks {
        mark(&place.url, scribe.epoch, Some(of)).await.unwrap();
        let findings = examine(&place.url).await;
        let board = found(&findings, Code::Board);
        assert_eq!(board.severity, severity, "{board:?}");
        assert!(board.found.contains(said), "{board:?}");
        assert_eq!(found(&findings, Code::BoardSize).severity, Severity::Ok);
    }
}

/// DOCTOR-4: what keeps the rest from being looked at comes last: keys of a later release, a damaged head, a board
/// that is not there. A server that cannot be reached is an error.
#[tokio::test]
async fn what_ends_an_examination_is_told() {
    let (later, _) = Place::with_batches(1).await;
    run::<i64>(cmd("HSET").arg(later.key("head").await).arg("version").arg(99)).await;
    let (headless, _) = Place::with_batches(1).await;
    run::<i64>(cmd("DEL").arg(headless.key("head").await)).await;
    let missing = format!("{}?board={}", SERVER.url(), new_name());
    for (url, code) in [
        (&later.url, Code::SchemaVersion),
        (&headless.url, Code::SchemaVersion),
        (&missing, Code::Board),
    ] {
        let findings = examine(url).await;
        let last = findings.last().unwrap();
        assert_eq!((last.code, last.severity), (code, Severity::Problem), "{last:?}");
        assert!(last.advice.is_some());
    }
    let nobody = "redis://127.0.0.1:1/0";
    let error = artel_persistence::examine(nobody, &VirtualClock::default()).await;
    assert!(matches!(error.unwrap_err(), Error::Unavailable { .. }));
}
