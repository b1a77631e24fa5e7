//! What cannot be an enum of outputs.

use artel::{Artifact, Outputs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Licence {
    name: String,
}

#[derive(Outputs)]
struct Struct {
    licence: Licence,
}

#[derive(Outputs)]
enum Nothing {}

#[derive(Outputs)]
enum Several {
    Pair(Licence, Licence),
    Named { licence: Licence },
    Licence(Licence),
}

#[derive(Outputs)]
enum Generic<T> {
    Inner(T),
}

fn main() {}
