//! What there is to say of a server, and of a board on it.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

use artel_core::finding::{Code, Finding, Severity};
use artel_core::log::Error;
use artel_testkit::VirtualClock;
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{PgBouncer, PostgresServer};

use crate::place::{Place, SERVER, create, new_name, sql};

async fn examine(url: &str) -> Vec<Finding> {
    artel_persistence::examine(url, &VirtualClock::default()).await.unwrap()
}

fn found(findings: &[Finding], code: Code) -> &Finding {
    findings.iter().find(|finding| finding.code == code).expect("it was looked at")
}

/// DOCTOR-2, DOCTOR-1: a server and a board that somebody owns are examined without a row being written, and
/// the owner goes on.
#[tokio::test]
async fn a_server_is_examined_beside_the_owner() {
    let schema = new_name();
    let url = format!("{}?schema={schema}&ownership=600s", SERVER.url());
    let board = NewBoard::sample();
    let log = artel_persistence::open(&url, create(board)).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let written = || async {
        let mut all = Vec::new();
        for table in ["board", "owner", "batch", "artifact", "snapshot", "migration"] {
            let rows = format!("SELECT t::text || xmin::text FROM {schema}.{table} t ORDER BY 1");
            all.extend(sql(&rows).await.iter().map(|row| row.get::<String, _>(0)));
        }
        all
    };
    let before = written().await;
    let findings = examine(&url).await;
    assert_eq!(written().await, before);
    let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
    let expected = [
        Code::ServerVersion,
        Code::ServerRole,
        Code::FailOver,
        Code::ServerConnections,
        Code::Encryption,
        Code::Durability,
        Code::ServerPool,
        Code::ClockDifference,
        Code::CommitLatency,
        Code::SchemaVersion,
        Code::Sharing,
        Code::BoardSize,
        Code::Ownership,
    ];
    assert_eq!(codes, expected);
    for finding in &findings {
        assert!(finding.severity < Severity::Problem, "{finding:?}");
    }
    assert!(found(&findings, Code::Ownership).found.starts_with("`suite` (process "));
    assert!(found(&findings, Code::BoardSize).found.starts_with("1 events; the 1 boards"));
    assert!(found(&findings, Code::CommitLatency).found.contains(", of 20"));
    scribe.publish(&[Sample::new(2)]).await;
}

/// DOCTOR-1, POSTGRES-4: an owner that died is told from one that lives.
#[tokio::test]
async fn an_owner_that_died_is_told() {
    let (place, _) = Place::with_batches(1).await;
    let log = place.open().await.unwrap();
    let _scribe = Scribe::own(&log).await;
    place
        .sql("UPDATE artel.owner SET until = until - interval '1 hour' WHERE board_no = BOARD")
        .await;
    let findings = examine(&place.url).await;
    let owner = found(&findings, Code::Ownership);
    assert_eq!(owner.severity, Severity::Warning);
    assert!(owner.found.contains("did not give the board up"), "{owner:?}");
    log.close().await;
}

/// DOCTOR-3: settings are judged by what the URL promises, clocks by each other.
#[tokio::test]
async fn what_is_wrong_with_a_place_is_told() {
    let user = new_name();
    sql(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await;
    sql(&format!("ALTER ROLE {user} SET synchronous_commit = off")).await;
    let url = SERVER.url().replace("postgres@", &format!("{user}@"));
    let findings = examine(&url).await;
    let durability = found(&findings, Code::Durability);
    assert_eq!(durability.severity, Severity::Problem);
    assert!(durability.advice.as_ref().unwrap().contains("`synchronous_commit`"), "{durability:?}");
    let findings = examine(&format!("{url}?durability=process")).await;
    assert_eq!(found(&findings, Code::Durability).severity, Severity::Warning);

    // The clock of a test shows another time than the server's.
    let clocks = found(&findings, Code::ClockDifference);
    assert_eq!(clocks.severity, Severity::Warning);
    assert!(clocks.found.contains("ms ahead of this machine's"), "{clocks:?}");
}

/// DOCTOR-1: a stand-by that no commit waits for has nothing for certain, whatever the server calls it.
#[tokio::test]
async fn stand_bys_have_what_a_commit_waits_for() {
    let server = PostgresServer::with(&["synchronous_standby_names=nobody"]);
    let options: PgConnectOptions = server.url().parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    for (commit, expected) in [
        ("on", "have what was acknowledged on their disks"),
        ("local", "waits for none of the synchronous stand-bys `nobody`"),
    ] {
        // No commit of its own waits for a stand-by that is not there.
        let role = format!(
            "SET synchronous_commit = local; CREATE ROLE who_{commit} LOGIN; \
             ALTER ROLE who_{commit} SET synchronous_commit = '{commit}'; \
             ALTER ROLE who_{commit} SET default_transaction_read_only = on"
        );
        connection.execute(AssertSqlSafe(role)).await.unwrap();
        let url = server.url().replace("postgres@", &format!("who_{commit}@"));
        let findings = examine(&url).await;
        let found = &found(&findings, Code::FailOver).found;
        assert!(found.contains(expected), "{found}");
    }
    // A commit that waits for one that is away does not keep the rest from being told.
    let findings = examine(&server.url()).await;
    let commits = found(&findings, Code::CommitLatency);
    assert!(commits.found.contains("did not come back within 5s"), "{commits:?}");
    assert_eq!(findings.last().unwrap().code, Code::Board, "{findings:?}");
}

/// DOCTOR-4: what keeps the rest from being looked at comes last: a pool, tables of a later release, a board
/// that is not there. A server that cannot be reached is an error.
#[tokio::test]
async fn what_ends_an_examination_is_told() {
    let pool = PgBouncer::start(&SERVER, "transaction");
    let schema = new_name();
    let later = format!("{}?schema={schema}", SERVER.url());
    let board = NewBoard::sample();
    artel_persistence::open(&later, create(board)).await.unwrap().close().await;
    sql(&format!("INSERT INTO {schema}.migration (version) VALUES (99)")).await;
    let missing = format!("{}?board={}", SERVER.url(), new_name());
    for (url, code) in
        [(pool.url(), Code::ServerPool), (later, Code::SchemaVersion), (missing, Code::Board)]
    {
        let findings = examine(&url).await;
        let last = findings.last().unwrap();
        assert_eq!((last.code, last.severity), (code, Severity::Problem), "{last:?}");
        assert!(last.advice.is_some());
    }
    let nobody = "postgres://postgres@127.0.0.1:1/postgres";
    let error = artel_persistence::examine(nobody, &VirtualClock::default()).await;
    assert!(matches!(error.unwrap_err(), Error::Unavailable { .. }));
}
