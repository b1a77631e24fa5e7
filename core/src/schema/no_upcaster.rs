//! The refusal of a program that cannot read an older version of a type which the board has.

use std::fmt::Write as _;

use super::changed::between;
use super::diff::Change;
use super::skeleton::skeleton;
use crate::names::TypeName;

/// A board has an older version of a type, and the program has no upcaster from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the board has version {recorded} of `{name}`, and the program, which has version {offered}, has \
     no upcaster from it"
)]
pub struct NoUpcaster {
    /// The name of the type.
    pub name: TypeName,
    /// The version on the board.
    pub recorded: u32,
    /// The version of the program.
    pub offered: u32,
    /// What differs, the board's schema first.
    pub changes: Vec<Change>,
}

impl NoUpcaster {
    /// Compares the schema that a board has of an older version with the program's, both as stored
    /// texts.
    #[must_use]
    pub fn between(name: TypeName, versions: (u32, u32), recorded: &str, offered: &str) -> Self {
        let changes = between(recorded, offered);
        Self { name, recorded: versions.0, offered: versions.1, changes }
    }

    /// Every difference, and the ways out, over several lines.
    #[must_use]
    pub fn report(&self) -> String {
        let Self { name, recorded, offered, changes } = self;
        let mut report = format!("{self}:\n");
        for change in changes {
            let _ = writeln!(report, "  - {change}");
        }
        report.push_str("ways out:\n");
        let _ = write!(
            report,
            "  - add an upcaster to the type:\n\n{}\n    \
             or keep the old type as it was, with the same name and version = {recorded}, write \
             `impl From<Old> for New`, and say #[artifact(name = \"{name}\", version = {offered}, \
             upcast_from = Old)]\n",
            self.skeleton().lines().map(indented).collect::<String>(),
        );
        report.push_str(OTHER_WAYS);
        report
    }

    /// The beginning of an upcaster: what differs is done or left as a gap to fill in.
    #[must_use]
    pub fn skeleton(&self) -> String {
        skeleton(&self.name, (self.recorded, self.offered), &self.changes)
    }

    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "no-upcaster"
    }

    /// Whether the same start may succeed later: never, program or board has to change.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

/// A line behind six blanks; an empty one stays empty.
pub(super) fn indented(line: &str) -> String {
    if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") }
}

/// The ways out that do not depend on the type.
pub(super) const OTHER_WAYS: &str = "  \
     - start over: open another board, or remove this one with `artel board rm`\n  \
     - while developing: run with ARTEL_DEV=1, which moves a board file aside that was created under \
     it, and starts anew\n";
