//! An older type that cannot become the newer one.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Old {
    size: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "Old", version = 2, upcast_from = Old)]
struct New {
    length: u32,
}

fn main() {}
