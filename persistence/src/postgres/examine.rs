//! What there is to say of a server and of a board on it. Nothing here writes to a table: a commit is
//! timed by a message that goes into the server's own log of changes and that nobody reads.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Executor, Row};
use tokio::time::{Instant, timeout};

use artel_core::finding::{Code, Finding};
use artel_core::log::Error;
use artel_core::time::Clock;

use super::connect::{connect, in_time, run, setup};
use super::error::reading;
use super::format::get;
use super::migrate;
use super::settings::{self, Settings};
use super::target::Target;
use crate::mark::Mark;
use crate::measured::{self, bytes, latency};
use crate::server::Promise;

/// How many connections a program with one board may want: five that read, one that writes, and one that renews.
const CONNECTIONS_WANTED: i32 = 7;

const SERVER: &str = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'), \
     current_setting('synchronous_standby_names'), \
     current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, \
     (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int, \
     coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), \
     coalesce(inet_server_addr() = inet_client_addr(), true)";

/// Commits something that is in no table, and waits for the disk as an append does.
const COMMIT: &str = "SELECT pg_logical_emit_message(true, 'artel doctor', '')";

/// How long the commits that are timed may take together.
const COMMITS_TIMEOUT: Duration = Duration::from_secs(5);

const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
/// How often the server's clock is read: the quickest answer is the nearest.
const CLOCK_READS: usize = 5;

const BOARD: &str = "SELECT b.no, b.name, b.seq, o.pid, o.program, o.endpoint, \
     extract(epoch FROM o.until - clock_timestamp())::double precision, b.mark \
     FROM board b LEFT JOIN owner o ON o.board_no = b.no WHERE b.key = $1";

const SIZE: &str = "SELECT (SELECT count(*) FROM board), \
     (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = current_schema() AND c.relkind = 'r')";

const SHARERS: &str = "SELECT program, pid, cardinality(owns)::bigint, cardinality(wants)::bigint FROM process \
     WHERE until >= clock_timestamp()";

/// Examines a server and a board on it. What keeps the rest from being looked at comes last.
pub(crate) async fn examine(target: &Target, clock: &dyn Clock) -> Result<Vec<Finding>, Error> {
    in_time(("examine", &target.place()), look(target, clock)).await
}

async fn look(target: &Target, clock: &dyn Clock) -> Result<Vec<Finding>, Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    let connection = &mut connection;
    let settings = settings::read(&place, connection).await?;
    let version = format!("PostgreSQL {}", settings.version);
    if !settings.is_known() {
        let advice = "use PostgreSQL 13 or a later one";
        return Ok(vec![Finding::problem(Code::ServerVersion, version, advice)]);
    }
    run(connection, setup(&target.schema)).await.map_err(cannot)?;
    let mut findings = vec![Finding::ok(Code::ServerVersion, version)];
    let takes_writes = server((&place, &settings), connection, &mut findings).await?;
    findings.push(durability(&settings, target.promise));
    match settings::pooled(target, connection).await {
        Ok(()) => findings.push(Finding::ok(
            Code::ServerPool,
            "each session has a connection of its own all the way",
        )),
        Err(Error::Unfit { problem, instead, .. }) => {
            findings.push(Finding::problem(Code::ServerPool, problem, instead));
            return Ok(findings);
        }
        Err(error) => return Err(error),
    }
    findings.push(clock_difference(&place, connection, clock).await?);
    if takes_writes {
        findings.push(commit_latency(target, connection).await.map_err(cannot)?);
    }
    tables(target, connection, &mut findings).await?;
    Ok(findings)
}

