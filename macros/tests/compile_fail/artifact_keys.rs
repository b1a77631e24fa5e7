//! Keys that are several, or are no text.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(ordering_key = key)]
struct Two {
    #[artifact(idempotency_key)]
    first: String,
    #[artifact(idempotency_key, ordering_key)]
    second: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Several {
    #[artifact(ordering_key)]
    all: Vec<String>,
}

fn main() {}
