//! What serde writes and could not read again.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct LeftOut {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
    #[serde(skip_serializing)]
    number: u8,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct OtherNames {
    #[serde(rename(serialize = "a", deserialize = "b"))]
    field: u8,
}

fn main() {}
