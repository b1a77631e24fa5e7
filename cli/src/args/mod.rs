//! What may be written on the command line: nouns, their verbs, and what holds for all of them.

mod activation;
mod artifact;
mod bench;
mod board;
mod dlq;
mod doctor;
mod event;
mod step;
mod turn;
mod types;
mod value;

use clap::{Args, Parser, Subcommand, ValueEnum};

use artel::names::{AgentName, Label, TenantId};

pub(crate) use activation::{ActivationCancel, ActivationLs, ActivationShow, ActivationVerb};
pub(crate) use artifact::{ArtifactLs, ArtifactShow, ArtifactVerb};
pub(crate) use bench::{Bench, Correlations, Rate};
pub(crate) use board::{BoardAdopt, BoardMove, BoardRm, BoardVerb};
pub(crate) use dlq::{DlqFilter, DlqLs, DlqRedrive, DlqSelect, DlqShow, DlqVerb};
pub(crate) use doctor::Doctor;
pub(crate) use event::{EventTail, EventVerb};
pub(crate) use step::{StepSettle, StepVerb};
pub(crate) use turn::{
    AgentNamed, AgentVerb, BreakerNamed, BreakerVerb, CorrelationNamed, CorrelationShow,
    CorrelationVerb, Said,
};
pub(crate) use types::{TypesCheck, TypesVerb};
pub(crate) use value::ArtifactRef;

/// Looks at the boards of Artel, and operates them.
///
/// Every verb works on a board's log, whether or not the program of the board runs. Verbs only
/// read, except `board move`, `adopt` and `rm`, `pause` and `resume`, `activation cancel`, `breaker open` and
/// `close`, `dlq redrive` and `dlq drop`, `step settle`; `bench` makes a board of its own.
#[derive(Debug, Parser)]
#[command(
    name = "artel",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Examples:
  artel board show                            the board in artel.db
  artel --board review.artel.db dlq ls        the dead letters of another one
  artel artifact ls --json | jq .artifacts    for programs

Exit codes:
  0  done, or yes
  1  the answer is no: not found, or not what it should be
  2  the command line is wrong
  3  the board cannot be opened or read
  4  refused: another process owns the board, or its state does not allow it

Environment:
  ARTEL_BOARD     the board, where --board is not given
  ARTEL_OPERATOR  who operates the board, where --by is not given; else USER
  RUST_LOG        diagnostics on the error output, such as `artel=debug`; warnings by default
  NO_COLOR        no colours, where --color is not given"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

/// What every verb takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The board: a URL such as sqlite:review.db or postgres://HOST/DATABASE?board=NAME, or the path of a file
    /// [env: ARTEL_BOARD]
    /// [default: sqlite:artel.db]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) board: Option<String>,
    /// Answer as JSON, errors included
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) looks: Looks,
    /// When text for people has colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
}

/// Who looks. Artifacts that not everybody may see are not shown, nor what work on them left, unless
/// one of these says who may.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Looks {
    /// Show what this agent may see; without it, what everybody may
    #[arg(long = "as", id = "as", global = true, value_name = "AGENT", help_heading = "Who looks")]
    pub(crate) viewer: Option<AgentName>,
    /// Show what asks for this label too, and for every other one that is named
    #[arg(long, global = true, value_name = "LABEL", help_heading = "Who looks")]
    pub(crate) label: Vec<Label>,
    /// Show what is of this tenant too, and of every other one that is named
    #[arg(long, global = true, value_name = "TENANT", help_heading = "Who looks")]
    pub(crate) tenant: Vec<TenantId>,
    /// Show everything that is on the board
    #[arg(long, global = true, help_heading = "Who looks",
          conflicts_with_all = ["as", "label", "tenant"])]
    pub(crate) unrestricted: bool,
}

/// When text for people has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// In files and pipes too
    Always,
    /// Never
    Never,
}

/// What a verb is about.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// The board as a whole
    #[command(subcommand)]
    Board(BoardVerb),
    /// Who works on it
    #[command(subcommand)]
    Agent(AgentVerb),
    /// What is on the board
    #[command(subcommand)]
    Artifact(ArtifactVerb),
    /// What artifacts may look like
    #[command(subcommand, alias = "type")]
    Types(TypesVerb),
    /// The trees of work, each grown from one publish
    #[command(subcommand)]
    Correlation(CorrelationVerb),
    /// The units of work
    #[command(subcommand)]
    Activation(ActivationVerb),
    /// The circuit breakers, which hold work back while what it depends on is not well
    #[command(subcommand)]
    Breaker(BreakerVerb),
    /// The dead letters: work that will not be tried again by itself
    #[command(subcommand)]
    Dlq(DlqVerb),
    /// Side effects that must not be done twice
    #[command(subcommand)]
    Step(StepVerb),
    /// What happened
    #[command(subcommand)]
    Event(EventVerb),
    /// Examines a board and the place where it is kept
    ///
    /// Looks at the settings of the server or the file against what is promised, how long a commit takes,
    /// clocks, versions, who owns the board and until when, how much there is, and what waits for
    /// somebody. Each finding has a code, which docs/reference/doctor.md lists. Nothing is written to any
    /// board, and no owner is disturbed. Exit code 1 when something is a problem.
    #[command(after_help = "\
Examples:
  artel doctor
  artel doctor 'postgres://me@db.example/shop?board=orders'
  artel doctor --json | jq '.findings[] | select(.severity != \"ok\")'")]
    Doctor(Doctor),
    /// Says how much work this machine and a log can do
    ///
    /// Makes a scratch board with agents that do nothing, publishes inputs, and measures: an input
    /// and what its agents make of it is a hop, whole when nothing is left to do. The same rows are
    /// then written to the same kind of log by a bare loop, with no runtime around it, and both
    /// figures and their ratio are told. What each means stands in docs/benchmarks.md.
    ///
    /// Every agent makes one output of each input. With --depth, each output wakes the agent that is
    /// next in the row. With --agents, as many work on each artifact of the row; the outputs of the
    /// first go on down the row, those of the others wake nobody.
    ///
    /// With a --rate, latency is counted from the moment at which a publish was to be sent: what a
    /// slow board holds up is not left out.
    #[command(after_help = "\
Examples:
  artel bench                                           in memory, as fast as it goes
  artel bench --log sqlite:bench.db --hops 50000        on a disk
  artel bench --log sqlite:bench.db --rate 2000 --hops 20000
  artel bench --depth 10 --in-flight 1 --settle --hops 2000   one token through ten agents
  artel bench --json | jq '{value, baseline, ratio}'")]
    Bench(Bench),
}
