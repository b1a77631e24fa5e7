//! An artifact without the derives that it needs.

use artel::Artifact;

#[derive(Artifact)]
struct Bare {
    text: String,
}

fn main() {}
