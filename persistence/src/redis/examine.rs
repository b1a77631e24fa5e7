//! What there is to say of a server and of a board on it. Nothing here writes to a board: a commit is timed with a
//! key of its own, which goes by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::{ConnectionAddr, Value, cmd};
use tokio::time::Instant;

use artel_core::finding::{Code, Finding, Severity};
use artel_core::log::Error;
use artel_core::time::Clock;

use super::connect::Line;
use super::error::reading;
use super::format::Answers;
use super::open::{self, tag};
use super::settings::{self, facts};
use super::target::Target;
use super::{keep, mark};
use crate::measured::{self, bytes, latency};
use crate::server::{Promise, random};

/// How many connections a program with one board wants.
const CONNECTIONS_WANTED: u64 = 3;
/// How often the server's clock is read: the quickest answer is the nearest.
const CLOCK_READS: usize = 5;
/// After how many milliseconds a key goes that a commit was timed with.
const KEY_KEPT: u32 = 1_000;

/// Examines a server and a board on it. What keeps the rest from being looked at comes last.
pub(crate) async fn examine(target: &Target, clock: &dyn Clock) -> Result<Vec<Finding>, Error> {
    let (line, about) = Line::open(target).await?;
    let facts = facts(&about);
    let mut findings = vec![release(&facts)];
    if findings[0].severity == Severity::Problem {
        return Ok(findings);
    }
    // Of a cluster, whoever takes writes is found by its replicas too.
    let takes_writes = line.is_cluster() || facts.get("role") == Some(&"master");
    findings.push(if takes_writes {
        Finding::ok(Code::ServerRole, "the server is the primary, and takes writes")
    } else {
        let advice = "name the primary in the URL";
        Finding::problem(Code::ServerRole, "the server is a replica, and takes no writes", advice)
    });
    findings.push(connections(&facts));
    findings.push(encryption(target));
    if takes_writes {
        findings.push(match settings::check(target, &line, &about).await {
            Ok(()) => kept(target),
            Err(Error::Unfit { problem, instead, .. }) => {
                Finding::problem(Code::Durability, problem, instead)
            }
            Err(error) => return Err(error),
        });
    }
    findings.push(fail_over(target, &facts));
    findings.push(clock_difference(target, &line, clock).await?);
    findings.push(commit_latency(target, &line).await);
    board(target, &line, &facts, &mut findings).await?;
    Ok(findings)
}

fn release(facts: &BTreeMap<&str, &str>) -> Finding {
    match settings::release(facts) {
        Ok(release) => Finding::ok(Code::ServerVersion, format!("Redis {release}")),
        Err(broken) => Finding::problem(Code::ServerVersion, broken.problem, broken.instead),
    }
}

fn connections(facts: &BTreeMap<&str, &str>) -> Finding {
    let number = |name: &str| facts.get(name).and_then(|value| value.parse::<u64>().ok());
    let (now, most) = (number("connected_clients"), number("maxclients"));
    let (now, most) = (now.unwrap_or(0), most.unwrap_or(u64::MAX));
    let found = format!("{now} of {most} connections of the server are in use");
    if most.saturating_sub(now) >= CONNECTIONS_WANTED {
        return Finding::ok(Code::ServerConnections, found);
    }
    Finding::warning(
        Code::ServerConnections,
        format!("{found}, and a program with one board wants {CONNECTIONS_WANTED}"),
        "raise `maxclients`",
    )
}

fn encryption(target: &Target) -> Finding {
    match target.info.addr() {
        ConnectionAddr::Tcp(host, _) if !["127.0.0.1", "::1", "localhost"].contains(&&**host) => {
            Finding::warning(
                Code::Encryption,
                "the way to the server is not encrypted, and it is another machine",
                "write `rediss://`, and `cacert` where the certificate is your own",
            )
        }
        ConnectionAddr::TcpTls { .. } => {
            Finding::ok(Code::Encryption, "the way to the server is encrypted")
        }
        _ => Finding::ok(Code::Encryption, "the server is on this machine"),
    }
}

