//! The verbs of `artel event`, about what happened.

use std::time::Duration;

use clap::{Args, Subcommand};

use artel::ids::{CorrelationId, Seq};

use super::value::{correlation_id, duration, seq};

#[derive(Debug, Subcommand)]
pub(crate) enum EventVerb {
    /// Prints what happened, one line an event: the last events, or those from a seq on
    ///
    /// For people: seq, time, who asked, what happened. With --json one object a line, with
    /// everything that is recorded. A seq that is left out is the commit of an artifact that may not
    /// be seen by whoever looks.
    #[command(after_help = "\
Examples:
  artel event tail                            the last 20 events
  artel event tail --from 1 --limit 50        the first 50
  artel event tail --correlation 0193f2a0-7c1e-7000-8000-00000000000a
  artel event tail --follow --every 2s        what happens from now on, until interrupted
  artel event tail --from 1 --json | jq -c 'select(.kind == \"attempt_ended\")'")]
    Tail(EventTail),
}

#[derive(Args, Debug)]
pub(crate) struct EventTail {
    /// Begin with this seq, 1 for the first event; without it, with the last events, or with
    /// --follow after the last one
    #[arg(long, value_name = "SEQ", value_parser = seq)]
    pub(crate) from: Option<Seq>,
    /// At most this many: the first ones with --from, else the last ones [default: 20 without
    /// --from and --follow, else no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: Option<u32>,
    /// Only events of this tree of work
    #[arg(long, value_name = "ID", value_parser = correlation_id)]
    pub(crate) correlation: Option<CorrelationId>,
    /// Go on with what happens from now on, until interrupted, also when the log was away for a while
    #[arg(long)]
    pub(crate) follow: bool,
    /// How long to wait before looking again, with --follow
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration,
          requires = "follow")]
    pub(crate) every: Duration,
}
