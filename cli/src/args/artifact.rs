//! The verbs of `artel artifact`, about what is on a board.

use clap::{Args, Subcommand};

use artel::ids::{CorrelationId, Seq};

use super::value::{ArtifactRef, Moment, correlation_id, seq};

#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactVerb {
    /// Lists artifacts, oldest first
    #[command(after_help = "\
Examples:
  artel artifact ls --type review.Verdict --newest --limit 10
  artel artifact ls --agent licence --tag urgent --since 15m
  artel artifact ls --correlation 0193f2a0-… --json | jq '.artifacts[].payload'
  artel artifact ls --after 1234              the page after seq 1234")]
    Ls(ArtifactLs),
    /// Shows an artifact, what it was made from, what it woke, and what it did not wake and why
    #[command(after_help = "\
Examples:
  artel artifact show 0193f2a0-7c1e-7000-8000-00000000000a
  artel artifact show 42                      the artifact with seq 42
  artel artifact show 42 --json | jq '.not_woken'")]
    Show(ArtifactShow),
}

#[derive(Args, Debug)]
pub(crate) struct ArtifactLs {
    /// Only artifacts of this type, or of another one that is named
    #[arg(long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,
    /// Only artifacts that this agent made, or another one that is named
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Vec<String>,
    /// Only artifacts of this tree of work
    #[arg(long, value_name = "ID", value_parser = correlation_id)]
    pub(crate) correlation: Option<CorrelationId>,
    /// Only artifacts with this tag, and every other one that is named
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// Only artifacts committed at or after this time: 2026-11-21T05:44:00Z, 2026-11-21, or how
    /// long ago, such as 15m
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// Only artifacts committed before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
    /// Newest first
    #[arg(long)]
    pub(crate) newest: bool,
    /// At most this many, up to 10000
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// The page after this seq, which the page before named
    #[arg(long, value_name = "SEQ", value_parser = seq)]
    pub(crate) after: Option<Seq>,
}

#[derive(Args, Debug)]
pub(crate) struct ArtifactShow {
    /// The artifact: its id, or its seq
    #[arg(value_name = "ID")]
    pub(crate) artifact: ArtifactRef,
}
