//! The agents of a simulation: what they do in an attempt is drawn from the attempt's recorded
//! seed, so that a log says all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::{Artifact, Board, Context, Error, Jitter, Publication, Query, Retry};
use artel_core::ids::AttemptId;
use artel_core::key::OnDead;
use artel_core::time::Clock;

use super::audit::{Audit, Auditor};
use super::cases::Case;
use super::charges::charge;
use super::crew::Crew;
use super::outputs::{self, Outputs};
use super::policies::{self, Limits, Policies};
use super::{rules, secrets, timed};
use crate::VirtualClock;
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
    /// The last step that the attempt took, if it took any.
    pub(super) marked: Option<u64>,
}

#[derive(artel::Outputs)]
enum Made {
    Token(Token),
    Leaf(Leaf),
}

/// What an attempt is about to return.
#[derive(Clone, Debug)]
pub(super) struct Returned {
    /// How many artifacts, the one under a key left out.
    pub(super) made: usize,
    /// How many of them are tokens, and whose taste they are to.
    pub(super) tokens: (usize, u32),
    /// The key that it publishes something else under.
    pub(super) key: Option<String>,
    /// How many are withheld beside these.
    pub(super) withheld: usize,
    /// Whether all of it may be returned.
    pub(super) fits: bool,
    /// Which candidate returned it, and its score, the best so far.
    pub(super) best: (f64, u32),
    /// How many candidates have returned something that can be published.
    pub(super) candidates: u32,
}

/// What the outside sees, whatever becomes of processes: the results of steps that returned, by
/// their keys, and the attempts that began in each process.
#[derive(Debug, Default)]
pub(super) struct Outside {
    steps: Mutex<BTreeMap<String, u64>>,
    begun: Mutex<BTreeSet<(u32, AttemptId, u32)>>,
    /// How many handlers there are in each process.
    handlers: Mutex<BTreeMap<u32, u32>>,
}

/// What an attempt has to do with beside the board.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) outside: Arc<Outside>,
    pub(super) auditor: Arc<Auditor>,
    pub(super) process: u32,
    pub(super) outputs_max: usize,
    pub(super) slots: u32,
    /// What agents say about their outputs, by name.
    pub(super) outputs: BTreeMap<String, Outputs>,
    pub(super) clock: Arc<VirtualClock>,
    /// Whether they take irreversible steps.
    pub(super) charges: bool,
    /// Whether tokens are not for everybody.
    pub(super) secrets: bool,
}

/// A handler that is there, from its first poll until it is dropped.
pub(super) struct Handler {
    around: Arc<Around>,
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.around.count(|handlers| *handlers -= 1);
    }
}

impl Around {
    fn count(&self, change: impl FnOnce(&mut u32)) -> u32 {
        let mut handlers = self.outside.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let here = handlers.entry(self.process).or_default();
        change(here);
        *here
    }

    /// An attempt, or a candidate of it, begins: its lease is durable, it began in no other task of this
    /// process, and there is a slot for it.
    pub(super) fn begins(self: &Arc<Self>, attempt: AttemptId, candidate: u32) -> Handler {
        let durable = self.auditor.look().started.contains(&attempt);
        self.auditor
            .expect(durable, format_args!("I1: {attempt} began before its lease was durable"));
        let mut begun = self.outside.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let first = begun.insert((self.process, attempt, candidate));
        self.auditor.expect(first, format_args!("I6: {attempt} began twice in one process"));
        let here = self.count(|handlers| *handlers += 1);
        let fits = here <= self.slots;
        self.auditor.expect(fits, format_args!("I13: {here} handlers in {} slots", self.slots));
        Handler { around: self.clone() }
    }

    /// An attempt, or a candidate of it, returns this, and perhaps something under a key beside it.
    fn returns(&self, cx: &Context, made: Vec<Made>, leaf: Option<u32>) -> Vec<Made> {
        let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
        let said = self.outputs_of(cx.agent());
        let mut audit = self.auditor.look();
        if !rules::runs(&audit, attempt) {
            audit.cases.count(Case::LateResult);
            return made;
        }
        let all = made.len() + usize::from(leaf.is_some());
        let mut returned = self.published(said, &made, leaf);
        returned.best = (outputs::score(all), cx.candidate());
        returned.fits = all <= self.outputs_max && said.fits(returned.tokens);
        let before = audit.returned.get(&attempt).cloned();
        let better = before.as_ref().is_none_or(|before| {
            let ((best, number), (score, mine)) = (before.best, returned.best);
            score > best || score.total_cmp(&best).is_eq() && mine < number
        });
        // Of an attempt with one candidate it is said what becomes of it, whatever it returned.
        if said.candidates > 1 && !returned.fits {
            return made;
        }
        returned.candidates = before.as_ref().map_or(0, |before| before.candidates) + 1;
        let now = match before {
            Some(before) if !better => Returned { candidates: returned.candidates, ..before },
            _ => returned,
        };
        audit.returned.insert(attempt, now);
        made
    }

