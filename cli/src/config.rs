//! What the environment says, and what the flags make of it. Nothing else in this crate reads the
//! environment.

use std::io::IsTerminal;

use crate::args::{Color, Global, Looks};

/// What holds for every verb: defaults, then the environment, then flags.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The URL of the board.
    pub(crate) board: String,
    /// Whether a flag names the board.
    pub(crate) board_given: bool,
    /// Who looks at it.
    pub(crate) looks: Looks,
    /// Answer as JSON.
    pub(crate) json: bool,
    /// Whether text for people has colours, on the standard output and on the error output.
    pub(crate) color: Colors,
}

/// Where colours are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colors {
    pub(crate) out: bool,
    pub(crate) err: bool,
}

impl Config {
    /// Resolves the flags over the environment.
    pub(crate) fn resolve(global: &Global) -> Self {
        Self {
            board: artel::board_url(global.board.as_deref()),
            board_given: global.board.is_some(),
            looks: global.looks.clone(),
            json: global.json,
            color: Colors::resolve(global.color),
        }
    }
}

impl Colors {
    pub(crate) fn resolve(color: Color) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && variable("NO_COLOR").is_none(),
        };
        Self {
            out: wanted(std::io::stdout().is_terminal()),
            err: wanted(std::io::stderr().is_terminal()),
        }
    }
}

/// Who operates a board, where the command does not say.
pub(crate) fn operator() -> Option<String> {
    variable("ARTEL_OPERATOR").or_else(|| variable("USER"))
}

/// Which diagnostics are to be shown on the error output, where that is asked for.
pub(crate) fn diagnostics() -> Option<String> {
    variable("RUST_LOG")
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "configuration is read here")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
