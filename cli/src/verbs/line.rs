//! An event in one line, for people: what happened, and the fields that matter, by name.

use super::show::to_the_second;
use crate::describe;
use crate::output::Paint;
use crate::wire::{Actor, Event, Happened, Metered};

/// The parts of a line.
pub(super) struct Line {
    /// Seq, time and actor.
    pub(super) head: String,
    /// What happened, and how it stands out.
    pub(super) kind: &'static str,
    pub(super) paint: Option<Paint>,
    /// To whom or what.
    pub(super) rest: String,
}

/// An event in one line.
pub(super) fn line(event: &Event) -> Line {
    let (kind, rest) = board(&event.happened);
    let actor = actor(&event.actor);
    Line {
        head: format!("{:>6}  {}  {}  ", event.seq, to_the_second(&event.at), fitted(&actor)),
        kind,
        paint: paint(&event.happened),
        rest,
    }
}

/// A text in a column: filled up with blanks, or cut in the middle, where an agent's name and the
/// number of its attempt both stay to be seen.
fn fitted(text: &str) -> String {
    const WIDTH: usize = 18;
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= WIDTH {
        return format!("{text:<WIDTH$}");
    }
    let head = (WIDTH - 1) / 2;
    let tail = chars.len() - (WIDTH - 1 - head);
    chars[..head].iter().chain(&['…']).chain(&chars[tail..]).collect()
}

fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Attempt { attempt, agent } => {
            format!("{} {attempt}", agent.as_deref().unwrap_or("attempt"))
        }
        Actor::Program { name } => format!("program {name}"),
        Actor::Operator { name, .. } => format!("operator {name}"),
        Actor::Board => "board".to_owned(),
    }
}

fn paint(happened: &Happened) -> Option<Paint> {
    match happened {
        Happened::AttemptEnded { next: "dead", .. } | Happened::ActivationClosed { .. } => {
            Some(Paint::Red)
        }
        Happened::AttemptEnded { end: "done", .. } => Some(Paint::Green),
        Happened::BreakerOpened { .. } | Happened::AlertEnded { end: "given-up", .. } => {
            Some(Paint::Red)
        }
        Happened::BreakerClosed { .. } | Happened::Resumed { .. } => Some(Paint::Green),
        Happened::AttemptEnded { .. }
        | Happened::BreakerHalfOpened { .. }
        | Happened::Paused { .. }
        | Happened::LimitReached { .. }
        | Happened::Adopted { .. }
        | Happened::PredicateFailed { .. } => Some(Paint::Yellow),
        Happened::BoardCreated { .. }
        | Happened::OwnerChanged { .. }
        | Happened::ClockJumped { .. }
        | Happened::TypeRegistered { .. }
        | Happened::AgentDefined { .. }
        | Happened::AgentRetired { .. }
        | Happened::SessionOpened { .. }
        | Happened::SessionEnded { .. }
        | Happened::ArtifactCommitted { .. }
        | Happened::ActivationCreated { .. }
        | Happened::AttemptStarted { .. }
        | Happened::StepRecorded { .. }
        | Happened::ActivationRedriven { .. }
        | Happened::DeadLetterDropped { .. }
        | Happened::CorrelationCancelled {}
        | Happened::DependencyDefined { .. }
        | Happened::DebtPaid { .. }
        | Happened::AlertEnded { .. }
        | Happened::StepIntended { .. }
        | Happened::StepWithdrawn { .. }
        | Happened::StepSettled { .. } => None,
    }
}

