//! Listings in a file. A query is driven by the narrowest index that it has a condition for, and
//! tests the other conditions on each row that it meets. Which index that is stands here and not in
//! the planner's statistics, so that the same question always costs the same.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe};

use artel_core::log::{
    ActivationQuery, ArtifactQuery, ClosedActivation, Direction, Error, OutcomeFilter, Page,
    StoredArtifact,
};

use super::format::{self, ARTIFACT, BARE_ARTIFACT, get, seq};
use super::handle::SqliteLog;
use super::look_up::{closed_row, fetch, json};
use crate::check;
use crate::format::integer;
use crate::listing::{self, Driver, filter_no, high, low};
use crate::rows::StretchKind;

/// Where tags are: those that were sorted in, and those that came since.
const TAGS: [&str; 2] = ["tag", "new_tag"];

/// The bounds of a listing, in it. Not a join: SQLite would forget the order of what it is joined to.
const LOW: &str = "(SELECT low FROM bounds)";
const HIGH: &str = "(SELECT high FROM bounds)";

pub(super) async fn artifacts(
    log: &SqliteLog,
    query: &ArtifactQuery,
) -> Result<Page<StoredArtifact>, Error> {
    let rows = artifacts_sql(query).fetch(log).await?;
    let mut page = page(log, &rows, query.limit.max(1), format::artifact)?;
    page.as_of = page.as_of.min(query.up_to);
    check::bound(&mut page);
    Ok(page)
}

pub(super) async fn closed_activations(
    log: &SqliteLog,
    query: &ActivationQuery,
) -> Result<Page<ClosedActivation>, Error> {
    let rows = closed_sql(query).fetch(log).await?;
    page(log, &rows, query.limit.max(1), closed_row)
}

fn artifacts_sql(query: &ArtifactQuery) -> Sql {
    let mut sql = Sql::new(query.direction);
    // One more than is shown tells whether there is a further page.
    let fetched = u64::from(query.limit.max(1)) + 1;
    bounds(&mut sql, query);
    let order = sql.order;
    // Payloads that are not to be shown are not read, and those that are only as far as they fit.
    let (columns, seqs, fit) = if query.payloads {
        let seqs = format!(
            "SELECT seq FROM (SELECT seq, sum(len) OVER (ORDER BY seq {order} \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (SELECT seq, len"
        );
        let fit = format!(")) WHERE coalesce(before, 0) <= {}", ArtifactQuery::PAYLOADS_LEN_MAX);
        (ARTIFACT, seqs, fit)
    } else {
        (BARE_ARTIFACT, "SELECT seq".to_owned(), String::new())
    };
    sql.text(&format!(
        " SELECT h.seq, {columns} FROM head h LEFT JOIN artifact a ON a.seq IN ({seqs} FROM ("
    ));
    let drivers = listing::drivers(query).into_iter().flat_map(|driver| match driver {
        Driver::Tag(_) => TAGS.map(|tags| (driver, Some(tags))).to_vec(),
        Driver::Correlation | Driver::Stretch(..) | Driver::All => vec![(driver, None)],
    });
    for (place, (driver, tags)) in drivers.enumerate() {
        if place > 0 {
            sql.text(" UNION ALL ");
        }
        sql.text("SELECT * FROM (");
        driven(&mut sql, query, (driver, tags));
        sql.text(&format!(" LIMIT {fetched})"));
    }
    sql.text(&format!(") ORDER BY seq {order} LIMIT {fetched}{fit}) ORDER BY a.seq {order}"));
    sql
}

