//! The best of several candidates: an attempt runs its handler several times at once, a function of the
//! program's gives each run a score, and what the best one returned is published. The others are kept
//! in the attempt's report.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;

use artel_core::artifact::Artifact;
use artel_core::classify::Failed;
use artel_core::policy::{ErrorKind, Retry};
use artel_scheduler::attempt;

use crate::context::Context;
use crate::handler::ErasedHandler;
use crate::judge::{Judge, Judged};
use crate::output::{guarded, invalid};
use crate::publication::Publication;
use crate::report::{CandidateReport, KeptOutput};
use crate::submit::Origin;

/// How good a candidate is, the higher the better.
pub(crate) type Score = Arc<dyn Fn(&Candidate<'_>) -> f64 + Send + Sync>;

/// What one candidate of an attempt returned, for the function that gives it a score.
pub struct Candidate<'a> {
    number: u32,
    outputs: &'a [Arc<dyn Any + Send + Sync>],
}

impl std::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate")
            .field("number", &self.number)
            .field("outputs", &self.outputs.len())
            .finish()
    }
}

impl Candidate<'_> {
    /// Which candidate of its attempt it is, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The artifacts of a type that it returned, in order, those that are withheld included.
    pub fn all<O: Artifact>(&self) -> impl Iterator<Item = &O> {
        self.outputs.iter().filter_map(|output| output.downcast_ref())
    }

    /// The first of them.
    #[must_use]
    pub fn first<O: Artifact>(&self) -> Option<&O> {
        self.all().next()
    }
}

/// What each candidate came to, with its context, in the order of their numbers.
pub(crate) type Ran = Vec<(Context, Result<Vec<Publication>, Failed>)>;

/// Runs the handler once for each candidate, all of them at once. Dropped, it drops all of them.
pub(crate) async fn run(
    handler: &Arc<dyn ErasedHandler>,
    cx: &Context,
    value: &Arc<dyn Any + Send + Sync>,
    candidates: u32,
) -> Ran {
    let one = |number| {
        let cx = cx.candidate_of(number);
        let handler = handler.clone().call(cx.clone(), value.clone());
        async move {
            let came = match AssertUnwindSafe(handler).catch_unwind().await {
                Ok(Ok(outputs)) => {
                    let returned = outputs.into_iter().map(Publication::erased);
                    Ok(returned.chain(cx.take_held()).collect())
                }
                Ok(Err(failed)) => Err(failed),
                Err(panic) => {
                    let text = format!("panicked: {}", attempt::message(&*panic));
                    Err(Failed::new(ErrorKind::Panic, vec![text]))
                }
            };
            (cx, came)
        }
    };
    join_all((1..=candidates).map(one)).await
}

/// What the best candidate returned, and what is reported of all of them. Candidates that failed are
/// left out; if all did, the attempt fails as the first of them did that may be tried again, or, if
/// none may, as the first one.
pub(crate) fn choose(
    judge: &Judge<'_>,
    ran: Ran,
    score: &Score,
) -> (Result<Judged, Failed>, Vec<CandidateReport>) {
    let mut reports = Vec::with_capacity(ran.len());
    let mut failures = Vec::new();
    let mut best: Option<(f64, u32)> = None;
    let mut judged_of = Vec::new();
    for (number, (cx, came)) in (1..).zip(ran) {
        let mut report = CandidateReport { number, ..CandidateReport::default() };
        let appraised = came.and_then(|publications| {
            // Encoding runs code of the user's too.
            let what = || "encoding what a candidate returned".to_owned();
            guarded(what, || appraise(judge, publications, &cx, score)).and_then(|it| it)
        });
        match appraised {
            Ok((judged, points)) => {
                report.score = Some(points);
                report.withheld.clone_from(&judged.withheld);
                if best.is_none_or(|(highest, _)| points > highest) {
                    best = Some((points, number));
                }
                judged_of.push((number, judged));
            }
            Err(failed) => {
                report.error = failed.chain().to_vec();
                failures.push(failed);
            }
        }
        reports.push(report);
    }
    let Some((_, winner)) = best else {
        return (Err(of_all(failures, &judge.agent.definition.retry)), reports);
    };
    let mut left = judge.submitter.payload_len;
    let mut chosen = None;
    for (number, judged) in judged_of {
        let report = reports.iter_mut().find(|report| report.number == number);
        match report {
            Some(report) if number == winner => report.published = true,
            Some(report) => keep(report, &judged, judge.origin, &mut left),
            None => {}
        }
        if number == winner {
            chosen = Some(judged);
        }
    }
    (chosen.ok_or_else(|| Failed::permanent("an attempt without candidates")), reports)
}

/// Judges what a candidate returned, and gives it its score.
fn appraise(
    judge: &Judge<'_>,
    publications: Vec<Publication>,
    cx: &Context,
    score: &Score,
) -> Result<(Judged, f64), Failed> {
    let outputs: Vec<_> =
        publications.iter().map(|publication| publication.value.clone().into_any()).collect();
    let judged = judge.judge(publications, cx)?;
    let candidate = Candidate { number: cx.candidate(), outputs: &outputs };
    let points = guarded(|| "the score of a candidate".to_owned(), || score(&candidate))?;
    if !points.is_finite() {
        return Err(invalid(format!("the score of a candidate is {points}; it has to be finite")));
    }
    Ok((judged, points))
}

/// Keeps what a candidate returned that was not the best, as far as there is room. Who may see an
/// activation sees its reports, so what says itself who may see it is not kept.
fn keep(report: &mut CandidateReport, judged: &Judged, origin: &Origin, left: &mut usize) {
    for prepared in &judged.prepared {
        let payload = std::str::from_utf8(prepared.payload()).ok();
        let text = payload.filter(|text| text.len() <= *left && prepared.is_seen_as(origin));
        let Some(text) = text else {
            report.cut += 1;
            continue;
        };
        *left -= text.len();
        let type_name = prepared.type_name().to_owned();
        report.outputs.push(KeptOutput { type_name, payload: text.to_owned() });
    }
}

/// What an attempt fails of when all of its candidates did.
fn of_all(failures: Vec<Failed>, retry: &Retry) -> Failed {
    let again = failures.iter().position(|failed| retry.retries(failed.kind()));
    let all = failures.len();
    let first = failures.into_iter().nth(again.unwrap_or(0));
    let Some(first) = first else { return Failed::permanent("an attempt without candidates") };
    let mut chain = vec![format!("all {all} candidates failed")];
    chain.extend(first.chain().iter().cloned());
    Failed::new(first.kind(), chain)
}