/// What the server says of itself; whether it takes writes.
async fn server(
    (place, settings): (&str, &Settings),
    connection: &mut PgConnection,
    findings: &mut Vec<Finding>,
) -> Result<bool, Error> {
    let row = connection.fetch_one(SERVER).await;
    let row = row.map_err(|error| reading("open", place, error))?;
    let (standby, read_only): (bool, String) = (get(place, &row, 0)?, get(place, &row, 1)?);
    let takes_writes = !standby && read_only != "on";
    findings.push(match (standby, takes_writes) {
        (_, true) => Finding::ok(Code::ServerRole, "the server takes writes"),
        (true, false) => Finding::problem(
            Code::ServerRole,
            "the server is a stand-by, which takes no writes",
            "name the primary in the URL; a verb that only reads works here too",
        ),
        (false, false) => Finding::problem(
            Code::ServerRole,
            "`default_transaction_read_only` is on, so that nothing can be written",
            "switch it off for the database, or for the user that the program is there",
        ),
    });
    let stand_bys: String = get(place, &row, 2)?;
    findings.push(fail_over(&stand_bys, settings.commit()));
    findings.push(connections(place, &row)?);
    let (encrypted, same_host): (bool, bool) = (get(place, &row, 5)?, get(place, &row, 6)?);
    findings.push(match (encrypted, same_host) {
        (true, _) => Finding::ok(Code::Encryption, "the way to the server is encrypted"),
        (false, true) => Finding::ok(Code::Encryption, "the server is on this machine"),
        (false, false) => Finding::warning(
            Code::Encryption,
            "the way to the server is not encrypted, and it is another machine",
            "say `sslmode=verify-full` in the URL, and `sslrootcert` where the certificate is your own",
        ),
    });
    Ok(takes_writes)
}

/// What stand-bys have of what was acknowledged: a commit waits for those of `synchronous_standby_names`, and
/// for how much of them `synchronous_commit` says.
fn fail_over(stand_bys: &str, commit: &str) -> Finding {
    let lost = "what was acknowledged is lost with the server's host";
    if stand_bys.is_empty() {
        return Finding::ok(Code::FailOver, format!("no synchronous stand-by: {lost}"));
    }
    let names = format!("synchronous stand-bys `{stand_bys}`");
    let waits = format!("`synchronous_commit` is `{commit}`");
    let found = match commit {
        "local" | "off" => format!("{waits}, which waits for none of the {names}: {lost}"),
        "remote_write" => format!(
            "{names} have what was acknowledged in the memory of their hosts, and not for certain on \
             their disks: {waits}"
        ),
        "remote_apply" => {
            format!("{names} have what was acknowledged on their disks, and show it: {waits}")
        }
        _ => format!("{names} have what was acknowledged on their disks: {waits}"),
    };
    Finding::ok(Code::FailOver, found)
}

fn connections(place: &str, row: &PgRow) -> Result<Finding, Error> {
    let (most, now): (i32, i32) = (get(place, row, 3)?, get(place, row, 4)?);
    let found = format!("{now} of {most} connections of the server are in use");
    if most - now >= CONNECTIONS_WANTED {
        return Ok(Finding::ok(Code::ServerConnections, found));
    }
    Ok(Finding::warning(
        Code::ServerConnections,
        format!("{found}, and a program with one board may want {CONNECTIONS_WANTED}"),
        "raise `max_connections`, lower `connections` in the URLs, or put a pool in session \
         mode between",
    ))
}

fn durability(settings: &Settings, promise: Promise) -> Finding {
    let all =
        settings.durability.iter().map(|(setting, value)| format!("`{setting}` is `{value}`"));
    let all = all.collect::<Vec<_>>().join(", ");
    let broken: Vec<String> =
        settings.broken().map(|(setting, _)| format!("`{setting}`")).collect();
    match (broken.is_empty(), promise) {
        (true, Promise::Host) => Finding::ok(
            Code::Durability,
            format!("{all}: what is acknowledged survives the death of the server's host"),
        ),
        (true, Promise::Process) => Finding::warning(
            Code::Durability,
            format!("{all}, and the URL asks for less: `durability=process`"),
            "take `durability=process` out of the URL: the server promises more",
        ),
        (false, Promise::Process) => Finding::warning(
            Code::Durability,
            format!(
                "{all}: what is acknowledged survives the death of the program and of nothing else, as \
                 the URL asks for"
            ),
            format!("switch {} on where that is not enough", broken.join(" and ")),
        ),
        (false, Promise::Host) => Finding::problem(
            Code::Durability,
            format!(
                "{all}: the server may lose what it has acknowledged, and the board is refused"
            ),
            format!(
                "switch {} on, or say `durability=process` in the URL, which promises less",
                broken.join(" and ")
            ),
        ),
    }
}

