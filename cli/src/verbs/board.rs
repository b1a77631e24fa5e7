//! `artel board show` and `hash`: a board as a whole.

use std::collections::BTreeMap;

use artel::Reader;
use artel::event::{Metered, Pausable};
use artel::ids::{ActivationId, CorrelationId};
use artel::state::{STATE_FORMAT, State};

use super::dead::dead_by_agent;
use super::look;
use super::operate::last_program;
use super::turn::breaker_of;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::{Whole, Wrapped};
use crate::table::Table;
use crate::{describe, times, wire, words};

/// How many open trees of work are listed.
const CORRELATIONS_LISTED: usize = 20;

pub(super) async fn show(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
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
        ("where", board.url.clone()),
        ("durability", format!("what it acknowledges survives {}", survives(&board))),
        ("incarnation", board.incarnation.clone()),
        ("owner", board.owner.as_ref().map_or_else(|| "none now".to_owned(), owner_text)),
        (
            "program",
            board.runs_with.clone().unwrap_or_else(|| "none has run agents yet".to_owned()),
        ),
        ("ownership", board.program.as_ref().map_or_else(|| "none yet".to_owned(), ownership)),
        ("last event", seq),
        ("artifacts", board.artifacts.to_string()),
        ("open work", open_work(&board)),
        ("dead letters", board.dead_letters.to_string()),
    ])?;
    if let Some(known) = board.regressed {
        out.line(&format!(
            "log regressed: it went up to seq {known}; put its newest copy back, or go on with what is there: \
             `artel board adopt`"
        ))?;
    }
    if board.paused {
        out.line("paused: all work waits until `artel board resume`")?;
    }
    if board.dev {
        out.line("made in development mode: a changed schema may move it aside")?;
    }
    show_tables(&board, out)
}

fn open_work(board: &wire::Board) -> String {
    let (waiting, running) = (board.waiting, board.running);
    match (&board.owner, running) {
        (Some(_), _) | (None, 0) => format!("{waiting} waiting, {running} running"),
        (None, 1) => format!("{waiting} waiting, 1 was running when its process died"),
        (None, _) => format!("{waiting} waiting, {running} were running when their process died"),
    }
}

fn show_tables(board: &wire::Board, out: &mut Output) -> Result<(), Error> {
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
        out.table(&agents_table(&board.agents))?;
    }
    if !board.dependencies.is_empty() {
        out.heading("dependencies")?;
        out.table(&dependencies_table(&board.dependencies))?;
    }
    if !board.failing.is_empty() {
        out.heading("predicates that failed, so that artifacts did not meet them")?;
        out.table(&failing_table(&board.failing))?;
    }
    if board.open_correlations > 0 {
        let more = board.open_correlations - board.correlations.len() as u64;
        let more = if more > 0 { format!(", {more} more are not listed") } else { String::new() };
        out.heading(&format!("open trees of work: {}{more}", board.open_correlations))?;
        out.table(&correlations_table(&board.correlations))?;
    }
    Ok(())
}

fn agents_table(agents: &[wire::Agent]) -> Table {
    let mut table = Table::new([
        Wrapped("AGENT"),
        Whole("WAITING"),
        Whole("RUNNING"),
        Whole("DONE"),
        Whole("DEAD"),
        Whole("DROPPED"),
        Whole("CANCELLED"),
        Wrapped("REGISTERED"),
    ]);
    for agent in agents {
        let registered = match (agent.registered, agent.paused) {
            (true, false) => "yes",
            (true, true) => "yes, but it is paused: its work waits",
            (false, _) => "no, its work waits",
        };
        table.row([
            match &*agent.members {
                [] => agent.name.clone(),
                members => format!("{}, a group of {}", agent.name, members.join(", ")),
            },
            agent.waiting.to_string(),
            agent.running.to_string(),
            agent.done.to_string(),
            agent.dead.to_string(),
            agent.dropped.to_string(),
            agent.cancelled.to_string(),
            registered.to_owned(),
        ]);
    }
    table
}

