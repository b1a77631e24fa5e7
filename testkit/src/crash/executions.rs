//! What handlers did, by the ledger, held against what the log says of their attempts.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::event::AttemptEnd;
use artel_core::ids::{ActivationId, AttemptId};

use super::check::{Check, Verdicts};
use super::work::Work;
use crate::ledger::{Ledger, Line};

/// How often handlers ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Executed {
    pub(super) executions: u64,
    pub(super) repeated: u64,
}

/// Holds the executions of the ledger against the attempts of the log.
pub(super) fn hold_against(work: &Work, ledger: &Ledger, verdicts: &mut Verdicts) -> Executed {
    let mut begun: BTreeMap<AttemptId, Option<bool>> = BTreeMap::new();
    let mut of_activation: BTreeMap<ActivationId, u64> = BTreeMap::new();
    let mut executions = 0;
    for line in &ledger.lines {
        let Some(attempt) = line.attempt() else { continue };
        match line {
            Line::Begin { agent, .. } => {
                executions += 1;
                *of_activation.entry(attempt.activation).or_default() += 1;
                let again = begun.insert(attempt, None).is_some();
                verdicts.expect(Check::Execution, !again, || {
                    format!("the handler ran twice for attempt {attempt}")
                });
                begins(work, attempt, agent, verdicts);
            }
            Line::End { ok, .. } => {
                let before = begun.insert(attempt, Some(*ok));
                if before != Some(None) {
                    let finding = format!("the handler of {attempt} ended without running");
                    verdicts.wrong(Check::Execution, finding);
                }
            }
            Line::State { .. } | Line::Acknowledged { .. } => {}
        }
    }
    within(work, &of_activation, executions, verdicts);
    for (attempt, known) in &work.attempts {
        if matches!(known.end, Some((AttemptEnd::Done, _))) {
            let ended = begun.get(attempt).copied().flatten();
            verdicts.expect(Check::Worked, ended == Some(true), || {
                format!("attempt {attempt} is done, and its handler has not returned outputs")
            });
        }
    }
    Executed { executions, repeated: executions - of_activation.len() as u64 }
}

/// A handler runs for an attempt that the log has begun, of its own agent.
fn begins(work: &Work, attempt: AttemptId, agent: &str, verdicts: &mut Verdicts) {
    if !work.attempts.contains_key(&attempt) {
        let finding = format!("the handler of `{agent}` ran for {attempt}, which the log lacks");
        verdicts.wrong(Check::Execution, finding);
    }
    let owner = work.activations.get(&attempt.activation);
    if let Some(unit) = owner.filter(|unit| unit.agent != agent) {
        let finding = format!("`{agent}` ran for {attempt}, which is of `{}`", unit.agent);
        verdicts.wrong(Check::Execution, finding);
    }
}

/// No activation was executed more often than the log began attempts of it, nor were all together.
fn within(
    work: &Work,
    of_activation: &BTreeMap<ActivationId, u64>,
    executions: u64,
    verdicts: &mut Verdicts,
) {
    let mut started: BTreeMap<ActivationId, BTreeSet<AttemptId>> = BTreeMap::new();
    for attempt in work.attempts.keys() {
        started.entry(attempt.activation).or_default().insert(*attempt);
    }
    for (activation, times) in of_activation {
        let attempts = started.get(activation).map_or(0, BTreeSet::len) as u64;
        if *times > attempts {
            let finding =
                format!("{times} executions for {activation}, which had {attempts} attempts");
            verdicts.wrong(Check::Execution, finding);
        }
    }
    let attempts = work.attempts.len() as u64;
    if executions > attempts {
        let finding = format!("{executions} executions, {attempts} attempts in all");
        verdicts.wrong(Check::Execution, finding);
    }
}
