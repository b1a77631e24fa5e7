//! Upcasters: how a payload of an older version of a type becomes one of the version that a program
//! has. They run where payloads are read (for a handler, for `decode`, for a check of a board), never
//! in decide or evolve, and what is stored stays as it is.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use serde_json::Value;

use super::typed::Artifact;
use crate::schema::{PayloadError, Schema};

/// How many characters of a panic's message an error keeps.
const MESSAGE_CHARS_MAX: usize = 300;

type Failure = Box<dyn StdError + Send + Sync>;
type Run = Arc<dyn Fn(Value) -> Result<Value, Failure> + Send + Sync>;

/// The upcasters of a type, by the version that each takes. What one makes is of the version that the
/// next one takes, or else of the type's own.
///
/// `#[artifact(upcast_from = OrderV1)]` and `#[artifact(upcast(1 = function))]` make them.
#[derive(Clone, Default)]
pub struct Upcasters(BTreeMap<u32, Upcaster>);

#[derive(Clone)]
struct Upcaster {
    run: Run,
    /// The schema of what it takes, where that is a Rust type: normal form, as canonical JSON.
    schema: Option<Arc<str>>,
}

impl Upcasters {
    /// The upcaster of a Rust type that is an older version of this one, and those of that type.
    ///
    /// Two types with different names, or an older type whose version is not lower, do not compile.
    #[must_use]
    pub fn from_type<Old, New>() -> Self
    where
        Old: Artifact,
        New: Artifact + TryFrom<Old>,
        <New as TryFrom<Old>>::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        const {
            assert!(
                is_same(Old::NAME.as_bytes(), New::NAME.as_bytes()),
                "a type is upcast from an older version of itself: both need the same name, such as \
                 #[artifact(name = \"shop.Order\")]"
            );
            assert!(
                Old::VERSION < New::VERSION,
                "a type is upcast from an older version of itself: raise its version with \
                 #[artifact(version = …)]"
            );
        }
        let run = |old: Value| {
            let old: Old = serde_json::from_value(old)?;
            let new = New::try_from(old).map_err(Into::into)?;
            Ok(serde_json::to_value(&new)?)
        };
        let schema = Schema::of::<Old>().ok().map(|schema| schema.text().clone());
        let mut all = Old::upcasters();
        all.0.insert(Old::VERSION, Upcaster { run: Arc::new(run), schema });
        all
    }

    /// Adds a function that makes of the JSON of a payload of this version one of the version that the
    /// next function takes, or else of the type's own.
    #[must_use]
    pub fn with<E: Into<Box<dyn StdError + Send + Sync>>>(
        mut self,
        version: u32,
        function: impl Fn(Value) -> Result<Value, E> + Send + Sync + 'static,
    ) -> Self {
        let run: Run = Arc::new(move |old| function(old).map_err(Into::into));
        self.0.insert(version, Upcaster { run, schema: None });
        self
    }

    /// The versions that it can begin from, ascending, each with the schema of the Rust type that
    /// stands for it, if one does.
    pub fn versions(&self) -> impl Iterator<Item = (u32, Option<&Arc<str>>)> {
        self.0.iter().map(|(&version, upcaster)| (version, upcaster.schema.as_ref()))
    }

    /// Makes a payload of the current version of one of an older version, step by step.
    pub(super) fn run(&self, old: Value, version: u32, current: u32) -> Result<Value, Problem> {
        if version > current {
            return Err(Problem::Newer);
        }
        if !self.0.contains_key(&version) {
            return Err(Problem::Missing);
        }
        let mut steps = self.0.range(version..current).peekable();
        let mut value = old;
        while let Some((&from, upcaster)) = steps.next() {
            let to = steps.peek().map_or(current, |&(&next, _)| next);
            let ran = std::panic::catch_unwind(AssertUnwindSafe(|| (upcaster.run)(value)));
            value = ran
                .map_err(|panic| Problem::Panicked { from, to, message: message(&*panic) })?
                .map_err(|source| Problem::Failed { from, to, source })?;
        }
        Ok(value)
    }
}

impl fmt::Debug for Upcasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upcasters").field(&self.0.keys()).finish()
    }
}

/// Compares two texts, for the compiler.
const fn is_same(one: &[u8], two: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < two.len() && one[at] == two[at] {
        at += 1;
    }
    at == one.len() && at == two.len()
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it has no message").chars().take(MESSAGE_CHARS_MAX).collect()
}

/// A payload of an older version that did not become one of the version that the program has.
#[derive(Debug, thiserror::Error)]
#[error("a payload of `{type_name}` version {version} cannot be read as version {current}")]
pub struct UpcastError {
    /// The name of the type.
    pub type_name: String,
    /// The version of the payload.
    pub version: u32,
    /// The version that the program has.
    pub current: u32,
    /// Why not.
    #[source]
    pub problem: Problem,
}

/// Why a payload of an older version did not become one of the current one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The program has no upcaster that begins there.
    #[error("the program has no upcaster from that version")]
    Missing,
    /// The payload is of a newer version.
    #[error("the program is older than the payload")]
    Newer,
    /// An upcaster said no.
    #[error("the upcaster from version {from} to {to} failed")]
    Failed {
        /// What it takes.
        from: u32,
        /// What it makes.
        to: u32,
        /// What it said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An upcaster panicked.
    #[error("the upcaster from version {from} to {to} panicked: {message}")]
    Panicked {
        /// What it takes.
        from: u32,
        /// What it makes.
        to: u32,
        /// The panic's message.
        message: String,
    },
    /// What came out is not a payload of the current version.
    #[error("what the upcasters made is no payload of the type")]
    Refused(#[source] PayloadError),
}

impl UpcastError {
    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.problem {
            Problem::Missing => "no-upcaster",
            Problem::Newer => "newer-version",
            Problem::Failed { .. } => "upcast-failed",
            Problem::Panicked { .. } => "upcast-panicked",
            Problem::Refused(_) => "upcast-refused",
        }
    }

    /// Whether the same payload may be read later: never by this program.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

/// A payload that cannot be read as its Rust type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is of the version that the program has, and does not decode.
    #[error(transparent)]
    Decode(#[from] serde_json::Error),
    /// It is of another version.
    #[error(transparent)]
    Upcast(#[from] Box<UpcastError>),
}
