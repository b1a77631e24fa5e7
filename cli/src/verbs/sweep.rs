//! `artel dlq redrive` and `drop` of all dead letters that meet conditions: page by page, however many
//! there are.

use std::io::Write;

use artel::{Bulk, Caretaker, DeadLetterFilter, OperateError, Reader};

use super::dead::filter;
use super::operate::{Action, by, last_program, refusal, tell};
use crate::args::DlqSelect;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::{describe, wire};

/// After how many people are told how far it is.
const TOLD_EVERY: u64 = 10_000;
/// How many are counted at a time.
const PAGE: usize = 1_000;

/// Carries out what is asked for dead letters that meet conditions.
pub(super) async fn sweep(
    action: Action,
    args: &DlqSelect,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = Reader::open(&config.board).await?;
    let wanted = filter(&args.filter);
    let redrives = matches!(action, Action::Redrive { .. });
    let program = if redrives { last_program(&reader).await? } else { None };
    if args.dry_run {
        let meant = count(&reader, action, wanted).await?;
        let answer =
            wire::Operated { dry_run: true, changed: 0, ..answer(action, &meant, program) };
        return tell(&answer, out);
    }
    let by = by(&args.by)?;
    let reason = args.reason.clone().unwrap_or_default();
    // A board that is not to be changed is not taken over, which would leave its mark in the log.
    let none = reader.dead_letters(&wanted, 1).await?.activations.is_empty();
    reader.close().await;
    if none {
        return tell(&answer(action, &Bulk::default(), program), out);
    }
    let caretaker = Caretaker::open(&config.board).await?;
    let changed = record(&caretaker, action, wanted, (&by, &reason, config.json)).await;
    // What was acknowledged is durable, however the board is given up.
    let _ = caretaker.close().await;
    tell(&answer(action, &changed?, program), out)
}

/// How many dead letters would be changed and how many left, and the first of those changed.
async fn count(
    reader: &Reader,
    action: Action,
    mut wanted: DeadLetterFilter,
) -> Result<Bulk, Error> {
    let mut meant = Bulk::default();
    loop {
        let page = reader.dead_letters(&wanted, PAGE).await?;
        for view in &page.activations {
            if refusal(reader.state(), action, view).is_some() {
                meant.skipped += 1;
                continue;
            }
            meant.changed += 1;
            if meant.ids.len() < Bulk::IDS_MAX {
                meant.ids.push(view.id);
            }
        }
        match page.next {
            Some(next) => wanted.after = Some(next),
            None => return Ok(meant),
        }
    }
}

async fn record(
    caretaker: &Caretaker,
    action: Action,
    wanted: DeadLetterFilter,
    (by, reason, quiet): (&str, &str, bool),
) -> Result<Bulk, OperateError> {
    let operator = caretaker.operator(by, reason)?;
    let mut told = 0;
    let tell = |bulk: &Bulk| {
        if !quiet && bulk.changed >= told + TOLD_EVERY {
            told = bulk.changed;
            // Nobody may read it.
            let _ = writeln!(std::io::stderr(), "{told} so far");
        }
    };
    match action {
        Action::Redrive { out_of_order } => {
            let redrive = operator.redrive_all(wanted);
            let redrive = if out_of_order { redrive.out_of_order() } else { redrive };
            redrive.run_telling(tell).await
        }
        Action::Drop | Action::Cancel => operator.drop_all(wanted).await,
    }
}

fn answer(action: Action, bulk: &Bulk, program: Option<String>) -> wire::Operated {
    wire::Operated {
        action: action.as_str(),
        ids: bulk.ids.iter().copied().map(describe::number).collect(),
        meant: bulk.changed + bulk.skipped,
        changed: bulk.changed,
        skipped: bulk.skipped,
        dry_run: false,
        runs_with: program,
    }
}
