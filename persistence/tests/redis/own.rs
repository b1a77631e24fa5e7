//! Owning boards on a server: for a time, renewed together, and what comes twice or after a server went back.

use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::cmd;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use artel_core::log::Error;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::sketch::{closed, correlation};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{Proxy, RedisServer};

use crate::place::{Place, connect, create, new_name, run};

/// How often a script was called on a server since it began.
async fn scripts(server: &RedisServer) -> i64 {
    let mut info = cmd("INFO");
    info.arg("commandstats");
    let told: String = info.query_async(&mut connect(&server.url()).await).await.unwrap();
    let calls = told.lines().filter(|line| line.starts_with("cmdstat_evalsha:"));
    let count = |line: &str| line.split("calls=").nth(1)?.split(',').next()?.parse::<i64>().ok();
    calls.filter_map(count).sum()
}

/// REDIS-4, REDIS-5: whoever was taken over is told by the next renewal, and its appends are refused.
#[tokio::test]
async fn whoever_was_taken_over_is_told() {
    let (place, _) = Place::with_batches(0).await;
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let other = place.open().await.unwrap();
    let refused = other.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(&refused, Error::Owned { owner, .. } if owner.pid.is_some()), "{refused:?}");
    // As if its time were over.
    run::<i64>(cmd("DEL").arg(place.key("owner").await)).await;
    let mut next = Scribe::own(&other).await;
    log.keep().await;
    assert!(matches!(log.confirm(scribe.epoch).unwrap_err(), Error::NotOwned { .. }));
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
    next.publish(&[Sample::new(2)]).await;
}

/// REDIS-3, REDIS-5: an append of an owner that does not know yet that it was taken over is refused by the script,
/// and nothing of it is there.
#[tokio::test]
async fn whoever_was_taken_over_appends_nothing() {
    let (place, _) = Place::with_batches(0).await;
    let (log, other) = (place.open().await.unwrap(), place.open().await.unwrap());
    let mut scribe = Scribe::own(&log).await;
    // As if its time were over by the server's clock, and not yet by its own.
    run::<i64>(cmd("DEL").arg(place.key("owner").await)).await;
    let next = Scribe::own(&other).await;
    log.confirm(scribe.epoch).unwrap();
    let mut sketch = scribe.sketch();
    sketch.artifact(&Sample::new(1));
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { newest, .. } if newest == next.epoch), "{error:?}");
    assert_eq!(other.head().await.unwrap().seq.get(), 0);
}

/// REDIS-4, LOG-20: an ownership that was asked for and given up, and comes to the server after another one came and
/// went, changes nothing.
#[tokio::test]
async fn an_ownership_that_comes_late_changes_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let url = |server: String| format!("{server}?board=b&ownership=30s");
    let direct = url(server.url());
    let other = artel_persistence::open(&direct, create(NewBoard::sample())).await.unwrap();
    let log =
        artel_persistence::open(&url(RedisServer::url_at(proxy.port())), OpenOptions::existing())
            .await;
    let log = log.unwrap();
    proxy.hold(|bytes| bytes.windows(7).any(|window| window == b"belated"));
    let mut late = Box::pin(log.own(claim(1, "belated")));
    while proxy.held() == 0 {
        let asked = timeout(Duration::from_millis(10), &mut late).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    drop(late);
    let owned = other.own(claim(2, "second")).await.unwrap();
    other.disown(owned.epoch).await.unwrap();
    let before = scripts(&server).await;
    proxy.let_go();
    while scripts(&server).await == before {}
    assert_eq!(other.head().await.unwrap().epoch, owned.epoch);
    assert!(other.owner().await.unwrap().is_none());
}

/// The shortest and the longest time in milliseconds that is left of what some keys stand for.
async fn left(connection: &mut MultiplexedConnection, keys: &[String]) -> (i64, i64) {
    let text = "local least, most = math.huge, 0 for _, key in ipairs(KEYS) do \
                local left = redis.call('PTTL', key) \
                least, most = math.min(least, left), math.max(most, left) end \
                return {least, most}";
    let mut ask = cmd("EVAL");
    ask.arg(text).arg(keys.len()).arg(keys);
    ask.query_async(connection).await.unwrap()
}