/// The seqs between which, exclusive, all that may be shown lies. Commit times never fall, so a
/// moment is such a seq as well; times inside of a batch are compared row by row.
fn bounds(sql: &mut Sql, query: &ArtifactQuery) {
    let (low, high) = (low(query.cursor, query.direction), high(query.cursor, query.direction));
    let high = high.min(query.up_to.get().saturating_add(1));
    sql.text(&format!("WITH bounds (low, high) AS MATERIALIZED (SELECT max({}, ", integer(low)));
    match query.since {
        None => sql.text("0"),
        Some(since) => {
            sql.text("coalesce((SELECT last FROM batch WHERE at < ");
            sql.bind(since.as_millis());
            sql.text(" ORDER BY at DESC, last DESC LIMIT 1), 0)");
        }
    }
    sql.text(&format!("), min({}, ", integer(high)));
    match query.until {
        None => sql.text(&integer(u64::MAX).to_string()),
        Some(until) => {
            sql.text("coalesce((SELECT last + 1 FROM batch WHERE at >= ");
            sql.bind(until.as_millis());
            sql.text(&format!(" ORDER BY at, last LIMIT 1), {})", integer(u64::MAX)));
        }
    }
    sql.text("))");
}

fn closed_sql(query: &ActivationQuery) -> Sql {
    let mut sql = Sql::new(query.direction);
    sql.text(
        "SELECT h.seq, c.activation, c.body FROM head h \
         LEFT JOIN closed c ON c.activation IN (SELECT c.activation FROM ",
    );
    let done = query.outcomes.is_empty() || query.outcomes.contains(&OutcomeFilter::Done);
    match (query.input, query.correlation) {
        (Some(input), _) => {
            sql.text(
                "worked_on w CROSS JOIN closed c ON c.activation = w.activation WHERE w.input = ",
            );
            sql.bind(integer(input.get()));
        }
        (None, Some(correlation)) => {
            sql.text(
                "(SELECT w.activation FROM artifact a INDEXED BY artifact_correlation \
                 CROSS JOIN worked_on w ON w.input = a.seq WHERE a.correlation = ",
            );
            sql.bind(&correlation.as_bytes()[..]);
            sql.text(
                " UNION SELECT activation FROM closed INDEXED BY closed_apart \
                 WHERE apart = 1 AND correlation = ",
            );
            sql.bind(&correlation.as_bytes()[..]);
            sql.text(") d CROSS JOIN closed c ON c.activation = d.activation WHERE true");
        }
        (None, None) if !done => {
            sql.text("closed c INDEXED BY closed_not_done WHERE c.outcome <> 0");
        }
        (None, None) => sql.text("closed c NOT INDEXED WHERE true"),
    }
    if let Some(correlation) = query.correlation {
        sql.text(" AND c.correlation = ");
        sql.bind(&correlation.as_bytes()[..]);
    }
    if !query.outcomes.is_empty() {
        let outcomes: Vec<u8> = query.outcomes.iter().map(|outcome| filter_no(*outcome)).collect();
        sql.among("c.outcome", &outcomes);
    }
    if !query.agents.is_empty() {
        sql.among("c.agent_no", &query.agents);
    }
    sql.text(&format!(
        " AND c.activation > {} AND c.activation < {} ORDER BY c.activation {order} LIMIT {}) \
         ORDER BY c.activation {order}",
        integer(low(query.cursor, query.direction)),
        integer(high(query.cursor, query.direction)),
        u64::from(query.limit.max(1)) + 1,
        order = sql.order,
    ));
    sql
}

