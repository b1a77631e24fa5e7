//! Opening boards on a server: schemas, versions, settings, and what lies between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::Row;
use tokio::time::timeout;

use artel_core::finding::{Code, Severity};
use artel_core::ids::{Epoch, Seq};
use artel_core::log::{Durability, Error};
use artel_core::names::ProgramName;
use artel_core::record::genesis;
use artel_persistence::{Mark, OpenOptions, boards, examine, mark, marked, move_aside, remove};
use artel_testkit::VirtualClock;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{PgBouncer, PostgresServer, Proxy};

use crate::place::{Place, SERVER, as_reader, as_writer, create, new_name, sql};

/// POSTGRES-2: the schema is made where a board is to be made, by one of several who ask at once; nothing is
/// made where it was only to be opened.
#[tokio::test]
async fn a_schema_is_made_once() {
    let schema = new_name();
    let url = |board: u32| format!("{}?schema={schema}&board=b{board}", SERVER.url());
    for options in [OpenOptions::existing(), OpenOptions::read_only()] {
        let error = artel_persistence::open(&url(0), options).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    }
    let count = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'");
    assert_eq!(sql(&count).await[0].get::<i64, _>(0), 0, "nothing is made by looking");
    let urls: Vec<String> = (0..4).map(|number| url(number % 2)).collect();
    let opened = urls.iter().map(|url| artel_persistence::open(url, create(NewBoard::sample())));
    for opened in futures_util::future::join_all(opened).await {
        opened.unwrap().close().await;
    }
    let boards = sql(&format!("SELECT key FROM {schema}.board ORDER BY key")).await;
    let keys: Vec<String> = boards.iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, ["b0", "b1"]);
    let steps = sql(&format!("SELECT version FROM {schema}.migration")).await;
    assert_eq!(steps.len(), 2, "each step once");
}

/// POSTGRES-2: a schema of an earlier version is brought up to date by whoever opens it to write, beside the boards that
/// are there, and by nobody else.
#[tokio::test]
async fn an_earlier_schema_is_brought_up_to_date() {
    let schema = new_name();
    let url = format!("{}?schema={schema}&ownership=3s", SERVER.url());
    // As the first version made it.
    let tables = include_str!("../../src/postgres/first.sql");
    let views = include_str!("../../src/postgres/views.sql");
    let NewBoard { board, incarnation, dev } = NewBoard::sample();
    let (hash, name) = (genesis(incarnation), board.as_str());
    sql(&format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema}; \
         CREATE TABLE migration (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now()); \
         {tables}; {views}; INSERT INTO migration (version) VALUES (1); \
         INSERT INTO board (key, name, incarnation, dev, epoch, seq, hash, at) \
         VALUES ('main', '{name}', '{incarnation}', {dev}, 0, 0, decode('{hash}', 'hex'), 0);"
    ))
    .await;
    let error = artel_persistence::open(&url, OpenOptions::read_only()).await.unwrap_err();
    assert!(matches!(error, Error::ReadOnly { action: "upgrade", .. }), "{error:?}");
    let log = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(2)]).await;
    scribe.publish(&[Sample::new(3)]).await;
    let count = format!("SELECT count(*) FROM {schema}.process");
    assert_eq!(sql(&count).await[0].get::<i64, _>(0), 0);
    log.close().await;
}

/// POSTGRES-2: a schema of a later version is refused with both versions.
#[tokio::test]
async fn a_later_schema_is_refused() {
    let schema = new_name();
    let url = format!("{}?schema={schema}", SERVER.url());
    artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap().close().await;
    sql(&format!("INSERT INTO {schema}.migration (version) VALUES (99)")).await;
    let error = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap_err();
    assert!(matches!(error, Error::Newer { version: 99, .. }), "{error:?}");
}

