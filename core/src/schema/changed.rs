//! The refusal of a type whose schema is not the one that the board has.

use std::fmt::Write as _;

use super::diff::{Change, diff};
use super::normal::Schema;
use crate::names::TypeName;

/// The schema of a type was changed, and its version was not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schema of `{name}` version {version} is not the one that the board has: {}",
    summary(changes)
)]
pub struct Changed {
    /// The name of the type.
    pub name: TypeName,
    /// The version whose schema differs.
    pub version: u32,
    /// What differs, the board's schema first.
    pub changes: Vec<Change>,
}

fn summary(changes: &[Change]) -> String {
    match changes {
        [] => "the two cannot be compared".to_owned(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first}; and {} more", more.len()),
    }
}

impl Changed {
    /// Compares the schema that a board has with that of a program, both as stored texts.
    #[must_use]
    pub fn between(name: TypeName, version: u32, recorded: &str, offered: &str) -> Self {
        let changes = match (Schema::from_text(recorded), Schema::from_text(offered)) {
            (Ok(recorded), Ok(offered)) => diff(&recorded, &offered),
            (Err(_), _) | (_, Err(_)) => Vec::new(),
        };
        Self { name, version, changes }
    }

    /// Every difference, and the ways out, over several lines.
    #[must_use]
    pub fn report(&self) -> String {
        let Self { name, version, changes } = self;
        let mut report = format!(
            "the schema of `{name}` version {version} is not the one that the board has:\n"
        );
        for change in changes {
            let _ = writeln!(report, "  - {change}");
        }
        let _ = write!(
            report,
            "ways out:\n  \
             - keep both: give the changed type a name of its own, \
             such as #[artifact(name = \"{name}2\")]\n  \
             - start over: open another board, or remove this one with `artel board rm`\n  \
             - while developing: run with ARTEL_DEV=1, which moves a board file aside that was \
             created under it, and starts anew\n"
        );
        report
    }

    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "schema-changed"
    }

    /// Whether the same start may succeed later: never, program or board has to change.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}
