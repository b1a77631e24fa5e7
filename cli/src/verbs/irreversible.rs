//! What is told of steps that must not be done twice, of limits that were reached, of alerts that ended, and
//! of a log that was adopted.

use artel::event::Event;
use artel::state::State;

use super::happened::happened;
use crate::{describe, wire, words};

/// What is told of steps that must not be done twice, of limits, of alerts, and of adoption.
pub(super) fn tell(event: &Event, agent: Option<String>, state: &State) -> wire::Happened {
    match event {
        Event::StepIntended { attempt, step } => wire::Happened::StepIntended {
            activation: describe::number(attempt.activation),
            attempt: attempt.attempt.get(),
            agent,
            step: step.to_string(),
        },
        Event::StepWithdrawn { attempt, step } => wire::Happened::StepWithdrawn {
            activation: describe::number(attempt.activation),
            attempt: attempt.attempt.get(),
            agent,
            step: step.to_string(),
        },
        Event::StepSettled { activation, step, result } => wire::Happened::StepSettled {
            activation: describe::number(*activation),
            agent,
            step: step.to_string(),
            happened: result.is_some(),
            result: result.map(|result| result.to_string()),
        },
        Event::LimitReached { attempt, limit, value, bound, .. } => wire::Happened::LimitReached {
            activation: describe::number(attempt.activation),
            attempt: attempt.attempt.get(),
            agent,
            limit: words::reached(*limit),
            value: *value,
            bound: *bound,
        },
        Event::AlertEnded { agent, alert, deaths, tries, end } => wire::Happened::AlertEnded {
            agent: describe::agent(state, *agent),
            alert: alert.0.get(),
            deaths: *deaths,
            tries: *tries,
            end: words::alert_end(*end),
        },
        Event::Adopted { incarnation, span } => {
            wire::Happened::Adopted { incarnation: incarnation.to_string(), span: *span }
        }
        Event::BoardCreated { .. }
        | Event::OwnerChanged { .. }
        | Event::ClockJumped { .. }
        | Event::TypeRegistered { .. }
        | Event::AgentDefined { .. }
        | Event::AgentRetired { .. }
        | Event::SessionOpened { .. }
        | Event::SessionEnded { .. }
        | Event::ArtifactCommitted(_)
        | Event::ActivationCreated { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::StepRecorded { .. }
        | Event::ActivationClosed { .. }
        | Event::ActivationRedriven(_)
        | Event::DeadLetterDropped { .. }
        | Event::CorrelationCancelled { .. }
        | Event::DependencyDefined { .. }
        | Event::BreakerOpened { .. }
        | Event::BreakerHalfOpened { .. }
        | Event::BreakerClosed { .. }
        | Event::Paused { .. }
        | Event::Resumed { .. }
        | Event::DebtPaid { .. }
        | Event::PredicateFailed { .. } => happened(event, agent, state),
    }
}
