//! A handler for another type than the one that wakes it.

use std::sync::Arc;

use artel::{Artifact, Board, Context, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Question {
    text: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Answer {
    text: String,
}

async fn answer(_cx: Context, answer: Arc<Answer>) -> Result<(), Error> {
    let _ = answer;
    Ok(())
}

fn declare(board: &Board) {
    board.agent("answer").on::<Question>().run(answer);
}

fn main() {}
