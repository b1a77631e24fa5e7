//! The verbs that hold work back by hand, or let it go: `pause`, `resume`, and those of
//! `artel breaker`.

use clap::{ArgGroup, Args, Subcommand};

use artel::ids::CorrelationId;

use super::value::correlation_id;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// Leases nothing more of an agent until it is resumed; what runs goes on
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    /// It stays paused when the board's program starts.
    #[command(after_help = "\
Examples:
  artel agent pause licence --reason 'the registry moves tonight'")]
    Pause(AgentNamed),
    /// Leases work of an agent again
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel agent resume licence --reason 'the registry has moved'")]
    Resume(AgentNamed),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CorrelationVerb {
    /// Shows a tree of work: what is open of it, what it came to, and the limits that it reached
    #[command(after_help = "\
Examples:
  artel correlation show 0193f2a0-7c1e-7000-8000-00000000000a
  artel correlation show 0193f2a0-7c1e-7000-8000-00000000000a --json | jq .limits")]
    Show(CorrelationShow),
    /// Leases nothing more of a tree of work until it is resumed; what runs goes on
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel correlation pause 0193f2a0-7c1e-7000-8000-00000000000a --reason 'under review'")]
    Pause(CorrelationNamed),
    /// Leases work of a tree of work again
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel correlation resume 0193f2a0-7c1e-7000-8000-00000000000a --reason 'reviewed'")]
    Resume(CorrelationNamed),
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerVerb {
    /// Lists the circuit breakers of agents and of what they depend on
    #[command(after_help = "\
Examples:
  artel breaker ls
  artel breaker ls --json | jq '.breakers[] | select(.phase != \"closed\")'")]
    Ls,
    /// Opens a circuit breaker until it is closed by hand; what runs goes on
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel breaker open --dependency registry --reason 'it gives wrong answers'
  artel breaker open --agent licence --reason 'it gives wrong answers'")]
    Open(BreakerNamed),
    /// Closes a circuit breaker, whatever it has counted
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel breaker close --dependency registry --reason 'it is well again' --by anna")]
    Close(BreakerNamed),
}

/// Who asks for something, and why.
#[derive(Args, Debug)]
pub(crate) struct Said {
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who asks; it is recorded [env: ARTEL_OPERATOR] [default: USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AgentNamed {
    /// The agent
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) said: Said,
}

#[derive(Args, Debug)]
pub(crate) struct CorrelationShow {
    /// The tree of work
    #[arg(value_name = "ID", value_parser = correlation_id)]
    pub(crate) id: CorrelationId,
}

#[derive(Args, Debug)]
pub(crate) struct CorrelationNamed {
    /// The tree of work
    #[arg(value_name = "ID", value_parser = correlation_id)]
    pub(crate) id: CorrelationId,
    #[command(flatten)]
    pub(crate) said: Said,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("whose").required(true))]
pub(crate) struct BreakerNamed {
    /// The breaker of this agent
    #[arg(long, value_name = "NAME", group = "whose")]
    pub(crate) agent: Option<String>,
    /// The breaker of this dependency
    #[arg(long, value_name = "NAME", group = "whose")]
    pub(crate) dependency: Option<String>,
    #[command(flatten)]
    pub(crate) said: Said,
}
