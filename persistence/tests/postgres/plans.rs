//! How listings are answered on a large board: the server itself tells, after each, which indexes it
//! walked and how many rows it met.

use std::sync::Arc;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use artel_core::ids::{AgentNo, Seq, TypeNo};
use artel_core::log::{ActivationQuery, ArtifactQuery, Direction, Log, OutcomeFilter};
use artel_core::time::Timestamp;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::sketch::{DEAD, closed, correlation};
use artel_testkit::conformance::{NewBoard, Sample, Scribe};
use artel_testkit::servers::PostgresServer;

use crate::place::create;

/// Batches of the board, and artifacts in each. Every one is worked on.
const BATCHES: u32 = 100;
const BATCH_LEN: u32 = 100;
/// One in so many is of the rare type, by the rare agent, has the tag, and dies.
const RARE: u32 = 50;
/// Items that are asked for.
const LIMIT: u32 = 20;
/// Rows that any step of a plan may meet: far fewer than the board has, and enough for a rare one among
/// those of its batch.
const MET_MAX: u64 = 2_500;

/// A server that tells how it answered, with a board on it.
struct Told {
    _server: PostgresServer,
    connection: PgConnection,
    log: Arc<dyn Log>,
    read: i64,
}

/// What a statement did.
struct Answered {
    text: String,
    indexes: Vec<String>,
    /// The most rows that one step met, those included that it passed over.
    met: u64,
}

impl Told {
    async fn new() -> Self {
        let server = PostgresServer::start();
        let mut connection = PgConnection::connect(&server.url()).await.unwrap();
        for setting in [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_analyze = on",
            "auto_explain.log_timing = off",
            "auto_explain.log_format = json",
        ] {
            // Some of them are known only once the library is there.
            connection.execute("LOAD 'auto_explain'").await.unwrap();
            let sql = format!("ALTER SYSTEM SET {setting}");
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        let url = format!("{}?board=large", server.url());
        let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
        fill(&log).await;
        log.close().await;
        connection.execute("SELECT pg_reload_conf()").await.unwrap();
        // The server reads its settings anew a moment later.
        loop {
            let mut new = PgConnection::connect(&server.url()).await.unwrap();
            let told = new.fetch_one("SHOW session_preload_libraries").await.unwrap();
            if told.get::<String, _>(0) == "auto_explain" {
                break;
            }
            tokio::task::yield_now().await;
        }
        let log = artel_persistence::open(&url, OpenOptions::read_only()).await.unwrap();
        let mut told = Self { _server: server, connection, log, read: 0 };
        told.said().await;
        told
    }

    /// What the server said since it was asked last.
    async fn said(&mut self) -> String {
        let size = "SELECT (pg_stat_file('server.log')).size";
        let size: i64 = self.connection.fetch_one(size).await.unwrap().get(0);
        let said = sqlx::query("SELECT pg_read_file('server.log', $1, $2)")
            .bind(self.read)
            .bind(size - self.read)
            .fetch_one(&mut self.connection)
            .await
            .unwrap();
        self.read = size;
        said.get(0)
    }

    /// How the server answered the last statement that reads from the table.
    async fn answered(&mut self) -> Answered {
        let said = self.said().await;
        let found = said.rfind("FROM board h LEFT JOIN (SELECT").expect("it tells of a listing");
        let begins = said[..found].rfind("plan:\n").expect("it tells of a plan") + "plan:\n".len();
        let mut plans = serde_json::Deserializer::from_str(&said[begins..]).into_iter::<Value>();
        let plan = plans.next().unwrap().unwrap();
        let mut answered =
            Answered { text: said[begins..].to_owned(), indexes: Vec::new(), met: 0 };
        answered.step(&plan["Plan"]);
        answered
    }
}

impl Answered {
    fn step(&mut self, node: &Value) {
        if let Some(index) = node["Index Name"].as_str() {
            self.indexes.push(index.to_owned());
        }
        let number = |field: &str| node[field].as_f64().unwrap_or_default();
        let passed_over =
            number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
        let met = (number("Actual Rows") + passed_over) * number("Actual Loops");
        self.met = self.met.max(met as u64);
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.step(child);
        }
    }

    #[track_caller]
    fn walks(&self, index: &str) {
        assert!(self.indexes.iter().any(|one| one == index), "no {index} in {}", self.text);
        assert!(self.met <= MET_MAX, "a step meets {} rows: {}", self.met, self.text);
    }
}

