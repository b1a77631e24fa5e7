//! The verbs of `artel dlq`, about dead letters.

use clap::{ArgGroup, Args, Subcommand};

use artel::fingerprint::Fingerprint;
use artel::ids::{ActivationId, Seq};

use super::value::{Moment, ReasonArg, activation_id, seq};

#[derive(Debug, Subcommand)]
pub(crate) enum DlqVerb {
    /// Lists dead letters with the error of their last attempt, oldest first
    #[command(after_help = "\
Examples:
  artel dlq ls
  artel dlq ls --agent licence --died-of attempts-exhausted
  artel dlq ls --json | jq -r '.dead_letters[].id'")]
    Ls(DlqLs),
    /// Groups dead letters by what went wrong: the largest group first
    ///
    /// Those of one agent, of one kind, whose messages differ in numbers only, are one group. It has a
    /// fingerprint, which the other verbs take.
    #[command(after_help = "\
Examples:
  artel dlq groups
  artel dlq groups --queue orders --since 1h
  artel dlq groups --json | jq -r '.groups[] | [.count, .fingerprint, .message] | @tsv'")]
    Groups(DlqFilter),
    /// Shows a dead letter: its inputs, and every attempt with its errors and log lines
    #[command(after_help = "\
Examples:
  artel dlq show 43
  artel dlq show 43 --json | jq '.inputs[0].payload'")]
    Show(DlqShow),
    /// Lists the alerts of dead letters that are not delivered yet
    ///
    /// An alert is sent when its dead letters have been gathered. One that is overdue has a receiver
    /// that does not take it, or an agent that no program runs; the program's log says why, and
    /// `event tail` shows those that were delivered or given up.
    #[command(after_help = "\
Examples:
  artel dlq alerts
  artel dlq alerts --json | jq '[.alerts[] | select(.overdue_ms > 0)] | length'")]
    Alerts,
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
  artel dlq redrive --fingerprint 5c8f0b6e2d41a9f7 --since 2h --reason 'the fix is deployed'
  artel dlq redrive 43 --reason 'the order does not matter here' --out-of-order")]
    Redrive(DlqRedrive),
    /// Gives dead letters up: they stay on record and are never tried again
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel dlq drop 43 --reason 'the package was withdrawn'
  artel dlq drop --agent licence --died-of total-timeout --reason 'done by hand' --dry-run")]
    Drop(DlqSelect),
}

/// Which dead letters are meant. All conditions hold together.
#[derive(Args, Debug)]
pub(crate) struct DlqFilter {
    /// Only those of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only those in this queue; an agent's queue has its name, unless it says otherwise
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only those that died of this
    #[arg(long, value_name = "REASON", value_enum)]
    pub(crate) died_of: Option<ReasonArg>,
    /// Only those of this group, as `dlq groups` shows them
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Only those that died at or after this time, or in the last so long, such as 15m
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Only those that died before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
}

#[derive(Args, Debug)]
pub(crate) struct DlqLs {
    #[command(flatten)]
    pub(crate) filter: DlqFilter,
    /// At most this many, up to 10000
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// The page after this one, which the page before named
    #[arg(long, value_name = "ID", value_parser = seq)]
    pub(crate) after: Option<Seq>,
}

#[derive(Args, Debug)]
pub(crate) struct DlqShow {
    /// The dead letter
    #[arg(value_name = "ID", value_parser = activation_id)]
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
#[command(group = ArgGroup::new("meant").args(["ids", "all", "agent", "queue", "died_of",
          "fingerprint", "since", "until"]).required(true).multiple(true))]
pub(crate) struct DlqSelect {
    /// The dead letters, where no condition says which
    #[arg(value_name = "ID", conflicts_with_all = ["all", "agent", "queue",
          "died_of", "fingerprint", "since", "until"],
          value_parser = activation_id)]
    pub(crate) ids: Vec<ActivationId>,
    #[command(flatten)]
    pub(crate) filter: DlqFilter,
    /// All that meet the conditions; where there are none, all dead letters of the board
    #[arg(long)]
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
