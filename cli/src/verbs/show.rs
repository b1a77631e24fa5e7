//! An activation with everything about it, for `activation show` and `dlq show`.

use std::time::Duration;

use artel::ids::{ActivationId, Seq};
use artel::{ActivationView, Reader, Stored};

use super::look;
use crate::error::Error;
use crate::json::pretty;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::words::count;
use crate::{describe, returned, times, wire};

/// The activation of this id.
pub(super) async fn find(reader: &Reader, id: ActivationId) -> Result<ActivationView, Error> {
    let found = reader.activation(id).await?;
    found.ok_or_else(|| Error::NotFound { what: "activation", id: id.to_string() })
}

/// Everything about an activation.
pub(super) async fn detail(
    reader: &Reader,
    view: &ActivationView,
) -> Result<wire::ActivationDetail, Error> {
    let state = reader.state();
    let inputs = reader.get_at(&view.inputs).await?;
    let history = reader.attempts(view).await?;
    let interventions = reader.interventions(view).await?;
    let wanted = state.subscription(view.subscription);
    let owned = reader.owner().await?.is_some();
    Ok(wire::ActivationDetail {
        activation: describe::activation(view, state, owned),
        wakes_on: wanted.map(|record| describe::subscription(&record.definition)),
        inputs: inputs.iter().map(describe::artifact).collect(),
        trace: inputs.first().and_then(Stored::trace).as_ref().map(describe::trace),
        history: history.iter().map(|attempt| describe::attempt(attempt, state)).collect(),
        interventions: interventions.iter().map(describe::intervention).collect(),
    })
}

/// What is said once where something is open and no process owns the board.
pub(super) const UNOWNED: &str =
    "no process owns the board now: what is open goes on when its program starts";

