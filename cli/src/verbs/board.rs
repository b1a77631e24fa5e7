//! `artel board show | verify | hash | rm`.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};

use artel::ids::{ActivationId, CorrelationId};
use artel::state::{STATE_FORMAT, State};
use artel::{Reader, log};
use indicatif::{ProgressBar, ProgressStyle};

use super::dead::dead_by_agent;
use crate::args::BoardRm;
use crate::config::Config;
use crate::error::Error;
use crate::output::{Output, Paint};
use crate::table::{Column, Table};
use crate::words::count;
use crate::{times, wire, words};

/// How many open trees of work are listed.
const CORRELATIONS_LISTED: usize = 20;

pub(super) async fn show(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = Reader::open(&config.board).await?;
    let board = describe(&reader, &config.board).await?;
    if out.json {
        return Ok(out.json(&board)?);
    }
    let at = board.committed_at.as_ref();
    let seq = at.map_or_else(
        || "none yet".to_owned(),
        |_| format!("seq {}, {}", board.seq, times::seconds(reader.state().header().at)),
    );
    let ownership = |program: &String| format!("{}, by {program}", board.epoch);
    out.fields(&[
        ("board", board.name.clone()),
        ("where", format!("{}, what it acknowledges survives {}", board.url, survives(&board))),
        ("incarnation", board.incarnation.clone()),
        ("owner", board.owner.as_ref().map_or_else(|| "none now".to_owned(), owner_text)),
        ("ownership", board.program.as_ref().map_or_else(|| "none yet".to_owned(), ownership)),
        ("last event", seq),
        ("artifacts", board.artifacts.to_string()),
        ("open work", format!("{} waiting, {} running", board.waiting, board.running)),
        ("dead letters", board.dead_letters.to_string()),
    ])?;
    if board.dev {
        out.line("made in development mode: a changed schema may move it aside")?;
    }
    show_tables(&board, out)
}

fn show_tables(board: &wire::Board, out: &mut Output) -> Result<(), Error> {
    use Column::{Whole, Wrapped};
    if !board.types.is_empty() {
        out.heading("types")?;
        let mut types = Table::new([Wrapped("TYPE"), Whole("VERSION")]);
        for one in &board.types {
            types.row([one.name.clone(), one.version.to_string()]);
        }
        out.table(&types)?;
    }
    if !board.agents.is_empty() {
        out.heading("agents")?;
        let columns = ["WAITING", "RUNNING", "DONE", "DEAD", "DROPPED", "CANCELLED"].map(Whole);
        let [waiting, running, done, dead, dropped, cancelled] = columns;
        let mut agents = Table::new([
            Wrapped("AGENT"),
            waiting,
            running,
            done,
            dead,
            dropped,
            cancelled,
            Wrapped("PROGRAM"),
        ]);
        for agent in &board.agents {
            let program = if agent.registered { "names it" } else { "none names it" };
            let counts = [
                agent.waiting,
                agent.running,
                agent.done,
                agent.dead,
                agent.dropped,
                agent.cancelled,
            ];
            let [waiting, running, done, dead, dropped, cancelled] =
                counts.map(|count| count.to_string());
            let name = agent.name.clone();
            agents.row([
                name,
                waiting,
                running,
                done,
                dead,
                dropped,
                cancelled,
                program.to_owned(),
            ]);
        }
        out.table(&agents)?;
    }
    if board.open_correlations > 0 {
        let more = board.open_correlations - board.correlations.len() as u64;
        let more = if more > 0 { format!(", {more} more are not listed") } else { String::new() };
        out.heading(&format!("open trees of work: {}{more}", board.open_correlations))?;
        let mut open = Table::new([
            Whole("CORRELATION"),
            Whole("WAITING"),
            Whole("RUNNING"),
            Whole("DEAD"),
            Wrapped("OLDEST WAITS FOR"),
        ]);
        for one in &board.correlations {
            open.row([
                one.id.clone(),
                one.waiting.to_string(),
                one.running.to_string(),
                one.dead.to_string(),
                one.gate.unwrap_or_default().to_owned(),
            ]);
        }
        out.table(&open)?;
    }
    Ok(())
}