/// REDIS-10: all boards of a process on a server are renewed by one script, also a thousand.
#[tokio::test]
async fn a_thousand_boards_are_renewed_at_once() {
    let server = RedisServer::start();
    let open = async |number: u32| {
        let url = format!("{}?board=b{number}&ownership=24s", server.url());
        artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap()
    };
    let mut logs = Vec::new();
    for hundred in 0..10 {
        logs.extend(join_all((0..100).map(|one| open(100 * hundred + one))).await);
    }
    join_all(logs.iter().map(|log| async { log.own(claim(1, "first")).await.unwrap() })).await;
    let mut connection = connect(&server.url()).await;
    let keys: Vec<String> =
        cmd("KEYS").arg("artel:*:owner").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), 1_000);
    let before = scripts(&server).await;
    let (_, most) = left(&mut connection, &keys).await;
    // A third of the time is over before anything is renewed.
    let renewed = async {
        while left(&mut connection, &keys).await.0 > most - 4_000 {}
        while left(&mut connection, &keys).await.0 < most - 2_000 {}
    };
    let keeping = join_all(logs.iter().map(|log| log.keep()));
    tokio::select! {
        _ = keeping => panic!("one was lost"),
        () = renewed => {}
    }
    let calls = scripts(&server).await - before;
    // One by one they would be a thousand; a machine with much to do may come to a second renewal.
    assert!((1..10).contains(&calls), "{calls} scripts for 1 000 boards");
}

/// REDIS-3: an append that is sent again, because its answer was lost, is there once.
#[tokio::test]
async fn an_append_that_comes_twice_is_there_once() {
    let (place, _) = Place::with_batches(0).await;
    let log = place.open().await.unwrap();
    let scribe = Scribe::own(&log).await;
    let mut sketch = scribe.sketch();
    sketch.artifact(&Sample::new(1));
    let append = scribe.seal(sketch);
    log.append(append.clone()).await.unwrap();
    log.append(append.clone()).await.unwrap();
    assert_eq!(log.read(append.batch.header.first, usize::MAX).await.unwrap(), [append.batch]);
    let length: i64 = run(cmd("XLEN").arg(place.key("log").await)).await;
    assert_eq!(length, 1);
}

/// REDIS-9: all keys of a board but its name have one tag, by which a cluster keeps them on one node.
#[tokio::test]
async fn all_keys_of_a_board_have_one_tag() {
    let server = RedisServer::start();
    let url = format!("{}?board=one", server.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let mut sketch = scribe.sketch();
    let input = sketch.artifact(&Sample::new(1));
    sketch.content("report");
    let activation = sketch.activation(&[input], correlation(1));
    sketch.close(&closed(activation, &[input], correlation(1)));
    sketch.cancel(correlation(2));
    scribe.append(sketch).await;
    let mut connection = connect(&server.url()).await;
    let tag: String = cmd("GET").arg("artel:board:one").query_async(&mut connection).await.unwrap();
    let keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let tagged = keys.iter().filter(|key| key.starts_with(&format!("artel:{{{tag}}}:"))).count();
    assert_eq!(tagged, keys.len() - 1, "{keys:?}");
    assert!(tagged >= 12, "{keys:?}");
}

/// REDIS-13: a server that lost the end of a log is noticed by its owner's next append.
#[tokio::test]
async fn a_log_that_went_back_is_noticed() {
    let (place, _) = Place::with_batches(3).await;
    let (log, behind) = (place.open().await.unwrap(), new_name());
    let tag: String = run(cmd("GET").arg(format!("artel:board:{}", place.key))).await;
    let keys: Vec<String> = run(cmd("KEYS").arg(format!("artel:{{{tag}}}:*"))).await;
    for key in &keys {
        run::<i64>(cmd("COPY").arg(key).arg(format!("{behind}:{key}"))).await;
    }
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(9)]).await;
    // As it was before: but for its owner, who is alive.
    let owner = place.key("owner").await;
    let now: Vec<String> = run(cmd("KEYS").arg(format!("artel:{{{tag}}}:*"))).await;
    for key in now.iter().filter(|key| **key != owner) {
        run::<i64>(cmd("DEL").arg(key)).await;
    }
    for key in keys.iter().filter(|key| **key != owner) {
        run::<i64>(cmd("COPY").arg(format!("{behind}:{key}")).arg(key)).await;
    }
    let head = place.key("head").await;
    run::<i64>(cmd("HSET").arg(&head).arg("epoch").arg(scribe.epoch.get())).await;
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert_eq!(error.code(), "log-regressed", "{error:?}");
}

