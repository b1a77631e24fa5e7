//! `artel artifact ls` and `show`: what is on a board, and what it led to.

use artel::envelope::{Draft, NotBefore, Verdicts};
use artel::event::Event;
use artel::ids::Seq;
use artel::time::Clock;
use artel::{ActivationFilter, Query, Reader, Stored, SystemClock};

use super::{look, show};
use crate::args::{ArtifactLs, ArtifactRef, ArtifactShow};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::words::count;
use crate::{describe, times, wire, words};

pub(super) async fn ls(args: &ArtifactLs, config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let query = query(args);
    // The table has no payloads.
    let query = if out.json { query } else { query.bare() };
    let listing = reader.artifacts(&query).await?;
    let answer = wire::Artifacts {
        artifacts: listing.artifacts.iter().map(describe::artifact).collect(),
        next: listing.next.map(|next| next.get()),
        hidden: listing.hidden,
        as_of: listing.as_of.get(),
    };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    if answer.artifacts.is_empty() {
        let all = config.looks.unrestricted;
        out.line(if all { "no artifacts" } else { "no artifacts that may be seen" })?;
    } else {
        out.table(&show::artifacts(&answer.artifacts))?;
    }
    if answer.hidden > 0 {
        let are = count(answer.hidden, "artifact is", "artifacts are");
        out.line(&format!("{are} not shown: {}", look::TO_SEE))?;
    }
    if let Some(next) = answer.next {
        out.line(&format!("there are more: --after {next}"))?;
    }
    Ok(())
}

fn query(args: &ArtifactLs) -> Query {
    let now = SystemClock::default().wall();
    let mut query = Query::default().limit(args.limit);
    for name in &args.types {
        query = query.type_name(name);
    }
    for name in &args.agent {
        query = query.agent(name);
    }
    for tag in &args.tag {
        query = query.tag(tag);
    }
    if let Some(correlation) = args.correlation {
        query = query.correlation(correlation);
    }
    if let Some(since) = args.since {
        query = query.since(since.resolve(now));
    }
    if let Some(until) = args.until {
        query = query.until(until.resolve(now));
    }
    if let Some(after) = args.after {
        query = query.after(after);
    }
    if args.newest { query.newest_first() } else { query }
}

pub(super) async fn show(
    args: &ArtifactShow,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let stored = match args.artifact {
        ArtifactRef::Id(id) => reader.get(id).await?,
        ArtifactRef::Seq(seq) => reader.get_at(&[seq]).await?.pop(),
    };
    let missing = || Error::NotFound { what: "artifact", id: args.artifact.to_string() };
    let stored = stored.ok_or_else(missing)?;
    let entry = reader.tail(stored.seq()).next().await?.ok_or_else(missing)?;
    let Event::ArtifactCommitted(draft) = entry.event else { return Err(missing()) };
    let detail = detail(&reader, &stored, &draft).await?;
    if out.json {
        return Ok(out.json(&detail)?);
    }
    tell(&detail, out)
}

async fn detail(
    reader: &Reader,
    stored: &Stored,
    draft: &Draft,
) -> Result<wire::ArtifactDetail, Error> {
    let envelope = &draft.envelope;
    Ok(wire::ArtifactDetail {
        artifact: describe::artifact(stored),
        not_before: match envelope.not_before.as_deref().copied() {
            Some(NotBefore::At(at)) => Some(times::millis(at)),
            Some(NotBefore::After(_)) | None => None,
        },
        delay_ms: match envelope.not_before.as_deref().copied() {
            Some(NotBefore::After(ms)) => Some(ms),
            Some(NotBefore::At(_)) | None => None,
        },
        expires_at: envelope.expires_at.map(times::millis),
        trace: envelope.trace.as_deref().map(describe::trace),
        payload_len: envelope.payload_len,
        payload_hash: envelope.payload_hash.to_string(),
        made_from: show::bare(reader, stored.causes()).await?,
        woken: woken(reader, &draft.verdicts, stored.seq()).await?,
        not_woken: not_woken(reader, &draft.verdicts),
        not_woken_more: draft.verdicts.declined_more,
    })
}

/// The subscriptions that an artifact met, with what works on it for each.
async fn woken(reader: &Reader, verdicts: &Verdicts, seq: Seq) -> Result<Vec<wire::Woken>, Error> {
    let filter =
        ActivationFilter { input: Some(seq), limit: Query::LIMIT_MAX, ..Default::default() };
    let activations = reader.activations(&filter).await?.activations;
    let woken = verdicts.woken.iter().map(|&subscription| {
        let work = activations.iter().find(|view| view.subscription == subscription);
        wire::Woken {
            subscription: subscription.get(),
            agent: describe::agent_of(reader.state(), subscription),
            members: members(verdicts.members(subscription), reader.state()),
            activation: work.map(|view| describe::number(view.id)),
            standing: work.map(|view| words::standing(&view.standing)),
        }
    });
    Ok(woken.collect())
}

