//! Sharing the boards of a prefix with other processes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::time::timeout;

use artel_core::finding::Code;
use artel_core::log::{Error, Log, Share};
use artel_core::names::ProgramName;
use artel_testkit::VirtualClock;
use artel_testkit::conformance::NewBoard;
use artel_testkit::conformance::factory::claim;
use artel_testkit::servers::RedisServer;

use crate::place::{CLUSTER, SERVER, connect, create, new_name};

const PATIENCE: Duration = Duration::from_secs(60);

type Shared = (Arc<dyn Log>, Arc<dyn Share>);

/// Boards under a prefix, shared by whoever goes this way to the server.
async fn shared(server: &str, prefix: &str, (boards, seconds): (u32, u32)) -> Vec<Shared> {
    let mut shared = Vec::new();
    for number in 0..boards {
        let url = format!("{server}?prefix={prefix}&board=b{number}&ownership={seconds}s");
        let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
        let share = log.share(&ProgramName::new("test").unwrap()).unwrap();
        shared.push((log, share));
    }
    shared
}

/// How often scripts were called on a server since it began.
async fn scripts(server: &RedisServer) -> i64 {
    let mut info = cmd("INFO");
    info.arg("commandstats");
    let told: String = info.query_async(&mut connect(&server.url()).await).await.unwrap();
    let calls = told.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.and_then(|calls| calls.split(',').next()?.parse().ok()).unwrap_or_default()
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

/// REDIS-10, REDIS-14: what a process tells of all boards that it shares is one script a renewal, beside the one that renews.
#[tokio::test]
async fn a_renewal_and_a_word_for_all_shared_boards() {
    let server = RedisServer::start();
    let prefix = new_name();
    let shared = shared(&server.url(), &prefix, (20, 3)).await;
    let owned = join_all(shared.iter().map(async |(log, share)| {
        share.turn().await;
        log.own(claim(1, "first")).await.unwrap();
        log.keep().await;
    }));
    let mut connection = connect(&server.url()).await;
    let watched = async {
        let key: String = loop {
            let all: Vec<String> = cmd("SMEMBERS")
                .arg(format!("{prefix}:{{processes}}:all"))
                .query_async(&mut connection)
                .await
                .unwrap();
            if let Some(token) = all.first() {
                break format!("{prefix}:{{processes}}:{token}");
            }
        };
        loop {
            let owns: Option<String> =
                cmd("HGET").arg(&key).arg("owns").query_async(&mut connection).await.unwrap();
            if owns.is_some_and(|owns| owns.split(',').count() == 20) {
                break;
            }
        }
        let before = scripts(&server).await;
        let mut told = 0;
        let mut lowest = i64::MAX;
        while told < 3 {
            let left: i64 = cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
            if left > lowest {
                told += 1;
                lowest = left;
            }
            lowest = lowest.min(left);
        }
        scripts(&server).await - before
    };
    let calls = tokio::select! {
        _ = owned => panic!("one was lost"),
        watched = timeout(PATIENCE, watched) => watched.unwrap(),
    };
    assert!((3..10).contains(&calls), "{calls} scripts for three renewals of 20 boards");
}

/// REDIS-14, REDIS-9, DOCTOR-1: whose turn it is knows the process with fewer boards, which is given one over; on a cluster too.
#[tokio::test]
async fn a_board_is_given_over_to_who_has_fewer() {
    for server in [SERVER.url(), CLUSTER.url()] {
        let prefix = new_name();
        let first = shared(&server, &prefix, (2, 10)).await;
        for (log, share) in &first {
            share.turn().await;
            log.own(claim(1, "first")).await.unwrap();
        }
        // Who names the user that everybody is shares no connection with who does not.
        let second = shared(&server.replace("//", "//default@"), &prefix, (2, 10)).await;
        let (log, share) = &first[0];
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
            let url = format!("{server}?prefix={prefix}&board=b0");
            let findings =
                artel_persistence::examine(&url, &VirtualClock::default()).await.unwrap();
            let sharing = findings.iter().find(|finding| finding.code == Code::Sharing).unwrap();
            let says =
                format!("2 live processes share boards of prefix `{prefix}`: `test` (process ");
            assert!(sharing.found.starts_with(&says), "{sharing:?}");
            assert!(sharing.found.contains("runs 1 of 2"), "{sharing:?}");
        };
        tokio::select! {
            () = first[1].0.keep() => panic!("it was lost"),
            () = given => {}
            () = take(&second[1].0, &*second[1].1) => panic!("two were given"),
            taken = timeout(PATIENCE, taken) => taken.unwrap(),
        }
        for (log, share) in first.into_iter().chain(second) {
            log.close().await;
            share.leave().await;
        }
    }
}
