//! Finding dead letters: the store lists them, page by page, and what it cannot ask for is sorted
//! out here.

use std::collections::BTreeMap;

use artel::event::DeadReason;
use artel::ids::Seq;
use artel::log::{Outcome, OutcomeFilter};
use artel::{ActivationFilter, ActivationView, ReadError, Reader, Standing};

/// How many are read at a time.
const PAGE: u32 = 1_000;

/// Which dead letters are meant. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) agent: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) reason: Option<DeadReason>,
    pub(super) after: Option<Seq>,
}

impl Wanted {
    fn admits(&self, view: &ActivationView) -> bool {
        let died_of = match view.standing {
            Standing::Closed { outcome: Outcome::Dead(reason), .. } => reason,
            Standing::Waiting(_) | Standing::Running | Standing::Closed { .. } => return false,
        };
        self.queue.as_ref().is_none_or(|queue| view.queue.as_str() == queue)
            && self.reason.is_none_or(|reason| died_of == reason)
    }
}

/// Dead letters, oldest first, at most so many; and where the next page begins, if there is one.
pub(super) async fn dead_letters(
    reader: &Reader,
    wanted: &Wanted,
    limit: usize,
) -> Result<(Vec<ActivationView>, Option<Seq>), ReadError> {
    let mut found = Vec::new();
    each(reader, wanted, |view| {
        found.push(view);
        found.len() <= limit
    })
    .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|view| view.id.0);
    Ok((found, next))
}

/// How many dead letters each agent has.
pub(super) async fn dead_by_agent(reader: &Reader) -> Result<BTreeMap<String, u64>, ReadError> {
    let mut counts = BTreeMap::new();
    each(reader, &Wanted::default(), |view| {
        *counts.entry(view.agent.to_string()).or_insert(0) += 1;
        true
    })
    .await?;
    Ok(counts)
}

/// Shows dead letters to `seen`, oldest first, until it says no.
async fn each(
    reader: &Reader,
    wanted: &Wanted,
    mut seen: impl FnMut(ActivationView) -> bool,
) -> Result<(), ReadError> {
    let mut filter = ActivationFilter {
        outcomes: vec![OutcomeFilter::Dead],
        agent: wanted.agent.clone(),
        after: wanted.after,
        limit: PAGE,
        ..ActivationFilter::default()
    };
    loop {
        let listing = reader.activations(&filter).await?;
        for view in listing.activations {
            if wanted.admits(&view) && !seen(view) {
                return Ok(());
            }
        }
        match listing.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(()),
        }
    }
}
