//! `artel activation ls` and `show`: the units of work, open and closed.

use artel::ActivationFilter;

use super::{look, show};
use crate::args::{ActivationLs, ActivationShow};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::words::count;
use crate::{describe, wire};

pub(super) async fn ls(
    args: &ActivationLs,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let filter = ActivationFilter {
        outcomes: args.outcome.iter().copied().map(Into::into).collect(),
        open: args.open,
        agent: args.agent.clone(),
        correlation: args.correlation,
        after: args.after,
        limit: args.limit,
        ..ActivationFilter::default()
    };
    let listing = reader.activations(&filter).await?;
    let (state, owned) = (reader.state(), reader.owner().await?.is_some());
    let described = listing.activations.iter();
    let described = described.map(|view| describe::activation(view, state, owned));
    let answer = wire::Activations {
        activations: described.collect(),
        next: listing.next.map(|next| next.get()),
    };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    tell(&answer, out)
}

fn tell(answer: &wire::Activations, out: &mut Output) -> Result<(), Error> {
    let mut table = Table::new([
        Column::Whole("ID"),
        Column::Wrapped("AGENT"),
        Column::Wrapped("STANDING"),
        Column::Whole("ATTEMPTS"),
        Column::Wrapped("INPUTS"),
        Column::Whole("ENDED"),
        Column::Whole("CORRELATION"),
    ]);
    for one in &answer.activations {
        let ended = one.ended_at.as_deref().map(show::to_the_second);
        table.row([
            one.id.to_string(),
            one.agent.clone(),
            show::standing(one),
            one.attempts.to_string(),
            inputs(&one.input_seqs),
            ended.unwrap_or_default(),
            one.correlation.clone(),
        ]);
    }
    if table.is_empty() {
        return Ok(out.line("no activations")?);
    }
    out.table(&table)?;
    if answer.activations.iter().any(|one| one.unowned) {
        out.line(show::UNOWNED)?;
    }
    let hidden = answer.activations.iter().filter(|one| one.hidden).count();
    if hidden > 0 {
        let work = count(hidden as u64, "activation works", "activations work");
        out.line(&format!("{work} on what is not shown: {}", look::TO_SEE))?;
    }
    if let Some(next) = answer.next {
        out.line(&format!("there are more: --after {next}"))?;
    }
    Ok(())
}

/// The first inputs by seq, and how many there are beside them.
fn inputs(seqs: &[u64]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = seqs.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = seqs.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

pub(super) async fn show(
    args: &ActivationShow,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let view = show::find(&reader, args.id).await?;
    let detail = show::detail(&reader, &view).await?;
    if out.json {
        return Ok(out.json(&detail)?);
    }
    show::tell(&detail, false, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_inputs_are_counted() {
        assert_eq!(inputs(&[4]), "4");
        assert_eq!(inputs(&[1, 2, 3, 4, 5]), "1, 2, 3 and 2 more");
    }
}
