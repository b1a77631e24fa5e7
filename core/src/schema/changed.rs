//! The refusal of a type whose schema is not the one that the board has of the same version.

use std::fmt::Write as _;

use super::diff::{Change, diff};
use super::no_upcaster::{OTHER_WAYS, indented};
use super::normal::Schema;
use super::skeleton::skeleton;
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
    /// Whether it is an older version, the program's Rust type for which only upcasts.
    pub older: bool,
}

fn summary(changes: &[Change]) -> String {
    match changes {
        [] => "the two cannot be compared".to_owned(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first}; and {} more", more.len()),
    }
}

/// What differs between two stored schemas; nothing where one of them cannot be read.
pub(super) fn between(recorded: &str, offered: &str) -> Vec<Change> {
    match (Schema::from_text(recorded), Schema::from_text(offered)) {
        (Ok(recorded), Ok(offered)) => diff(&recorded, &offered),
        (Err(_), _) | (_, Err(_)) => Vec::new(),
    }
}

impl Changed {
    /// Compares the schema that a board has with that of a program, both as stored texts.
    #[must_use]
    pub fn between(name: TypeName, version: u32, recorded: &str, offered: &str) -> Self {
        Self { name, version, changes: between(recorded, offered), older: false }
    }

    /// The same of an older version, which the program has a Rust type for to upcast from.
    #[must_use]
    pub const fn of_older(mut self) -> Self {
        self.older = true;
        self
    }

    /// Every difference, and the ways out, over several lines.
    #[must_use]
    pub fn report(&self) -> String {
        let Self { name, version, changes, older } = self;
        let mut report = format!(
            "the schema of `{name}` version {version} is not the one that the board has:\n"
        );
        for change in changes {
            let _ = writeln!(report, "  - {change}");
        }
        report.push_str("ways out:\n");
        if *older {
            let _ = writeln!(
                report,
                "  - give the type that `upcast_from` names the fields again that version {version} \
                 had"
            );
        } else {
            let next = version.saturating_add(1);
            let code = skeleton(name, (*version, next), changes);
            let _ = write!(
                report,
                "  - raise the version and add an upcaster:\n\n{}\n",
                code.lines().map(indented).collect::<String>(),
            );
        }
        report.push_str(OTHER_WAYS);
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
