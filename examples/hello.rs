//! The smallest board: one agent, one artifact in, one out. `cargo run --example hello`

#![expect(clippy::print_stdout, reason = "it greets")]

use std::sync::Arc;

use artel::{Artifact, Board, Context, Error, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Name {
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Greeting {
    text: String,
}

async fn greet(_cx: Context, name: Arc<Name>) -> Result<Greeting, Error> {
    Ok(Greeting { text: format!("Hello, {}!", name.name) })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let board = Board::open("memory:").await?; // "sqlite:hello.db" keeps it
    board.agent("greeter").on::<Name>().run(greet);

    let running = board.start().await?;
    let receipt = running.publish(Name { name: "board".to_owned() }).await?;
    running.settled(receipt.correlation).await?;
    for artifact in running.artifacts(&Query::of::<Greeting>()).await?.artifacts {
        println!("{}", artifact.decode::<Greeting>()?.text);
    }
    running.shutdown().await;
    Ok(())
}
