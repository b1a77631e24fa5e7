//! Listings on a server. A query is driven by the narrowest index that it has a condition for, and
//! tests the other conditions on each row that it meets.
//!
//! The server plans by statistics, which a board that has just grown does not have: it would take a range
//! of all artifacts for one row, and go through it for each row of the driver. So what is looked up for each
//! row is a subquery of its own that begins from that row, and `OFFSET 0` keeps it one.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, AssertSqlSafe};

use artel_core::log::{
    ActivationQuery, ArtifactQuery, ClosedActivation, Direction, Error, OutcomeFilter, Page,
    StoredArtifact,
};

use super::connect::fetch_slowly;
use super::format::{self, ARTIFACT, BARE_ARTIFACT, get, seq, uuid};
use super::handle::PostgresLog;
use super::read::gone;
use super::rows::number;
use crate::format::integer;
use crate::listing::{self, Driver, drivers, filter_no, high, low};
use crate::rows::StretchKind;

/// The bounds of a listing.
const LOW: &str = "(SELECT low FROM bounds)";
const HIGH: &str = "(SELECT high FROM bounds)";

pub(super) async fn artifacts(
    log: &PostgresLog,
    query: &ArtifactQuery,
) -> Result<Page<StoredArtifact>, Error> {
    log.usable()?;
    let rows = artifacts_sql(log.board_no, query).fetch(log).await?;
    let mut page = page(log, &rows, query.limit.max(1), format::artifact)?;
    page.as_of = page.as_of.min(query.up_to);
    crate::check::bound(&mut page);
    Ok(page)
}

pub(super) async fn closed_activations(
    log: &PostgresLog,
    query: &ActivationQuery,
) -> Result<Page<ClosedActivation>, Error> {
    log.usable()?;
    let rows = closed_sql(log.board_no, query).fetch(log).await?;
    page(log, &rows, query.limit.max(1), format::closed)
}

fn artifacts_sql(board_no: i32, query: &ArtifactQuery) -> Sql {
    let mut sql = Sql::new(board_no, query.direction);
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
        let fit =
            format!(") l) f WHERE coalesce(before, 0) <= {}", ArtifactQuery::PAYLOADS_LEN_MAX);
        (ARTIFACT, seqs, fit)
    } else {
        (BARE_ARTIFACT, "SELECT seq".to_owned(), String::new())
    };
    sql.text(&format!(
        " SELECT h.seq, {columns} FROM board h LEFT JOIN (SELECT a.* FROM ({seqs} FROM ("
    ));
    for (place, driver) in drivers(query).into_iter().enumerate() {
        if place > 0 {
            sql.text(" UNION ALL ");
        }
        sql.text("(");
        driven(&mut sql, query, driver);
        sql.text(&format!(" LIMIT {fetched})"));
    }
    sql.text(&format!(
        ") d ORDER BY seq {order} LIMIT {fetched}{fit}) s CROSS JOIN LATERAL \
         (SELECT * FROM artifact a WHERE a.board_no = $1 AND a.seq = s.seq OFFSET 0) a) a ON true \
         WHERE h.no = $1 ORDER BY a.seq {order}"
    ));
    sql
}

/// The seqs between which, exclusive, all that may be shown lies. Commit times never fall, so a
/// moment is such a seq as well; times inside of a batch are compared row by row.
fn bounds(sql: &mut Sql, query: &ArtifactQuery) {
    let (low, high) = (low(query.cursor, query.direction), high(query.cursor, query.direction));
    let high = high.min(query.up_to.get().saturating_add(1));
    sql.text(&format!(
        "WITH bounds (low, high) AS MATERIALIZED (SELECT greatest({}::bigint, ",
        integer(low)
    ));
    match query.since {
        None => sql.text("0"),
        Some(since) => {
            sql.text("coalesce((SELECT last FROM batch WHERE board_no = $1 AND at < ");
            sql.bind(since.as_millis());
            sql.text(" ORDER BY at DESC, last DESC LIMIT 1), 0)");
        }
    }
    sql.text(&format!("), least({}::bigint, ", integer(high)));
    match query.until {
        None => sql.text(&integer(u64::MAX).to_string()),
        Some(until) => {
            sql.text("coalesce((SELECT last + 1 FROM batch WHERE board_no = $1 AND at >= ");
            sql.bind(until.as_millis());
            sql.text(&format!(" ORDER BY at, last LIMIT 1), {})", integer(u64::MAX)));
        }
    }
    sql.text("))");
}

