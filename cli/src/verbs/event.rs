//! `artel event tail`: the events of a log, from some seq on, for people or for programs.

use std::collections::VecDeque;
use std::io::Write;

use artel::ids::Seq;
use artel::{Entry, Events, Reader};

use super::happened::{self, Activations};
use super::{line, look};
use crate::args::EventTail;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::wire;

/// How many of the last events are shown, unless the command says otherwise.
const LAST: u32 = 20;

/// What is told of the events that a tail brings.
struct Telling<'a> {
    args: &'a EventTail,
    reader: Reader,
    activations: Activations,
    /// How many events may still be told; none for any number.
    left: Option<u32>,
}

pub(super) async fn tail(args: &EventTail, config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let end = reader.state().seq();
    let mut telling =
        Telling { args, reader, activations: Activations::default(), left: args.limit };
    match (args.from, args.follow) {
        (Some(from), false) if from > end && !out.json => {
            // Programs get a line for each event, and so none.
            let last = format!("there is nothing from seq {from} on: the last event is seq {end}");
            Ok(writeln!(std::io::stderr(), "{last}")?)
        }
        (Some(from), _) => telling.on_from(from, out).await,
        (None, true) => telling.on_from(end.next(), out).await,
        (None, false) => telling.last(end, out).await,
    }
}

impl Telling<'_> {
    /// Tells the last events that are meant.
    async fn last(&mut self, end: Seq, out: &mut Output) -> Result<(), Error> {
        let limit = self.args.limit.unwrap_or(LAST) as usize;
        // Those of one tree of work may lie anywhere; of others, one may take many seqs, and one may not be shown.
        let mut stretch = if self.args.correlation.is_some() { u64::MAX } else { limit as u64 };
        let last = loop {
            let from = Seq(end.get().saturating_sub(stretch.saturating_sub(1)).max(1));
            let last = self.last_from(from, end, limit).await?;
            if last.len() == limit || from == Seq(1) {
                break last;
            }
            stretch = stretch.saturating_mul(8);
        };
        for event in &last {
            tell(event, out)?;
        }
        Ok(())
    }

    /// The last events that are meant, of those from a seq on.
    async fn last_from(
        &mut self,
        from: Seq,
        end: Seq,
        limit: usize,
    ) -> Result<VecDeque<wire::Event>, Error> {
        let mut last = VecDeque::new();
        let mut tail = self.reader.tail(from);
        while let Some(entry) = tail.next().await? {
            if entry.seq > end {
                break;
            }
            if let Some(event) = self.describe(&entry).await? {
                if last.len() == limit {
                    last.pop_front();
                }
                last.push_back(event);
            }
        }
        Ok(last)
    }

    /// Tells events from a seq on; with `--follow` for as long as somebody listens, also across times in which the
    /// log cannot be reached.
    async fn on_from(&mut self, mut next: Seq, out: &mut Output) -> Result<(), Error> {
        let mut tail = self.reader.tail(next);
        let mut away = false;
        loop {
            let told = self.tell_to_end(&mut tail, &mut next, out).await;
            if !self.args.follow || self.left == Some(0) {
                return told;
            }
            // What it says may be the past: whether what was seen is still there shows whoever asks.
            let there = match told {
                Ok(()) => self.reader.refresh().await.map_err(Error::from),
                error => error,
            };
            match there {
                Ok(()) if away => {
                    writeln!(std::io::stderr(), "the log is back")?;
                    away = false;
                }
                Ok(()) => {}
                Err(error) if error.is_away() => {
                    if !away {
                        let (why, every) = (error.chain().join(": "), self.args.every);
                        writeln!(std::io::stderr(), "{why}; it is asked again every {every:?}")?;
                    }
                    away = true;
                    tail = self.reader.tail(next);
                }
                Err(error) => return Err(error),
            }
            out.flush()?;
            tokio::time::sleep(self.args.every).await;
        }
    }

    /// Tells events to the present end of the log, and counts on to the one that is not told yet.
    async fn tell_to_end(
        &mut self,
        tail: &mut Events,
        next: &mut Seq,
        out: &mut Output,
    ) -> Result<(), Error> {
        while self.left != Some(0)
            && let Some(entry) = tail.next().await?
        {
            if let Some(event) = self.describe(&entry).await? {
                tell(&event, out)?;
                self.left = self.left.map(|left| left - 1);
            }
            *next = Seq(entry.seq.get() + entry.event.span());
        }
        Ok(())
    }

    /// An event as it is told; none when it is of another tree of work.
    async fn describe(&mut self, entry: &Entry) -> Result<Option<wire::Event>, Error> {
        if entry.seq > self.reader.state().seq() {
            // It may bring names that are new.
            self.reader.refresh().await?;
        }
        let subjects = self.activations.subjects(entry, &self.reader).await?;
        let wanted = self.args.correlation;
        if wanted.is_some() && wanted != happened::correlation(entry, &subjects) {
            return Ok(None);
        }
        let mut told = happened::tell(entry, &subjects, self.reader.state());
        if let wire::Happened::PredicateFailed { text, .. } = &mut told.happened {
            *text = self.reader.failure_text(entry.seq).await?;
        }
        Ok(Some(told))
    }
}

fn tell(event: &wire::Event, out: &mut Output) -> Result<(), Error> {
    if out.json {
        return Ok(out.json(event)?);
    }
    let line = line::line(event);
    let kind = format!("{:<20}", line.kind);
    out.part(None, &line.head)?;
    out.part(line.paint, &kind)?;
    Ok(out.line(format!("  {}", line.rest).trim_end())?)
}
