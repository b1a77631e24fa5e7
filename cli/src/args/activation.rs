//! The verbs of `artel activation`, about units of work.

use clap::{Args, Subcommand};

use artel::ids::{ActivationId, CorrelationId, Seq};

use super::value::{OutcomeArg, activation_id, correlation_id, seq};

#[derive(Debug, Subcommand)]
pub(crate) enum ActivationVerb {
    /// Lists units of work, oldest first
    #[command(after_help = "\
Examples:
  artel activation ls --open
  artel activation ls --agent licence --outcome dead --outcome dropped
  artel activation ls --correlation 0193f2a0-7c1e-7000-8000-00000000000a")]
    Ls(ActivationLs),
    /// Shows a unit of work: its inputs, what it waits for or came to, and every attempt
    #[command(after_help = "\
Examples:
  artel activation show 43
  artel activation show 43 --json | jq '.history[].error'")]
    Show(ActivationShow),
    /// Cancels units of work that wait or run: all of them or none
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel activation cancel 43 44 --reason 'the customer withdrew the order'")]
    Cancel(ActivationCancel),
}

#[derive(Args, Debug)]
pub(crate) struct ActivationLs {
    /// Only those of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only those of this tree of work
    #[arg(long, value_name = "ID", value_parser = correlation_id)]
    pub(crate) correlation: Option<CorrelationId>,
    /// Only those that ended like this, or in another way that is named
    #[arg(long, value_enum, conflicts_with = "open")]
    pub(crate) outcome: Vec<OutcomeArg>,
    /// Only those that wait or run
    #[arg(long)]
    pub(crate) open: bool,
    /// At most this many, up to 10000
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// The page after this one, which the page before named
    #[arg(long, value_name = "ID", value_parser = seq)]
    pub(crate) after: Option<Seq>,
}

#[derive(Args, Debug)]
pub(crate) struct ActivationShow {
    /// The activation
    #[arg(value_name = "ID", value_parser = activation_id)]
    pub(crate) id: ActivationId,
}

#[derive(Args, Debug)]
pub(crate) struct ActivationCancel {
    /// The activations
    #[arg(value_name = "ID", required = true, value_parser = activation_id)]
    pub(crate) ids: Vec<ActivationId>,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who asks; it is recorded [env: ARTEL_OPERATOR] [default: USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}
