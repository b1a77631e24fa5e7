//! Owning boards on a server for a time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::Row;
use tokio::time::{Instant, timeout};

use artel_core::log::{Error, Log};
use artel_testkit::conformance::factory::{claim, own_when_free};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{PostgresServer, Proxy};

use crate::place::{Place, SERVER, create, new_name, sql};

/// Boards in a schema of their own, each owned, for so many seconds.
async fn owned(schema: &str, boards: u32, seconds: u32) -> Vec<Arc<dyn Log>> {
    let mut logs = Vec::new();
    for number in 0..boards {
        let url = format!("{}?schema={schema}&board=b{number}&ownership={seconds}s", SERVER.url());
        let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
        log.own(claim(1, "first")).await.unwrap();
        logs.push(log);
    }
    logs
}

/// POSTGRES-4: an owner that is kept keeps its board for longer than its time; one that is not loses it when
/// that is over, and knows it, by its own clock, before another can have it.
#[tokio::test]
async fn an_ownership_lasts_while_it_is_renewed() {
    let schema = new_name();
    // Long enough that a machine with much else to do renews in time.
    let seconds = 5;
    let logs = owned(&schema, 1, seconds).await;
    let (log, began) = (&logs[0], Instant::now());
    let epoch = log.head().await.unwrap().epoch;
    let url = format!("{}?schema={schema}&board=b0&ownership={seconds}s", SERVER.url());
    let other = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let renewed = async {
        while began.elapsed() < Duration::from_secs(u64::from(seconds)) + Duration::from_millis(500)
        {
            log.confirm(epoch).unwrap();
            let error = other.own(claim(2, "second")).await.unwrap_err();
            assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "first"));
        }
    };
    tokio::select! {
        () = renewed => {}
        () = log.keep() => panic!("it was lost"),
    }
    // Nobody renews it any more.
    own_when_free(&other, claim(2, "second")).await.unwrap();
    assert!(matches!(log.confirm(epoch).unwrap_err(), Error::NotOwned { .. }));
}

/// POSTGRES-4: the time of an ownership is counted from before it was asked for: however late the answer came, it is
/// over when another one can have the board.
#[tokio::test]
async fn an_ownership_is_counted_from_before_it_was_asked_for() {
    let proxy = Proxy::before(SERVER.port());
    let schema = new_name();
    let url = |way: &str| format!("{way}?schema={schema}&board=b0&ownership=4s");
    let log = url(&PostgresServer::url_at(proxy.port()));
    let log = artel_persistence::open(&log, create(NewBoard::sample())).await.unwrap();
    let other = url(&SERVER.url());
    let other = artel_persistence::open(&other, create(NewBoard::sample())).await.unwrap();
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

/// POSTGRES-5: whoever was taken over is told by the next renewal, and its appends are refused.
#[tokio::test]
async fn whoever_was_taken_over_is_told() {
    let (place, _) = Place::with_batches(0).await;
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    place
        .sql(
            "UPDATE artel.owner SET until = clock_timestamp() - interval '1 second' \
              WHERE board_no = BOARD",
        )
        .await;
    let other = place.open().await.unwrap();
    let mut next = Scribe::own(&other).await;
    log.keep().await;
    assert!(matches!(log.confirm(scribe.epoch).unwrap_err(), Error::NotOwned { .. }));
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
    next.publish(&[Sample::new(2)]).await;
}

/// POSTGRES-3, POSTGRES-4: an append of an owner that does not know yet that it was taken over is refused by the server,
/// and nothing of it is there.
#[tokio::test]
async fn whoever_was_taken_over_appends_nothing() {
    let (place, _) = Place::with_batches(0).await;
    let (log, other) = (place.open().await.unwrap(), place.open().await.unwrap());
    let mut scribe = Scribe::own(&log).await;
    // As if its time were over by the server's clock, and not yet by its own.
    place.sql("DELETE FROM artel.owner WHERE board_no = BOARD").await;
    let next = Scribe::own(&other).await;
    log.confirm(scribe.epoch).unwrap();
    let mut sketch = scribe.sketch();
    sketch.artifact(&Sample::new(1));
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { newest, .. } if newest == next.epoch), "{error:?}");
    assert_eq!(other.head().await.unwrap().seq.get(), 0);
}

