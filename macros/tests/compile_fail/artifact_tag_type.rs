//! A tag that cannot be printed.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
enum Severity {
    High,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Finding {
    #[artifact(tag)]
    severity: Severity,
}

fn main() {}
