//! What a verb fails with: the message and its causes, a stable code, the exit code, and the next
//! step to take.

use std::error::Error as StdError;
use std::io;

use artel::ids::ActivationId;
use artel::step::StepRejection;
use artel::{
    AdoptError, CaretakeError, LoadError, MoveError, OpenError, OperateError, ReadError, TailError,
    VerifyError, log,
};

use crate::{bench, wire};

/// Why a verb did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Open(Box<OpenError>),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot read on")]
    Load(#[from] LoadError),
    #[error(transparent)]
    Tail(#[from] TailError),
    #[error(transparent)]
    Caretake(Box<CaretakeError>),
    #[error(transparent)]
    Operate(#[from] OperateError),
    #[error("cannot list the boards")]
    List(#[source] log::Error),
    #[error("cannot remove the board")]
    Remove(#[source] log::Error),
    /// The check of a board found something.
    #[error(transparent)]
    Unsound(Box<dyn StdError + Send + Sync>),
    #[error("there is no {what} {id}")]
    NotFound { what: &'static str, id: String },
    #[error("activation {id} is not a dead letter: it is {standing}")]
    NotDead { id: ActivationId, standing: &'static str },
    #[error("{source}; {done} were changed before")]
    Partly { done: u32, source: Box<Self> },
    #[error("{failed} of {checked} payloads are not what they should be")]
    Unfit { failed: u64, checked: u64 },
    #[error(transparent)]
    Move(Box<MoveError>),
    #[error(transparent)]
    Adopt(Box<AdoptError>),
    #[error("cannot examine the board")]
    Examine(#[source] log::Error),
    #[error("{problems} of what was found must not stay so")]
    Unwell { problems: u64 },
    #[error("the board was kept")]
    Kept,
    #[error("nobody is here to confirm that the board is to be removed")]
    Unconfirmed,
    #[error("nobody is named who asks for this")]
    NoOperator,
    #[error(transparent)]
    Bench(Box<bench::Error>),
    #[error("cannot write the answer")]
    Output(#[source] io::Error),
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

/// The exit codes, which `docs/cli.md` and `--help` list.
pub(crate) mod exit {
    pub(crate) const NO: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const UNREADABLE: u8 = 3;
    pub(crate) const REFUSED: u8 = 4;
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<CaretakeError> for Error {
    fn from(error: CaretakeError) -> Self {
        Self::Caretake(Box::new(error))
    }
}

impl From<bench::Error> for Error {
    fn from(error: bench::Error) -> Self {
        Self::Bench(Box::new(error))
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        Self::judged(error)
    }
}

impl Error {
    /// What the check of a board makes of an error: an answer, unless the board could not be read
    /// at all.
    pub(crate) fn judged(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Unsound(Box::new(error))
    }

    /// Whether whoever reads the answer has left.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the log cannot be reached for the time being.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.log(), Some(log::Error::Unavailable { .. }))
    }

    /// What the log said, where it is what failed.
    fn log(&self) -> Option<&log::Error> {
        if let Self::Partly { source, .. } = self {
            return source.log();
        }
        let mut cause = self.source();
        if let Self::Unsound(error) = self {
            cause = Some(&**error);
        }
        while let Some(error) = cause {
            if let Some(log) = error.downcast_ref() {
                return Some(log);
            }
            cause = error.source();
        }
        None
    }

    /// Whether the log, or what lies beside it, is not what was written.
    fn is_damage(&self) -> bool {
        self.log().is_none_or(|error| {
            matches!(error, log::Error::Damaged { .. } | log::Error::Batch { .. })
        })
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        if let Some(
            log::Error::Owned { .. }
            | log::Error::Moved { .. }
            | log::Error::Regressed { .. }
            | log::Error::Unfinished { .. },
        ) = self.log()
        {
            return exit::REFUSED;
        }
        match self {
            Self::Unsound(_) if self.is_damage() => exit::NO,
            Self::NotFound { .. } | Self::Unfit { .. } | Self::Unwell { .. } | Self::Kept => {
                exit::NO
            }
            Self::Bench(error) => error.exit(),
            Self::Move(error) => moved(error),
            Self::Adopt(error) => adopted(error),
            Self::Read(ReadError::Unknown { .. }) => exit::NO,
            Self::Operate(OperateError::NoDeadLetter(_) | OperateError::Unknown { .. }) => exit::NO,
            Self::NotDead { .. } | Self::Operate(OperateError::Rejected(_)) => exit::REFUSED,
            Self::Partly { source, .. } => source.exit(),
            Self::Unconfirmed
            | Self::NoOperator
            | Self::Operate(
                OperateError::Operator(_)
                | OperateError::StepName(_)
                | OperateError::StepResult { .. }
                | OperateError::StepResultLen { .. },
            ) => exit::USAGE,
            Self::Open(_)
            | Self::Read(_)
            | Self::Load(_)
            | Self::Tail(_)
            | Self::Caretake(_)
            | Self::Operate(_)
            | Self::List(_)
            | Self::Remove(_)
            | Self::Examine(_)
            | Self::Unsound(_)
            | Self::Output(_)
            | Self::Runtime(_) => exit::UNREADABLE,
        }
    }

    /// A stable name for this kind of error.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Operate(error) => error.code(),
            Self::Move(error) => error.code(),
            Self::Adopt(error) => error.code(),
            Self::Read(error) => error.code(),
            Self::Unsound(_) if self.is_damage() => "unsound",
            Self::Partly { source, .. } => source.code(),
            Self::NotFound { .. } => "not-found",
            Self::Bench(error) => error.code(),
            Self::NotDead { .. } => "not-dead",
            Self::Unfit { .. } => "unfit",
            Self::Unwell { .. } => "unwell",
            Self::Kept => "kept",
            Self::Unconfirmed => "unconfirmed",
            Self::NoOperator => "no-operator",
            Self::Output(_) => "output",
            Self::Runtime(_) => "runtime",
            Self::Open(error) if matches!(**error, OpenError::Name { .. }) => "name",
            Self::Tail(TailError::Regressed { .. }) => "log-regressed",
            Self::Open(_) | Self::Load(_) | Self::Tail(_) | Self::Unsound(_) => {
                self.log().map_or("log-damaged", log::Error::code)
            }
            Self::Caretake(_) | Self::List(_) | Self::Remove(_) | Self::Examine(_) => {
                self.log().map_or("start", log::Error::code)
            }
        }
    }

    fn retryable(&self) -> bool {
        match self {
            Self::Operate(error) => error.retryable(),
            Self::Move(error) => error.retryable(),
            Self::Adopt(error) => error.retryable(),
            Self::Read(error) => error.retryable(),
            _ => self.log().is_some_and(log::Error::retryable),
        }
    }

    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Partly { source, .. } => return source.hint(),
            Self::Bench(error) => {
                let hint = error.hint().map(ToOwned::to_owned);
                return hint.or_else(|| self.log().and_then(log_hint));
            }
            Self::NotFound { what: "activation", .. } => {
                "`artel activation ls` lists activations; an activation's id is the seq of the \
                 event that created it"
            }
            Self::NotFound { what: "correlation", .. } => {
                "`artel artifact show` names the tree of work of an artifact"
            }
            Self::NotFound { .. } => {
                "`artel artifact ls` lists artifacts; name one by its id or its seq. One that not \
                 everybody may see is shown with --as AGENT, --label, --tenant or --unrestricted"
            }
            Self::Unfit { .. } => "`artel artifact show SEQ` shows an artifact",
            Self::Unwell { .. } => "each finding says what to do",
            Self::NotDead { id, .. } => {
                return Some(format!(
                    "`artel activation show {id}` shows it; `artel dlq ls` lists dead letters"
                ));
            }
            Self::Operate(OperateError::NoDeadLetter(id)) => {
                return Some(format!("`artel activation show {id}` says what has become of it"));
            }
            Self::Operate(OperateError::Rejected(artel::Rejection::NotDead {
                activation, ..
            })) => {
                return Some(format!("`artel activation show {activation}` shows it"));
            }
            Self::Operate(OperateError::Rejected(artel::Rejection::OutOfOrder { .. })) => {
                "give --out-of-order"
            }
            Self::Operate(OperateError::Rejected(artel::Rejection::Step(
                StepRejection::InDoubt { activation, .. }
                | StepRejection::NotInDoubt { activation, .. },
            ))) => {
                return Some(format!("`artel dlq show {activation}` names the steps in doubt"));
            }
            Self::Operate(OperateError::Rejected(artel::Rejection::NoBreaker { .. })) => {
                "`artel breaker ls` lists those there are"
            }
            Self::Operate(OperateError::Rejected(_)) => "`artel activation ls --open` lists those",
            Self::Read(ReadError::Unknown { what: "queue", .. })
            | Self::Operate(OperateError::Unknown { what: "queue", .. }) => {
                "an agent's queue has its name, unless it says otherwise; `artel dlq ls` names those of \
                 dead letters"
            }
            Self::Operate(OperateError::Unknown { .. }) => {
                "`artel board show` lists agents and dependencies"
            }
            Self::Read(ReadError::Unknown { .. }) => "`artel board show` lists types and agents",
            Self::Unconfirmed => "give --yes",
            Self::NoOperator => "give --by NAME, or set ARTEL_OPERATOR",
            Self::Unsound(error) if is_snapshot(&**error) => {
                "the log is whole and nothing is lost; the program of the board makes new snapshots \
                 as it runs"
            }
            Self::Unsound(_) if self.is_damage() => {
                "restore the board from a backup; `artel board verify --board COPY` checks that too"
            }
            // `board verify` cannot open it either.
            Self::Open(_) | Self::Caretake(_) if self.log().is_some() && self.is_damage() => {
                "restore the board from a backup"
            }
            _ => return self.log().and_then(log_hint),
        };
        Some(hint.to_owned())
    }

    /// The error for programs.
    pub(crate) fn wire(&self) -> wire::Failure {
        let mut chain = self.chain();
        let message = chain.remove(0);
        wire::Failure {
            error: wire::Problem {
                code: self.code(),
                message,
                causes: chain,
                hint: self.hint(),
                exit_code: self.exit(),
                retryable: self.retryable(),
            },
        }
    }

    /// The message and its causes, outermost first.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.to_string()];
        let mut cause = if matches!(self, Self::Partly { .. }) { None } else { self.source() };
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        chain
    }
}

/// The exit code of a board that was not moved.
const fn moved(error: &MoveError) -> u8 {
    match error {
        MoveError::Occupied { .. } | MoveError::Another { .. } => exit::REFUSED,
        MoveError::Missing { .. } | MoveError::Differs { .. } => exit::NO,
        _ => exit::UNREADABLE,
    }
}

/// The exit code of a board that was not adopted.
const fn adopted(error: &AdoptError) -> u8 {
    match error {
        AdoptError::Operator(_) | AdoptError::Above { .. } => exit::USAGE,
        AdoptError::Whole { .. } => exit::REFUSED,
        _ => exit::UNREADABLE,
    }
}

/// Whether a check found fault with nothing but a snapshot, which is a cache.
fn is_snapshot(error: &(dyn StdError + Send + Sync + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(VerifyError::Snapshot { .. } | VerifyError::SnapshotUnreadable { .. })
    )
}

/// Whether a place is a server.
fn is_server(place: &str) -> bool {
    place.contains("://") && !place.starts_with("sqlite:")
}

/// What to do about an error of the log.
/// Whether a server knows whoever asks not, or does not allow them what they ask: by what it says itself.
fn is_refusal(said: &(dyn StdError + 'static)) -> bool {
    const CODES: [&str; 8] = [
        "(42501)",
        "(28P01)",
        "(28000)",
        "NOPERM",
        "NOAUTH",
        "WRONGPASS",
        "NoPerm",
        "can't run this command",
    ];
    let said = said.to_string();
    CODES.iter().any(|code| said.contains(code))
}

fn log_hint(error: &log::Error) -> Option<String> {
    let hint = match error {
        log::Error::Owned { owner, .. } => {
            return Some(format!(
                "stop `{}` and give the command again; if it has died the board is free by itself, and \
                 `artel doctor` says when. Every verb that only reads works meanwhile",
                owner.program
            ));
        }
        log::Error::Missing { place } if is_server(place) => {
            "name a board that is there, with `board=NAME` in the URL (`artel board ls` lists them), or start its \
             program, which makes it"
        }
        log::Error::Missing { .. } | log::Error::Foreign { .. } => {
            "name the board with --board sqlite:PATH, or in ARTEL_BOARD"
        }
        log::Error::Url { .. } => {
            "name the board with --board, or in ARTEL_BOARD, as sqlite:PATH, \
             postgres://HOST/DATABASE?board=NAME or redis://HOST/0?board=NAME; docs/specs/ lists the parameters \
             of each"
        }
        log::Error::Moved { .. } => {
            "name the board where it goes on; verbs that only read work here too, and `artel board rm` \
             removes what is left"
        }
        log::Error::Regressed { .. } => {
            "verbs that only read show what is left; where there is no newer copy of the log, \
             `artel board adopt` lets the board go on with that"
        }
        log::Error::Unfinished { .. } => {
            "`artel board move FROM TO` with both places goes on where it stopped, and `artel board rm` \
             removes what has arrived"
        }
        log::Error::Unfit { .. } => {
            "`artel doctor` holds all settings against what the URL asks for"
        }
        log::Error::Newer { .. } => {
            "read it with the release of artel that wrote it, or a later one"
        }
        log::Error::Damaged { .. } | log::Error::Batch { .. } => {
            "`artel board verify` says what else is wrong"
        }
        log::Error::Unavailable { place, source, .. }
            if is_server(place) && is_refusal(&**source) =>
        {
            "the server answers, and refuses this user: docs/specs/ lists the rights that are needed, and where \
             a password comes from"
        }
        log::Error::Unavailable { place, .. } if is_server(place) => {
            "see whether the server runs and is to be reached under this name and port, and whether user and \
             password are right; `artel doctor` says more once it can be reached"
        }
        log::Error::Unavailable { .. } => {
            "see whether the place can be read and written by this user"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned() -> log::Error {
        let owner = log::Owner { pid: Some(7), program: "review".to_owned(), endpoint: None };
        log::Error::Owned { place: "a.db".to_owned(), owner }
    }

    #[test]
    fn a_refusal_names_the_owner_and_the_way_out() {
        let error = Error::Remove(owned());
        assert_eq!((error.exit(), error.code()), (4, "log-owned"));
        let chain = error.chain().join(": ");
        assert_eq!(
            chain,
            "cannot remove the board: the board at `a.db` is owned by `review` (process 7)"
        );
        assert!(error.hint().unwrap().starts_with("stop `review` and"));
        assert!(error.retryable());
    }

    #[test]
    fn damage_is_an_answer_to_verify_only() {
        let damaged =
            || log::Error::Damaged { place: "a.db".to_owned(), problem: "cut".to_owned() };
        assert_eq!(Error::judged(damaged()).exit(), 1);
        assert_eq!(Error::Read(ReadError::Log(damaged())).exit(), 3);
        let missing = log::Error::Missing { place: "a.db".to_owned() };
        assert_eq!(Error::judged(missing).exit(), 3);
    }

    #[test]
    fn a_hint_fits_a_file_or_a_server() {
        let source = || Box::new(io::Error::other("refused")) as _;
        let away = |place: &str| log::Error::Unavailable {
            action: "open",
            place: place.to_owned(),
            outcome_unknown: false,
            source: source(),
        };
        let hint = |error: &log::Error| log_hint(error).unwrap();
        assert!(hint(&away("redis://127.0.0.1:6379?board=main")).contains("the server runs"));
        assert!(hint(&away("/srv/a.db")).contains("the place can be read"));
        let missing = |place: &str| log::Error::Missing { place: place.to_owned() };
        assert!(hint(&missing("postgres://127.0.0.1/a?board=x")).contains("`board=NAME`"));
        assert!(hint(&missing("/srv/a.db")).contains("--board sqlite:PATH"));
    }

    #[test]
    fn what_was_done_before_an_error_is_said() {
        let source = Box::new(Error::Operate(OperateError::Unavailable(std::time::Duration::ZERO)));
        let error = Error::Partly { done: 1_000, source };
        assert_eq!(error.exit(), 3);
        assert!(error.chain().join(": ").ends_with("; 1000 were changed before"));
        assert_eq!(error.chain().len(), 1);
    }
}