/// POSTGRES-22, LOG-20: an ownership that was asked for and given up, and comes to the server after the next one, takes
/// nothing from that.
#[tokio::test]
async fn an_ownership_that_comes_late_changes_nothing() {
    let proxy = Proxy::before(SERVER.port());
    let schema = new_name();
    let url =
        format!("{}?schema={schema}&board=b0&ownership=30s", PostgresServer::url_at(proxy.port()));
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    log.own(claim(1, "belated")).await.unwrap();
    proxy.hold(|bytes| bytes.windows(7).any(|window| window == b"belated"));
    let mut late = Box::pin(log.own(claim(1, "belated")));
    while proxy.held() == 0 {
        let asked = timeout(Duration::from_millis(10), &mut late).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    drop(late);
    let mut scribe = Scribe::own(&log).await;
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'WITH mine AS%' \
                       OR query LIKE 'SELECT epoch FROM board%'";
    let before: i64 = sql(connections).await[0].get(0);
    proxy.let_go();
    // Whoever sent it has left: the server drops its connection when the statement is done.
    while sql(connections).await[0].get::<i64, _>(0) == before {}
    assert_eq!(log.head().await.unwrap().epoch, scribe.epoch);
    scribe.publish(&[Sample::new(1)]).await;
    log.close().await;
}

/// The next renewal of the boards of a schema is one transaction.
async fn are_renewed_at_once(schema: &str, logs: &[Arc<dyn Log>]) {
    let newest = format!("SELECT min(until)::text, count(DISTINCT xmin::text) FROM {schema}.owner");
    let before: String = sql(&newest).await[0].get(0);
    let renewed = async {
        loop {
            let row = &sql(&newest).await[0];
            if row.get::<String, _>(0) > before {
                return row.get::<i64, _>(1);
            }
        }
    };
    let keeping = join_all(logs.iter().map(|log| log.keep()));
    let transactions = tokio::select! {
        _ = keeping => panic!("one was lost"),
        transactions = renewed => transactions,
    };
    assert_eq!(transactions, 1, "they were renewed one by one");
}

/// POSTGRES-10, POSTGRES-20: a thousand boards of a process need a few connections, and are renewed by one statement.
#[tokio::test]
async fn a_thousand_boards_are_renewed_at_once() {
    let schema = new_name();
    // Half of the ten connections that there are as many more while logs are opened; one renews.
    sql(&format!("CREATE ROLE {schema} LOGIN CONNECTION LIMIT 16")).await;
    sql(&format!("GRANT CREATE ON DATABASE postgres TO {schema}")).await;
    let way = SERVER.url().replace("postgres@", &format!("{schema}@"));
    let open = async |number: u32| {
        let url = format!("{way}?schema={schema}&board=b{number}&ownership=24s");
        artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap()
    };
    // Who makes the schema is not alone.
    let first = open(0).await;
    let others = join_all((1..1_000).map(open)).await;
    let logs: Vec<_> = std::iter::once(first).chain(others).collect();
    join_all(logs.iter().map(|log| async { log.own(claim(1, "first")).await.unwrap() })).await;
    are_renewed_at_once(&schema, &logs).await;
}

/// POSTGRES-10: all boards of a process on a server are renewed in one statement, by whichever of them asks
/// first; when that one goes, another goes on.
#[tokio::test]
async fn all_boards_are_renewed_at_once() {
    let schema = new_name();
    let mut logs = owned(&schema, 10, 3).await;
    for _ in 0..2 {
        are_renewed_at_once(&schema, &logs).await;
        // The one that asked first is given up.
        logs.remove(0).close().await;
    }
}

/// POSTGRES-22, OWN-6: who is not told that it owns the board now has it when it asks again, and does not wait for itself.
#[tokio::test]
async fn an_ownership_whose_answer_was_lost_is_had_at_once() {
    let server = PostgresServer::start();
    let proxy = Proxy::before(server.port());
    let url = format!("{}?board=b&ownership=60s", PostgresServer::url_at(proxy.port()));
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
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