fn closed_sql(board_no: i32, query: &ActivationQuery) -> Sql {
    let mut sql = Sql::new(board_no, query.direction);
    let order = sql.order;
    sql.text("SELECT h.seq, c.activation, c.body FROM board h LEFT JOIN (SELECT c.* FROM ");
    let correlation = query.correlation.map(|correlation| uuid(correlation.as_bytes()));
    let led = match (query.input, correlation) {
        (Some(input), _) => {
            sql.text("(SELECT activation FROM closed WHERE board_no = $1 AND input = ");
            sql.bind(integer(input.get()));
            sql.text(" UNION SELECT activation FROM worked_on WHERE board_no = $1 AND input = ");
            sql.bind(integer(input.get()));
            true
        }
        (None, Some(correlation)) => {
            sql.text(
                "(SELECT w.activation FROM artifact a CROSS JOIN LATERAL (SELECT activation \
                 FROM closed WHERE board_no = $1 AND input = a.seq UNION ALL SELECT activation \
                 FROM worked_on WHERE board_no = $1 AND input = a.seq OFFSET 0) w \
                 WHERE a.board_no = $1 AND a.correlation = ",
            );
            sql.bind(correlation);
            sql.text(" UNION SELECT activation FROM closed WHERE board_no = $1 AND apart AND correlation = ");
            sql.bind(correlation);
            true
        }
        (None, None) => false,
    };
    // Each of those that are led to is looked up by itself; all of them are sorted then.
    sql.text(if led { ") w CROSS JOIN LATERAL (SELECT * FROM closed c " } else { "closed c " });
    sql.text("WHERE c.board_no = $1");
    if led {
        sql.text(" AND c.activation = w.activation");
    }
    if let Some(correlation) = correlation {
        sql.text(" AND c.correlation = ");
        sql.bind(correlation);
    }
    let done = query.outcomes.is_empty() || query.outcomes.contains(&OutcomeFilter::Done);
    if !done {
        sql.text(" AND c.outcome <> 0");
    }
    if !query.outcomes.is_empty() {
        let outcomes = query.outcomes.iter().map(|outcome| i16::from(filter_no(*outcome)));
        sql.among("c.outcome", outcomes.collect::<Vec<_>>());
    }
    if !query.agents.is_empty() {
        let agents: Vec<i32> = query.agents.iter().map(|agent| number(agent.get())).collect();
        sql.among("c.agent_no", agents);
    }
    sql.text(&format!(
        " AND c.activation > {} AND c.activation < {}{} ORDER BY c.activation {order} LIMIT {}) c \
         ON true WHERE h.no = $1 ORDER BY c.activation {order}",
        integer(low(query.cursor, query.direction)),
        integer(high(query.cursor, query.direction)),
        if led { " OFFSET 0) c" } else { "" },
        u64::from(query.limit.max(1)) + 1,
    ));
    sql
}

/// The seqs of a driver's artifacts that meet all conditions, in order.
fn driven(sql: &mut Sql, query: &ArtifactQuery, driver: Driver<'_>) {
    let order = sql.order;
    let len = if query.payloads { ", octet_length(a.payload) AS len" } else { "" };
    match driver {
        Driver::Correlation | Driver::All => {
            sql.text(&format!("SELECT a.seq AS seq{len} FROM artifact a WHERE a.board_no = $1"));
            sql.text(&format!(" AND a.seq > {LOW} AND a.seq < {HIGH}"));
            conditions(sql, query);
            sql.text(&format!(" ORDER BY a.seq {order}"));
        }
        Driver::Tag(tag) => {
            let len = if query.payloads { ", a.len" } else { "" };
            sql.text(&format!(
                "SELECT t.seq AS seq{len} FROM (SELECT seq FROM tag WHERE board_no = $1 \
                 AND seq > {LOW} AND seq < {HIGH} AND tag = "
            ));
            sql.bind(tag.as_str().to_owned());
            sql.text(&format!(" ORDER BY seq {order}) t CROSS JOIN LATERAL ("));
            each(sql, query, "a.seq = t.seq");
            sql.text(&format!(" OFFSET 0) a ORDER BY t.seq {order}"));
        }
        Driver::Stretch(kind, no) => {
            let column = match kind {
                StretchKind::OfType => "type_no",
                StretchKind::ByAgent => "agent_no",
            };
            let len = if query.payloads { ", a.len" } else { "" };
            let (kind, no) = (kind as i16, number(no));
            sql.text(&format!(
                "SELECT a.seq AS seq{len} FROM (SELECT last, first FROM stretch \
                 WHERE board_no = $1 AND kind = {kind} AND no = {no} \
                 AND last > {LOW} AND first < {HIGH} ORDER BY last {order}) s CROSS JOIN LATERAL ("
            ));
            let within = format!(
                "a.seq >= s.first AND a.seq <= s.last AND a.seq > {LOW} AND a.seq < {HIGH} \
                 AND a.{column} = {no}"
            );
            each(sql, query, &within);
            // The stretches of one type do not overlap, so that this is the order of the seqs.
            sql.text(&format!(
                " ORDER BY a.seq {order} OFFSET 0) a ORDER BY s.last {order}, a.seq {order}"
            ));
        }
    }
}

