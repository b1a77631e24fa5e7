//! What the environment says. Nothing else in the library reads it.

use std::path::Path;

use smol_str::SmolStr;

/// The board that is used when nobody names one.
const BOARD_URL: &str = "sqlite:artel.db";

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "configuration is read here")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The board that the environment names.
pub(crate) fn board_url() -> String {
    variable("ARTEL_BOARD").unwrap_or_else(|| BOARD_URL.to_owned())
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

/// What a board is called that was given no name: after its file, or `board`.
pub(crate) fn board_name(url: &str) -> SmolStr {
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
    fn a_board_is_called_after_its_file() {
        assert_eq!(
            board_name("sqlite:/some/where/review board.db?synchronous=normal"),
            "review-board"
        );
        assert_eq!(board_name("memory:"), "board");
    }
}