    /// An attempt returns, and leaves nothing.
    pub(super) fn returns_nothing(&self, attempt: AttemptId) {
        let mut audit = self.auditor.look();
        if !rules::runs(&audit, attempt) {
            audit.cases.count(Case::LateResult);
            return;
        }
        let nothing = Returned {
            made: 0,
            tokens: (0, 0),
            key: None,
            withheld: 0,
            fits: true,
            best: (outputs::score(0), 1),
            candidates: 1,
        };
        audit.returned.insert(attempt, nothing);
    }

    /// What of it is published.
    fn published(&self, said: Outputs, made: &[Made], leaf: Option<u32>) -> Returned {
        let withheld = |number| said.withholds && outputs::is_withheld(number);
        let mut returned = Returned {
            made: 0,
            tokens: (0, 0),
            key: leaf.filter(|number| !withheld(*number)).map(key_of_leaf),
            withheld: usize::from(leaf.is_some_and(withheld)),
            fits: true,
            best: (0.0, 1),
            candidates: 0,
        };
        for one in made {
            match one {
                Made::Token(token) => returned.tokens = (returned.tokens.0 + 1, token.taste),
                Made::Leaf(leaf) if withheld(leaf.number) => {
                    returned.withheld += 1;
                    continue;
                }
                Made::Leaf(_) => {}
            }
            returned.made += 1;
        }
        returned
    }

    /// A handler is about to panic.
    pub(super) fn panics(&self, attempt: AttemptId) {
        let mut audit = self.auditor.look();
        // A board's wall clock stands still until a clock that went back has caught up.
        let at = self.clock.wall().max(audit.clocks.0);
        audit.panicking.insert(attempt, at);
    }

    /// A step failed. I13: it is refused only where there are as many as there may be.
    pub(super) fn refused(&self, attempt: AttemptId, error: &Error) {
        if !error.chain().iter().any(|text| text.starts_with(STEPS_FULL)) {
            return;
        }
        let mut audit = self.auditor.look();
        audit.cases.count(Case::StepsFull);
        let limit = audit.bounds.steps;
        let steps = audit.state.activation(attempt.activation).map(|open| open.steps.len());
        if steps.is_some_and(|steps| steps < limit) {
            audit.violated(format_args!("I13: with {steps:?} steps {attempt} is refused another"));
        }
    }

    /// Something is to be told to the audit.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Audit) -> T) -> T {
        look(&mut self.auditor.look())
    }

    /// A step returned this: from then on it always does.
    pub(super) fn saw(&self, key: &str, result: u64) {
        let mut steps = self.outside.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *steps.entry(key.to_owned()).or_insert(result);
        self.auditor.expect(
            first == result,
            format_args!("I3: the step {key} gave another result in a later attempt"),
        );
    }
}

/// How many agents a board may have.
pub(super) const AGENTS_MAX: u64 = 5;

/// What a payload has in it that some logs refuse.
pub(super) const REFUSED: &str = r#""number":77"#;

/// Whether the payload of a token has that in it.
pub(super) fn is_refused(token: &Token) -> bool {
    token.number.to_string().starts_with("77")
}

/// What the refusal of a step begins with that is one too many.
const STEPS_FULL: &str = "steps of an activation";

/// What the names of agents begin with; their number follows.
const AGENT: &str = "agent-";

/// The name of the agent with this number.
pub(super) fn name_of(number: u32) -> String {
    format!("{AGENT}{number}")
}

/// The number of an agent.
pub(super) fn number_of(name: &str) -> Option<u32> {
    name.strip_prefix(AGENT)?.parse().ok()
}

/// Whether a token is to the taste of the agent with this number.
pub(super) const fn takes(number: u32, taste: u32) -> bool {
    taste.is_multiple_of(number)
}

/// What an agent with this number says in CEL, if it says it so: the fourth fails where it would say no.
fn cel(number: u32) -> Option<String> {
    match number {
        2 => Some("payload.taste % 2 == 0".to_owned()),
        4 => Some("payload.taste % 4 == 0 || payload.number / 0 == payload.hops".to_owned()),
        _ => None,
    }
}

