//! Appends that somebody else's ownership overtakes between their look at the head and their changes.

use redis::aio::MultiplexedConnection;
use redis::cmd;

use artel_core::log::Error;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::sketch::{Sketch, closed, correlation};
use artel_testkit::conformance::{NewBoard, Sample, Scribe};
use artel_testkit::servers::{RedisCluster, RedisServer};

use crate::place::{connect, create};

/// The nodes of a cluster; a server itself.
async fn nodes(url: &str) -> Vec<MultiplexedConnection> {
    let mut connection = connect(url).await;
    let told = cmd("CLUSTER").arg("NODES").query_async::<String>(&mut connection).await;
    let Ok(told) = told else { return vec![connection] };
    let mut nodes = Vec::new();
    for line in told.lines() {
        let address = line.split(' ').nth(1).unwrap().split('@').next().unwrap();
        nodes.push(connect(&format!("redis://{address}/")).await);
    }
    nodes
}

/// Waits until so many calls wait on the nodes for the end of a pause.
async fn until_paused(nodes: &mut [MultiplexedConnection], calls: usize) {
    loop {
        let mut waiting = 0;
        for node in &mut *nodes {
            let mut info = cmd("INFO");
            let told: String = info.arg("clients").query_async(node).await.unwrap();
            let clients = told.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
            waiting += clients.unwrap().trim().parse::<usize>().unwrap();
        }
        if waiting >= calls {
            return;
        }
    }
}

/// An artifact, and finished work on it.
fn sketch(scribe: &Scribe) -> Sketch {
    let mut sketch = scribe.sketch();
    let input = sketch.artifact(&Sample::new(2));
    let activation = sketch.activation(&[input], correlation(1));
    sketch.close(&closed(activation, &[input], correlation(1)));
    sketch
}

/// The server lets nobody write for a while, so that an append has looked at the head, and waits with its changes
/// behind whoever takes the board over.
async fn is_overtaken(url: &str) {
    let url = format!("{url}?board=b&ownership=60s");
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let other = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let before = log.head().await.unwrap();
    let append = scribe.seal(sketch(&scribe));
    let mut nodes = nodes(&url).await;
    for node in &mut nodes {
        // As if its time were over by the server's clock.
        let keys: Vec<String> = cmd("KEYS").arg("artel:*:owner").query_async(node).await.unwrap();
        for key in keys {
            cmd("DEL").arg(key).exec_async(node).await.unwrap();
        }
        let mut pause = cmd("CLIENT");
        pause.arg("PAUSE").arg(60_000).arg("WRITE").exec_async(node).await.unwrap();
    }
    let owned = async { other.own(claim(2, "second")).await.unwrap() };
    let appended = async {
        until_paused(&mut nodes.clone(), 1).await;
        log.append(append.clone()).await.unwrap_err()
    };
    let let_go = async {
        until_paused(&mut nodes.clone(), 2).await;
        for node in &mut nodes.clone() {
            cmd("CLIENT").arg("UNPAUSE").exec_async(node).await.unwrap();
        }
    };
    let (owned, error, ()) = tokio::join!(owned, appended, let_go);
    assert!(matches!(error, Error::Fenced { newest, .. } if newest == owned.epoch), "{error:?}");
    let head = other.head().await.unwrap();
    assert_eq!((head.seq, head.hash), (before.seq, before.hash));
    let ids: Vec<_> = append.rows.artifacts.iter().map(|row| row.envelope().id).collect();
    assert_eq!(other.artifact(ids[0]).await.unwrap(), None);
    assert_eq!(other.read(before.seq.next(), usize::MAX).await.unwrap(), []);
}

/// REDIS-3: on a server, whose transaction watches the head.
#[tokio::test]
async fn a_transaction_that_is_overtaken_changes_nothing() {
    Box::pin(is_overtaken(&RedisServer::start().url())).await;
}

/// REDIS-3: in a cluster, whose script compares the head.
#[tokio::test]
async fn a_script_that_is_overtaken_changes_nothing() {
    Box::pin(is_overtaken(&RedisCluster::start().url())).await;
}

