//! Comparisons that a field does not have.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
enum Verdict {
    Approve,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Review {
    score: u8,
    verdict: Verdict,
    tags: Vec<String>,
}

fn main() {
    let _ = Review::fields().score.gt("high");
    let _ = Review::fields().verdict.gt(Verdict::Approve);
    let _ = Review::fields().score.contains(1);
    let _ = Review::fields().tags.contains(1);
    let _ = Review::fields().tags.starts_with("a");
    let _ = Review::fields().scroe.gt(1);
}
