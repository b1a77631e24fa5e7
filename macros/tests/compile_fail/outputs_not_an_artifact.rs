//! A variant that holds something else than an artifact.

use artel::Outputs;

#[derive(Outputs)]
enum Found {
    Text(String),
}

fn main() {}