fn survives(board: &wire::Board) -> &'static str {
    match board.durability {
        "nothing" => "nothing",
        "process" => "the death of the process",
        _ => "the death of the machine",
    }
}

fn owner_text(owner: &wire::Owner) -> String {
    let pid = owner.pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    format!("{}{pid}", owner.program)
}

async fn describe(reader: &Reader, url: &str) -> Result<wire::Board, Error> {
    let head = reader.head().await?;
    let owner = reader.owner().await?;
    let dead = dead_by_agent(reader).await?;
    let state = reader.state();
    let header = state.header();
    let open = state.activations().count() as u64;
    let running = u64::from(state.running());
    Ok(wire::Board {
        name: head.board.to_string(),
        url: url.to_owned(),
        incarnation: head.incarnation.to_string(),
        durability: words::durability(reader.describe().durability),
        dev: head.dev,
        owner: owner.map(|owner| wire::Owner {
            program: owner.program,
            pid: owner.pid,
            endpoint: owner.endpoint,
        }),
        epoch: header.epoch.get(),
        program: header.program.as_ref().map(ToString::to_string),
        seq: header.seq.get(),
        committed_at: (header.seq.get() > 0).then(|| times::millis(header.at)),
        artifacts: state.artifacts(),
        waiting: open.saturating_sub(running),
        running,
        dead_letters: dead.values().sum(),
        types: types(state),
        agents: agents(state, &dead),
        open_correlations: state.correlations().count() as u64,
        correlations: correlations(state),
    })
}

fn types(state: &State) -> Vec<wire::Type> {
    let types = state
        .types()
        .map(|(_, record)| wire::Type { name: record.name.to_string(), version: record.version });
    types.collect()
}

fn agents(state: &State, dead: &BTreeMap<String, u64>) -> Vec<wire::Agent> {
    let agent = |(no, record): (_, &artel::state::AgentRecord)| {
        let name = record.definition.name.to_string();
        let (waiting, running) = state.load(no);
        let mut counted = artel::state::Counters::default();
        for (_, subscription) in state.subscriptions().filter(|(_, one)| one.agent == no) {
            counted.done += subscription.counters.done;
            counted.dead += subscription.counters.dead;
            counted.cancelled += subscription.counters.cancelled;
        }
        let dead = dead.get(&name).copied().unwrap_or(0);
        wire::Agent {
            registered: record.registered,
            waiting: waiting as u64,
            running: u64::from(running),
            done: counted.done,
            dead,
            dropped: counted.dead.saturating_sub(dead),
            cancelled: counted.cancelled,
            queue: record.definition.dead_letter_queue.to_string(),
            name,
        }
    };
    state.agents().map(agent).collect()
}

/// The first trees of work of which something is open, in one pass over what is open.
fn correlations(state: &State) -> Vec<wire::OpenCorrelation> {
    #[derive(Default)]
    struct Open {
        waiting: u64,
        running: u64,
        oldest: Option<ActivationId>,
    }
    let listed = state.correlations().take(CORRELATIONS_LISTED);
    let mut open: BTreeMap<CorrelationId, Open> =
        listed.map(|(id, _)| (id, Open::default())).collect();
    for (id, activation) in state.activations() {
        let Some(entry) = open.get_mut(&activation.correlation) else { continue };
        if activation.running().is_some() {
            entry.running += 1;
        } else {
            entry.waiting += 1;
            entry.oldest.get_or_insert(id);
        }
    }
    let described = open.into_iter().map(|(id, open)| wire::OpenCorrelation {
        id: id.to_string(),
        waiting: open.waiting,
        running: open.running,
        dead: state.correlation(id).map_or(0, |entry| entry.dead),
        gate: open.oldest.and_then(|id| state.gate(id)).map(artel::state::Gate::as_str),
    });
    described.collect()
}

pub(super) async fn hash(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = Reader::open(&config.board).await?;
    let (seq, hash) = (reader.state().seq().get(), reader.state().hash().to_string());
    if out.json {
        let hash = wire::BoardHash { seq, state_hash: hash, state_format: STATE_FORMAT };
        return Ok(out.json(&hash)?);
    }
    Ok(out.line(&format!("{seq}  {hash}"))?)
}