/// What happened to the board; work is told by [`work`].
fn board(happened: &Happened) -> (&'static str, String) {
    match happened {
        Happened::BoardCreated { name, .. } => ("board created", name.clone()),
        Happened::OwnerChanged { epoch, program, .. } => {
            ("owner changed", format!("{program}, epoch {epoch}"))
        }
        Happened::ClockJumped { by_ms } => {
            let direction = if *by_ms < 0 { "back" } else { "ahead" };
            ("clock jumped", format!("{direction} by {} s", by_ms.unsigned_abs() / 1_000))
        }
        Happened::TypeRegistered { name, version, .. } => {
            ("type registered", format!("{name} version {version}"))
        }
        Happened::AgentDefined { agent, definition, .. } => {
            let wanted: Vec<String> =
                definition.subscriptions.iter().map(describe::sentence).collect();
            ("agent defined", format!("{agent} on {}", wanted.join("; ")))
        }
        Happened::AgentRetired { agent, .. } => ("agent retired", agent.clone()),
        Happened::SessionOpened { slots, .. } => ("session opened", format!("{slots} slots")),
        Happened::SessionEnded { reason, .. } => ("session ended", (*reason).to_owned()),
        Happened::ArtifactCommitted { type_name, artifact, wakes, declined, .. } => {
            let mut text = format!("{type_name} {artifact}");
            if !wakes.is_empty() {
                text.push_str(&format!(" wakes {}", wakes.join(", ")));
            }
            if !declined.is_empty() {
                let declined: Vec<String> =
                    declined.iter().map(|(agent, clause)| format!("{agent} ({clause})")).collect();
                text.push_str(&format!(" not {}", declined.join(", ")));
            }
            ("artifact committed", text)
        }
        Happened::Adopted { incarnation, span } => {
            ("log adopted", format!("{span} seqs are left out; incarnation {incarnation}"))
        }
        Happened::PredicateFailed { agent, clause, count, text, .. } => {
            let times = if *count == 1 { String::new() } else { format!(", {count} times") };
            let text = text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            ("predicate failed", format!("{agent} {clause}{times}{text}"))
        }
        Happened::ActivationCreated { .. }
        | Happened::AttemptStarted { .. }
        | Happened::AttemptEnded { .. }
        | Happened::StepRecorded { .. }
        | Happened::ActivationClosed { .. }
        | Happened::ActivationRedriven { .. }
        | Happened::DeadLetterDropped { .. }
        | Happened::CorrelationCancelled {}
        | Happened::DebtPaid { .. }
        | Happened::AlertEnded { .. }
        | Happened::StepIntended { .. }
        | Happened::StepWithdrawn { .. }
        | Happened::StepSettled { .. }
        | Happened::LimitReached { .. } => work(happened),
        Happened::DependencyDefined { .. }
        | Happened::BreakerOpened { .. }
        | Happened::BreakerHalfOpened { .. }
        | Happened::BreakerClosed { .. }
        | Happened::Paused { .. }
        | Happened::Resumed { .. } => held_back(happened),
    }
}

/// An activation or an attempt, behind its agent.
fn named(agent: &Option<String>, id: String) -> String {
    match agent {
        Some(agent) => format!("{agent} {id}"),
        None => id,
    }
}

fn work(happened: &Happened) -> (&'static str, String) {
    match happened {
        Happened::AttemptStarted { activation, attempt, agent, slots, member, .. } => {
            let mut text = named(agent, format!("{activation}/{attempt}"));
            if let Some(member) = member {
                text.push_str(&format!(" by {member}"));
            }
            if *slots > 1 {
                text.push_str(&format!(", {slots} candidates"));
            }
            ("attempt started", text)
        }
        Happened::AttemptEnded {
            activation,
            attempt,
            agent,
            end,
            error_kind,
            next,
            reason,
            ..
        } => {
            let text = named(agent, format!("{activation}/{attempt}"));
            ("attempt ended", format!("{text} {}", ended((end, *error_kind), (next, *reason))))
        }
        Happened::StepRecorded { activation, attempt, agent, step, .. } => {
            ("step recorded", format!("{} {step}", named(agent, format!("{activation}/{attempt}"))))
        }
        Happened::ActivationClosed { activation, agent, why, reason } => {
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let text = named(agent, activation.to_string());
            ("activation closed", format!("{text} {why}{reason}"))
        }
        Happened::ActivationRedriven { activation, agent, .. } => {
            ("dead letter redriven", format!("{agent} {activation}"))
        }
        Happened::DeadLetterDropped { activation, agent } => {
            ("dead letter dropped", named(agent, activation.to_string()))
        }
        Happened::ActivationCreated { agent, input_seqs, .. } => {
            let inputs: Vec<String> = input_seqs.iter().map(ToString::to_string).collect();
            ("activation created", format!("{agent} on {}", inputs.join(", ")))
        }
        Happened::CorrelationCancelled {} => ("correlation cancelled", String::new()),
        Happened::DebtPaid { debt } => ("debt paid", format!("for event {debt}")),
        Happened::AlertEnded { agent, deaths, tries, end, .. } => {
            ("alert ended", format!("{agent} dead letters: {deaths}, {end} at try {tries}"))
        }
        Happened::StepIntended { .. }
        | Happened::StepWithdrawn { .. }
        | Happened::StepSettled { .. }
        | Happened::LimitReached { .. } => irreversible(happened),
        Happened::BoardCreated { .. }
        | Happened::OwnerChanged { .. }
        | Happened::ClockJumped { .. }
        | Happened::TypeRegistered { .. }
        | Happened::AgentDefined { .. }
        | Happened::AgentRetired { .. }
        | Happened::SessionOpened { .. }
        | Happened::SessionEnded { .. }
        | Happened::ArtifactCommitted { .. }
        | Happened::DependencyDefined { .. }
        | Happened::BreakerOpened { .. }
        | Happened::BreakerHalfOpened { .. }
        | Happened::BreakerClosed { .. }
        | Happened::Paused { .. }
        | Happened::Resumed { .. }
        | Happened::Adopted { .. }
        | Happened::PredicateFailed { .. } => board(happened),
    }
}

/// How an attempt ended, and what follows.
fn ended((end, kind): (&str, Option<&str>), (next, reason): (&str, Option<&str>)) -> String {
    let mut text = end.to_owned();
    if let Some(kind) = kind {
        text.push_str(&format!(": {kind}"));
    }
    if next != "closed" {
        text.push_str(&format!(", then {next}"));
    }
    if let Some(reason) = reason {
        text.push_str(&format!(": {reason}"));
    }
    text
}

