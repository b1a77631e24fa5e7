//! Listings of closed activations: one script, which tests the conditions where they lie. It looks at a
//! bounded number of them at once, and so one listing in a long log may be several calls; what is closed or
//! reopened between them shows as it is then.

use artel_core::log::{ActivationQuery, ClosedActivation, Direction, Error, OutcomeFilter, Page};

use super::format::{SEQ_MAX, text};
use super::handle::RedisLog;
use super::scripts::{Arguments, CLOSED};
use crate::listing::{self, filter_no, high, low};

/// How many one call looks at: some hundredths of a second of the server's time.
const LOOKS_MAX: u32 = 50_000;

pub(super) async fn activations(
    log: &RedisLog,
    query: &ActivationQuery,
) -> Result<Page<ClosedActivation>, Error> {
    let answers = log.answers();
    let (mut low, mut high) =
        (low(query.cursor, query.direction), high(query.cursor, query.direction).min(SEQ_MAX));
    let wanted = usize::try_from(query.limit.max(1)).unwrap_or(usize::MAX).saturating_add(1);
    let (mut found, mut as_of) = (Vec::new(), None);
    loop {
        let arguments = arguments(log, query, (low, high), wanted - found.len());
        let [head, rows, reached] = answers.fields(log.ask(&CLOSED, &arguments).await?)?;
        let seen = answers.seq(head)?;
        let as_of = *as_of.get_or_insert(seen);
        for row in answers.list(rows)? {
            let [activation, row] = answers.fields(row)?;
            let activation = answers.seq(activation)?;
            let closed = answers.closed(activation, &answers.bytes(row)?)?;
            if query.input.is_none_or(|input| closed.inputs.contains(&input)) {
                found.push((activation, closed));
            }
        }
        let reached = answers.string(reached)?;
        if reached.is_empty() || found.len() >= wanted {
            return Ok(listing::page(found, query.limit, as_of));
        }
        let reached = reached.parse().map_err(|_| answers.damaged("a listing says no seq"))?;
        match query.direction {
            Direction::OldestFirst => low = reached,
            Direction::NewestFirst => high = reached,
        }
    }
}

fn arguments(
    log: &RedisLog,
    query: &ActivationQuery,
    (low, high): (u64, u64),
    wanted: usize,
) -> Arguments {
    let mut arguments = log.arguments();
    let all = [
        OutcomeFilter::Done,
        OutcomeFilter::Dead,
        OutcomeFilter::Cancelled,
        OutcomeFilter::Dropped,
        OutcomeFilter::Expired,
    ];
    let outcomes = if query.outcomes.is_empty() { &all[..] } else { &query.outcomes[..] };
    let done = outcomes.contains(&OutcomeFilter::Done);
    match (query.input, query.correlation) {
        (Some(input), _) => {
            arguments.push("input");
            arguments.push(text(input.get()));
        }
        (None, Some(correlation)) => {
            arguments.push(format!("closed:{correlation}"));
            arguments.push("");
        }
        (None, None) => {
            arguments.push(if done { "order" } else { "undone" });
            arguments.push("");
        }
    }
    arguments.push(text(low));
    arguments.push(text(high));
    arguments.push(match query.direction {
        Direction::OldestFirst => "up",
        Direction::NewestFirst => "down",
    });
    arguments.number(wanted);
    arguments.number(LOOKS_MAX);
    arguments.push(outcomes.iter().map(|outcome| filter_no(*outcome)).collect::<Vec<u8>>());
    let correlation = query.correlation.map(|correlation| correlation.as_bytes().to_vec());
    arguments.push(correlation.unwrap_or_default());
    arguments.extend(query.agents.iter().map(|agent| agent.get().to_be_bytes()));
    arguments
}
