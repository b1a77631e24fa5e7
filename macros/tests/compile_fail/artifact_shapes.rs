//! What cannot be an artifact.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Generic<T> {
    inner: T,
}

#[derive(Artifact)]
struct Borrowed<'a> {
    text: &'a str,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Tuple(u8, String);

#[derive(Artifact)]
union Either {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
