//! Registration: what a program tells a board of its types and agents, and why a board refuses a type.

use std::sync::Arc;

use crate::definition::{AgentDefinition, DependencyDefinition};
use crate::names::TypeName;

/// The types and agents of a program.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// Types that the program publishes or subscribes to.
    pub types: Vec<TypeRegistration>,
    /// What its agents depend on.
    pub dependencies: Vec<Arc<DependencyDefinition>>,
    /// Its agents.
    pub agents: Vec<Arc<AgentDefinition>>,
}

/// A type that a program knows.
#[derive(Clone, Debug)]
pub struct TypeRegistration {
    /// The name of the type.
    pub name: TypeName,
    /// The version of its schema.
    pub version: u32,
    /// The schema in normal form, as canonical JSON.
    pub schema: Arc<str>,
    /// The older versions that the program can make payloads of this one of.
    pub upcasts: Vec<Upcast>,
}

/// An older version of a type that a program can still read.
#[derive(Clone, Debug)]
pub struct Upcast {
    /// The version.
    pub version: u32,
    /// Its schema, where the program has a Rust type for it: normal form, as canonical JSON.
    pub schema: Option<Arc<str>>,
}

/// Why a type of a program does not go with what the board has of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeRefusal {
    /// The schema of a registered type was changed.
    #[error("the schema of type `{name}` version {version} differs from the one on the board")]
    SchemaChanged {
        /// The name of the type.
        name: TypeName,
        /// The version.
        version: u32,
        /// The schema on the board.
        recorded: Arc<str>,
        /// The schema that was to be registered.
        offered: Arc<str>,
    },
    /// The type is on the board in a newer version.
    #[error(
        "type `{name}` is on the board in version {recorded}, the program has {offered}; run the \
             program that has version {recorded}"
    )]
    OlderVersion {
        /// The name of the type.
        name: TypeName,
        /// The newest version on the board.
        recorded: u32,
        /// The version of the program.
        offered: u32,
    },
    /// The board has an older version of the type, of which the program makes no newer one.
    #[error(
        "type `{name}` is on the board in version {recorded}, and the program, which has version \
             {offered}, has no upcaster from it"
    )]
    NoUpcaster {
        /// The name of the type.
        name: TypeName,
        /// The version on the board.
        recorded: u32,
        /// The version of the program.
        offered: u32,
        /// The schema of the version on the board.
        recorded_schema: Arc<str>,
        /// The schema of the program's version.
        offered_schema: Arc<str>,
    },
    /// The program's Rust type for an older version is not what the board has of it.
    #[error(
        "the type that is upcast from version {version} of `{name}` differs from what the board has"
    )]
    OldSchemaChanged {
        /// The name of the type.
        name: TypeName,
        /// The older version.
        version: u32,
        /// The schema on the board.
        recorded: Arc<str>,
        /// The schema of the program's Rust type.
        offered: Arc<str>,
    },
}

impl TypeRefusal {
    /// A stable name for this kind of refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SchemaChanged { .. } => "schema-changed",
            Self::OlderVersion { .. } => "older-version",
            Self::NoUpcaster { .. } => "no-upcaster",
            Self::OldSchemaChanged { .. } => "old-schema-changed",
        }
    }
}
