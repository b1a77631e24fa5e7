//! What an examination of the place of a board finds: findings with stable codes, each with what to do.
//! Backends and the library make them; the verb `doctor` and `docs/reference/doctor.md` tell them.

/// Something that was looked at, and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub code: Code,
    /// Whether somebody has to do something about it.
    pub severity: Severity,
    /// How it is, as a sentence without a full stop.
    pub found: String,
    /// What to do about it; none when nothing is to be done.
    pub advice: Option<String>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// As it should be.
    Ok,
    /// The board works, and less well than it might, or not for long.
    Warning,
    /// The board does not work, or does not keep what it promises.
    Problem,
}

impl Severity {
    /// All of them, from the least.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Warning, Self::Problem];

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    /// Something that is as it should be.
    #[must_use]
    pub fn ok(code: Code, found: impl Into<String>) -> Self {
        Self { code, severity: Severity::Ok, found: found.into(), advice: None }
    }

    /// Something that works, and should be looked at.
    #[must_use]
    pub fn warning(code: Code, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (found, advice) = (found.into(), Some(advice.into()));
        Self { code, severity: Severity::Warning, found, advice }
    }

    /// Something that must not stay so.
    #[must_use]
    pub fn problem(code: Code, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let (found, advice) = (found.into(), Some(advice.into()));
        Self { code, severity: Severity::Problem, found, advice }
    }
}

/// What is looked at. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file of a board.
    File,
    /// How SQLite writes the file.
    JournalMode,
    /// How much the write-ahead file holds.
    WriteAhead,
    /// The room that the disk has.
    FreeSpace,
    /// The release of the server.
    ServerVersion,
    /// Whether the server takes writes.
    ServerRole,
    /// What lies between here and the server.
    ServerPool,
    /// How many more connections the server takes.
    ServerConnections,
    /// Whether others on the way can read along.
    Encryption,
    /// What an acknowledged command survives.
    Durability,
    /// What it survives where the server's host is lost.
    FailOver,
    /// How far the clocks of the server and of this machine differ.
    ClockDifference,
    /// How long a commit takes.
    CommitLatency,
    /// The version of the tables.
    SchemaVersion,
    /// Whether there is a board, and whether it can be opened.
    Board,
    /// How much there is.
    BoardSize,
    /// Who owns the board, and until when.
    Ownership,
    /// Which live processes share boards.
    Sharing,
    /// Work of agents that no program registers.
    Registration,
    /// What somebody paused.
    Paused,
    /// Dead letters.
    DeadLetters,
}

impl Code {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::File,
        Self::JournalMode,
        Self::WriteAhead,
        Self::FreeSpace,
        Self::ServerVersion,
        Self::ServerRole,
        Self::ServerPool,
        Self::ServerConnections,
        Self::Encryption,
        Self::Durability,
        Self::FailOver,
        Self::ClockDifference,
        Self::CommitLatency,
        Self::SchemaVersion,
        Self::Board,
        Self::BoardSize,
        Self::Ownership,
        Self::Sharing,
        Self::Registration,
        Self::Paused,
        Self::DeadLetters,
    ];

    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.described().0
    }

    /// What is looked at.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        self.described().1
    }

    /// When it is a warning; none when it never is.
    #[must_use]
    pub const fn warns(self) -> Option<&'static str> {
        self.described().2
    }

    /// When it is a problem; none when it never is.
    #[must_use]
    pub const fn fails(self) -> Option<&'static str> {
        self.described().3
    }

    const fn described(self) -> &'static Described {
        &DESCRIBED[self as usize]
    }
}

/// What is told of a code: its name, what is looked at, when it is a warning, when it is a problem.
type Described = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

/// In the order of the codes.
const DESCRIBED: [Described; Code::ALL.len()] = [
    (
        "file",
        "the file of the board, in a `sqlite:` log",
        None,
        Some("it is no file of a board, is cut off, or cannot be read"),
    ),
    (
        "journal-mode",
        "how SQLite writes the file",
        Some("it is not `wal`: the next program that writes switches it"),
        None,
    ),
    (
        "write-ahead",
        "how much lies in the `-wal` file and not yet in the file itself",
        Some("more than 128 MiB: something reads without a pause, and keeps it from being moved"),
        None,
    ),
    (
        "free-space",
        "the room on the disk of the file",
        Some("less than 1 GiB"),
        Some("less than 64 MiB"),
    ),
    (
        "server-version",
        "the release of the server",
        None,
        Some("older than PostgreSQL 13 or Redis 7.0"),
    ),
    (
        "server-role",
        "whether the server takes writes",
        None,
        Some("it is a stand-by, or set to be read only"),
    ),
    (
        "server-pool",
        "what lies between here and the server",
        None,
        Some("a pool that gives each transaction another connection"),
    ),
    (
        "server-connections",
        "how many more connections the server takes",
        Some("fewer than a program with one board may want"),
        None,
    ),
    (
        "encryption",
        "whether the way to the server is encrypted",
        Some("it is not, and the server is another machine"),
        None,
    ),
    (
        "durability",
        "what an acknowledged command survives, by the settings of the place and the URL",
        Some("the URL asks for a weaker mode than the host's death"),
        Some("a setting breaks what the URL promises"),
    ),
    (
        "fail-over",
        "whether a synchronous stand-by, or as many replicas as were asked for, have what was acknowledged",
        None,
        Some("fewer replicas are in step than were asked for"),
    ),
    (
        "clock-difference",
        "how far the clocks of the server and of this machine differ",
        Some("more than a second"),
        None,
    ),
    (
        "commit-latency",
        "how long a commit takes, by 20 that write nothing to any board",
        Some("more than 20 ms in the middle, or it cannot be measured"),
        None,
    ),
    (
        "schema-version",
        "the version of the tables",
        Some("an earlier one: the next program that writes brings it up to date"),
        Some("a later one than this release reads, or none that can be"),
    ),
    (
        "board",
        "whether there is a board, and whether its log can be read and folded",
        Some("it was moved, and goes on elsewhere"),
        Some("there is none, it cannot, it is on its way here, or it has lost the end of its log"),
    ),
    ("board-size", "how many events there are, and how many bytes", None, None),
    (
        "ownership",
        "who owns the board, and until when",
        Some("an owner did not give the board up, and nobody has taken it over"),
        None,
    ),
    (
        "sharing",
        "which live processes share boards of the schema or prefix, and how many each of them runs",
        None,
        None,
    ),
    (
        "registration",
        "work that waits for agents that no program registers",
        Some("there is some"),
        None,
    ),
    ("paused", "what somebody paused", Some("there is something"), None),
    ("dead-letters", "dead letters that nobody has settled", Some("there are some"), None),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_has_its_own_name() {
        for (place, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{code:?}");
        }
        let names: BTreeSet<&str> = Code::ALL.into_iter().map(Code::as_str).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert_eq!(Code::DeadLetters.as_str(), "dead-letters");
    }
}
