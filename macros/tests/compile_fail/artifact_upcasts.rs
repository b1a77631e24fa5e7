//! Upcasters that begin from what is no older version, or that are said twice.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Old {
    size: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "Old", upcast_from = Old)]
struct NotNewer {
    size: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "Old", version = 3, upcast(0 = f, 1 = f, 1 = f, 3 = f))]
struct NotOlder {
    size: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "Old", version = 2, upcast_from = Old, upcast(1 = f))]
struct Both {
    size: u32,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "Old", version = 2, upcast = f)]
struct NoVersion {
    size: u32,
}

fn main() {}
