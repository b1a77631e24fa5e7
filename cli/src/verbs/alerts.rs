//! `artel dlq alerts`: what whoever looks after a board is still to be told, and for how long it has been
//! due.

use artel::time::Clock;
use artel::{Reader, SystemClock};

use super::{look, show};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::{describe, times, wire, words};

pub(super) async fn ls(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let alerts = tell(&reader).await?;
    let answer = wire::Alerts { alerts };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    let mut table = Table::new([
        Column::Whole("ALERT"),
        Column::Wrapped("AGENT"),
        Column::Whole("COUNT"),
        Column::Wrapped("REASON"),
        Column::Whole("FINGERPRINT"),
        Column::Whole("FIRST"),
        Column::Whole("LAST"),
        Column::Whole("OVERDUE"),
    ]);
    for one in &answer.alerts {
        let overdue = if one.overdue_ms == 0 {
            "is gathered".to_owned()
        } else {
            format!("{} s", one.overdue_ms / 1_000)
        };
        table.row([
            one.alert.to_string(),
            one.agent.clone(),
            one.deaths.to_string(),
            one.reason.to_owned(),
            one.fingerprint.clone().unwrap_or_default(),
            show::to_the_second(&one.first_at),
            show::to_the_second(&one.last_at),
            overdue,
        ]);
    }
    if table.is_empty() {
        return Ok(out.line("no alerts wait to be delivered")?);
    }
    Ok(out.table(&table)?)
}

async fn tell(reader: &Reader) -> Result<Vec<wire::Alert>, Error> {
    let state = reader.state();
    let now = SystemClock::default().wall();
    let mut alerts = Vec::new();
    for (agent, id, alert) in state.alerts() {
        let first = alert.named.first().copied();
        let first = match first {
            Some(first) => reader.activation(first).await?,
            None => None,
        };
        // Of what whoever asks may not see, nothing is told that was made of it.
        let fingerprint = first.and_then(|view| view.death).map(|_| alert.fingerprint.to_string());
        alerts.push(wire::Alert {
            alert: id.0.get(),
            agent: describe::agent(state, agent),
            deaths: alert.deaths,
            others: alert.others,
            reason: words::reason(alert.reason),
            fingerprint,
            dead_letters: alert.named.iter().copied().map(describe::number).collect(),
            first_at: times::millis(alert.first),
            last_at: times::millis(alert.last),
            overdue_ms: times::whole_millis(now.since(times::on_wall(state, alert.due))),
        });
    }
    Ok(alerts)
}