fn dependencies_table(dependencies: &[wire::Dependency]) -> Table {
    let mut table = Table::new([Wrapped("DEPENDENCY"), Whole("BREAKER"), Wrapped("RATE LIMIT")]);
    for one in dependencies {
        let rate = one.rate_limit.as_ref().map(|rate| {
            let period = times::took(std::time::Duration::from_millis(rate.period_ms));
            format!("{} in {period}, at most {} at once", rate.attempts, rate.burst)
        });
        table.row([
            one.name.clone(),
            one.breaker.as_ref().map_or("none", |breaker| breaker.phase).to_owned(),
            rate.unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    table
}

fn failing_table(failing: &[wire::Failing]) -> Table {
    let mut table = Table::new([
        Wrapped("AGENT"),
        Whole("CLAUSE"),
        Whole("ARTIFACTS"),
        Whole("TOLD AT"),
        Whole("SINCE THEN"),
        Wrapped("WHAT WENT WRONG"),
    ]);
    for one in failing {
        table.row([
            one.agent.clone(),
            one.clause.to_owned(),
            one.count.to_string(),
            one.told_seq.map(|seq| seq.to_string()).unwrap_or_default(),
            one.untold.to_string(),
            one.text.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn correlations_table(correlations: &[wire::OpenCorrelation]) -> Table {
    let mut table = Table::new([
        Whole("CORRELATION"),
        Whole("WAITING"),
        Whole("RUNNING"),
        Wrapped("OLDEST WAITS FOR"),
    ]);
    for one in correlations {
        table.row([
            one.id.clone(),
            one.waiting.to_string(),
            one.running.to_string(),
            one.gate.unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn survives(board: &wire::Board) -> &'static str {
    match board.durability {
        "nothing" => "nothing",
        "process" => "the death of the process",
        _ => "the death of the machine",
    }
}

pub(super) fn owner_text(owner: &wire::Owner) -> String {
    let pid = owner.pid.map(|pid| format!("process {pid}"));
    let at = owner.endpoint.as_ref().map(|at| format!("at {at}"));
    let found: Vec<String> = pid.into_iter().chain(at).collect();
    if found.is_empty() {
        return owner.program.clone();
    }
    format!("{} ({})", owner.program, found.join(" "))
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
        url: artel::without_secrets(url),
        incarnation: header.incarnation.unwrap_or(head.incarnation).to_string(),
        regressed: head.regressed.map(|known| known.get()),
        durability: words::durability(reader.describe().durability),
        dev: head.dev,
        owner: owner.map(wire::Owner::from),
        epoch: header.epoch.get(),
        program: header.program.as_ref().map(ToString::to_string),
        runs_with: last_program(reader).await?,
        seq: header.seq.get(),
        committed_at: (header.seq.get() > 0).then(|| times::millis(header.at)),
        paused: state.is_paused(Pausable::Board),
        artifacts: state.artifacts(),
        waiting: open.saturating_sub(running),
        running,
        dead_letters: dead.values().sum(),
        types: types(state),
        agents: agents(state, &dead),
        dependencies: dependencies(state),
        failing: failing(reader).await?,
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
            counted.expired += subscription.counters.expired;
        }
        let dead = dead.get(&name).copied().unwrap_or(0);
        wire::Agent {
            members: members(state, &record.definition),
            registered: record.registered,
            paused: record.paused,
            waiting: waiting as u64,
            running: u64::from(running),
            done: counted.done,
            dead,
            dropped: counted.dead.saturating_sub(dead),
            cancelled: counted.cancelled,
            expired: counted.expired,
            queue: record.definition.dead_letter_queue.to_string(),
            name,
        }
    };
    state.agents().map(agent).collect()
}

fn dependencies(state: &State) -> Vec<wire::Dependency> {
    let described = state.dependencies().map(|(no, record)| wire::Dependency {
        name: record.definition.name.to_string(),
        breaker: breaker_of(state, Metered::Dependency(no)),
        rate_limit: record.definition.limits.rate.as_ref().map(describe::rate_limit),
    });
    described.collect()
}

/// The members of a group.
fn members(state: &State, definition: &artel::definition::AgentDefinition) -> Vec<String> {
    let group = Some(&definition.name).filter(|_| definition.is_group());
    let members = group.into_iter().flat_map(|group| state.subscriptions_in(group));
    members.map(|(_, member)| describe::agent(state, member)).collect()
}

/// The predicates that failed, with what went wrong the last time that it was told.
async fn failing(reader: &Reader) -> Result<Vec<wire::Failing>, Error> {
    let state = reader.state();
    let mut listed = Vec::new();
    for (no, record) in state.subscriptions().filter(|(_, record)| record.current) {
        for failing in &record.failing {
            let told = failing.told.map(|(seq, _)| seq);
            let text = match told {
                Some(seq) => reader.failure_text(seq).await?,
                None => None,
            };
            listed.push(wire::Failing {
                agent: describe::agent(state, record.agent),
                subscription: no.get(),
                clause: words::clause(failing.clause),
                count: failing.count,
                untold: failing.untold,
                told_seq: told.map(|seq| seq.get()),
                text,
            });
        }
    }
    Ok(listed)
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
