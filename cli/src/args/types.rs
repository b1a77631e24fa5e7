//! The verbs of `artel types`, about the types of a board.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TypesVerb {
    /// Lists the types of the board, version by version, and the agents that work with them
    #[command(after_help = "\
Examples:
  artel types ls
  artel types ls --json | jq '.types[] | select(.newest) | {name, version, artifacts}'")]
    Ls,
    /// Checks that stored payloads can still be read
    ///
    /// Reads payloads and holds each to the schema that it was published under. A program that offers
    /// these verbs over its own types (artel_cli::run_with) reads each as it would for a handler
    /// besides, those of older versions by its upcasters. Payloads that may not be seen by who looks are
    /// left out. Exit code 1 when one is not what it should be.
    #[command(after_help = "\
Examples:
  artel types check
  artel types check review.Verdict --sample 1000
  artel types check --json | jq '.failures[] | {seq, error}'")]
    Check(TypesCheck),
}

#[derive(Args, Debug)]
pub(crate) struct TypesCheck {
    /// Only payloads of these types
    #[arg(value_name = "NAME")]
    pub(crate) types: Vec<String>,
    /// Only so many of each version, spread over all there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sample: Option<u32>,
    /// How many failures are told one by one; the others are counted
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) failures: u32,
}