/// POSTGRES-1: a server whose settings lose what it acknowledged is refused, with the setting and what to
/// do; where less is asked of it, it will do, and the log says what it promises.
#[tokio::test]
async fn settings_that_break_the_promise_are_refused() {
    let user = new_name();
    sql(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await;
    sql(&format!("ALTER ROLE {user} SET synchronous_commit = off")).await;
    let url = SERVER.url().replace("postgres@", &format!("{user}@"));
    let url = |more: &str| format!("{url}?board={user}{more}");
    let error = artel_persistence::open(&url(""), create(NewBoard::sample())).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("log-unfit", false));
    let said = error.to_string();
    assert!(said.contains("`synchronous_commit` is `off`") && said.contains("durability=process"));
    let weaker = url("&durability=process");
    let log = artel_persistence::open(&weaker, create(NewBoard::sample())).await.unwrap();
    assert_eq!(log.describe().durability, Durability::Process);
}

/// POSTGRES-1: so is one whose settings no session can change.
#[tokio::test]
async fn servers_that_do_not_write_through_are_refused() {
    for setting in ["fsync", "full_page_writes"] {
        let server = PostgresServer::with(&[&format!("{setting}=off")]);
        let url = server.url();
        let error = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("log-unfit", false));
        assert!(error.to_string().contains(&format!("`{setting}` is `off`")), "{error}");
        let weaker = format!("{url}?durability=process");
        let log = artel_persistence::open(&weaker, create(NewBoard::sample())).await.unwrap();
        assert_eq!(log.describe().durability, Durability::Process);
    }
}

/// POSTGRES-1, DOCTOR-4: a server older than 13 is refused as such, whatever is promised, before anything is set that
/// it does not know.
#[tokio::test]
async fn an_older_server_is_refused() {
    let user = new_name();
    // For who looks there first, the server is as old as it says.
    sql(&format!(
        "CREATE ROLE {user} LOGIN SUPERUSER; CREATE SCHEMA {user}; \
         CREATE FUNCTION {user}.current_setting(name text) RETURNS text LANGUAGE sql AS $$ \
             SELECT CASE name WHEN 'server_version_num' THEN '110022' WHEN 'server_version' THEN '11.22' \
                 ELSE pg_catalog.current_setting(name) END $$; \
         ALTER ROLE {user} SET search_path = {user}, pg_catalog"
    ))
    .await;
    let url = SERVER.url().replace("postgres@", &format!("{user}@"));
    for more in ["", "&durability=process"] {
        let url = format!("{url}?board={user}{more}");
        let error = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap_err();
        assert_eq!(error.code(), "log-unfit");
        assert!(error.to_string().contains("PostgreSQL 11.22"), "{error}");
    }
    let findings = examine(&url, &VirtualClock::default()).await.unwrap();
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::ServerVersion]);
    assert_eq!(findings[0].severity, Severity::Problem);
}

