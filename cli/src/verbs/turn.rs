//! `pause` and `resume` of a board, an agent or a tree of work, and `artel breaker`: the program
//! becomes the owner of the board for a moment, records what the operator asks for, and gives the
//! board up again.

use artel::event::Metered;
use artel::ids::CorrelationId;
use artel::state::{CircuitPhase, State};
use artel::{Caretaker, OperateError, Operator};

use super::look;
use super::operate::by;
use crate::args::{AgentNamed, BreakerNamed, CorrelationNamed, Said};
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::{Whole, Wrapped};
use crate::table::Table;
use crate::{describe, times, wire};

/// What is held back by hand, or let go.
#[derive(Clone, Copy, Debug)]
enum Turn<'a> {
    Board { pause: bool },
    Agent { name: &'a str, pause: bool },
    Correlation { id: CorrelationId, pause: bool },
    AgentBreaker { name: &'a str, open: bool },
    DependencyBreaker { name: &'a str, open: bool },
}

impl Turn<'_> {
    const fn action(&self) -> &'static str {
        match self {
            Self::Board { pause } | Self::Agent { pause, .. } | Self::Correlation { pause, .. } => {
                if *pause {
                    "pause"
                } else {
                    "resume"
                }
            }
            Self::AgentBreaker { open, .. } | Self::DependencyBreaker { open, .. } => {
                if *open {
                    "open"
                } else {
                    "close"
                }
            }
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Board { .. } => "the board".to_owned(),
            Self::Agent { name, .. } => format!("agent {name}"),
            Self::Correlation { id, .. } => format!("correlation {id}"),
            Self::AgentBreaker { name, .. } => format!("the breaker of agent {name}"),
            Self::DependencyBreaker { name, .. } => format!("the breaker of dependency {name}"),
        }
    }

    async fn record(&self, operator: &Operator<'_>) -> Result<bool, OperateError> {
        match *self {
            Self::Board { pause: true } => operator.pause_board().await,
            Self::Board { pause: false } => operator.resume_board().await,
            Self::Agent { name, pause: true } => operator.pause_agent(name).await,
            Self::Agent { name, pause: false } => operator.resume_agent(name).await,
            Self::Correlation { id, pause: true } => operator.pause_correlation(id).await,
            Self::Correlation { id, pause: false } => operator.resume_correlation(id).await,
            Self::AgentBreaker { name, open: true } => operator.open_agent_breaker(name).await,
            Self::AgentBreaker { name, open: false } => operator.close_agent_breaker(name).await,
            Self::DependencyBreaker { name, open: true } => {
                operator.open_dependency_breaker(name).await
            }
            Self::DependencyBreaker { name, open: false } => {
                operator.close_dependency_breaker(name).await
            }
        }
    }
}

pub(super) async fn board(
    pause: bool,
    said: &Said,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    carry_out(Turn::Board { pause }, said, config, out).await
}

pub(super) async fn agent(
    pause: bool,
    args: &AgentNamed,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    carry_out(Turn::Agent { name: &args.name, pause }, &args.said, config, out).await
}

pub(super) async fn correlation(
    pause: bool,
    args: &CorrelationNamed,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    carry_out(Turn::Correlation { id: args.id, pause }, &args.said, config, out).await
}

pub(super) async fn breaker(
    open: bool,
    args: &BreakerNamed,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let turn = match (&args.agent, &args.dependency) {
        (Some(name), _) => Turn::AgentBreaker { name, open },
        (None, name) => Turn::DependencyBreaker { name: name.as_deref().unwrap_or_default(), open },
    };
    carry_out(turn, &args.said, config, out).await
}

async fn carry_out(
    turn: Turn<'_>,
    said: &Said,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let by = by(&said.by)?;
    let caretaker = Caretaker::open(&config.board).await?;
    let recorded = async {
        let operator = caretaker.operator(&by, &said.reason)?;
        turn.record(&operator).await
    };
    let changed = recorded.await;
    // What was acknowledged is durable, however the board is given up.
    let _ = caretaker.close().await;
    tell(turn, changed?, out)
}