/// Declares agents on a board.
pub(super) fn declare(
    board: &Board,
    numbers: impl Iterator<Item = u32>,
    policies: &Policies,
    around: &Arc<Around>,
) {
    board.type_of::<Token>();
    board.type_of::<Leaf>();
    policies.declare(board);
    let numbers: Vec<u32> = numbers.collect();
    policies.crew.declare(board, numbers.iter().copied());
    for number in numbers {
        let name = name_of(number);
        let retry = match number % 3 {
            0 => Retry::fixed(Duration::from_secs(1)).max_attempts(5),
            1 => Retry::exponential(Duration::from_millis(200)).max_attempts(4),
            _ => Retry::list([Duration::ZERO, Duration::from_secs(7)]).jitter(Jitter::None),
        };
        let retry = if number == 5 { retry.max_elapsed(Duration::from_secs(9)) } else { retry };
        let agent = secrets::clear(board.agent(name).on::<Token>(), number);
        let agent = match cel(number) {
            Some(expression) => agent.cel(expression),
            None => agent.filter(move |token| takes(number, token.taste)),
        };
        let agent = agent.timeout(Duration::from_secs(5)).concurrency(1 + number * 2);
        let agent = if policies.crew.has(number) {
            Crew::join(agent)
        } else {
            agent.retry(retry).crash_loop(1 + number % 2)
        };
        let agent = if number == 4 { agent.total_timeout(Duration::from_secs(60)) } else { agent };
        let (limits, depends) = policies.of(number);
        let Limits { breaker, rate, ordered, key_limit, .. } = limits;
        let agent = if let Some(breaker) = breaker { agent.breaker(breaker) } else { agent };
        let agent = if let Some(rate) = rate { agent.rate_limit(rate) } else { agent };
        let agent = if let Some(service) = depends { agent.depends_on(service) } else { agent };
        let agent = match ordered {
            None => agent,
            Some(OnDead::Continue) => agent.ordered(),
            Some(OnDead::Stop) => agent.ordered_strictly(),
        };
        let agent = match key_limit {
            Some(limit) => agent.concurrency_per_key(limit),
            None => agent,
        };
        let keyed = ordered.is_some() || key_limit.is_some();
        let agent = if keyed { agent.key(policies::key_of) } else { agent };
        let agent = timed::say(agent, policies.when(number));
        let agent = outputs::say(agent, around.outputs_of(&name_of(number)));
        agent.shared_state(around.clone()).run(work);
    }
}

async fn work(cx: Context, token: Arc<Token>, around: Arc<Around>) -> Result<Vec<Made>, Error> {
    let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
    let _handler = around.begins(attempt, cx.candidate());
    let id = cx.new_id();
    let bytes = id.as_bytes();
    let mut dice = Dice::new(u64::from_le_bytes([
        bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
    ]));
    let number = number_of(cx.agent()).unwrap_or(0);
    around.auditor.expect(
        !around.secrets || secrets::may_see(number, token.number),
        format_args!("I12: agent {number} is given {}", token.number),
    );
    let marked = steps(&cx, &mut dice, &around).await?;
    if around.charges && around.outputs_of(cx.agent()).candidates == 1 {
        charge(&cx, Dice::new(dice.below(u64::MAX)), &around).await?;
    }
    if dice.percent(30) {
        tokio::time::sleep(dice.up_to(3_000)).await;
    }
    let key = dice.percent(10).then(|| publish_leaf(&cx, &mut dice));
    match dice.below(100) {
        0..8 => return Err(Error::transient("drawn")),
        8..10 => return Err(Error::rate_limited(dice.up_to(4_000), "drawn")),
        10..13 => return Err(Error::permanent("drawn")),
        13..17 => {
            if around.outputs_of(cx.agent()).candidates == 1 {
                around.panics(attempt);
            }
            panic!("drawn")
        }
        17..20 => std::future::pending().await,
        20..23 => {
            let seen = cx.board().artifacts(&Query::of::<Token>()).await?;
            let past = seen.artifacts.iter().all(|seen| seen.seq() <= cx.pin());
            around.auditor.expect(past, "I10: an attempt saw what came after it began");
            secrets::reads(&cx, &token, &around).await?;
        }
        23..25 => {
            let leaf = || Made::Leaf(Leaf { number: token.number, marked });
            let made: Vec<_> = (0..=around.outputs_max.min(64)).map(|_| leaf()).collect();
            return Ok(around.returns(&cx, made, key));
        }
        _ => {}
    }
    if token.hops == 0 {
        let leaf = Made::Leaf(Leaf { number: token.number, marked });
        return Ok(around.returns(&cx, vec![leaf], key));
    }
    let copies = if dice.percent(10) { dice.below(4) } else { 1 };
    let next = || Token { hops: token.hops - 1, ..(*token).clone() };
    let made = (0..copies).map(|_| Made::Token(next())).collect();
    Ok(around.returns(&cx, made, key))
}

/// Publishes a leaf beside what is returned. The same key always stands for the same leaf, whoever
/// makes it.
fn publish_leaf(cx: &Context, dice: &mut Dice) -> u32 {
    let number = u32::try_from(dice.below(6)).unwrap_or(0);
    let leaf = Publication::new(Leaf { number, marked: None });
    cx.publish(leaf.idempotency_key(key_of_leaf(number)));
    number
}

fn key_of_leaf(number: u32) -> String {
    format!("leaf {number}")
}

/// Takes some steps, now and then.
async fn steps(cx: &Context, dice: &mut Dice, around: &Around) -> Result<Option<u64>, Error> {
    let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
    let mut marked = None;
    if !dice.percent(15) {
        return Ok(marked);
    }
    for number in 0..=dice.below(3) {
        let name = format!("mark-{number}");
        let drawn = dice.below(u64::MAX);
        let mut ran = false;
        let effect = async {
            ran = true;
            Ok::<_, Error>(drawn)
        };
        let step = cx.step(&name, effect).await;
        let result: u64 = step.inspect_err(|error| around.refused(attempt, error))?;
        if !ran {
            around.auditor.came_to(Case::StepReused);
        }
        around.saw(&cx.step_key(&name), result);
        marked = Some(result);
    }
    Ok(marked)
}
