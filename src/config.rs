//! What the environment says. Nothing else in the library reads it.

use std::path::Path;

use smol_str::SmolStr;

/// The board that is used when nobody names one.
const BOARD_URL: &str = "sqlite:artel.db";

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "configuration is read here")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The URL of the board that is meant: the one that was named, or else the one that the environment
/// names in `ARTEL_BOARD`, or else `sqlite:artel.db`. What has no scheme is the path of a file.
#[must_use]
pub fn board_url(named: Option<&str>) -> String {
    let board = named.map(ToOwned::to_owned).or_else(|| variable("ARTEL_BOARD"));
    url_of(board.unwrap_or_else(|| BOARD_URL.to_owned()))
}

/// Kinds of logs. One of them alone is a URL that lacks its colon, and hardly the name of a file.
const KINDS: [&str; 4] = ["memory", "sqlite", "postgres", "redis"];

/// Takes what has no scheme for the path of a file. A single letter before a colon is the drive of
/// a path, not a scheme. The bare name of a kind of log stays as it is, so that it is refused.
fn url_of(board: String) -> String {
    if KINDS.contains(&board.as_str()) {
        return board;
    }
    let scheme = board.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-'));
    if is_scheme { board } else { format!("sqlite:{board}") }
}

/// Where others find this process, as its operator says: its owner row tells it to whoever asks who owns a board.
pub(crate) fn advertised() -> Option<String> {
    variable("ARTEL_ADVERTISE")
}

/// Whether boards are made in development mode, in which a changed schema may move a board of that
/// mode aside.
pub(crate) fn dev() -> bool {
    variable("ARTEL_DEV").is_some_and(|value| value != "0")
}

/// What a program calls itself that does not say.
pub(crate) fn program_name() -> SmolStr {
    let path = std::env::args_os().next().unwrap_or_default();
    let stem = Path::new(&path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "program".to_owned()).into()
}

/// What a board is called that was given no name: after its file, or as it is found on its server, or
/// `board`.
pub(crate) fn board_name(url: &str) -> SmolStr {
    if let Some(("postgres" | "postgresql" | "redis" | "rediss", rest)) = url.split_once(':') {
        let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
        let named = parameters.split('&').find_map(|parameter| parameter.strip_prefix("board="));
        return named.unwrap_or("main").into();
    }
    let path = url.split_once(':').map_or(url, |(_, rest)| rest);
    let path = path.split('?').next().unwrap_or(path);
    let stem = Path::new(path).file_stem().map(|stem| stem.to_string_lossy());
    let name: String = stem
        .iter()
        .flat_map(|stem| stem.chars())
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(100)
        .collect();
    if name.is_empty() { "board".into() } else { name.into() }
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
        assert_eq!(url("memory"), "memory", "to be refused: the colon was forgotten");
        assert_eq!(url("./memory"), "sqlite:./memory");
    }

    #[test]
    fn a_board_is_called_after_its_file() {
        assert_eq!(
            board_name("sqlite:/some/where/review board.db?synchronous=normal"),
            "review-board"
        );
        assert_eq!(board_name("memory:"), "board");
        assert_eq!(board_name("postgres://host/db?schema=shop&board=orders"), "orders");
        assert_eq!(board_name("postgres://host/db"), "main");
        assert_eq!(board_name("redis://host?board=orders"), "orders");
    }
}
