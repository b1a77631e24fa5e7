//! Attributes that do not exist, or do not stand there.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(nmae = "review.Verdict")]
struct Misspelt {
    #[artifact(idempotent)]
    ticket: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "A", name = "B", tag)]
struct Twice {
    #[artifact(tag = "ticket")]
    ticket: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
enum Outcome {
    Done {
        #[artifact(tag)]
        by: String,
    },
}

fn main() {}
