//! Finding dead letters: what the command line says of them, as the library asks for it.

use std::collections::BTreeMap;

use artel::time::Clock;
use artel::{DeadLetterFilter, ReadError, Reader, SystemClock};

use crate::args::DlqFilter;

/// How many are read at a time.
const PAGE: usize = 1_000;

/// Which dead letters are meant. Ages are counted from now.
pub(super) fn filter(args: &DlqFilter) -> DeadLetterFilter {
    let now = SystemClock::default().wall();
    DeadLetterFilter {
        agent: args.agent.clone(),
        queue: args.queue.clone(),
        reason: args.died_of.map(Into::into),
        fingerprint: args.fingerprint,
        since: args.since.map(|since| since.resolve(now)),
        until: args.until.map(|until| until.resolve(now)),
        after: None,
    }
}

/// How many dead letters each agent has.
pub(super) async fn dead_by_agent(reader: &Reader) -> Result<BTreeMap<String, u64>, ReadError> {
    let mut counts = BTreeMap::new();
    let mut filter = DeadLetterFilter::default();
    loop {
        let page = reader.dead_letters(&filter, PAGE).await?;
        for view in &page.activations {
            *counts.entry(view.agent.to_string()).or_insert(0) += 1;
        }
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(counts),
        }
    }
}
