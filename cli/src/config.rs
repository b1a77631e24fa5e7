//! What the environment says, and what the flags make of it. Nothing else in this crate reads the
//! environment.

use std::io::IsTerminal;

use crate::args::{Color, Global};

/// The board that is meant when nobody names one.
pub(crate) const BOARD_URL: &str = "sqlite:artel.db";

/// What holds for every verb: defaults, then the environment, then flags.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The URL of the board.
    pub(crate) board: String,
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
        let board = global.board.clone().or_else(|| variable("ARTEL_BOARD"));
        Self {
            board: url_of(board.unwrap_or_else(|| BOARD_URL.to_owned())),
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

/// Which diagnostics are shown on the error output.
pub(crate) fn diagnostics() -> String {
    variable("RUST_LOG").unwrap_or_else(|| "warn".to_owned())
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "configuration is read here")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Takes what has no scheme for the path of a file. A single letter before a colon is the drive of
/// a path, not a scheme.
fn url_of(board: String) -> String {
    let scheme = board.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'));
    if is_scheme { board } else { format!("sqlite:{board}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_scheme_is_a_file() {
        let url = |board: &str| url_of(board.to_owned());
        assert_eq!(url("review.artel.db"), "sqlite:review.artel.db");
        assert_eq!(url("./of/10:30/review.db"), "sqlite:./of/10:30/review.db");
        assert_eq!(url("c:\\review.db"), "sqlite:c:\\review.db");
        assert_eq!(url("sqlite:review.db"), "sqlite:review.db");
        assert_eq!(url("postgres://host/db"), "postgres://host/db");
        assert_eq!(url("memory:"), "memory:");
    }
}
