//! `artel board verify`: the log and what lies beside it, checked from end to end.

use indicatif::{ProgressBar, ProgressStyle};

use artel::Reader;

use crate::config::Config;
use crate::error::Error;
use crate::output::{Output, Paint};
use crate::wire;
use crate::words::count;

pub(super) async fn verify(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = Reader::open(&config.board).await.map_err(Error::judged)?;
    let seq = reader.head().await.map_err(Error::judged)?.seq;
    // A bar is drawn on terminals only.
    let bar = if out.json { ProgressBar::hidden() } else { ProgressBar::new(seq.get() * 2) };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
    bar.set_style(style.expect("the template has no mistake"));
    bar.set_message("the log");
    let log = reader.verify(|seq| bar.set_position(seq.get())).await;
    bar.set_message("what lies beside it");
    let beside = match &log {
        Ok(log) => {
            let before = log.seq.get();
            Some(reader.verify_store(log.seq, |seq| bar.set_position(before + seq.get())).await)
        }
        Err(_) => None,
    };
    bar.finish_and_clear();
    let log = log?;
    let Some(beside) = beside.transpose()? else { return Ok(()) };
    let verified = wire::Verified {
        ok: true,
        batches: log.batches,
        seq: log.seq.get(),
        state_hash: log.state_hash.to_string(),
        snapshot: log.snapshot.map(|seq| seq.get()),
        artifacts: beside.artifacts,
        contents: beside.contents,
        closed: beside.closed,
    };
    if out.json {
        return Ok(out.json(&verified)?);
    }
    tell_verified(&verified, &artel::without_secrets(&config.board), out)
}

fn tell_verified(found: &wire::Verified, url: &str, out: &mut Output) -> Result<(), Error> {
    let snapshot = found.snapshot.map_or_else(
        || "none to compare".to_owned(),
        |seq| format!("the newest, at seq {seq}, is the fold up to there"),
    );
    out.part(Some(Paint::Green), "whole")?;
    out.line(&format!(": {url}"))?;
    let batches = count(found.batches, "batch", "batches");
    let events = count(found.seq, "event", "events");
    out.fields(&[
        ("log", format!("{batches} with {events}; each has its hash and continues the one before")),
        ("state", format!("all events fold, to the hash {}", found.state_hash)),
        ("snapshot", snapshot),
        (
            "artifacts",
            format!(
                "{}, each as recorded, payload and all, and listed by all that it is",
                found.artifacts
            ),
        ),
        ("reports", format!("{}, step results included, each as recorded", found.contents)),
        ("closed work", format!("{}, each as recorded and listed by all that it is", found.closed)),
    ])?;
    Ok(())
}