async fn clock_difference(
    place: &str,
    connection: &mut PgConnection,
    clock: &dyn Clock,
) -> Result<Finding, Error> {
    let mut nearest: Option<(Duration, i64)> = None;
    for _ in 0..CLOCK_READS {
        let (asked, here) = (clock.monotonic(), clock.wall());
        let row = connection.fetch_one(NOW).await;
        let row = row.map_err(|error| reading("read", place, error))?;
        let way = clock.monotonic().saturating_sub(asked);
        let there: i64 = get(place, &row, 0)?;
        let half = i64::try_from(way.as_millis() / 2).unwrap_or(i64::MAX);
        let ahead = there.saturating_sub(here.as_millis()).saturating_sub(half);
        if nearest.is_none_or(|(shortest, _)| way < shortest) {
            nearest = Some((way, ahead));
        }
    }
    let (way, ahead) = nearest.unwrap_or_default();
    Ok(measured::differs(ahead, way))
}

/// Times commits on a connection of their own: one that waits for a stand-by that is away does not come back.
async fn commit_latency(target: &Target, other: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let mut connection = connect(target).await?;
    let pid: i32 = connection.fetch_one("SELECT pg_backend_pid()").await?.try_get(0)?;
    let mut took = Vec::new();
    let timed = async {
        // The first one warms up.
        for _ in 0..=measured::COMMITS {
            let began = Instant::now();
            connection.execute(COMMIT).await?;
            took.push(began.elapsed());
        }
        Ok::<(), sqlx::Error>(())
    };
    match timeout(COMMITS_TIMEOUT, timed).await {
        Ok(Ok(())) => Ok(latency(&mut took[1..], "the way to the server and its disk")),
        Ok(Err(error)) => Ok(measured::unmeasured(&error)),
        Err(_) => {
            sqlx::query("SELECT pg_cancel_backend($1)").bind(pid).execute(other).await?;
            Ok(Finding::warning(
                Code::CommitLatency,
                format!("commits did not come back within {COMMITS_TIMEOUT:?}"),
                "see whether a stand-by in `synchronous_standby_names` is away, for which each commit waits, \
                 or the server's disk does not answer",
            ))
        }
    }
}

