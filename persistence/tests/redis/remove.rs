//! Removing boards while somebody waits for them, and what an interrupted removal leaves.

use futures_util::StreamExt;
use redis::{Client, cmd};

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_persistence::{CreateBoard, OpenOptions, marked, remove};
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{NewBoard, Sample, Scribe};
use artel_testkit::servers::RedisServer;

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
    let server = RedisServer::start();
    let url = format!("{}?board=b", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    // A scan meets the keys in an order of its own: among many it hardly begins with the one.
    let samples: Vec<_> = (0..100).map(Sample::new).collect();
    Scribe::own(&log).await.publish(&samples).await;
    log.close().await;
    let mut admin = connect(&server.url()).await;
    let monitor = Client::open(server.url()).unwrap().get_async_monitor().await.unwrap();
    remove(&url).await.unwrap();
    cmd("ECHO").arg("the end").exec_async(&mut admin).await.unwrap();
    let mut stream = monitor.into_on_message::<String>();
    let mut gone = Vec::new();
    loop {
        let line = stream.next().await.expect("it tells until the end");
        if line.contains("the end") {
            break;
        }
        let line = line.to_lowercase();
        if line.contains("\"unlink\"") {
            gone.push(line);
        }
    }
    assert!(gone.len() > 100 && gone[0].contains(":head\""), "{gone:#?}");
}

/// REDIS-8: what a move that was killed has left is removed as well, and so is a board that has lost its end; whoever may
/// not do all of it does not begin.
#[tokio::test]
async fn what_is_marked_is_removed_too() {
    let board = || {
        let NewBoard { board, incarnation, dev } = NewBoard::sample();
        CreateBoard { board, incarnation, dev }
    };
    let url = || format!("{}?board={}", SERVER.url(), new_name());
    let arriving = url();
    let options = OpenOptions::arriving(board(), "sqlite:elsewhere.db".to_owned());
    artel_persistence::open(&arriving, options).await.unwrap().close().await;
    let regressed = url();
    let log = artel_persistence::open(&regressed, OpenOptions::create(board())).await.unwrap();
    let scribe = Scribe::own(&log).await;
    log.mark_regressed(Seq(100), scribe.epoch).await.unwrap();
    log.close().await;
    let user = new_name();
    let mut may = cmd("ACL");
    may.arg("SETUSER").arg(&user).arg("on").arg("nopass").arg("~*").arg("+@all").arg("-scan");
    run::<String>(&may).await;
    for url in [arriving, regressed] {
        let as_user = url.replace("redis://", &format!("redis://{user}:x@"));
        let error = remove(&as_user).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("scan"), "{error:?}");
        assert!(marked(&url).await.unwrap().is_some(), "it is as it was");
        remove(&url).await.unwrap();
        assert!(matches!(remove(&url).await, Err(Error::Missing { .. })));
    }
}