fn members(members: &[artel::ids::AgentNo], state: &artel::state::State) -> Vec<String> {
    members.iter().map(|&member| describe::agent(state, member)).collect()
}

fn not_woken(reader: &Reader, verdicts: &Verdicts) -> Vec<wire::NotWoken> {
    let state = reader.state();
    let declined = verdicts.declined.iter().map(|&(subscription, clause)| {
        let record = state.subscription(subscription);
        let wanted = record.map(|record| describe::subscription(&record.definition));
        wire::NotWoken {
            subscription: subscription.get(),
            agent: describe::agent_of(state, subscription),
            clause: words::clause(clause),
            why: describe::asks_for(clause, wanted.as_ref()),
        }
    });
    declined.collect()
}

fn tell(detail: &wire::ArtifactDetail, out: &mut Output) -> Result<(), Error> {
    let one = &detail.artifact;
    let attempt = one.attempt.as_ref().map_or_else(String::new, |id| format!(", attempt {id}"));
    let mut fields = vec![
        ("artifact", one.id.clone()),
        ("type", format!("{} version {}", one.type_name, one.type_version)),
        ("seq", format!("{}, {}", one.seq, show::to_the_second(&one.committed_at))),
        ("producer", format!("{}{attempt}", one.producer)),
        ("correlation", one.correlation.clone()),
        ("depth", one.depth.to_string()),
    ];
    let optional = [
        ("parents", (!one.parents.is_empty()).then(|| one.parents.join(", "))),
        ("tags", (!one.tags.is_empty()).then(|| one.tags.join(", "))),
        ("idempotency key", one.idempotency_key.clone()),
        ("ordering key", one.ordering_key.clone()),
        ("seen by", one.visibility.as_ref().map(seen_by)),
        ("expires", detail.expires_at.as_deref().map(show::to_the_second)),
        ("trace", detail.trace.as_ref().map(|trace| trace.trace_id.clone())),
    ];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    fields.push(("payload", format!("{} bytes", detail.payload_len)));
    out.fields(&fields)?;
    out.heading("payload")?;
    show::payload(one, out)?;
    if !detail.made_from.is_empty() {
        out.heading("made from")?;
        out.table(&show::artifacts(&detail.made_from))?;
    }
    tell_verdicts(detail, out)
}

/// Who may see an artifact, in a line.
fn seen_by(visibility: &wire::Visibility) -> String {
    let mut parts = Vec::new();
    if let Some(agents) = &visibility.agents {
        let none = "no agent".to_owned();
        parts.push(if agents.is_empty() { none } else { format!("only {}", agents.join(", ")) });
    }
    let mut add = |what: &str, names: &[String]| {
        if !names.is_empty() {
            parts.push(format!("{what} {}", names.join(", ")));
        }
    };
    add("who has the label", &visibility.labels);
    add("who is of tenant", &visibility.tenants);
    if let Some(from) = &visibility.from {
        parts.push(format!("from {}", show::to_the_second(from)));
    }
    parts.join("; ")
}

fn tell_verdicts(detail: &wire::ArtifactDetail, out: &mut Output) -> Result<(), Error> {
    if detail.woken.is_empty() {
        out.heading("it woke nobody")?;
    } else {
        out.heading("woke")?;
        let mut table = Table::new([
            Column::Wrapped("AGENT"),
            Column::Whole("ACTIVATION"),
            Column::Whole("STANDING"),
        ]);
        for one in &detail.woken {
            table.row([
                show::with_members(&one.agent, &one.members),
                one.activation.map_or_else(String::new, |id| id.to_string()),
                one.standing.unwrap_or_default().to_owned(),
            ]);
        }
        out.table(&table)?;
    }
    if detail.not_woken.is_empty() {
        return Ok(());
    }
    out.heading("did not wake")?;
    let mut table = Table::new([
        Column::Wrapped("AGENT"),
        Column::Whole("CLAUSE"),
        Column::Wrapped("WHICH ASKS FOR"),
    ]);
    for one in &detail.not_woken {
        table.row([one.agent.clone(), one.clause.to_owned(), one.why.clone()]);
    }
    out.table(&table)?;
    if detail.not_woken_more > 0 {
        out.line(&format!("{} more declined and are only counted", detail.not_woken_more))?;
    }
    Ok(())
}
