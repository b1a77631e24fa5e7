//! The scratch board's types and agents. The types of a row differ only in their names, so that an
//! agent is woken by the one before it and by nobody else.

use std::ops::RangeInclusive;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::ids::CorrelationId;
use artel::{Artifact, Board, Context, Entropy, Error, OsEntropy, Publication};

use crate::args::{Bench, Correlations};

/// How many agents may stand in a row.
pub(crate) const DEPTHS: RangeInclusive<i64> = 1..=16;
/// How many bytes a payload may have: at least what the fields and their names take.
pub(crate) const PAYLOAD_LENS: RangeInclusive<i64> = 40..=1_048_576;

/// What agents make that stand beside the row.
const ASIDE: usize = 17;
/// What nobody makes.
const UNRELATED: usize = 18;
const NAMES: [&str; 19] = [
    "bench.Input",
    "bench.Output1",
    "bench.Output2",
    "bench.Output3",
    "bench.Output4",
    "bench.Output5",
    "bench.Output6",
    "bench.Output7",
    "bench.Output8",
    "bench.Output9",
    "bench.Output10",
    "bench.Output11",
    "bench.Output12",
    "bench.Output13",
    "bench.Output14",
    "bench.Output15",
    "bench.Output16",
    "bench.Aside",
    "bench.Unrelated",
];

/// What declares the agents on the artifacts at each place of the row.
const DECLARE: [fn(&Board, u32); 16] = [
    declare::<0, 1>,
    declare::<1, 2>,
    declare::<2, 3>,
    declare::<3, 4>,
    declare::<4, 5>,
    declare::<5, 6>,
    declare::<6, 7>,
    declare::<7, 8>,
    declare::<8, 9>,
    declare::<9, 10>,
    declare::<10, 11>,
    declare::<11, 12>,
    declare::<12, 13>,
    declare::<13, 14>,
    declare::<14, 15>,
    declare::<15, 16>,
];

/// How many attempts of an agent run at once: as many as the board runs, so that its slots are the
/// only bound.
const CONCURRENCY: u32 = 256;
/// How many different words a tag of an input can be.
const WORDS: u64 = 100;

/// An artifact at a place of the row.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Stage<const PLACE: usize> {
    n: u64,
    text: String,
}

impl<const PLACE: usize> Artifact for Stage<PLACE> {
    const NAME: &'static str = NAMES[PLACE];
    const VERSION: u32 = 1;
}

async fn pass<const FROM: usize, const TO: usize>(
    _: Context,
    input: Arc<Stage<FROM>>,
) -> Result<Stage<TO>, Error> {
    Ok(Stage { n: input.n, text: input.text.clone() })
}

async fn ignore(_: Context, _: Arc<Stage<UNRELATED>>) -> Result<(), Error> {
    Ok(())
}

fn declare<const FROM: usize, const TO: usize>(board: &Board, agents: u32) {
    let row = board.agent(format!("row-{FROM}")).on::<Stage<FROM>>();
    row.concurrency(CONCURRENCY).run(pass::<FROM, TO>);
    for number in 1..agents {
        let beside = board.agent(format!("beside-{FROM}-{number}")).on::<Stage<FROM>>();
        beside.concurrency(CONCURRENCY).run(pass::<FROM, ASIDE>);
    }
}

/// Declares the agents of a run.
pub(super) fn declare_all(board: &Board, args: &Bench) {
    for declare in DECLARE.iter().take(args.depth as usize) {
        declare(board, args.agents);
    }
    for number in 0..args.unrelated {
        board.agent(format!("unrelated-{number}")).on::<Stage<UNRELATED>>().run(ignore);
    }
}

/// Makes inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    payload: usize,
    tags: u32,
    correlations: Correlations,
}

impl Inputs {
    pub(super) const fn new(args: &Bench) -> Self {
        let Bench { payload, tags, correlations, .. } = args;
        Self { payload: *payload as usize, tags: *tags, correlations: *correlations }
    }

    /// The n-th input, whose payload has exactly the length asked for.
    pub(super) fn make(self, n: u64) -> Publication {
        let taken = r#"{"n":,"text":""}"#.len() + n.checked_ilog10().unwrap_or(0) as usize + 1;
        let text = "x".repeat(self.payload.saturating_sub(taken));
        let mut publication = Publication::new(Stage::<0> { n, text });
        for tag in 0..self.tags {
            publication = publication.tag(format!("tag{tag}-{}", n % WORDS));
        }
        match self.correlations {
            Correlations::Ordered => publication,
            Correlations::Random => {
                let mut bytes = [0; 16];
                OsEntropy.fill(&mut bytes);
                publication.correlation(CorrelationId::from_bytes(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_name_and_every_depth_its_agents() {
        let depths = usize::try_from(*DEPTHS.end()).unwrap();
        assert_eq!((DECLARE.len(), NAMES[depths]), (depths, "bench.Output16"));
        assert_eq!(
            (NAMES[ASIDE], NAMES[UNRELATED], NAMES.len()),
            ("bench.Aside", "bench.Unrelated", UNRELATED + 1)
        );
    }
}
