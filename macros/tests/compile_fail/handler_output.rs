//! A handler that returns something that cannot be published.

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

async fn answer(_cx: Context, question: Arc<Question>) -> Result<String, Error> {
    Ok(question.text.clone())
}

fn declare(board: &Board) {
    board.agent("answer").on::<Question>().run(answer);
}

fn main() {}