/// POSTGRES-9: through a pool that gives each session a connection, a log is as it is without; one that
/// gives each transaction another is refused.
#[tokio::test]
async fn a_pool_has_to_keep_sessions() {
    let key = new_name();
    let session = PgBouncer::start(&SERVER, "session");
    let url = format!("{}?board={key}", session.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    log.close().await;
    for (mode, connections) in [("transaction", 100), ("transaction", 1), ("statement", 100)] {
        let pool = PgBouncer::with(&SERVER, mode, connections);
        let url = format!("{}?board={key}", pool.url());
        let error = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap_err();
        assert_eq!(error.code(), "log-unfit", "{mode}: {error:?}");
        assert!(error.to_string().contains("pool_mode = session"), "{error}");
    }
}

/// POSTGRES-7: a log that was opened only to be read refuses to write, and follows its owner.
#[tokio::test]
async fn a_reader_writes_nothing() {
    let (place, scribe) = Place::with_batches(2).await;
    let reader = artel_persistence::open(&place.url, OpenOptions::read_only()).await.unwrap();
    let error = reader.own(claim(1, "x")).await.unwrap_err();
    assert_eq!(error.code(), "log-read-only");
    assert_eq!(reader.head().await.unwrap().seq, scribe.seq);
    let log = place.open().await.unwrap();
    Scribe::own(&log).await.publish(&[Sample::new(7)]).await;
    assert_eq!(reader.head().await.unwrap().seq, scribe.seq.next());
}

/// POSTGRES-8: a board is removed with everything in it, and nothing else, unless somebody owns it; one of
/// development is moved aside.
#[tokio::test]
async fn a_board_is_removed_or_moved_aside() {
    let (place, _) = Place::with_batches(3).await;
    let (other, _) = Place::with_batches(2).await;
    let log = place.open().await.unwrap();
    let _scribe = Scribe::own(&log).await;
    let error = remove(&place.url).await.unwrap_err();
    assert!(matches!(&error, Error::Owned { owner, .. } if owner.program == "suite"), "{error:?}");
    log.close().await;
    let error = move_aside(&place.url).await.unwrap_err();
    assert!(matches!(error, Error::NotDev { .. }), "{error:?}");
    let number: i32 = place.sql("SELECT BOARD").await[0].get(0);
    remove(&place.url).await.unwrap();
    for table in ["batch", "artifact", "stretch", "tag", "closed", "owner"] {
        let left = format!("SELECT count(*) FROM artel.{table} WHERE board_no = {number}");
        assert_eq!(sql(&left).await[0].get::<i64, _>(0), 0, "{table}");
    }
    assert!(matches!(place.open().await.unwrap_err(), Error::Missing { .. }));
    assert!(matches!(remove(&place.url).await.unwrap_err(), Error::Missing { .. }));
    assert_eq!(other.open().await.unwrap().head().await.unwrap().seq.get(), 2);

    let place = Place::new(NewBoard { dev: true, ..NewBoard::sample() }).await;
    let aside = move_aside(&place.url).await.unwrap();
    assert!(aside.ends_with(&format!("board={}.aside-1", place.key)), "{aside}");
    assert!(matches!(place.open().await.unwrap_err(), Error::Missing { .. }));
}

/// All boards of a schema are listed; where there is no schema there is none.
#[tokio::test]
async fn boards_are_listed() {
    let schema = new_name();
    let url = |board: &str| format!("{}?schema={schema}&board={board}", SERVER.url());
    assert_eq!(boards(&url("any")).await.unwrap(), []);
    let mut logs = Vec::new();
    for board in ["d", "b", "a", "c"] {
        let log = artel_persistence::open(&url(board), create(NewBoard::sample())).await;
        logs.push(log.unwrap());
    }
    let mut scribe = Scribe::own(&logs[1]).await;
    scribe.publish(&[Sample::new(1)]).await;
    let to = Mark::Moved { to: "redis://elsewhere".to_owned() };
    mark(&url("c"), Epoch(0), Some(to.clone())).await.unwrap();
    let found = boards(&url("any")).await.unwrap();
    let names: Vec<_> = found.iter().map(|board| &*board.board).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!((found[1].seq, found[0].seq), (scribe.seq, Seq(0)));
    let owners = found.iter().map(|board| board.owner.as_ref().map(|owner| &*owner.program));
    assert!(owners.eq([None, Some("suite"), None, None]), "{found:?}");
    assert_eq!(found[2].mark, Some(to));
}

/// POSTGRES-3: an append is one transaction: the head, the batch and all rows were written by the same one.
#[tokio::test]
async fn an_append_is_one_transaction() {
    let place = Place::new(NewBoard::sample()).await;
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let mut sample = Sample::new(1);
    sample.tags = vec!["red".parse().unwrap()];
    sample.key = Some("once".parse().unwrap());
    scribe.publish(&[sample, Sample::new(2)]).await;
    let tables = ["batch", "artifact", "stretch", "tag", "used_key"];
    let written = tables
        .map(|table| format!("SELECT xmin::text AS x FROM artel.{table} WHERE board_no = BOARD"));
    let head = "SELECT xmin::text AS x FROM artel.board WHERE no = BOARD";
    let all = format!(
        "SELECT x, count(*) FROM ({} UNION ALL {head}) t GROUP BY x",
        written.join(" UNION ALL ")
    );
    let rows = place.sql(&all).await;
    assert_eq!(rows.len(), 1, "they were written by one transaction");
    assert_eq!(rows[0].get::<i64, _>(1), 7);
}

/// POSTGRES-3: an append is one way to the server and back.
#[tokio::test]
async fn an_append_is_one_request() {
    let place = Place::new(NewBoard::sample()).await;
    let proxy = Proxy::before(SERVER.port());
    // Nothing is renewed meanwhile.
    let url = PostgresServer::url_at(proxy.port());
    let url = format!("{url}?board={}&ownership=600s", place.key);
    let log = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    // From then on the connection knows the statement.
    scribe.publish(&[Sample::new(1)]).await;
    let requests = Arc::new(AtomicU32::new(0));
    let count = requests.clone();
    proxy.hold(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        false
    });
    scribe.publish(&[Sample::new(2), Sample::new(3)]).await;
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    proxy.heal();
}