pub(super) async fn verify(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = Reader::open(&config.board).await.map_err(Error::judged)?;
    let seq = reader.head().await.map_err(Error::judged)?.seq;
    // A bar is drawn on terminals only.
    let bar = if out.json { ProgressBar::hidden() } else { ProgressBar::new(seq.get() * 2) };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
    bar.set_style(style.expect("the template has no mistake"));
    bar.set_message("the log");
    let log = reader.verify(|seq| bar.set_position(seq.get())).await;
    bar.set_message("what lies beside it");
    let beside = match &log {
        Ok(log) => {
            let before = log.seq.get();
            Some(reader.verify_store(log.seq, |seq| bar.set_position(before + seq.get())).await)
        }
        Err(_) => None,
    };
    bar.finish_and_clear();
    let log = log?;
    let Some(beside) = beside.transpose()? else { return Ok(()) };
    let verified = wire::Verified {
        ok: true,
        batches: log.batches,
        seq: log.seq.get(),
        state_hash: log.state_hash.to_string(),
        snapshot: log.snapshot.map(|seq| seq.get()),
        artifacts: beside.artifacts,
        payloads_removed: beside.payloads_removed,
        contents: beside.contents,
        contents_removed: beside.contents_removed,
    };
    if out.json {
        return Ok(out.json(&verified)?);
    }
    tell_verified(&verified, &config.board, out)
}

fn tell_verified(found: &wire::Verified, url: &str, out: &mut Output) -> Result<(), Error> {
    let removed = |count: u64| match count {
        0 => String::new(),
        count => format!("; {count} were removed"),
    };
    let snapshot = found.snapshot.map_or_else(
        || "none to compare".to_owned(),
        |seq| format!("the newest, at seq {seq}, is the fold up to there"),
    );
    out.part(Some(Paint::Green), "whole")?;
    out.line(&format!(": {url}"))?;
    let batches = count(found.batches, "batch", "batches");
    let events = count(found.seq, "event", "events");
    let payloads = removed(found.payloads_removed);
    let contents = removed(found.contents_removed);
    out.fields(&[
        ("log", format!("{batches} with {events}; each has its hash and continues the one before")),
        ("state", format!("all events fold, to the hash {}", found.state_hash)),
        ("snapshot", snapshot),
        ("artifacts", format!("{}, each as recorded, payload and all{payloads}", found.artifacts)),
        (
            "reports",
            format!("{}, step results included, each as recorded{contents}", found.contents),
        ),
    ])?;
    Ok(())
}

pub(super) async fn rm(args: &BoardRm, config: &Config, out: &mut Output) -> Result<(), Error> {
    if !args.yes {
        let what = what_is_lost(config).await?;
        if !std::io::stdin().is_terminal() {
            return Err(Error::Unconfirmed);
        }
        let mut asked = std::io::stderr();
        write!(asked, "Remove {what}? Nothing brings it back. [y/N] ")?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !is_yes(&answer) {
            return Err(Error::Kept);
        }
    }
    artel::remove(&config.board).await.map_err(Error::Remove)?;
    if out.json {
        return Ok(out.json(&wire::Removed { removed: config.board.clone() })?);
    }
    Ok(out.line(&format!("removed {}", config.board))?)
}

/// The board in words, for whoever is asked; a refusal when a process owns it.
async fn what_is_lost(config: &Config) -> Result<String, Error> {
    let reader = match Reader::open(&config.board).await {
        Ok(reader) => reader,
        // A damaged board may be removed, too.
        Err(artel::OpenError::Load { .. }) => {
            return Ok(format!("what is left of {}", config.board));
        }
        Err(artel::OpenError::Log { source: log::Error::Damaged { .. }, .. }) => {
            return Ok(format!("what is left of {}", config.board));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(owner) = reader.owner().await? {
        return Err(Error::Remove(log::Error::Owned { place: config.board.clone(), owner }));
    }
    let name = reader.head().await?.board;
    let (artifacts, seq) = (reader.state().artifacts(), reader.state().seq().get());
    reader.close().await;
    let artifacts = count(artifacts, "artifact", "artifacts");
    let events = count(seq, "event", "events");
    Ok(format!("the board `{name}` at {} with {artifacts} and {events}", config.board))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_removes() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("n\n") && !is_yes("yeah\n"));
    }
}