/// The seqs of a driver's artifacts that meet all conditions, in order.
fn driven(
    sql: &mut Sql,
    query: &ArtifactQuery,
    (driver, tags): (Driver<'_>, Option<&'static str>),
) {
    let mut order = format!(" ORDER BY a.seq {}", sql.order);
    sql.text("SELECT a.seq AS seq");
    if query.payloads {
        sql.text(", length(a.payload) AS len");
    }
    sql.text(" FROM ");
    match driver {
        Driver::Correlation => sql.text("artifact a INDEXED BY artifact_correlation WHERE true"),
        Driver::All => sql.text("artifact a NOT INDEXED WHERE true"),
        Driver::Tag(tag) => {
            let table = tags.unwrap_or(TAGS[0]);
            sql.text(&format!("{table} t CROSS JOIN artifact a ON a.seq = t.seq WHERE t.tag = "));
            sql.bind(tag.as_str());
            sql.text(&format!(" AND t.seq > {LOW} AND t.seq < {HIGH}"));
            order = format!(" ORDER BY t.seq {}", sql.order);
        }
        Driver::Stretch(kind, no) => {
            let column = column(kind);
            let kind = kind as i64;
            sql.text(&format!(
                "stretch s CROSS JOIN artifact a NOT INDEXED \
                 ON a.seq >= s.first AND a.seq <= s.last AND a.{column} = {no} \
                 WHERE s.kind = {kind} AND s.no = {no} AND s.last > {LOW} AND s.first < {HIGH}"
            ));
            order = format!(" ORDER BY s.last {0}, a.seq {0}", sql.order);
        }
    }
    sql.text(&format!(" AND a.seq > {LOW} AND a.seq < {HIGH}"));
    if let Some(correlation) = query.correlation {
        sql.text(" AND a.correlation = ");
        sql.bind(&correlation.as_bytes()[..]);
    }
    for tag in &query.tags {
        let mut or = " AND (";
        for table in TAGS {
            sql.text(&format!(
                "{or}EXISTS (SELECT 1 FROM {table} t WHERE t.seq = a.seq AND t.tag = "
            ));
            sql.bind(tag.as_str());
            sql.text(")");
            or = " OR ";
        }
        sql.text(")");
    }
    if !query.types.is_empty() {
        sql.among("a.type_no", &query.types);
    }
    if !query.agents.is_empty() {
        sql.among("a.agent_no", &query.agents);
    }
    if let Some(since) = query.since {
        sql.text(" AND a.at >= ");
        sql.bind(since.as_millis());
    }
    if let Some(until) = query.until {
        sql.text(" AND a.at < ");
        sql.bind(until.as_millis());
    }
    sql.text(&order);
}

/// Where an artifact has the number of a stretch.
const fn column(kind: StretchKind) -> &'static str {
    match kind {
        StretchKind::OfType => "type_no",
        StretchKind::ByAgent => "agent_no",
    }
}

/// A statement that is put together, with what is bound to it.
struct Sql {
    text: String,
    arguments: SqliteArguments,
    order: &'static str,
}

impl Sql {
    fn new(direction: Direction) -> Self {
        let order = match direction {
            Direction::OldestFirst => "ASC",
            Direction::NewestFirst => "DESC",
        };
        Self { text: String::new(), arguments: SqliteArguments::default(), order }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind<'t>(&mut self, value: impl sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>) {
        self.text.push('?');
        self.arguments.add(value).expect("numbers, texts and bytes can be bound");
    }

    fn among(&mut self, column: &str, list: &[impl serde::Serialize]) {
        self.text(&format!(" AND {column} IN (SELECT value FROM json_each("));
        self.bind(json(list));
        self.text("))");
    }

    async fn fetch(self, log: &SqliteLog) -> Result<Vec<SqliteRow>, Error> {
        fetch(log, sqlx::query_with(AssertSqlSafe(self.text), self.arguments)).await
    }
}

/// A page out of rows that begin with the head's seq and go on with the seq of an item, which is
/// none in the only row when there are no items.
fn page<T>(
    log: &SqliteLog,
    rows: &[SqliteRow],
    limit: u32,
    item: fn(&str, &SqliteRow, usize) -> Result<T, Error>,
) -> Result<Page<T>, Error> {
    let Some(first) = rows.first() else {
        let problem = "it has no head".to_owned();
        return Err(Error::Damaged { place: log.place.clone(), problem });
    };
    let as_of = seq(&log.place, first, 0)?;
    if get::<Option<i64>>(&log.place, first, 1)?.is_none() {
        return Ok(Page { items: Vec::new(), next: None, as_of });
    }
    let found = rows.iter().map(|row| {
        let seq = seq(&log.place, row, 1)?;
        Ok((seq, item(&log.place, row, 1)?))
    });
    Ok(listing::page(found.collect::<Result<_, Error>>()?, limit, as_of))
}

