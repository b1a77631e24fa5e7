//! `artel correlation show`: a tree of work, and the limits that it reached.

use artel::log::OutcomeFilter;
use artel::state::{Gate, OpenStatus};
use artel::{ActivationFilter, ReadError, Reader};

use super::{look, show};
use crate::args::CorrelationShow;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::{Whole, Wrapped};
use crate::table::Table;
use crate::words::count;
use crate::{describe, wire};

/// How many dead letters are listed.
const LISTED: u32 = 1_000;

pub(super) async fn show(
    args: &CorrelationShow,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let shown = describe(&reader, args).await?;
    if out.json {
        return Ok(out.json(&shown)?);
    }
    tell(&shown, out)
}

async fn describe(reader: &Reader, args: &CorrelationShow) -> Result<wire::Correlation, Error> {
    let (id, state) = (args.id, reader.state());
    let owned = reader.owner().await?.is_some();
    let closed = reader.log().correlation(id).await.map_err(ReadError::Log)?;
    let open = state.open_status(id);
    let (standing, waiting, running, gate) = match open {
        Some(OpenStatus::Running { running, waiting }) => ("running", waiting, running, None),
        Some(OpenStatus::Waiting { waiting, gate }) => ("waiting", waiting, 0, Some(gate)),
        Some(OpenStatus::Owed { .. }) => ("owed", 0, 0, None),
        None if !closed.known => {
            return Err(Error::NotFound { what: "correlation", id: id.to_string() });
        }
        None if closed.cancelled => ("cancelled", 0, 0, None),
        None if closed.dead > 0 => ("dead-letters", 0, 0, None),
        None => ("done", 0, 0, None),
    };
    let filter = ActivationFilter {
        outcomes: vec![OutcomeFilter::Dead, OutcomeFilter::Dropped],
        correlation: Some(id),
        limit: LISTED,
        ..ActivationFilter::default()
    };
    let dead = reader.activations(&filter).await?;
    let mut limits = Vec::new();
    for view in &dead.activations {
        for attempt in reader.attempts(view).await? {
            limits.extend(attempt.limit.map(|limit| wire::CorrelationLimit {
                activation: describe::number(view.id),
                attempt: attempt.number.get(),
                agent: view.agent.to_string(),
                reached: describe::limit(limit),
            }));
        }
    }
    Ok(wire::Correlation {
        id: id.to_string(),
        standing,
        waiting,
        running,
        gate: gate.map(Gate::as_str),
        dead: closed.dead,
        dead_letters: dead
            .activations
            .iter()
            .map(|it| describe::activation(it, state, owned))
            .collect(),
        dead_letters_more: dead.next.is_some(),
        limits,
    })
}

fn tell(shown: &wire::Correlation, out: &mut Output) -> Result<(), Error> {
    let gate = shown.gate.map_or_else(String::new, |gate| format!(": {gate}"));
    out.fields(&[
        ("correlation", shown.id.clone()),
        ("standing", format!("{}{gate}", shown.standing)),
        ("open work", format!("{} waiting, {} running", shown.waiting, shown.running)),
        ("dead letters", shown.dead.to_string()),
    ])?;
    if !shown.limits.is_empty() {
        out.heading("limits that it reached")?;
        let mut table =
            Table::new([Whole("ATTEMPT"), Wrapped("AGENT"), Whole("LIMIT"), Wrapped("REACHED")]);
        for one in &shown.limits {
            let wire::LimitReached { limit, value, bound } = one.reached;
            table.row([
                format!("{}/{}", one.activation, one.attempt),
                one.agent.clone(),
                limit.to_owned(),
                format!("{value}, the limit is {bound}"),
            ]);
        }
        out.table(&table)?;
    }
    if !shown.dead_letters.is_empty() {
        out.heading("dead letters, and those that were dropped")?;
        let mut table = Table::new([Whole("ID"), Wrapped("AGENT"), Wrapped("STANDING")]);
        for one in &shown.dead_letters {
            table.row([one.id.to_string(), one.agent.clone(), show::standing(one)]);
        }
        out.table(&table)?;
        if shown.dead_letters_more {
            let listed = count(shown.dead_letters.len() as u64, "is", "are");
            out.line(&format!("only {listed} listed; `artel dlq ls` lists all"))?;
        }
    }
    Ok(())
}