/// What lies in the tables, if they are there.
async fn tables(
    target: &Target,
    connection: &mut PgConnection,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let place = target.place();
    match migrate::version(&place, connection).await {
        Ok(None) => {
            findings.push(Finding::ok(
                Code::SchemaVersion,
                format!(
                    "there is no schema `{}` yet; who makes the first board makes it",
                    target.schema
                ),
            ));
            findings.push(measured::missing(&place));
            return Ok(());
        }
        Ok(Some(version)) => {
            findings.push(measured::schema(version, migrate::VERSION));
            if version == migrate::VERSION {
                findings.push(sharing(target, connection).await?);
            }
        }
        Err(error @ (Error::Newer { .. } | Error::Damaged { .. })) => {
            findings.push(measured::unreadable_schema(&error));
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    let cannot = |error| reading("read", &place, error);
    let row = sqlx::query(BOARD).bind(&target.board).fetch_optional(&mut *connection).await;
    let Some(row) = row.map_err(cannot)? else {
        findings.push(measured::missing(&place));
        return Ok(());
    };
    let seq: i64 = get(&place, &row, 2)?;
    let size = connection.fetch_one(SIZE).await.map_err(cannot)?;
    let (boards, len): (i64, i64) = (get(&place, &size, 0)?, get(&place, &size, 1)?);
    findings.push(Finding::ok(
        Code::BoardSize,
        format!(
            "{seq} events; the {boards} boards of schema `{}` take {} together",
            target.schema,
            bytes(u64::try_from(len).unwrap_or_default())
        ),
    ));
    findings.push(ownership(&place, &row)?);
    if let Some(mark) = get::<Option<String>>(&place, &row, 7)? {
        findings.push(measured::marked(&Mark::parse(&place, &mark)?));
    }
    Ok(())
}

async fn sharing(target: &Target, connection: &mut PgConnection) -> Result<Finding, Error> {
    let place = target.place();
    let rows =
        connection.fetch_all(SHARERS).await.map_err(|error| reading("read", &place, error))?;
    let sharer = |row: &PgRow| {
        let count = |column| get(&place, row, column).map(i64::unsigned_abs);
        Ok((get(&place, row, 0)?, get(&place, row, 1)?, count(2)?, count(3)?))
    };
    let sharers = rows.iter().map(sharer).collect::<Result<Vec<_>, Error>>()?;
    Ok(measured::sharing(&format!("schema `{}`", target.schema), sharers))
}

fn ownership(place: &str, row: &PgRow) -> Result<Finding, Error> {
    let left: Option<f64> = row.try_get(6).map_err(|error| reading("read", place, error))?;
    let Some(left) = left else {
        return Ok(Finding::ok(Code::Ownership, "nobody owns the board"));
    };
    let (pid, program): (i64, String) = (get(place, row, 3)?, get(place, row, 4)?);
    let endpoint: Option<String> = get(place, row, 5)?;
    let owner = format!("`{program}` (process {pid} on its machine)");
    if left >= 0.0 {
        let answers = endpoint.map(|at| format!(", and answers at {at}")).unwrap_or_default();
        let found =
            format!("{owner} owns the board, for {left:.1} s if it is not renewed{answers}");
        return Ok(Finding::ok(Code::Ownership, found));
    }
    Ok(Finding::warning(
        Code::Ownership,
        format!(
            "{owner} did not give the board up: it died, or lost the server, {:.0} s ago at the latest",
            -left
        ),
        format!("the board is free: see what became of `{program}`, and start it again"),
    ))
}

#[cfg(test)]
mod tests {
    use artel_core::finding::Severity;

    use super::*;

    /// DOCTOR-1: stand-bys have of what was acknowledged as much as a commit waits for.
    #[test]
    fn stand_bys_have_what_a_commit_waits_for() {
        let names = "FIRST 1 (a, b)";
        for (stand_bys, commit, expected) in [
            ("", "on", "no synchronous stand-by: what was acknowledged is lost with the"),
            (names, "on", "`FIRST 1 (a, b)` have what was acknowledged on their disks: `syn"),
            (names, "remote_apply", "have what was acknowledged on their disks, and show it: `syn"),
            (names, "remote_write", "have what was acknowledged in the memory of their hosts"),
            (
                names,
                "local",
                "is `local`, which waits for none of the synchronous stand-bys `FIRST",
            ),
            (names, "off", "is `off`, which waits for none of the synchronous stand-bys `FIRST"),
        ] {
            let Finding { severity, found, .. } = fail_over(stand_bys, commit);
            assert_eq!(severity, Severity::Ok);
            assert!(found.contains(expected), "{commit}: {found}");
        }
    }

    /// DOCTOR-3, POSTGRES-1: settings are judged by what the URL promises.
    #[test]
    fn settings_are_judged_by_the_promise() {
        let settings = |fsync: &str| Settings::of([fsync, "on", "on"]);
        let severity = |fsync, promise| durability(&settings(fsync), promise).severity;
        assert_eq!(severity("on", Promise::Host), Severity::Ok);
        assert_eq!(severity("on", Promise::Process), Severity::Warning);
        assert_eq!(severity("off", Promise::Process), Severity::Warning);
        assert_eq!(severity("off", Promise::Host), Severity::Problem);
        let advice = durability(&settings("off"), Promise::Host).advice.unwrap();
        assert!(advice.contains("switch `fsync` on"), "{advice}");
    }
}
