//! An expression for a key whose value is no text.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(idempotency_key = self.score)]
struct Scored {
    score: f64,
}

fn main() {}
