//! The types of a board, and what a check of their payloads found, as JSON.

use serde::Serialize;
use serde_json::value::RawValue;

/// The answer of `types ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Types {
    /// The types, by name and version.
    pub(crate) types: Vec<TypeVersion>,
}

/// A version of a type.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TypeVersion {
    /// The name of the type.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: u32,
    /// Whether it is the newest version: the one that is published.
    pub(crate) newest: bool,
    /// The hash of the schema.
    pub(crate) schema_hash: String,
    /// The schema.
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub(crate) schema: Option<Box<RawValue>>,
    /// How many artifacts of this version the board has had.
    pub(crate) artifacts: u64,
    /// The agents that subscribe to the type, whichever version.
    pub(crate) subscribers: Vec<String>,
    /// The agents that may publish it.
    pub(crate) publishers: Vec<String>,
}

/// The answer of `types check`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TypesChecked {
    /// Whether every payload that was checked is what it should be.
    pub(crate) ok: bool,
    /// How many payloads were checked.
    pub(crate) checked: u64,
    /// How many of them are not what they should be.
    pub(crate) failed: u64,
    /// The versions of types that were looked at.
    pub(crate) versions: Vec<VersionChecked>,
    /// The first payloads that are not what they should be.
    pub(crate) failures: Vec<TypeFailure>,
    /// The last program that ran agents on the board: it has the upcasters.
    pub(crate) program: Option<String>,
}

/// What a check found of one version of a type.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionChecked {
    /// The name of the type.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: u32,
    /// How many artifacts of this version the board has had.
    pub(crate) artifacts: u64,
    /// How many payloads were checked.
    pub(crate) checked: u64,
    /// How many artifacts that were to be checked have no payload any more.
    pub(crate) removed: u64,
    /// How many artifacts that were to be checked are not shown to whoever looks.
    pub(crate) hidden: u64,
    /// How many payloads are not what they should be.
    pub(crate) failed: u64,
    /// What payloads were read as: `value`, `upcast`, or `json` where this program does not have the
    /// type, or has an older version of it.
    pub(crate) read: &'static str,
    /// The version of the type that this program has.
    pub(crate) program_version: Option<u32>,
}

/// A payload that is not what it should be.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TypeFailure {
    /// The seq of the artifact.
    pub(crate) seq: u64,
    /// Its id.
    pub(crate) id: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    /// The version that it was published under.
    pub(crate) version: u32,
    /// What is wrong, outermost first.
    pub(crate) error: Vec<String>,
}