/// LOG-18, REDIS-3: an append that nobody waits for any more when its transaction has begun comes to nothing, and keeps
/// nothing from the next one.
#[tokio::test]
async fn a_transaction_that_was_left_changes_nothing() {
    let server = RedisServer::start();
    let url = format!("{}?board=b&ownership=60s", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let before = log.head().await.unwrap();
    let mut nodes = nodes(&url).await;
    let mut pause = cmd("CLIENT");
    pause.arg("PAUSE").arg(60_000).arg("WRITE").exec_async(&mut nodes[0]).await.unwrap();
    tokio::select! {
        done = log.append(scribe.seal(sketch(&scribe))) => panic!("it was not held up: {done:?}"),
        () = until_paused(&mut nodes, 1) => {}
    }
    cmd("CLIENT").arg("UNPAUSE").exec_async(&mut nodes[0]).await.unwrap();
    scribe.own_again().await;
    let head = log.head().await.unwrap();
    assert_eq!((head.seq, head.hash), (before.seq, before.hash));
    scribe.append(sketch(&scribe)).await;
    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
}

/// REDIS-3, REDIS-11: for whom the server begins no transaction, what belongs into one is not done either.
#[tokio::test]
async fn who_may_begin_no_transaction_changes_nothing() {
    let server = RedisServer::start();
    let mut admin = connect(&server.url()).await;
    let mut user = cmd("ACL");
    user.arg("SETUSER")
        .arg("artel")
        .arg("on")
        .arg(">secret")
        .arg("~artel:*")
        .arg("+@all")
        .arg("-multi");
    user.exec_async(&mut admin).await.unwrap();
    let url = format!("redis://artel:secret@127.0.0.1:{}/0?board=b", server.port());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let before: usize = cmd("DBSIZE").query_async(&mut admin).await.unwrap();
    let error = scribe.try_append(scribe.seal(sketch(&scribe))).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(!error.outcome_unknown() && source.contains("multi"), "{error:?}");
    let after: usize = cmd("DBSIZE").query_async(&mut admin).await.unwrap();
    assert_eq!(after, before);
    // With the permission it goes on.
    cmd("ACL").arg("SETUSER").arg("artel").arg("+multi").exec_async(&mut admin).await.unwrap();
    scribe.publish(&[Sample::new(1)]).await;
}

/// REDIS-3: a server whose memory is full by the time a transaction comes takes nothing of it.
#[tokio::test]
async fn a_transaction_for_which_there_is_no_memory_changes_nothing() {
    let server = RedisServer::start();
    let url = format!("{}?board=b&ownership=60s", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let before = log.head().await.unwrap();
    let append = scribe.seal(sketch(&scribe));
    let mut admin = nodes(&url).await;
    let mut pause = cmd("CLIENT");
    pause.arg("PAUSE").arg(60_000).arg("WRITE").exec_async(&mut admin[0]).await.unwrap();
    let full = async {
        until_paused(&mut admin.clone(), 1).await;
        set_memory(&mut admin[0].clone(), "1").await;
        cmd("CLIENT").arg("UNPAUSE").exec_async(&mut admin[0].clone()).await.unwrap();
    };
    let (appended, ()) = tokio::join!(log.append(append.clone()), full);
    let error = appended.unwrap_err();
    assert!(!error.outcome_unknown(), "{error:?}");
    set_memory(&mut admin[0], "0").await;
    let head = log.head().await.unwrap();
    assert_eq!((head.seq, head.hash), (before.seq, before.hash));
    let id = append.rows.artifacts[0].envelope().id;
    assert_eq!(log.artifact(id).await.unwrap(), None);
    log.append(append).await.unwrap();
    assert!(log.artifact(id).await.unwrap().is_some());
}

/// Bytes that the server's data may take; zero for as many as there are.
async fn set_memory(connection: &mut MultiplexedConnection, max: &str) {
    cmd("CONFIG").arg("SET").arg("maxmemory").arg(max).exec_async(connection).await.unwrap();
}

/// REDIS-6: a batch that the server does not take, because its stream goes on further than the head says, is in doubt;
/// what is found then is named as damage.
#[tokio::test]
async fn a_stream_that_goes_on_behind_the_head_is_damage() {
    let server = RedisServer::start();
    let url = format!("{}?board=b&ownership=60s", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let mut admin = connect(&server.url()).await;
    let keys: Vec<String> = cmd("KEYS").arg("artel:*:log").query_async(&mut admin).await.unwrap();
    let mut add = cmd("XADD");
    add.arg(&keys[0]).arg("1000-0").arg("h").arg("?").exec_async(&mut admin).await.unwrap();
    let error = scribe.try_append(scribe.seal(sketch(&scribe))).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    let opened = artel_persistence::open(&url, OpenOptions::existing()).await;
    assert!(matches!(opened, Err(Error::Damaged { .. })), "{opened:?}");
}
