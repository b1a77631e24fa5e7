//! Names, tags and versions that a board would refuse.

use artel::Artifact;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review Verdict")]
struct Spaced {}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "")]
struct Empty {}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(version = 0)]
struct Zeroth {}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(tags("fine", "new\nline", ""))]
struct Tagged {}

fn main() {}