/// What an acknowledged command survives, where the settings keep what the URL asks for.
fn kept(target: &Target) -> Finding {
    match target.promise {
        Promise::Host => Finding::ok(
            Code::Durability,
            "`appendfsync` is `always`: what is acknowledged survives the death of the server's host",
        ),
        Promise::Process => Finding::warning(
            Code::Durability,
            "what is acknowledged survives the death of the program that gave it, and of nothing else, as the URL \
             asks for: with `everysec` the last two seconds may be lost with the server's process too, which \
             keeps in its memory what it is to write while its disk is busy",
            "set `appendfsync` to `always`, and take `durability=process` out of the URL, where that is not \
             enough",
        ),
    }
}

fn fail_over(target: &Target, facts: &BTreeMap<&str, &str>) -> Finding {
    let replicas = facts.get("connected_slaves").copied().unwrap_or("0");
    let in_step = facts.iter().filter(|(name, said)| {
        let number = name.strip_prefix("slave").and_then(|number| number.parse::<u32>().ok());
        number.is_some() && said.contains("state=online")
    });
    let in_step = in_step.count();
    if facts.get("role") == Some(&"master") && in_step < target.replicas as usize {
        let problem = format!(
            "{in_step} replicas are in step, and {} have to have what is acknowledged: nothing is",
            target.replicas
        );
        let advice = "see why the others are not, or ask for fewer by `replicas` in the URL";
        return Finding::problem(Code::FailOver, problem, advice);
    }
    let found = match target.replicas {
        0 => format!(
            "{replicas} replicas, and nobody waits for them: a fail-over may lose what was acknowledged"
        ),
        wanted => format!(
            "{replicas} replicas, and {wanted} have what is acknowledged: a fail-over to another one may lose it"
        ),
    };
    Finding::ok(Code::FailOver, found)
}

async fn clock_difference(
    target: &Target,
    line: &Line,
    clock: &dyn Clock,
) -> Result<Finding, Error> {
    let place = target.place();
    let answers = Answers { place: &place };
    let mut nearest: Option<(Duration, i64)> = None;
    for _ in 0..CLOCK_READS {
        let (asked, here) = (clock.monotonic(), clock.wall());
        let told = match line.send(&cmd("TIME")).await {
            Err(error) if error.code() == Some("NOPERM") => {
                let found = format!("this user may not read the server's clock: {error}");
                return Ok(Finding::warning(
                    Code::ClockDifference,
                    found,
                    "allow this user `TIME`",
                ));
            }
            told => told.map_err(|error| reading("read", &place, error))?,
        };
        let way = clock.monotonic().saturating_sub(asked);
        let [seconds, micros] = answers.fields(told)?;
        let there = answers.integer(seconds)? * 1_000 + answers.integer(micros)? / 1_000;
        let half = i64::try_from(way.as_millis() / 2).unwrap_or(i64::MAX);
        let ahead = there.saturating_sub(here.as_millis()).saturating_sub(half);
        if nearest.is_none_or(|(shortest, _)| way < shortest) {
            nearest = Some((way, ahead));
        }
    }
    let (way, ahead) = nearest.unwrap_or_default();
    Ok(measured::differs(ahead, way))
}

async fn commit_latency(target: &Target, line: &Line) -> Finding {
    let key = format!("{}:doctor:{}", target.prefix, random().simple());
    let mut took = Vec::new();
    // The first one warms up.
    for _ in 0..=measured::COMMITS {
        let mut set = cmd("SET");
        set.arg(&key).arg("").arg("PX").arg(KEY_KEPT);
        let began = Instant::now();
        if let Err(error) = line.send(&set).await {
            return measured::unmeasured(&error);
        }
        took.push(began.elapsed());
    }
    latency(&mut took[1..], "the way to the server and its disk")
}

