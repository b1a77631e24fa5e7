//! `artel dlq ls` and `show`: the dead letters, and why they died.

use artel::DeadLetterFilter;
use artel::log::Outcome;

use super::dead::filter;
use super::{look, show};
use crate::args::{DlqFilter, DlqLs, DlqShow};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::words::count;
use crate::{describe, wire, words};

pub(super) async fn ls(args: &DlqLs, config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let wanted = DeadLetterFilter { after: args.after, ..filter(&args.filter) };
    let page = reader.dead_letters(&wanted, args.limit as usize).await?;
    let mut letters = Vec::with_capacity(page.activations.len());
    for view in &page.activations {
        let report = reader.last_report(view).await?;
        letters.push(wire::DeadLetter {
            activation: describe::activation(view, reader.state(), true),
            error: report.map(|report| report.error).unwrap_or_default(),
        });
    }
    let answer =
        wire::DeadLetters { dead_letters: letters, next: page.next.map(|next| next.get()) };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    tell(&answer, out)
}

fn tell(answer: &wire::DeadLetters, out: &mut Output) -> Result<(), Error> {
    let mut table = Table::new([
        Column::Whole("ID"),
        Column::Wrapped("AGENT"),
        Column::Wrapped("QUEUE"),
        Column::Wrapped("REASON"),
        Column::Whole("ATTEMPTS"),
        Column::Whole("ENDED"),
        Column::Wrapped("ERROR"),
    ]);
    for letter in &answer.dead_letters {
        let one = &letter.activation;
        table.row([
            one.id.to_string(),
            one.agent.clone(),
            one.queue.clone(),
            one.reason.unwrap_or_default().to_owned(),
            one.attempts.to_string(),
            one.ended_at.as_deref().map(show::to_the_second).unwrap_or_default(),
            if one.hidden { "not shown".to_owned() } else { letter.error.join(": ") },
        ]);
    }
    if table.is_empty() {
        return Ok(out.line("no dead letters")?);
    }
    out.table(&table)?;
    let hidden = answer.dead_letters.iter().filter(|letter| letter.activation.hidden).count();
    if hidden > 0 {
        let work = count(hidden as u64, "dead letter works", "dead letters work");
        out.line(&format!("{work} on what is not shown: {}", look::TO_SEE))?;
    }
    if let Some(next) = answer.next {
        out.line(&format!("there are more: --after {next}"))?;
    }
    Ok(())
}

pub(super) async fn groups(
    args: &DlqFilter,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let found = reader.dead_letter_groups(&filter(args)).await?;
    let groups = found.groups.iter().map(describe::group).collect();
    let answer = wire::DeadLetterGroups { groups, more: found.more, hidden: found.hidden };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    let mut table = Table::new([
        Column::Whole("FINGERPRINT"),
        Column::Whole("COUNT"),
        Column::Wrapped("AGENT"),
        Column::Wrapped("REASON"),
        Column::Wrapped("KIND"),
        Column::Whole("FIRST"),
        Column::Whole("LAST"),
        Column::Whole("SAMPLE"),
        Column::Wrapped("ERROR"),
    ]);
    for one in &answer.groups {
        table.row([
            one.fingerprint.clone(),
            one.count.to_string(),
            one.agent.clone(),
            one.reason.to_owned(),
            one.error_kind.unwrap_or_default().to_owned(),
            show::to_the_second(&one.first_at),
            show::to_the_second(&one.last_at),
            one.sample.to_string(),
            one.message.clone(),
        ]);
    }
    if table.is_empty() && answer.more == 0 {
        return Ok(out.line("no dead letters")?);
    }
    if !table.is_empty() {
        out.table(&table)?;
    }
    if answer.hidden > 0 {
        let work = count(answer.hidden, "more works", "more work");
        out.line(&format!("{work} on what is not shown, in no group: {}", look::TO_SEE))?;
    }
    let further = answer.more - answer.hidden;
    if further > 0 {
        let are = count(further, "more is", "more are");
        out.line(&format!("{are} in further groups, which are not listed"))?;
    }
    Ok(())
}

pub(super) async fn show(args: &DlqShow, config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let view = show::find(&reader, args.id).await?;
    if !matches!(view.standing, artel::Standing::Closed { outcome: Outcome::Dead(_), .. }) {
        return Err(Error::NotDead { id: view.id, standing: words::standing(&view.standing) });
    }
    let detail = show::detail(&reader, &view).await?;
    if out.json {
        return Ok(out.json(&detail)?);
    }
    show::tell(&detail, true, out)
}