#[cfg(test)]
mod tests {
    use artel_core::ids::{AgentNo, CorrelationId, Seq, TypeNo};
    use artel_core::time::Timestamp;
    use sqlx::{ConnectOptions, Row};

    use super::super::migrate;
    use super::*;

    /// The plan of a query, a line for each step.
    async fn plan(sql: Sql) -> String {
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        migrate::migrate(&mut connection, 0).await.unwrap();
        let text = format!("EXPLAIN QUERY PLAN {}", sql.text);
        let rows = sqlx::query_with(AssertSqlSafe(text), sql.arguments)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        rows.iter().map(|row| row.get::<String, _>(3)).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn a_listing_of_artifacts_walks_the_index_of_its_driver() {
        let correlation = Some(CorrelationId::from_bytes([1; 16]));
        let tags = vec!["red".parse().unwrap()];
        let types = vec![TypeNo(1), TypeNo(2)];
        let agents = vec![AgentNo(1)];
        let any = ArtifactQuery::default;
        let all = ArtifactQuery { correlation, types, agents, tags, ..any() };
        let cases = [
            (all.clone(), "SEARCH a USING INDEX artifact_correlation (correlation=? AND rowid>?"),
            (
                ArtifactQuery { correlation: None, ..all.clone() },
                "SEARCH t USING PRIMARY KEY (tag=? AND seq>?",
            ),
            (
                ArtifactQuery { correlation: None, ..all.clone() },
                "SEARCH t USING PRIMARY KEY (seq>? AND seq<?)",
            ),
            (
                ArtifactQuery { types: all.types, ..any() },
                "SEARCH s USING PRIMARY KEY (kind=? AND no=? AND last>?)",
            ),
            (
                ArtifactQuery { agents: all.agents, ..any() },
                "SEARCH s USING PRIMARY KEY (kind=? AND no=? AND last>?)",
            ),
            (any(), "SEARCH a USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ];
        for (query, driver) in cases {
            for direction in [Direction::OldestFirst, Direction::NewestFirst] {
                let since = Some(Timestamp(1));
                let query = ArtifactQuery { direction, since, until: since, ..query.clone() };
                let plan = plan(artifacts_sql(&query)).await;
                assert!(plan.contains(driver), "{query:?}\n{plan}");
                // What the drivers yield is limited, and may be sorted; what they walk is not.
                let walk = plan.split("SCAN (subquery").next().unwrap();
                let sorted = walk.contains("USE TEMP B-TREE FOR ORDER BY");
                assert!(!sorted, "all are read before some are shown:\n{plan}");
            }
        }
    }

    #[tokio::test]
    async fn a_listing_of_closed_activations_walks_the_index_of_its_driver() {
        let correlation = Some(CorrelationId::from_bytes([1; 16]));
        let any = ActivationQuery::default;
        let outcomes = vec![OutcomeFilter::Dead, OutcomeFilter::Dropped];
        let cases = [
            (
                ActivationQuery { input: Some(Seq(1)), correlation, ..any() },
                "SEARCH w USING PRIMARY KEY (input=?",
            ),
            (
                ActivationQuery { correlation, ..any() },
                "SEARCH a USING COVERING INDEX artifact_correlation (correlation=?",
            ),
            (
                ActivationQuery { correlation, ..any() },
                "COVERING INDEX closed_apart (correlation=?",
            ),
            (ActivationQuery { outcomes, ..any() }, "INDEX closed_not_done (activation>?"),
            (any(), "SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ];
        for (query, driver) in cases {
            for direction in [Direction::OldestFirst, Direction::NewestFirst] {
                let query = ActivationQuery { direction, ..query.clone() };
                let plan = plan(closed_sql(&query)).await;
                assert!(plan.contains(driver), "{query:?}\n{plan}");
            }
        }
    }
}
