//! The agents of a simulation: what they do in an attempt is drawn from the attempt's recorded
//! seed, so that a log says all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::{Artifact, Board, Context, Error, Jitter, Outputs, Retry};

use crate::dice::Dice;

/// Work that goes through some more hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "sim.Token")]
pub(super) struct Token {
    pub(super) number: u32,
    /// How many more agents it goes to.
    pub(super) hops: u8,
    /// Which agents take it: those whose number divides it.
    pub(super) taste: u32,
}

/// The end of a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "sim.Leaf")]
pub(super) struct Leaf {
    pub(super) number: u32,
    /// The step that the attempt took, if it did.
    pub(super) marked: Option<u64>,
}

#[derive(Outputs)]
enum Made {
    Token(Token),
    Leaf(Leaf),
}

/// What the outside sees: the results of steps that returned, by their keys.
#[derive(Debug, Default)]
pub(super) struct Outside {
    steps: Mutex<BTreeMap<String, u64>>,
}

impl Outside {
    /// A step returned this: from then on it always does.
    fn saw(&self, key: &str, result: u64) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *steps.entry(key.to_owned()).or_insert(result);
        assert_eq!(first, result, "a step gave {key} another result in a later attempt");
    }
}

/// Declares so many agents on a board.
pub(super) fn declare(board: &Board, agents: u32, outside: &Arc<Outside>) {
    for number in 1..=agents {
        let name = format!("agent-{number}");
        let retry = match number % 3 {
            0 => Retry::fixed(Duration::from_secs(1)).max_attempts(5),
            1 => Retry::exponential(Duration::from_millis(200)).max_attempts(4),
            _ => Retry::list([Duration::ZERO, Duration::from_secs(7)]).jitter(Jitter::None),
        };
        board
            .agent(name)
            .on::<Token>()
            .filter(move |token| token.taste.is_multiple_of(number))
            .retry(retry)
            .timeout(Duration::from_secs(5))
            .concurrency(1 + number * 2)
            .shared_state(outside.clone())
            .run(work);
    }
}

async fn work(cx: Context, token: Arc<Token>, outside: Arc<Outside>) -> Result<Vec<Made>, Error> {
    let id = cx.new_id();
    let bytes = id.as_bytes();
    let mut dice = Dice::new(u64::from_le_bytes([
        bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
    ]));
    let mut marked = None;
    if dice.percent(15) {
        let drawn = dice.below(u64::MAX);
        let result: u64 = cx.step("mark", async { Ok::<_, Error>(drawn) }).await?;
        outside.saw(&cx.step_key("mark"), result);
        marked = Some(result);
    }
    if dice.percent(30) {
        tokio::time::sleep(dice.up_to(3_000)).await;
    }
    match dice.below(100) {
        0..10 => return Err(Error::transient("drawn")),
        10..13 => return Err(Error::permanent("drawn")),
        13..17 => panic!("drawn"),
        17..20 => std::future::pending().await,
        20..23 => {
            let seen = cx.board().artifacts(&artel::Query::of::<Token>()).await?;
            assert!(seen.artifacts.iter().all(|seen| seen.seq() <= cx.pin()));
        }
        _ => {}
    }
    if token.hops == 0 {
        return Ok(vec![Made::Leaf(Leaf { number: token.number, marked })]);
    }
    let copies = if dice.percent(10) { dice.below(4) } else { 1 };
    let next = || Token { hops: token.hops - 1, ..(*token).clone() };
    Ok((0..copies).map(|_| Made::Token(next())).collect())
}
