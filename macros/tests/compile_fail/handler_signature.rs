//! Functions that are no handlers: not async, without a context, with a state that is not given.

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

fn blocking(_cx: Context, _question: Arc<Question>) -> Result<(), Error> {
    Ok(())
}

async fn without_context(_question: Arc<Question>) -> Result<(), Error> {
    Ok(())
}

async fn with_state(_cx: Context, _question: Arc<Question>, _state: Arc<u8>) -> Result<(), Error> {
    Ok(())
}

async fn without_result(_cx: Context, question: Arc<Question>) -> Answer {
    Answer { text: question.text.clone() }
}

fn declare(board: &Board) {
    board.agent("a").on::<Question>().run(blocking);
    board.agent("b").on::<Question>().run(without_context);
    board.agent("c").on::<Question>().run(with_state);
    board.agent("d").on::<Question>().run(without_result);
}

fn main() {}
