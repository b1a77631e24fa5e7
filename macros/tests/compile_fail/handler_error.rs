//! A handler whose error does not say what it means.

use std::sync::Arc;

use artel::{Artifact, Board, Context};
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

#[derive(Debug)]
struct Failure;

async fn answer(_cx: Context, question: Arc<Question>) -> Result<Answer, Failure> {
    Ok(Answer { text: question.text.clone() })
}

fn declare(board: &Board) {
    board.agent("answer").on::<Question>().run(answer);
}

fn main() {}