/// POSTGRES-2: a schema that a user may not look into is not taken for one that is not there.
#[tokio::test]
async fn who_has_no_right_to_a_schema_is_told_so() {
    let place = Place::new(NewBoard::sample()).await;
    place.open().await.unwrap().close().await;
    let user = new_name();
    sql(&format!("CREATE ROLE {user} LOGIN")).await;
    let url = place.url.replace("postgres@", &format!("{user}@"));
    let error = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("GRANT USAGE ON SCHEMA artel TO"), "{error:?}");
    sql(&format!("DROP ROLE {user}")).await;
}

/// POSTGRES-26: with the rights of the documentation, which those of the conformance suite have, there is nothing that the
/// programs of a board may not do; who may read follows it, and changes nothing.
#[tokio::test]
async fn users_need_the_rights_of_the_documentation() {
    let place = Place::through(as_writer().await, NewBoard::sample()).await;
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let url = format!("{}?board={}", as_reader().await, place.key);
    let reader = artel_persistence::open(&url, OpenOptions::read_only()).await.unwrap();
    assert_eq!(reader.head().await.unwrap().seq, scribe.seq);
    assert_eq!(reader.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
    reader.close().await;
    let error = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap();
    let error = error.own(claim(1, "reader")).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("permission denied"), "{error:?}");
    log.disown(scribe.epoch).await.unwrap();
    let share = log.share(&ProgramName::new("test").unwrap()).unwrap();
    timeout(Duration::from_secs(30), share.turn()).await.unwrap();
    log.close().await;
    for url in [&place.url, &url] {
        for finding in examine(url, &VirtualClock::default()).await.unwrap() {
            assert!(finding.severity < Severity::Problem, "{finding:?}");
        }
    }
    let to = Mark::Moved { to: "postgres://elsewhere".to_owned() };
    for of in [Some(to), None] {
        mark(&place.url, scribe.epoch, of.clone()).await.unwrap();
        assert_eq!(marked(&place.url).await.unwrap(), of);
    }
    remove(&place.url).await.unwrap();
}

/// The server gives up what takes too long, on every connection of a log: those that own and append, that renew, and
/// that read.
#[tokio::test]
async fn every_connection_has_a_time_for_a_statement() {
    let schema = new_name();
    let url = format!("{}?schema={schema}&ownership=1s", SERVER.url());
    let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
    // What is done on the server notes how the connection is set on which it is done.
    sql(&format!(
        "SET search_path TO {schema}; CREATE TABLE noted (what text, time text); \
         CREATE FUNCTION note(what text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO noted VALUES (what, current_setting('statement_timeout')); \
             RETURN true; END $$; \
         CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM note(TG_OP || ' ' || TG_TABLE_NAME); RETURN NEW; END $$; \
         CREATE TRIGGER note BEFORE INSERT OR UPDATE ON owner \
             FOR EACH ROW EXECUTE FUNCTION note_row(); \
         CREATE TRIGGER note BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION note_row();"
    ))
    .await;
    let noted = format!("SELECT DISTINCT what, time FROM {schema}.noted ORDER BY what");
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let renewed = async { while sql(&noted).await.len() < 3 {} };
    tokio::select! {
        () = renewed => {}
        () = log.keep() => panic!("it was lost"),
    }
    sql(&format!(
        "SET search_path TO {schema}; ALTER TABLE board RENAME TO boards; \
         CREATE VIEW board AS SELECT * FROM boards WHERE note('SELECT board');"
    ))
    .await;
    log.head().await.unwrap();
    let noted = sql(&noted).await;
    let noted: Vec<(&str, &str)> = noted.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = ["INSERT batch", "INSERT owner", "SELECT board", "UPDATE owner"];
    assert_eq!(noted, expected.map(|what| (what, "30s")));
}