/// What is told of steps that must not be done twice, and of limits.
fn irreversible(happened: &Happened) -> (&'static str, String) {
    match happened {
        Happened::StepIntended { activation, attempt, agent, step } => {
            ("step begun", format!("{} {step}", named(agent, format!("{activation}/{attempt}"))))
        }
        Happened::StepWithdrawn { activation, attempt, agent, step } => {
            let of = named(agent, format!("{activation}/{attempt}"));
            ("step withdrawn", format!("{of} {step}: it was not done"))
        }
        Happened::StepSettled { activation, agent, step, happened, .. } => {
            let found = if *happened { "it was done" } else { "it was not done" };
            ("step settled", format!("{} {step}: {found}", named(agent, activation.to_string())))
        }
        Happened::LimitReached { activation, attempt, agent, limit, value, bound } => {
            let of = named(agent, format!("{activation}/{attempt}"));
            ("limit reached", format!("{of} {limit}: {value}, the limit is {bound}"))
        }
        Happened::BoardCreated { .. }
        | Happened::OwnerChanged { .. }
        | Happened::ClockJumped { .. }
        | Happened::TypeRegistered { .. }
        | Happened::AgentDefined { .. }
        | Happened::AgentRetired { .. }
        | Happened::SessionOpened { .. }
        | Happened::SessionEnded { .. }
        | Happened::ArtifactCommitted { .. }
        | Happened::ActivationCreated { .. }
        | Happened::AttemptStarted { .. }
        | Happened::AttemptEnded { .. }
        | Happened::StepRecorded { .. }
        | Happened::ActivationClosed { .. }
        | Happened::ActivationRedriven { .. }
        | Happened::DeadLetterDropped { .. }
        | Happened::CorrelationCancelled {}
        | Happened::DependencyDefined { .. }
        | Happened::BreakerOpened { .. }
        | Happened::BreakerHalfOpened { .. }
        | Happened::BreakerClosed { .. }
        | Happened::Paused { .. }
        | Happened::Resumed { .. }
        | Happened::DebtPaid { .. }
        | Happened::AlertEnded { .. }
        | Happened::Adopted { .. }
        | Happened::PredicateFailed { .. } => work(happened),
    }
}

/// What holds work back, or lets it go.
fn held_back(happened: &Happened) -> (&'static str, String) {
    let named = |of: &Metered| format!("{} {}", of.kind, of.name);
    match happened {
        Happened::DependencyDefined { dependency, .. } => {
            ("dependency defined", dependency.clone())
        }
        Happened::BreakerOpened { of, why, failures, calls, .. } => {
            let counted = format!("{failures} of {calls} failed");
            let why = match *why {
                "operator" => "by hand".to_owned(),
                "probe" => format!("a probe failed, {counted}"),
                _ => counted,
            };
            ("breaker opened", format!("{}: {why}", named(of)))
        }
        Happened::BreakerHalfOpened { of, openings } => {
            let why = match *openings {
                1 => "its time is over".to_owned(),
                openings => format!("its time is over, for the {openings}. time in a row"),
            };
            ("breaker half-open", format!("{}: {why}", named(of)))
        }
        Happened::BreakerClosed { of, why, calls, .. } => {
            let why = match *why {
                "operator" => "by hand".to_owned(),
                _ => format!("{calls} probes ended well"),
            };
            ("breaker closed", format!("{}: {why}", named(of)))
        }
        Happened::Paused { what } => ("paused", what.clone()),
        Happened::Resumed { what } => ("resumed", what.clone()),
        Happened::BoardCreated { .. }
        | Happened::OwnerChanged { .. }
        | Happened::ClockJumped { .. }
        | Happened::TypeRegistered { .. }
        | Happened::AgentDefined { .. }
        | Happened::AgentRetired { .. }
        | Happened::SessionOpened { .. }
        | Happened::SessionEnded { .. }
        | Happened::ArtifactCommitted { .. }
        | Happened::ActivationCreated { .. }
        | Happened::AttemptStarted { .. }
        | Happened::Adopted { .. }
        | Happened::PredicateFailed { .. }
        | Happened::AttemptEnded { .. }
        | Happened::StepRecorded { .. }
        | Happened::ActivationClosed { .. }
        | Happened::ActivationRedriven { .. }
        | Happened::DeadLetterDropped { .. }
        | Happened::CorrelationCancelled {}
        | Happened::DebtPaid { .. }
        | Happened::AlertEnded { .. }
        | Happened::StepIntended { .. }
        | Happened::StepWithdrawn { .. }
        | Happened::StepSettled { .. }
        | Happened::LimitReached { .. } => board(happened),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_fills_its_column() {
        assert_eq!(fitted("board"), "board             ");
        let long = fitted("a-very-long-agent-name 123/4");
        assert_eq!((long.as_str(), long.chars().count()), ("a-very-l…ame 123/4", 18));
    }
}