/// REDIS-4: the time of an ownership is counted from before it was asked for: however late the answer came, it is over
/// when another one can have the board.
#[tokio::test]
async fn an_ownership_is_counted_from_before_it_was_asked_for() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let url = |server: String| format!("{server}?board=b&ownership=4s");
    let other = url(server.url());
    let other = artel_persistence::open(&other, create(NewBoard::sample())).await.unwrap();
    let log = url(RedisServer::url_at(proxy.port()));
    let log = artel_persistence::open(&log, OpenOptions::existing()).await.unwrap();
    // Connections are there before anything is late.
    let first = log.own(claim(1, "first")).await.unwrap();
    proxy.delay(Duration::from_millis(250));
    let again = log.own(claim(1, "first")).await.unwrap();
    assert!(again.epoch > first.epoch);
    log.confirm(again.epoch).unwrap();
    while let Err(error) = other.own(claim(2, "second")).await {
        assert!(matches!(error, Error::Owned { .. }), "{error:?}");
    }
    assert!(matches!(log.confirm(again.epoch).unwrap_err(), Error::NotOwned { .. }));
    proxy.heal();
}

/// REDIS-12: a connection is tried five times, with pauses that grow from 50 ms; a lost one comes back by itself, at
/// the next call.
#[tokio::test]
async fn a_connection_is_tried_again_with_growing_pauses() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}?board=b", nobody.local_addr().unwrap());
    let mut tries = Vec::new();
    let open = artel_persistence::open(&url, OpenOptions::existing());
    let mut open = std::pin::pin!(open);
    let error = loop {
        tokio::select! {
            opened = &mut open => break opened.err().unwrap(),
            // It ends at once.
            _ = nobody.accept() => tries.push(Instant::now()),
        }
    };
    assert_eq!(error.code(), "log-unavailable", "{error:?}");
    let pauses: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 4, "{pauses:?}");
    for (pause, least) in pauses.iter().zip([50, 100, 200, 400]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }

    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let url = format!("{}?board=b", RedisServer::url_at(proxy.port()));
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let head = log.head().await.unwrap();
    proxy.refuse(true);
    proxy.drop_all();
    assert_eq!(log.head().await.unwrap_err().code(), "log-unavailable");
    proxy.refuse(false);
    assert_eq!(log.head().await.unwrap(), head);
}

/// REDIS-4, OWN-6: who is not told that it owns the board now has it when it asks again, and does not wait for itself.
#[tokio::test]
async fn an_ownership_whose_answer_was_lost_is_had_at_once() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.port());
    let url = format!("{}?board=b&ownership=60s", RedisServer::url_at(proxy.port()));
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    // From then on the server knows the script.
    let first = log.own(claim(1, "first")).await.unwrap();
    log.disown(first.epoch).await.unwrap();
    proxy.cut_after(|bytes| bytes.windows(7).any(|window| window == b"unheard"));
    let error = log.own(claim(1, "unheard")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(proxy.cuts(), 1);
    let owner = log.owner().await.unwrap().expect("it was owned");
    assert_eq!(owner.program, "unheard");
    let owned = log.own(claim(1, "unheard")).await.unwrap();
    log.confirm(owned.epoch).unwrap();
    log.close().await;

    // Who closes the log before it was told has given the board up.
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    proxy.cut_after(|bytes| bytes.windows(7).any(|window| window == b"unheard"));
    log.own(claim(1, "unheard")).await.unwrap_err();
    log.close().await;
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    log.own(claim(2, "next")).await.unwrap();
}
