//! `artel dlq ls` and `show`: the dead letters, and why they died.

use artel::log::Outcome;

use super::dead::{Wanted, dead_letters};
use super::{look, show};
use crate::args::{DlqLs, DlqShow};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::{describe, wire, words};

pub(super) async fn ls(args: &DlqLs, config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let wanted = Wanted {
        agent: args.agent.clone(),
        queue: args.queue.clone(),
        reason: args.reason.map(Into::into),
        after: args.after,
    };
    let (views, next) = dead_letters(&reader, &wanted, args.limit as usize).await?;
    let mut letters = Vec::with_capacity(views.len());
    for view in &views {
        let report = reader.last_report(view).await?;
        letters.push(wire::DeadLetter {
            activation: describe::activation(view, reader.state()),
            error: report.map(|report| report.error).unwrap_or_default(),
        });
    }
    let answer = wire::DeadLetters { dead_letters: letters, next: next.map(|next| next.get()) };
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
            letter.error.join(": "),
        ]);
    }
    if table.is_empty() {
        return Ok(out.line("no dead letters")?);
    }
    out.table(&table)?;
    if let Some(next) = answer.next {
        out.line(&format!("there are more: --after {next}"))?;
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
