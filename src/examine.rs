//! The examination of a board, for whoever operates it: what the place says of itself, and what the state
//! says that somebody should look at. Called by the verb `doctor`; it writes to no board.

use artel_core::board::State;
use artel_core::event::Pausable;
use artel_core::finding::{Code, Finding, Severity};
use artel_core::log;

use crate::clock::SystemClock;
use crate::error::{OpenError, ReadError};
use crate::letters::DeadLetterFilter;
use crate::reader::Reader;

/// How many dead letters are counted at a time.
const PAGE: usize = 1_000;

/// Examines the board at a URL and the place where it is kept: settings against the promise, the latency
/// of a commit, clocks, versions, owner, size, and what waits for somebody. An owner is not disturbed.
///
/// A board that cannot be opened, or is not there, is a finding and no error.
///
/// # Errors
/// When the URL names no board that could be examined, or the place cannot be reached.
pub async fn examine(url: &str) -> Result<Vec<Finding>, log::Error> {
    let mut findings = artel_persistence::examine(url, &SystemClock::default()).await?;
    let closed = |finding: &Finding| {
        let opens = !matches!(finding.code, Code::Durability | Code::FreeSpace | Code::ServerRole);
        finding.severity == Severity::Problem && opens
    };
    if findings.iter().any(closed) {
        return Ok(findings);
    }
    match Reader::open(url).await {
        Ok(reader) => {
            findings.extend(of_state(reader.state()));
            match dead_letters(&reader).await {
                Ok(finding) => findings.push(finding),
                Err(error) => findings.push(unread(&error)),
            }
            reader.close().await;
        }
        // What the place lacks was told before.
        Err(OpenError::Log { source: log::Error::Unfit { .. }, .. }) => {}
        Err(error) => findings.push(unread(&error)),
    }
    Ok(findings)
}

fn unread(error: &dyn std::error::Error) -> Finding {
    let mut found = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        found = format!("{found}: {error}");
        cause = error.source();
    }
    let advice = "`artel board verify` says what is wrong; restore the board from a backup where it is damaged";
    Finding::problem(Code::Board, found, advice)
}

/// What the state of a board says that somebody should look at.
fn of_state(state: &State) -> Vec<Finding> {
    let open = state.activations().count();
    let found = format!("its log was read and folded; {open} activations are open");
    vec![Finding::ok(Code::Board, found), registration(state), paused(state)]
}

fn registration(state: &State) -> Finding {
    // Whatever else it waits for: it waits for that too.
    let unregistered = state.agents().filter(|(_, record)| !record.registered);
    let waiting = unregistered.map(|(no, record)| (&record.definition.name, state.load(no).0));
    let stuck: Vec<String> = waiting
        .filter(|(_, waiting)| *waiting > 0)
        .map(|(name, waiting)| format!("{waiting} of `{name}`"))
        .collect();
    if stuck.is_empty() {
        return Finding::ok(Code::Registration, "no work waits for an agent that nobody registers");
    }
    Finding::warning(
        Code::Registration,
        format!("activations wait for agents that no program registers: {}", stuck.join(", ")),
        "start a program that has these agents, or `artel activation cancel` what nobody wants any more",
    )
}

fn paused(state: &State) -> Finding {
    let mut all = Vec::new();
    if state.is_paused(Pausable::Board) {
        all.push("the board".to_owned());
    }
    let agents = state.agents().filter(|(_, record)| record.paused);
    all.extend(agents.map(|(_, record)| format!("agent `{}`", record.definition.name)));
    match state.paused_correlations().count() {
        0 => {}
        1 => all.push("a tree of work".to_owned()),
        trees => all.push(format!("{trees} trees of work")),
    }
    if all.is_empty() {
        return Finding::ok(Code::Paused, "nothing is paused");
    }
    Finding::warning(
        Code::Paused,
        format!("paused, so that its work waits: {}", all.join(", ")),
        "`artel event tail` says who paused it and why; `artel board resume`, `agent resume` and \
         `correlation resume` let it go on",
    )
}

async fn dead_letters(reader: &Reader) -> Result<Finding, ReadError> {
    let (mut dead, mut filter) = (0, DeadLetterFilter::default());
    loop {
        let page = reader.dead_letters(&filter, PAGE).await?;
        dead += page.activations.len();
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    if dead == 0 {
        return Ok(Finding::ok(Code::DeadLetters, "there are no dead letters"));
    }
    let found = format!("dead letters that nobody has redriven or dropped: {dead}");
    let advice = "`artel dlq groups` shows what they died of";
    Ok(Finding::warning(Code::DeadLetters, found, advice))
}
