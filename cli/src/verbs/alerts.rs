//! `artel dlq alerts`: what whoever looks after a board is still to be told, and for how long it has been
//! due.

use artel::SystemClock;
use artel::state::State;
use artel::time::Clock;

use super::{look, show};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::{describe, times, wire, words};

pub(super) async fn ls(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let alerts = tell(reader.state());
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
            one.fingerprint.clone(),
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

fn tell(state: &State) -> Vec<wire::Alert> {
    let now = SystemClock::default().wall();
    let alerts = state.alerts().map(|(agent, id, alert)| wire::Alert {
        alert: id.0.get(),
        agent: describe::agent(state, agent),
        deaths: alert.deaths,
        others: alert.others,
        reason: words::reason(alert.reason),
        fingerprint: alert.fingerprint.to_string(),
        dead_letters: alert.named.iter().copied().map(describe::number).collect(),
        first_at: times::millis(alert.first),
        last_at: times::millis(alert.last),
        overdue_ms: times::whole_millis(now.since(times::on_wall(state, alert.due))),
    });
    alerts.collect()
}