fn tell(turn: Turn<'_>, changed: bool, out: &mut Output) -> Result<(), Error> {
    let (action, what) = (turn.action(), turn.what());
    if out.json {
        return Ok(out.json(&wire::Turned { action, what, changed })?);
    }
    let (done, now) = match action {
        "pause" => ("paused", "what is published waits until it is resumed"),
        "resume" => ("resumed", "what waits runs when the board's program starts"),
        "open" => ("opened", "work waits behind it until it is closed by hand"),
        _ => ("closed", "work is let through when the board's program starts"),
    };
    if !changed {
        return Ok(out.line(&format!("nothing to {action}: {what} was {done} already"))?);
    }
    out.line(&format!("{done} {what}"))?;
    Ok(out.line(&format!("no process owned the board, so this one recorded it; {now}"))?)
}

pub(super) async fn breakers(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let state = reader.state();
    let agents = state.agents().map(|(no, _)| Metered::Agent(no));
    let dependencies = state.dependencies().map(|(no, _)| Metered::Dependency(no));
    let breakers = agents.chain(dependencies).filter_map(|of| breaker_of(state, of));
    let breakers = wire::Breakers { breakers: breakers.collect() };
    if out.json {
        return Ok(out.json(&breakers)?);
    }
    if breakers.breakers.is_empty() {
        return Ok(out.line("no agent and no dependency has a circuit breaker")?);
    }
    let mut table = Table::new([
        Wrapped("BREAKER OF"),
        Whole("PHASE"),
        Wrapped("UNTIL"),
        Whole("FAILURES"),
        Wrapped("OPENS AT"),
    ]);
    for one in &breakers.breakers {
        table.row([
            format!("{} {}", one.of.kind, one.of.name),
            one.phase.to_owned(),
            until(one),
            counted(one),
            opens_at(&one.options),
        ]);
    }
    Ok(out.table(&table)?)
}

/// What it has counted; it begins anew when it opens, and counts nothing while it is open.
fn counted(breaker: &wire::Breaker) -> String {
    match (breaker.failures, breaker.calls) {
        (Some(failures), Some(calls)) => format!("{failures} of {calls}"),
        _ => "-".to_owned(),
    }
}

fn until(breaker: &wire::Breaker) -> String {
    match (breaker.phase, &breaker.until) {
        ("open", Some(until)) => until.clone(),
        ("open", None) => "closed by hand".to_owned(),
        ("half-open", _) => {
            format!("{} of {} end well", breaker.probes_succeeded, breaker.options.probes)
        }
        _ => String::new(),
    }
}

fn opens_at(options: &wire::BreakerOptions) -> String {
    match (options.consecutive_failures, options.failure_percent) {
        (Some(failures), _) => format!("{failures} in a row"),
        (None, percent) => format!(
            "{} % of at least {}",
            percent.unwrap_or_default(),
            options.minimum_calls.unwrap_or_default()
        ),
    }
}

/// The breaker of an agent or a dependency that has one.
pub(super) fn breaker_of(state: &State, of: Metered) -> Option<wire::Breaker> {
    let (meter, limits) = state.meter(of)?;
    let (circuit, breaker) = (meter.circuit.as_ref()?, limits.breaker.as_ref()?);
    let counts = matches!(circuit.phase, CircuitPhase::Closed).then(|| circuit.counts(breaker));
    let (phase, until, probes) = match &circuit.phase {
        CircuitPhase::Closed => ("closed", None, (0, 0)),
        CircuitPhase::Open { .. } => ("open", circuit.due(), (0, 0)),
        CircuitPhase::HalfOpen { probes, succeeded, .. } => {
            ("half-open", None, (probes.len() as u64, *succeeded))
        }
    };
    Some(wire::Breaker {
        of: describe::metered(state, of),
        phase,
        until: until.map(|until| times::millis(times::on_wall(state, until))),
        probes_running: probes.0,
        probes_succeeded: probes.1,
        openings: circuit.openings,
        failures: counts.map(|counts| counts.failures),
        calls: counts.map(|counts| counts.calls),
        options: describe::breaker(breaker),
    })
}
