//! Alerts: what the board owes whoever looks after it. An agent's deaths of one fingerprint are gathered
//! for a while into one alert; then a task of the owner sends it, and the decision that records how that
//! ended removes it. An alert that is not yet sent is part of the state, so no crash loses one.

use serde::{Deserialize, Serialize};

use super::evolve::Evolved;
use super::state::State;
use crate::command::Rejection;
use crate::event::{AlertEnd, DeadReason, Event};
use crate::fingerprint::Fingerprint;
use crate::ids::{ActivationId, AgentNo, DebtId, Seq};
use crate::log::{ClosedActivation, Outcome};
use crate::policy::{ErrorKind, limits};
use crate::time::{Elapsed, Timestamp};

/// Dead letters of one agent and, as long as there is room, of one fingerprint, which its webhook is to
/// be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What the first of them is grouped by.
    pub fingerprint: Fingerprint,
    /// Why the first of them died.
    pub reason: DeadReason,
    /// The kind of its failure, where an attempt failed.
    pub kind: Option<ErrorKind>,
    /// Until when further ones are counted into it. Then it is sent.
    pub due: Elapsed,
    /// When the first of them died.
    pub first: Timestamp,
    /// When the last of them died.
    pub last: Timestamp,
    /// How many there are.
    pub deaths: u64,
    /// How many of them have other fingerprints: there was no room for an alert of their own.
    pub others: u64,
    /// The first of them.
    pub named: Vec<ActivationId>,
}

/// An alert is over, as whoever sent it reports.
#[derive(Clone, Copy, Debug)]
pub struct EndAlert {
    /// Whose dead letters it is about.
    pub agent: AgentNo,
    /// Which alert.
    pub alert: DebtId,
    /// How many dead letters it was about when it was sent.
    pub deaths: u64,
    /// How often it was sent.
    pub tries: u32,
    /// How it ended.
    pub end: AlertEnd,
}

impl State {
    /// The alerts that are not yet sent, each with the agent whose dead letters it is about.
    pub fn alerts(&self) -> impl Iterator<Item = (AgentNo, DebtId, &Alert)> {
        self.alerts.iter().map(|(&(agent, id), alert)| (agent, id, alert))
    }

    /// Owes an alert of an activation that died, where its agent has a webhook, and says whether that
    /// is a further one.
    pub(super) fn owe_alert(&mut self, closed: &ClosedActivation) -> bool {
        let (Outcome::Dead(reason), Some(death)) = (closed.outcome, closed.death) else {
            return false;
        };
        let agent = closed.agent;
        let gather = self.agent(agent).and_then(|record| record.definition.alert_after);
        let Some(gather) = gather else { return false };
        let now = self.header.elapsed;
        let gathers = |alert: &Alert| alert.fingerprint == death.fingerprint && now < alert.due;
        let own = (agent, DebtId(Seq(0)))..=(agent, DebtId(Seq(u64::MAX)));
        let mut alerts = self.alerts.range(own.clone()).rev();
        let mut known = alerts.find(|(_, alert)| gathers(alert)).map(|(&key, _)| key);
        if known.is_none() && self.alerts.range(own.clone()).count() >= limits::ALERTS_MAX {
            known = self.alerts.range(own).next_back().map(|(&key, _)| key);
        }
        if let Some(alert) = known.and_then(|key| self.alerts.get_mut(&key)) {
            alert.last = closed.at;
            alert.deaths += 1;
            alert.others += u64::from(alert.fingerprint != death.fingerprint);
            if alert.named.len() < limits::ALERT_NAMES_MAX {
                alert.named.push(closed.activation);
            }
            return false;
        }
        let alert = Alert {
            fingerprint: death.fingerprint,
            reason,
            kind: death.kind,
            due: now.after(gather),
            first: closed.at,
            last: closed.at,
            deaths: 1,
            others: 0,
            named: vec![closed.activation],
        };
        self.alerts.insert((agent, DebtId(closed.ended)), alert);
        true
    }

    /// Records how the sending of an alert ended. One that has grown since it was sent is still owed:
    /// nobody has been told of all of it.
    pub(super) fn decide_end_alert(
        &self,
        end: &EndAlert,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let EndAlert { agent, alert, deaths, tries, end } = *end;
        let owed = self.alerts.get(&(agent, alert));
        if owed.is_none_or(|owed| owed.deaths != deaths) {
            return Err(Rejection::NotOwed { debt: alert });
        }
        events.push(Event::AlertEnded { agent, alert, deaths, tries, end });
        Ok(())
    }

    /// An alert is over.
    pub(super) fn forget_alert(&mut self, agent: AgentNo, alert: DebtId) -> Evolved {
        let ended = self.alerts.remove(&(agent, alert));
        ended.map(drop).ok_or_else(|| format!("no alert is owed for {alert}"))
    }

    /// An agent that has no webhook any more has nobody to send its alerts to.
    pub(super) fn forget_alerts_of(&mut self, agent: AgentNo) {
        self.alerts.retain(|(of, _), _| *of != agent);
    }
}
