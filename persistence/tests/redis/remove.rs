//! Removing boards while somebody waits for them, and what an interrupted removal leaves.

use redis::cmd;

use artel_core::log::Error;
use artel_persistence::{OpenOptions, remove};
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{NewBoard, Sample, Scribe};

use crate::place::{SERVER, connect, create, new_name, run};

/// REDIS-8: nobody owns a board from the moment on at which its removal begins; a removal that was interrupted is given
/// again, and leaves nothing.
#[tokio::test]
async fn a_board_that_is_being_removed_is_owned_by_nobody() {
    let prefix = new_name();
    let url = format!("{}?board=b&prefix={prefix}", SERVER.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for number in 0..3 {
        scribe.publish(&[Sample::new(number)]).await;
    }
    log.disown(scribe.epoch).await.unwrap();
    // Somebody waits for it, who opened it before.
    let waits = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    // As where a removal was killed after its first step.
    let tag: String = run(cmd("GET").arg(format!("{prefix}:board:b"))).await;
    let head: i64 = run(cmd("UNLINK").arg(format!("{prefix}:{{{tag}}}:head"))).await;
    assert_eq!(head, 1);
    assert!(matches!(waits.own(claim(2, "waits")).await, Err(Error::Missing { .. })));
    let error = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap_err();
    assert!(error.to_string().contains("remove it again"), "{error}");
    remove(&url).await.unwrap();
    let left: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    assert_eq!(left, Vec::<String>::new());
    assert!(matches!(waits.own(claim(2, "waits")).await, Err(Error::Missing { .. })));
    assert!(matches!(remove(&url).await, Err(Error::Missing { .. })));
    artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
}

/// REDIS-8: the head of a board goes before anything else of it.
#[tokio::test]
async fn the_head_of_a_board_goes_first() {
    let url = format!("{}?board={}", SERVER.url(), new_name());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    Scribe::own(&log).await.publish(&[Sample::new(1)]).await;
    log.close().await;
    let mut admin = connect(&SERVER.url()).await;
    let monitor = redis::Client::open(SERVER.url()).unwrap().get_async_monitor().await.unwrap();
    remove(&url).await.unwrap();
    cmd("ECHO").arg("the end").exec_async(&mut admin).await.unwrap();
    let mut stream = monitor.into_on_message::<String>();
    let mut gone = Vec::new();
    while let Some(line) = futures_util::StreamExt::next(&mut stream).await {
        if line.contains("the end") {
            break;
        }
        let line = line.to_lowercase();
        if line.contains("\"unlink\"") || line.contains("\"del\"") {
            gone.push(line);
        }
    }
    let ours = |line: &&String| line.contains(":head\"") || line.contains(":log\"");
    let first = gone.iter().find(ours).unwrap();
    assert!(first.contains(":head\""), "{gone:#?}");
}
