//! `artel step settle`: what a person found out about irreversible steps is recorded, and their
//! activation is tried again.

use artel::{Caretaker, OperateError, Reader, Settlement};

use super::operate::{by, last_program, runs_with};
use crate::args::StepSettle;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::{describe, wire};

pub(super) async fn settle(
    args: &StepSettle,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let by = by(&args.said.by)?;
    let reader = Reader::open(&config.board).await?;
    let program = last_program(&reader).await?;
    reader.close().await;
    let caretaker = Caretaker::open(&config.board).await?;
    let changed = record(&caretaker, args, &by).await;
    // What was acknowledged is durable, however the board is given up.
    let _ = caretaker.close().await;
    let answer = wire::Operated {
        action: "settle",
        ids: vec![describe::number(args.id)],
        meant: 1,
        changed: changed?.into(),
        skipped: 0,
        dry_run: false,
        runs_with: program,
    };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    out.line(&format!("settled activation {}, which is tried again", args.id))?;
    let what_now = runs_with(answer.runs_with.as_deref());
    Ok(out.line(&format!("no process owned the board, so this one recorded it; {what_now}"))?)
}

async fn record(caretaker: &Caretaker, args: &StepSettle, by: &str) -> Result<u32, OperateError> {
    let operator = caretaker.operator(by, &args.said.reason)?;
    let mut settlement = Settlement::default();
    for (step, result) in &args.happened {
        settlement = settlement.happened(step, result);
    }
    for step in &args.not_happened {
        settlement = settlement.not_happened(step);
    }
    if args.out_of_order {
        return operator.settle_out_of_order(args.id, settlement).await;
    }
    operator.settle(args.id, settlement).await
}
