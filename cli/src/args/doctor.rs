//! The verb `artel doctor`, which takes the place of a board as programs have it: a URL or a path.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The board, where --board does not name it
    #[arg(value_name = "URL", conflicts_with = "board")]
    pub(crate) url: Option<String>,
}