/// What lies in the keys of the board, if there is one.
async fn board(
    target: &Target,
    line: &Line,
    facts: &BTreeMap<&str, &str>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let place = target.place();
    let Some(tag) = tag(target, line, &target.board).await? else {
        findings.push(measured::missing(&place));
        return Ok(());
    };
    let (keys, answers) = (target.keys(&tag), Answers { place: &place });
    match open::version(target, line, &keys).await {
        Ok(()) => findings.push(measured::schema(open::VERSION, open::VERSION)),
        Err(error @ (Error::Newer { .. } | Error::Damaged { .. })) => {
            findings.push(measured::unreadable_schema(&error));
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    if let Some(mark) = mark::read(target, line, &keys).await? {
        findings.push(measured::marked(&mark));
    }
    let ask = async |command: redis::Cmd| {
        line.send(&command).await.map_err(|error| reading("read", &place, error))
    };
    let mut seq = cmd("HGET");
    seq.arg(format!("{keys}head")).arg("seq");
    let mut owner = cmd("HMGET");
    owner.arg(format!("{keys}owner")).arg("pid").arg("program").arg("endpoint");
    let mut left = cmd("PTTL");
    left.arg(format!("{keys}owner"));
    let (seq, owner, left) = (ask(seq).await?, ask(owner).await?, ask(left).await?);
    let memory = facts.get("used_memory").and_then(|memory| memory.parse().ok()).unwrap_or(0);
    findings.push(Finding::ok(
        Code::BoardSize,
        format!(
            "{} events; all that the server has takes {}",
            answers.integer(seq)?,
            bytes(memory)
        ),
    ));
    findings.push(ownership(answers, owner, left)?);
    findings.push(sharing(target, line).await?);
    Ok(())
}

async fn sharing(target: &Target, line: &Line) -> Result<Finding, Error> {
    let (place, keys) = (target.place(), keep::processes(target));
    let answers = Answers { place: &place };
    let ask = async |command: redis::Cmd| {
        line.send(&command).await.map_err(|error| reading("read", &place, error))
    };
    let mut all = cmd("SMEMBERS");
    all.arg(format!("{keys}all"));
    let mut sharers = Vec::new();
    for token in answers.list(ask(all).await?)? {
        let mut one = cmd("HMGET");
        one.arg(format!("{keys}{}", answers.string(token)?));
        one.arg("program").arg("pid").arg("owns").arg("wants");
        let [program, pid, owns, wants] = answers.fields(ask(one).await?)?;
        // One whose time is over.
        if program == Value::Nil {
            continue;
        }
        let count = |names| answers.string(names).map(|names| keep::boards(&names).count() as u64);
        sharers.push((
            answers.string(program)?,
            answers.integer(pid)?,
            count(owns)?,
            count(wants)?,
        ));
    }
    Ok(measured::sharing(&format!("prefix `{}`", target.prefix), sharers))
}

fn ownership(answers: Answers<'_>, owner: Value, left: Value) -> Result<Finding, Error> {
    let [pid, program, endpoint] = answers.fields(owner)?;
    let left = answers.integer(left)?;
    if program == Value::Nil || left < 0 {
        return Ok(Finding::ok(Code::Ownership, "nobody owns the board"));
    }
    let (pid, program) = (answers.integer(pid)?, answers.string(program)?);
    let at = answers.optional(endpoint)?.map(|at| String::from_utf8_lossy(&at).into_owned());
    let at = at.map(|at| format!(", and answers at {at}")).unwrap_or_default();
    let left = Duration::from_millis(left.unsigned_abs()).as_secs_f64();
    Ok(Finding::ok(
        Code::Ownership,
        format!(
            "`{program}` (process {pid} on its machine) owns the board, for {left:.1} s if it is not renewed{at}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DOCTOR-1: what a server says of itself is judged.
    #[test]
    fn what_a_server_says_is_judged() {
        for (version, severity) in [
            ("7.0.15", Severity::Ok),
            ("8.2.0", Severity::Ok),
            ("6.2.14", Severity::Problem),
            ("", Severity::Problem),
        ] {
            let about = format!("redis_version:{version}\r\n");
            assert_eq!(release(&facts(&about)).severity, severity, "{version}");
        }
        for (now, severity) in
            [(97, Severity::Ok), (98, Severity::Warning), (100, Severity::Warning)]
        {
            let about = format!("connected_clients:{now}\r\nmaxclients:100\r\n");
            assert_eq!(connections(&facts(&about)).severity, severity, "{now}");
        }
        for (url, severity, said) in [
            ("redis://127.0.0.1/0", Severity::Ok, "on this machine"),
            ("redis://elsewhere/0", Severity::Warning, "not encrypted"),
            ("rediss://elsewhere/0", Severity::Ok, "is encrypted"),
        ] {
            let finding = encryption(&Target::parse(url).unwrap());
            assert!(finding.severity == severity && finding.found.contains(said), "{finding:?}");
        }
    }
}
