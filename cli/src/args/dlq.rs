//! The verbs of `artel dlq`, about dead letters.

use clap::{ArgGroup, Args, Subcommand};

use artel::ids::{ActivationId, Seq};

use super::value::ReasonArg;

#[derive(Debug, Subcommand)]
pub(crate) enum DlqVerb {
    /// Lists dead letters with the error of their last attempt, oldest first
    #[command(after_help = "\
Examples:
  artel dlq ls
  artel dlq ls --agent licence --reason attempts-exhausted
  artel dlq ls --json | jq -r '.dead_letters[].id'")]
    Ls(DlqLs),
    /// Shows a dead letter: its inputs, and every attempt with its errors and log lines
    #[command(after_help = "\
Examples:
  artel dlq show 43
  artel dlq show 43 --json | jq '.inputs[0].payload'")]
    Show(DlqShow),
    /// Lets dead letters be tried again, with a new chain of attempts
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records
    /// it; they run at the next start of the board's program. Never a second success: what an
    /// activation returns is on the board once.
    #[command(after_help = "\
Examples:
  artel dlq redrive 43 44 --reason 'the registry is back'
  artel dlq redrive --agent licence --reason 'the fix is deployed' --dry-run
  artel dlq redrive --all --reason 'the fix is deployed' --by anna
  artel dlq redrive 43 --reason 'the order does not matter here' --out-of-order")]
    Redrive(DlqRedrive),
    /// Gives dead letters up: they stay on record and are never tried again
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel dlq drop 43 --reason 'the package was withdrawn'
  artel dlq drop --agent licence --reason 'done by hand' --dry-run")]
    Drop(DlqSelect),
}

#[derive(Args, Debug)]
pub(crate) struct DlqLs {
    /// Only those of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only those in this queue; an agent's queue has its name, unless it says otherwise
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only those that died of this
    #[arg(long, value_enum)]
    pub(crate) reason: Option<ReasonArg>,
    /// At most this many, up to 10000
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// The page after this one, which the page before named
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<Seq>,
}

#[derive(Args, Debug)]
pub(crate) struct DlqShow {
    /// The dead letter
    #[arg(value_name = "ID")]
    pub(crate) id: ActivationId,
}

#[derive(Args, Debug)]
pub(crate) struct DlqRedrive {
    #[command(flatten)]
    pub(crate) select: DlqSelect,
    /// Also those of an ordering key of which younger ones may have run since
    #[arg(long)]
    pub(crate) out_of_order: bool,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true))]
pub(crate) struct DlqSelect {
    /// The dead letters
    #[arg(value_name = "ID", group = "which")]
    pub(crate) ids: Vec<ActivationId>,
    /// All dead letters of this agent
    #[arg(long, value_name = "NAME", group = "which")]
    pub(crate) agent: Option<String>,
    /// All dead letters of the board
    #[arg(long, group = "which")]
    pub(crate) all: bool,
    /// Why; it is recorded
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Who asks; it is recorded [env: ARTEL_OPERATOR] [default: USER]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Only say which ones are meant
    #[arg(long)]
    pub(crate) dry_run: bool,
}