/// Fills a board so that what is read of it matters.
async fn fill(log: &Arc<dyn Log>) {
    let mut scribe = Scribe::own(log).await;
    for batch in 0..BATCHES {
        let samples: Vec<Sample> = (0..BATCH_LEN)
            .map(|number| batch * BATCH_LEN + number)
            .map(|number| {
                let rare = number % (RARE * BATCH_LEN) < RARE;
                Sample {
                    type_no: TypeNo(if rare { 2 } else { 1 }),
                    agent: Some(AgentNo(if rare { 2 } else { 1 })),
                    correlation: correlation(number / 5),
                    tags: if number % RARE == 0 { vec!["red".parse().unwrap()] } else { vec![] },
                    ..Sample::new(number)
                }
            })
            .collect();
        let seqs = scribe.publish(&samples).await;
        let mut sketch = scribe.sketch();
        let mut rows = Vec::new();
        for (seq, sample) in seqs.iter().zip(&samples) {
            let activation = sketch.activation(&[*seq], sample.correlation);
            let mut row = closed(activation, &[*seq], sample.correlation);
            row.agent = sample.agent.unwrap();
            if !sample.tags.is_empty() {
                row.outcome = DEAD;
            }
            rows.push(row);
        }
        for row in &rows {
            sketch.close(row);
        }
        scribe.append(sketch).await;
    }
}

/// POSTGRES-14: a listing walks the index of what drives it, in either direction, and meets few rows of a
/// large board, whether or not the server has statistics of it.
#[tokio::test]
async fn a_listing_meets_few_rows_of_a_large_board() {
    let mut told = Told::new().await;
    let log = told.log.clone();
    let middle = Some(Seq(u64::from(BATCHES * BATCH_LEN)));
    let one = ArtifactQuery { cursor: middle, limit: 1, ..ArtifactQuery::default() };
    let at: Timestamp = log.artifacts(&one).await.unwrap().items[0].at;
    for statistics in [false, true] {
        if statistics {
            told.connection.execute("ANALYZE").await.unwrap();
        }
        for direction in [Direction::OldestFirst, Direction::NewestFirst] {
            let any = || ArtifactQuery { direction, limit: LIMIT, ..ArtifactQuery::default() };
            let tags = vec!["red".parse().unwrap()];
            let cases = [
                (
                    ArtifactQuery { correlation: Some(correlation(999)), ..any() },
                    "artifact_correlation",
                ),
                (ArtifactQuery { tags, ..any() }, "tag_pkey"),
                (ArtifactQuery { types: vec![TypeNo(2)], ..any() }, "stretch_pkey"),
                (ArtifactQuery { agents: vec![AgentNo(2)], ..any() }, "stretch_pkey"),
                (ArtifactQuery { types: vec![TypeNo(1)], cursor: middle, ..any() }, "stretch_pkey"),
                (ArtifactQuery { cursor: middle, ..any() }, "artifact_pkey"),
                (ArtifactQuery { since: Some(at), ..any() }, "batch_at"),
                (ArtifactQuery { until: Some(at), payloads: false, ..any() }, "batch_at"),
                (any(), "artifact_pkey"),
            ];
            for (query, index) in cases {
                let page = log.artifacts(&query).await.unwrap();
                assert!(!page.items.is_empty(), "{query:?}");
                told.answered().await.walks(index);
            }
            let any = || ActivationQuery { direction, limit: LIMIT, ..ActivationQuery::default() };
            let some = log.closed_activations(&any()).await.unwrap();
            told.answered().await.walks("closed_pkey");
            let input = some.items[0].inputs[0];
            let outcomes = vec![OutcomeFilter::Dead];
            let cases = [
                (ActivationQuery { input: Some(input), ..any() }, "closed_input"),
                (ActivationQuery { correlation: Some(correlation(999)), ..any() }, "closed_input"),
                (ActivationQuery { outcomes, ..any() }, "closed_not_done"),
                (ActivationQuery { cursor: middle, ..any() }, "closed_pkey"),
            ];
            for (query, index) in cases {
                let page = log.closed_activations(&query).await.unwrap();
                assert!(!page.items.is_empty(), "{query:?}");
                told.answered().await.walks(index);
            }
        }
    }
}
