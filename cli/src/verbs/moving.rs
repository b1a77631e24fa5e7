//! `artel board move`: from one log to another, with a bar on terminals.

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::BoardMove;
use crate::error::Error;
use crate::output::{Output, Paint};
use crate::wire;
use crate::words::count;

pub(super) async fn move_board(args: &BoardMove, out: &mut Output) -> Result<(), Error> {
    let (from, to) = (artel::board_url(Some(&args.from)), artel::board_url(Some(&args.to)));
    // A bar is drawn on terminals only.
    let bar = if out.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style = ProgressStyle::with_template("events {wide_bar} {pos}/{len} {per_sec} {eta}");
    bar.set_style(style.expect("the template has no mistake"));
    let moved = artel::move_board(&from, &to, |seq, end| {
        bar.set_length(end.get());
        bar.set_position(seq.get());
    });
    let moved = moved.await;
    bar.finish_and_clear();
    let moved = moved.map_err(|error| Error::Move(Box::new(error)))?;
    let answer = wire::Moved {
        from: artel::without_secrets(&from),
        to: artel::without_secrets(&to),
        seq: moved.seq.get(),
        went_on_after: moved.from.get(),
        batches: moved.batches,
        artifacts: moved.artifacts,
        hash: moved.hash.to_string(),
        state_hash: moved.state_hash.to_string(),
    };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    out.part(Some(Paint::Green), "moved")?;
    out.line(&format!(": {} goes on at {}", answer.from, answer.to))?;
    let events = count(answer.seq, "event", "events");
    let earlier = match answer.went_on_after {
        0 => String::new(),
        seq => format!("; those up to seq {seq} were there from an earlier call"),
    };
    out.fields(&[
        ("log", format!("{events}, in both with the hash {}{earlier}", answer.hash)),
        ("state", format!("in both with the hash {}", answer.state_hash)),
        (
            "left",
            "what is left there is only read; `artel board rm --board FROM` removes it".to_owned(),
        ),
    ])?;
    Ok(())
}