/// How an activation stands, in a few words: what it waits for, and what holds it back.
pub(super) fn standing(one: &wire::Activation) -> String {
    if one.unowned && one.standing == "running" {
        return "was running when its process died".to_owned();
    }
    let mut text = one.standing.to_owned();
    if let Some(gate) = one.gate {
        text.push_str(&format!(": {gate}"));
        let key =
            one.key.as_deref().filter(|_| matches!(gate, "ordering-key" | "concurrency (key)"));
        if let Some(key) = key {
            text.push_str(&format!(" {key}"));
        }
        if let Some(by) = &one.held_by {
            let how = match gate {
                "breaker" | "rate" => " of",
                "ordering-key" | "suspect" => ", behind",
                _ => ",",
            };
            text.push_str(&format!("{how} {by}"));
        }
    }
    if let Some(not_before) = &one.not_before {
        let until = if one.held_by.is_some() { ", until" } else { "" };
        text.push_str(&format!("{until} {}", to_the_second(not_before)));
    }
    if let Some(reason) = one.reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

/// A time of an answer, as people read it.
pub(super) fn to_the_second(at: &str) -> String {
    times::parse(at).map_or_else(|| at.to_owned(), times::seconds)
}

/// Who did something to an activation, when and why.
fn intervened(it: &wire::Intervention) -> String {
    let mut text = format!("{} by {}", to_the_second(&it.at), it.by);
    if it.out_of_order {
        text.push_str(", out of order");
    }
    if let Some(reason) = &it.reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

/// Tells everything about an activation to people.
pub(super) fn tell(
    detail: &wire::ActivationDetail,
    payloads: bool,
    out: &mut Output,
) -> Result<(), Error> {
    let one = &detail.activation;
    let wakes_on = detail.wakes_on.as_ref().map_or_else(String::new, |wanted| {
        format!("{}, priority {}", describe::sentence(wanted), wanted.priority)
    });
    let mut fields = vec![
        ("activation", one.id.to_string()),
        ("agent", with_members(&one.agent, &one.members)),
        ("wakes on", wakes_on),
        ("correlation", one.correlation.clone()),
        ("standing", standing(one)),
    ];
    if let Some(key) = &one.key {
        fields.push(("key", key.clone()));
    }
    if let Some(at) = &one.ended_at {
        fields.push(("ended", to_the_second(at)));
    }
    if let Some(trace) = &detail.trace {
        fields.push(("trace", trace.trace_id.clone()));
    }
    fields.extend(detail.interventions.iter().map(|it| (it.action, intervened(it))));
    fields.push(("attempts", one.attempts.to_string()));
    if let Some(fingerprint) = &one.fingerprint {
        fields.push(("fingerprint", fingerprint.clone()));
    }
    if one.queue != one.agent {
        fields.push(("queue", one.queue.clone()));
    }
    if !one.steps.is_empty() {
        fields.push(("steps", one.steps.join(", ")));
    }
    if !one.in_doubt.is_empty() {
        fields.push(("in doubt", one.in_doubt.join(", ")));
    }
    if let Some(deaths) = one.suspect_deaths {
        fields.push(("suspect", suspect(deaths)));
    }
    out.fields(&fields)?;
    if one.unowned {
        out.line(UNOWNED)?;
    }
    out.heading("inputs")?;
    if one.hidden {
        out.line(&format!(
            "not all are shown, nor are keys, errors and log lines: {}",
            look::TO_SEE
        ))?;
    }
    if !detail.inputs.is_empty() {
        out.table(&artifacts(&detail.inputs))?;
    }
    if payloads {
        for input in &detail.inputs {
            out.heading(&format!("payload of {}", input.seq))?;
            payload(input, out)?;
        }
    }
    tell_attempts(&detail.history, out)
}

/// An agent, or a group with those of its members who may run something.
pub(super) fn with_members(agent: &str, members: &[String]) -> String {
    if members.is_empty() {
        return agent.to_owned();
    }
    format!("{agent}: {}", members.join(" or "))
}

/// What the deaths of processes say of an activation.
fn suspect(deaths: u32) -> String {
    match deaths {
        0 => "it ran when a process died".to_owned(),
        deaths => format!(
            "{} in its own turn",
            count(u64::from(deaths), "process died", "processes died")
        ),
    }
}

fn tell_attempts(history: &[wire::Attempt], out: &mut Output) -> Result<(), Error> {
    if history.is_empty() {
        return Ok(());
    }
    out.heading("attempts")?;
    let mut table = Table::new([
        Column::Whole("NO"),
        Column::Whole("STARTED"),
        Column::Whole("TOOK"),
        Column::Wrapped("END"),
        Column::Wrapped("NEXT"),
    ]);
    for one in history {
        let took = one.took_ms.map(Duration::from_millis).map(times::took);
        let kind = one.error_kind.map_or_else(String::new, |kind| format!(": {kind}"));
        let by = one.member.as_ref().map_or_else(String::new, |member| format!(" by {member}"));
        let end = one.end.map_or_else(|| "it runs".to_owned(), |end| format!("{end}{kind}"));
        let end = format!("{end}{by}");
        let mut next = one.next.unwrap_or_default().to_owned();
        if let Some(at) = &one.not_before {
            next.push_str(&format!(", not before {}", to_the_second(at)));
        }
        if let Some(reason) = one.reason {
            next.push_str(&format!(": {reason}"));
        }
        if let Some(wire::LimitReached { limit, value, bound }) = one.limit {
            next.push_str(&format!(", {limit} {value}, the limit is {bound}"));
        }
        table.row([
            one.number.to_string(),
            to_the_second(&one.started_at),
            took.unwrap_or_default(),
            end,
            next,
        ]);
    }
    out.table(&table)?;
    for one in history {
        if let Some((error, causes)) = one.error.split_first() {
            out.heading(&format!("error of attempt {}", one.number))?;
            out.block(2, error)?;
            for cause in causes {
                out.block(4, &format!("caused by: {cause}"))?;
            }
        }
        if !one.log.is_empty() {
            out.heading(&format!("log of attempt {}", one.number))?;
            out.block(2, &one.log)?;
        }
        returned::tell(one, out)?;
    }
    Ok(())
}

/// Artifacts in a table.
pub(super) fn artifacts(artifacts: &[wire::Artifact]) -> Table {
    let mut table = Table::new([
        Column::Whole("SEQ"),
        Column::Whole("COMMITTED"),
        Column::Wrapped("TYPE"),
        Column::Wrapped("PRODUCER"),
        Column::Wrapped("TAGS"),
        Column::Whole("ID"),
    ]);
    for one in artifacts {
        table.row([
            one.seq.to_string(),
            to_the_second(&one.committed_at),
            one.type_name.clone(),
            one.producer.clone(),
            one.tags.join(", "),
            one.id.clone(),
        ]);
    }
    table
}

/// The payload of an artifact, laid out.
pub(super) fn payload(artifact: &wire::Artifact, out: &mut Output) -> Result<(), Error> {
    match &artifact.payload {
        Some(payload) => out.block(0, &pretty(payload.get()))?,
        None => out.line("it was removed")?,
    }
    Ok(())
}

/// Artifacts by seq, without payloads.
pub(super) async fn bare(reader: &Reader, seqs: &[Seq]) -> Result<Vec<wire::Artifact>, Error> {
    let found: Vec<Stored> = reader.get_at(seqs).await?;
    Ok(found.iter().map(describe::bare_artifact).collect())
}
