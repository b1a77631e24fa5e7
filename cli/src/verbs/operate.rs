//! `artel dlq redrive | drop` and `artel activation cancel`: the program becomes the owner of the
//! board for a moment, records what the operator asks for, and gives the board up again.

use artel::envelope::Actor;
use artel::event::Event;
use artel::ids::{ActivationId, Seq};
use artel::log::Outcome;
use artel::state::State;
use artel::step::{StepRejection, open_intents};
use artel::{ActivationView, Caretaker, OperateError, Operator, Reader, Rejection, Standing};

use super::show;
use super::sweep::sweep;
use crate::args::{ActivationCancel, DlqRedrive, DlqSelect};
use crate::config::{self, Config};
use crate::error::Error;
use crate::output::Output;
use crate::words::count;
use crate::{describe, wire};

/// How many dead letters one command changes: all of them or none.
const PART: usize = 1_000;
/// How many ids people are shown.
const IDS_SHOWN: usize = 100;
/// How many of the last events are looked at first for the program of the board.
const LOOKED_BACK: u64 = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Redrive { out_of_order: bool },
    Drop,
    Cancel,
}

/// What an operator asks for.
struct Asked {
    action: Action,
    ids: Vec<ActivationId>,
    by: String,
    reason: String,
}

impl Action {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Redrive { .. } => "redrive",
            Self::Drop => "drop",
            Self::Cancel => "cancel",
        }
    }
}

pub(super) async fn redrive(
    args: &DlqRedrive,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let action = Action::Redrive { out_of_order: args.out_of_order };
    dead(action, &args.select, config, out).await
}

pub(super) async fn drop_dead(
    args: &DlqSelect,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    dead(Action::Drop, args, config, out).await
}

pub(super) async fn cancel(
    args: &ActivationCancel,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reason = args.reason.clone();
    let asked = Asked { action: Action::Cancel, ids: sorted(&args.ids), by: by(&args.by)?, reason };
    let reader = Reader::open(&config.board).await?;
    check_free(&reader, asked.action, &asked.ids).await?;
    reader.close().await;
    let changed = carry_out(&asked, config).await?;
    tell(&answer(&asked, changed, None), out)
}

async fn dead(
    action: Action,
    args: &DlqSelect,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    if args.ids.is_empty() {
        return sweep(action, args, config, out).await;
    }
    let reader = Reader::open(&config.board).await?;
    let ids = sorted(&args.ids);
    let redrives = matches!(action, Action::Redrive { .. });
    let program = if redrives { last_program(&reader).await? } else { None };
    if args.dry_run {
        check(&reader, action, &ids).await?;
        let asked = Asked { action, ids, by: String::new(), reason: String::new() };
        let answer = wire::Operated { dry_run: true, ..answer(&asked, 0, program) };
        return tell(&answer, out);
    }
    let reason = args.reason.clone().unwrap_or_default();
    let asked = Asked { action, ids, by: by(&args.by)?, reason };
    check_free(&reader, action, &asked.ids).await?;
    reader.close().await;
    let changed = carry_out(&asked, config).await?;
    tell(&answer(&asked, changed, program), out)
}

/// Refuses what the board would refuse before it is taken over, which would leave its mark in the
/// log. A board that has an owner refuses by itself, and names the owner.
async fn check_free(reader: &Reader, action: Action, ids: &[ActivationId]) -> Result<(), Error> {
    match reader.owner().await? {
        Some(_) => Ok(()),
        None => check(reader, action, ids).await,
    }
}

/// Refuses what the board would refuse, in its words.
async fn check(reader: &Reader, action: Action, ids: &[ActivationId]) -> Result<(), Error> {
    for &activation in ids {
        let view = show::find(reader, activation).await?;
        let rejection = match (action, &view.standing) {
            (Action::Cancel, Standing::Waiting(_) | Standing::Running) => continue,
            (Action::Cancel, Standing::Closed { .. }) => Rejection::NotOpen { activation },
            (Action::Redrive { .. } | Action::Drop, standing) => {
                let state = match standing {
                    Standing::Waiting(_) | Standing::Running => "it is open",
                    Standing::Closed { outcome, .. } => match outcome {
                        Outcome::Dead(_) => match refusal(reader.state(), action, &view) {
                            Some(rejection) => return Err(OperateError::Rejected(rejection).into()),
                            None => continue,
                        },
                        Outcome::Done => "it is done",
                        Outcome::Cancelled => "it is cancelled",
                        Outcome::Dropped(_) => "it was dropped",
                        Outcome::Expired => "it expired",
                    },
                };
                Rejection::NotDead { activation, state }
            }
        };
        return Err(OperateError::Rejected(rejection).into());
    }
    Ok(())
}

/// Why the board would not do it with a dead letter, as things stand.
pub(super) fn refusal(state: &State, action: Action, view: &ActivationView) -> Option<Rejection> {
    let Action::Redrive { out_of_order } = action else { return None };
    let activation = view.id;
    let steps: Vec<_> = open_intents(&view.steps).cloned().collect();
    if !steps.is_empty() {
        return Some(Rejection::Step(StepRejection::InDoubt { activation, steps }));
    }
    let overtaken = state.is_overtaken((view.subscription, activation), view.key.as_ref());
    (overtaken && !out_of_order).then_some(Rejection::OutOfOrder { activation })
}

