//! Sharing the boards of a schema with other processes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::Row;
use tokio::time::timeout;

use artel_core::finding::Code;
use artel_core::log::{Error, Log, Share};
use artel_core::names::ProgramName;
use artel_testkit::VirtualClock;
use artel_testkit::conformance::NewBoard;
use artel_testkit::conformance::factory::claim;

use crate::place::{SERVER, create, new_name, sql};

const PATIENCE: Duration = Duration::from_secs(60);

type Shared = (Arc<dyn Log>, Arc<dyn Share>);

/// Boards of a schema, shared by whoever logs in as this user.
async fn shared(user: &str, schema: &str, (boards, seconds): (u32, u32)) -> Vec<Shared> {
    let mut shared = Vec::new();
    for number in 0..boards {
        let server = SERVER.url().replace("postgres@", &format!("{user}@"));
        let url = format!("{server}?schema={schema}&board=b{number}&ownership={seconds}s");
        let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
        let share = log.share(&ProgramName::new(user).unwrap()).unwrap();
        shared.push((log, share));
    }
    shared
}

/// What the live processes tell of the boards that they own.
async fn told(schema: &str) -> Vec<(String, i64, i64)> {
    let told = format!(
        "SELECT program, cardinality(wants)::bigint, cardinality(owns)::bigint FROM {schema}.process \
         WHERE until >= clock_timestamp() ORDER BY program"
    );
    sql(&told).await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// Owns a board when it is its turn. Before all have told what they own, that is only a guess.
async fn take(log: &Arc<dyn Log>, share: &dyn Share) {
    loop {
        share.turn().await;
        match log.own(claim(2, "second")).await {
            Err(Error::Owned { .. }) => {}
            owned => return drop(owned.unwrap()),
        }
    }
}

/// POSTGRES-10, POSTGRES-17: what a process tells of the boards that it shares goes with the one statement that renews
/// what it owns.
#[tokio::test]
async fn the_renewal_tells_of_shared_boards() {
    let schema = new_name();
    let shared = shared("postgres", &schema, (10, 3)).await;
    let owned = join_all(shared.iter().map(async |(log, share)| {
        share.turn().await;
        log.own(claim(1, "first")).await.unwrap();
        log.keep().await;
    }));
    let newest = format!(
        "SELECT min(until)::text, (SELECT count(DISTINCT it) FROM (SELECT xmin::text it FROM {schema}.owner \
         UNION ALL SELECT xmin::text FROM {schema}.process) both_of_them) FROM {schema}.owner"
    );
    let watched = async {
        while told(&schema).await != [("postgres".to_owned(), 10, 10)] {}
        for _ in 0..2 {
            let before: String = sql(&newest).await[0].get(0);
            loop {
                let row = &sql(&newest).await[0];
                if row.get::<String, _>(0) > before {
                    assert_eq!(row.get::<i64, _>(1), 1, "it takes more than one statement");
                    break;
                }
            }
        }
    };
    tokio::select! {
        _ = owned => panic!("one was lost"),
        watched = timeout(PATIENCE, watched) => watched.unwrap(),
    }
}

/// POSTGRES-17, DOCTOR-1: whose turn it is knows the process with fewer boards, which is given one over. Who leaves is not among
/// the live ones any more; who died goes after an hour.
#[tokio::test]
async fn a_board_is_given_over_to_who_has_fewer() {
    let (schema, user) = (new_name(), new_name());
    sql(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await;
    let first = shared("postgres", &schema, (2, 10)).await;
    for (log, share) in &first {
        share.turn().await;
        log.own(claim(1, "first")).await.unwrap();
    }
    sql(&format!(
        "INSERT INTO {schema}.process SELECT gen_random_uuid(), 1, 'dead', wants, owns, \
         clock_timestamp() - at * interval '1 minute' FROM {schema}.process, (VALUES (1), (61)) t (at)"
    ))
    .await;
    let second = shared(&user, &schema, (2, 10)).await;
    let (log, share) = &first[0];
    let kept = first[1].0.keep();
    let given = async {
        let epoch = log.head().await.unwrap().epoch;
        tokio::select! {
            () = log.keep() => panic!("it was lost"),
            () = share.surplus() => {}
        }
        log.disown(epoch).await.unwrap();
        std::future::pending::<()>().await;
    };
    let taken = async {
        let (log, share) = &second[0];
        take(log, &**share).await;
        tokio::select! {
            () = log.keep() => panic!("it was lost"),
            () = async { while told(&schema).await.iter().any(|(.., owns)| *owns != 1) {} } => {}
        }
        assert_eq!(told(&schema).await.len(), 2);
        let url = format!("{}?schema={schema}&board=b0", SERVER.url());
        let findings = artel_persistence::examine(&url, &VirtualClock::default()).await.unwrap();
        let sharing = findings.iter().find(|finding| finding.code == Code::Sharing).unwrap();
        let says =
            format!("2 live processes share boards of schema `{schema}`: `postgres` (process ");
        assert!(sharing.found.starts_with(&says), "{sharing:?}");
        assert!(sharing.found.ends_with("runs 1 of 2"), "{sharing:?}");
    };
    tokio::select! {
        () = kept => panic!("it was lost"),
        () = given => {}
        () = take(&second[1].0, &*second[1].1) => panic!("two were given"),
        taken = timeout(PATIENCE, taken) => taken.unwrap(),
    }
    for (log, share) in first.into_iter().chain(second) {
        log.close().await;
        share.leave().await;
    }
    let all = sql(&format!("SELECT program FROM {schema}.process")).await;
    let all: Vec<String> = all.iter().map(|row| row.get(0)).collect();
    assert_eq!(all, ["dead"]);
}