/// The artifacts that a row of a driver leads to, as far as they meet the conditions.
fn each(sql: &mut Sql, query: &ArtifactQuery, of_driver: &str) {
    let len = if query.payloads { ", octet_length(a.payload) AS len" } else { "" };
    sql.text(&format!("SELECT a.seq{len} FROM artifact a WHERE a.board_no = $1 AND {of_driver}"));
    conditions(sql, query);
}

/// What is asked of an artifact `a` beside its place.
fn conditions(sql: &mut Sql, query: &ArtifactQuery) {
    if let Some(correlation) = query.correlation {
        sql.text(" AND a.correlation = ");
        sql.bind(uuid(correlation.as_bytes()));
    }
    for tag in &query.tags {
        // A value and not a condition: one that the server cannot turn into a join.
        sql.text(
            " AND (SELECT true FROM tag t WHERE t.board_no = $1 AND t.seq = a.seq AND t.tag = ",
        );
        sql.bind(tag.as_str().to_owned());
        sql.text(" LIMIT 1)");
    }
    if !query.types.is_empty() {
        let types = query.types.iter().map(|type_no| number(type_no.get()));
        sql.among("a.type_no", types.collect::<Vec<i32>>());
    }
    if !query.agents.is_empty() {
        let agents = query.agents.iter().map(|agent| number(agent.get()));
        sql.among("a.agent_no", agents.collect::<Vec<i32>>());
    }
    if let Some(since) = query.since {
        sql.text(" AND a.at >= ");
        sql.bind(since.as_millis());
    }
    if let Some(until) = query.until {
        sql.text(" AND a.at < ");
        sql.bind(until.as_millis());
    }
}

/// A statement that is put together, with what is bound to it: the board first, as `$1`.
struct Sql {
    text: String,
    arguments: PgArguments,
    bound: usize,
    order: &'static str,
}

impl Sql {
    fn new(board_no: i32, direction: Direction) -> Self {
        let order = match direction {
            Direction::OldestFirst => "ASC",
            Direction::NewestFirst => "DESC",
        };
        let mut arguments = PgArguments::default();
        arguments.add(board_no).expect("a number can be bound");
        Self { text: String::new(), arguments, bound: 1, order }
    }

    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind<'t>(
        &mut self,
        value: impl sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    ) {
        self.bound += 1;
        self.text.push_str(&format!("${}", self.bound));
        self.arguments.add(value).expect("numbers, texts and bytes can be bound");
    }

    fn among<'t>(
        &mut self,
        column: &str,
        list: impl sqlx::Encode<'t, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    ) {
        self.text(&format!(" AND {column} = ANY ("));
        self.bind(list);
        self.text(")");
    }

    async fn fetch(self, log: &PostgresLog) -> Result<Vec<PgRow>, Error> {
        // Each has a text of its own: none is worth a place among the statements that are kept.
        let query = sqlx::query_with(AssertSqlSafe(self.text), self.arguments).persistent(false);
        fetch_slowly(log, query).await
    }
}

/// A page out of rows that begin with the head's seq and go on with the seq of an item, which is
/// none in the only row when there are no items.
fn page<T>(
    log: &PostgresLog,
    rows: &[PgRow],
    limit: u32,
    item: fn(&str, &PgRow, usize) -> Result<T, Error>,
) -> Result<Page<T>, Error> {
    let Some(first) = rows.first() else { return Err(gone(&log.place)) };
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