/// The last program that ran agents on the board: whoever only takes care of it opens no session.
pub(super) async fn last_program(reader: &Reader) -> Result<Option<String>, Error> {
    let state = reader.state();
    if state.sessions().next().is_some() {
        // Another owner would have ended them.
        return Ok(state.header().program.as_ref().map(ToString::to_string));
    }
    let mut end = state.seq().get();
    let mut len = LOOKED_BACK;
    while end > 0 {
        let start = end.saturating_sub(len) + 1;
        let mut tail = reader.tail(Seq(start));
        let mut found = None;
        while let Some(entry) = tail.next().await?.filter(|entry| entry.seq.get() <= end) {
            if let (Event::SessionOpened { .. }, Actor::Program(program)) =
                (&entry.event, &entry.actor)
            {
                found = Some(program.to_string());
            }
        }
        if found.is_some() {
            return Ok(found);
        }
        (end, len) = (start - 1, len * 2);
    }
    Ok(None)
}

fn sorted(ids: &[ActivationId]) -> Vec<ActivationId> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Who asks.
pub(super) fn by(named: &Option<String>) -> Result<String, Error> {
    named.clone().or_else(config::operator).ok_or(Error::NoOperator)
}

async fn carry_out(asked: &Asked, config: &Config) -> Result<u32, Error> {
    let caretaker = Caretaker::open(&config.board).await?;
    let changed = record(&caretaker, asked).await;
    // What was acknowledged is durable, however the board is given up.
    let _ = caretaker.close().await;
    changed
}

async fn record(caretaker: &Caretaker, asked: &Asked) -> Result<u32, Error> {
    let operator = caretaker.operator(&asked.by, &asked.reason)?;
    if asked.action == Action::Cancel {
        return Ok(operator.cancel_activations(&asked.ids).await?);
    }
    let mut done = 0;
    for part in asked.ids.chunks(PART) {
        match change(&operator, asked.action, part).await {
            Ok(changed) => done += changed,
            Err(error) if done == 0 => return Err(error.into()),
            Err(error) => return Err(Error::Partly { done, source: Box::new(error.into()) }),
        }
    }
    Ok(done)
}

async fn change(
    operator: &Operator<'_>,
    action: Action,
    ids: &[ActivationId],
) -> Result<u32, OperateError> {
    match action {
        Action::Redrive { out_of_order: false } => operator.redrive(ids).await,
        Action::Redrive { out_of_order: true } => operator.redrive_out_of_order(ids).await,
        Action::Drop => operator.drop_dead(ids).await,
        Action::Cancel => operator.cancel_activations(ids).await,
    }
}

fn answer(asked: &Asked, changed: u32, program: Option<String>) -> wire::Operated {
    wire::Operated {
        action: asked.action.as_str(),
        ids: asked.ids.iter().copied().map(describe::number).collect(),
        meant: asked.ids.len() as u64,
        changed: u64::from(changed),
        skipped: 0,
        dry_run: false,
        runs_with: program.filter(|_| matches!(asked.action, Action::Redrive { .. })),
    }
}

pub(super) fn tell(answer: &wire::Operated, out: &mut Output) -> Result<(), Error> {
    if out.json {
        return Ok(out.json(answer)?);
    }
    let (one, many) = match answer.action {
        "cancel" => ("activation", "activations"),
        _ => ("dead letter", "dead letters"),
    };
    if answer.meant == 0 {
        return Ok(out.line(&format!("no {many}"))?);
    }
    let ids: Vec<String> = answer.ids.iter().take(IDS_SHOWN).map(ToString::to_string).collect();
    let more = (answer.meant - answer.skipped).saturating_sub(ids.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let ids = ids.join(", ") + &more;
    if answer.dry_run {
        let meant = count(answer.meant - answer.skipped, one, many);
        let ids = if ids.is_empty() { ids } else { format!(": {ids}") };
        out.line(&format!("would {} {meant}{ids}", answer.action))?;
        return tell_skipped("would leave", answer, out);
    }
    let changed = count(answer.changed, one, many);
    let (past, what_now) = match answer.action {
        "redrive" => ("redrove", runs_with(answer.runs_with.as_deref())),
        "drop" => {
            ("dropped", "what was dropped stays on record and is never tried again".to_owned())
        }
        _ => ("cancelled", "what was cancelled stays on record and does not run".to_owned()),
    };
    let ids = if ids.is_empty() { ids } else { format!(": {ids}") };
    out.line(&format!("{past} {changed}{ids}"))?;
    tell_skipped("left", answer, out)?;
    Ok(out.line(&format!("no process owned the board, so this one recorded it; {what_now}"))?)
}

/// How many are left as they are, and for what reasons that may be.
fn tell_skipped(left: &str, answer: &wire::Operated, out: &mut Output) -> Result<(), Error> {
    if answer.skipped == 0 {
        return Ok(());
    }
    let skipped = count(answer.skipped, "dead letter", "dead letters");
    let why = match answer.action {
        "redrive" => {
            "since younger ones of their ordering key may have run since (--out-of-order redrives \
             them), they are in doubt (`artel step settle`), or somebody else had touched them"
        }
        _ => "since somebody else had touched them",
    };
    Ok(out.line(&format!("{left} {skipped}, {why}"))?)
}

pub(super) fn runs_with(program: Option<&str>) -> String {
    match program {
        None => "its agents run when the board's program starts".to_owned(),
        Some(program) => format!("its agents run when `{program}` starts"),
    }
}
