//! The tables that an append writes to, and the comparison of the two schemas by the server itself: each
//! table has as many rows in one as in the other, and each row of one is in the other.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

use crate::bench::error::Error;

/// A table, and which of its rows a batch brought: `$1` is the board's number, `$2` and `$3` are the
/// batch's first and last seq, `$4` the activations that it closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What its rows are found by, in the order in which they are written.
    pub(super) order: &'static str,
    pub(super) of_batch: &'static str,
}

/// In the order in which an append writes to them.
pub(super) const TABLES: [Table; 7] = [
    Table { name: "batch", order: "last", of_batch: "t.last = $3" },
    Table { name: "artifact", order: "seq", of_batch: "t.seq BETWEEN $2 AND $3" },
    Table { name: "stretch", order: "kind, no, last", of_batch: "t.last BETWEEN $2 AND $3" },
    Table {
        name: "tag",
        order: "seq, tag",
        // By way of the artifacts: the index begins with the tag.
        of_batch: "(t.tag, t.seq) IN (SELECT unnest(string_to_array(a.tags, E'\\n')), a.seq \
                   FROM artifact a WHERE a.board_no = $1 AND a.seq BETWEEN $2 AND $3)",
    },
    Table { name: "content", order: "seq", of_batch: "t.seq BETWEEN $2 AND $3" },
    Table { name: "closed", order: "activation", of_batch: "t.activation = ANY ($4)" },
    // What has one input, as all work of a bench has, has no row here; there is no index for others.
    Table { name: "worked_on", order: "input, activation", of_batch: "t.activation = ANY ($4)" },
];

/// A board's schema, and where the baseline writes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    options: PgConnectOptions,
    pub(super) schema: String,
    pub(super) board: String,
}

impl Place {
    /// What a URL that has opened a board says.
    pub(super) fn of(url: &str) -> Result<Self, Error> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let value = |name: &str| {
            let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let theirs: Vec<&str> = parameters
            .split('&')
            .filter(|pair| {
                let name = pair.split('=').next().unwrap_or_default();
                !["board", "schema", "ownership", "durability", "connections"].contains(&name)
            })
            .collect();
        Ok(Self {
            options: format!("{base}?{}", theirs.join("&")).parse()?,
            schema: value("schema").unwrap_or_else(|| "artel".to_owned()),
            board: value("board").unwrap_or_else(|| "main".to_owned()),
        })
    }

    /// The schema that the baseline writes to.
    pub(super) fn baseline(&self) -> String {
        format!("{}_baseline", self.schema)
    }

    /// A connection with the settings of the log's own, in one of the schemas.
    pub(super) async fn connect(&self, schema: &str) -> Result<PgConnection, Error> {
        let mut connection = self.options.clone().extra_float_digits(None).connect().await?;
        let sql = format!(
            "SET search_path = \"{schema}\"; SET plan_cache_mode = force_generic_plan; \
             SET client_min_messages = warning"
        );
        connection.execute(AssertSqlSafe(sql)).await?;
        Ok(connection)
    }

    /// Makes the tables anew, with the indexes and settings of the board's.
    pub(super) async fn copy_tables(&self) -> Result<(), Error> {
        let (schema, baseline) = (&self.schema, self.baseline());
        let mut sql =
            format!("DROP SCHEMA IF EXISTS \"{baseline}\" CASCADE; CREATE SCHEMA \"{baseline}\";");
        for name in TABLES.iter().map(|table| table.name).chain(["board"]) {
            sql.push_str(&format!(
                "CREATE TABLE \"{baseline}\".{name} (LIKE \"{schema}\".{name} INCLUDING ALL);"
            ));
        }
        sql.push_str(&format!(
            "ALTER TABLE \"{baseline}\".board SET (fillfactor = 50); \
             ALTER TABLE \"{baseline}\".board ALTER COLUMN no DROP IDENTITY; \
             INSERT INTO \"{baseline}\".board SELECT * FROM \"{schema}\".board"
        ));
        self.connect(schema).await?.execute(AssertSqlSafe(sql)).await?;
        Ok(())
    }

    /// Compares every table, and says how many rows there are.
    pub(super) async fn compare(&self, board_no: i32) -> Result<u64, Error> {
        let mut connection = self.connect(&self.schema).await?;
        let (schema, baseline) = (&self.schema, self.baseline());
        let mut rows = 0;
        for Table { name, .. } in TABLES {
            let of =
                |schema: &str| format!("SELECT * FROM \"{schema}\".{name} WHERE board_no = $1");
            let (ours, theirs) = (of(&baseline), of(schema));
            let sql = format!(
                "SELECT (SELECT count(*) FROM ({ours}) o), (SELECT count(*) FROM ({theirs}) t), \
                 (SELECT count(*) FROM ({theirs} EXCEPT ALL {ours}) d)"
            );
            let found = sqlx::query(AssertSqlSafe(sql)).bind(board_no).fetch_one(&mut connection);
            let found = found.await?;
            let [ours, theirs, missing] = [0, 1, 2].map(|column| found.try_get::<i64, _>(column));
            let (ours, theirs, missing) = (ours?, theirs?, missing?);
            if ours != theirs || missing > 0 {
                let problem =
                    format!("{ours} rows of {name}, the board has {theirs}; {missing} are missing");
                return Err(Error::Differs { problem });
            }
            rows += ours.unsigned_abs();
        }
        Ok(rows)
    }
}
