//! A board as a reader sees it: from another process, without owning it, without its program.

use std::collections::BTreeSet;
use std::sync::Arc;

use artel_core::board::State;
use artel_core::catalogue::Catalogue;
use artel_core::event::Event;
use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{ActivationQuery, Description, Direction, Head, Log, OutcomeFilter, Owner};
use artel_core::time::Clock;
use artel_core::visibility::Viewer;
use artel_eventbus::Tail;
use artel_persistence::OpenOptions;

use crate::clock::SystemClock;
use crate::committer::{Loaded, fold, load};
use crate::error::{LoadError, OpenError, ReadError};
use crate::history::{ActivationView, AttemptView, Intervention, agent_no, event_at};
use crate::query::{Listing, Query};
use crate::report::AttemptReport;
use crate::sight::{Events, Sight};
use crate::stored::Stored;

/// A board that is only read: the fold of its log up to the moment at which it was opened or
/// refreshed, and what its store can look up.
#[derive(Debug)]
pub struct Reader {
    log: Arc<dyn Log>,
    loaded: Loaded,
    names: Arc<Catalogue>,
    viewer: Arc<Viewer>,
    clock: SystemClock,
}

/// Which activations to list. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ActivationFilter {
    /// Only those with one of these outcomes; with any, only closed ones.
    pub outcomes: Vec<OutcomeFilter>,
    /// Only open ones.
    pub open: bool,
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those of this tree of work.
    pub correlation: Option<CorrelationId>,
    /// Only those that work on the artifact with this seq.
    pub input: Option<Seq>,
    /// Only those with an id above this one.
    pub after: Option<Seq>,
    /// At most this many; 0 means 100.
    pub limit: u32,
}

/// Some of the activations that a filter lists, oldest first.
#[derive(Clone, Debug)]
pub struct ActivationListing {
    /// The activations.
    pub activations: Vec<ActivationView>,
    /// Where the next page begins; none when this is the last one.
    pub next: Option<Seq>,
}

impl Reader {
    /// Opens the board at a URL for reading. It may have an owner, which is not disturbed.
    ///
    /// # Errors
    /// When there is no board, or its log cannot be read or folded.
    pub async fn open(url: impl Into<String>) -> Result<Self, OpenError> {
        let url = url.into();
        let log = artel_persistence::open(&url, OpenOptions::read_only())
            .await
            .map_err(|source| OpenError::log(&url, source))?;
        Self::of(log).await.map_err(|source| OpenError::load(&url, source))
    }

    /// Reads a log that is open already.
    ///
    /// # Errors
    /// When the log cannot be read or folded.
    pub async fn of(log: Arc<dyn Log>) -> Result<Self, LoadError> {
        let loaded = load(&*log, Seq(u64::MAX)).await?;
        let names = Arc::new(Catalogue::of(&loaded.state));
        let (viewer, clock) = (Arc::new(Viewer::unrestricted()), SystemClock::default());
        Ok(Self { log, loaded, names, viewer, clock })
    }

    /// The board as somebody else sees it: what they may not see is not there, nor are keys, error texts,
    /// fingerprints and log lines of work on it. A reader sees everything before, as whoever has the board's file does;
    /// [`log`](Self::log) and [`state`](Self::state) show all of it to anybody.
    #[must_use]
    pub fn seen_by(mut self, viewer: Viewer) -> Self {
        self.viewer = Arc::new(viewer);
        self
    }

    pub(crate) fn sight(&self) -> Sight {
        Sight::new(self.viewer.clone(), self.clock.wall())
    }

    /// Folds what has been appended since.
    ///
    /// # Errors
    /// When the log cannot be read or folded, or no longer has what was folded of it; the reader is
    /// then of no further use.
    pub async fn refresh(&mut self) -> Result<(), LoadError> {
        let before = self.loaded.state.seq();
        match fold(&*self.log, &mut self.loaded, Seq(u64::MAX), &mut |_, _| {}).await {
            Err(LoadError::Chain { after, .. }) if after == before => {
                // What comes behind it is there, so that something else is in its place.
                let read = |source| LoadError::Read { after, source };
                let end = self.log.head().await.map_err(read)?.seq;
                return Err(LoadError::Regressed { folded: before, end });
            }
            folded => folded?,
        }
        let folded = self.loaded.state.seq();
        let head = self.log.head().await;
        let head = head.map_err(|source| LoadError::Read { after: folded, source })?;
        if head.seq < folded || (head.seq == folded && head.hash != self.loaded.hash) {
            return Err(LoadError::Regressed { folded, end: head.seq });
        }
        self.names = Arc::new(Catalogue::of(&self.loaded.state));
        Ok(())
    }

    /// The log that is read: batch by batch, for whoever checks a board by means of their own.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn Log> {
        &self.log
    }

    /// The state, as of the last event that was folded.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.loaded.state
    }

    /// The names of types and agents.
    #[must_use]
    pub fn names(&self) -> &Catalogue {
        &self.names
    }

    /// What kind of log the board is kept in.
    #[must_use]
    pub fn describe(&self) -> Description {
        self.log.describe()
    }

    /// Who the log is and how far it goes by now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn head(&self) -> Result<Head, ReadError> {
        self.log.head().await.map_err(ReadError::Log)
    }

    /// Who owns the board by now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn owner(&self) -> Result<Option<Owner>, ReadError> {
        self.log.owner().await.map_err(ReadError::Log)
    }

    /// An artifact by id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get(&self, id: ArtifactId) -> Result<Option<Stored>, ReadError> {
        let found = self.log.artifact(id).await.map_err(ReadError::Log)?;
        Ok(found.and_then(|found| self.sight().show(found, &self.names)))
    }

    /// Artifacts by seq, in the order asked for; unknown seqs are left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get_at(&self, seqs: &[Seq]) -> Result<Vec<Stored>, ReadError> {
        let found = self.log.artifacts_at(seqs).await.map_err(ReadError::Log)?;
        let sight = self.sight();
        Ok(found.into_iter().filter_map(|found| sight.show(found, &self.names)).collect())
    }

    /// Artifacts by what they are.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type or agent of a name in the query.
    pub async fn artifacts(&self, query: &Query) -> Result<Listing, ReadError> {
        query.ask(&*self.log, (&self.names, &self.sight()), Seq(u64::MAX)).await
    }

    /// An activation, open or closed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn activation(&self, id: ActivationId) -> Result<Option<ActivationView>, ReadError> {
        let state = self.state();
        let mut views = match state.activation(id) {
            Some(activation) => Vec::from_iter(ActivationView::open(id, activation, state)),
            None => {
                let closed = self.log.closed(id).await.map_err(ReadError::Log)?;
                closed
                    .and_then(|closed| ActivationView::closed(closed, state))
                    .into_iter()
                    .collect()
            }
        };
        self.veil(&mut views).await?;
        Ok(views.pop())
    }

    /// What the newest attempt of an activation left that left anything: its errors and log lines.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn last_report(
        &self,
        view: &ActivationView,
    ) -> Result<Option<AttemptReport>, ReadError> {
        if !self.sight().hidden(&*self.log, &view.inputs).await?.is_empty() {
            return Ok(None);
        }
        view.last_report(&*self.log).await
    }

    /// The attempts of an activation, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub async fn attempts(&self, view: &ActivationView) -> Result<Vec<AttemptView>, ReadError> {
        let mut attempts = view.attempts(&*self.log).await?;
        if !self.sight().hidden(&*self.log, &view.inputs).await?.is_empty() {
            for attempt in &mut attempts {
                attempt.report = AttemptReport::default();
            }
        }
        Ok(attempts)
    }

    /// What people did to an activation, oldest first: redrives, and that it was dropped or cancelled.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub async fn interventions(
        &self,
        view: &ActivationView,
    ) -> Result<Vec<Intervention>, ReadError> {
        view.interventions(&*self.log).await
    }

    /// What went wrong where an event tells of a failing predicate; none when the event is another one,
    /// brought no text, or it was erased. Everybody may read it: it names nothing that not everybody may
    /// see.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub async fn failure_text(&self, event: Seq) -> Result<Option<String>, ReadError> {
        // Reports and the results of steps lie beside the log as well, under the seqs of theirs.
        let told = event_at(&*self.log, event).await?;
        if !matches!(told, Some((_, _, Event::PredicateFailed { text: Some(_), .. }))) {
            return Ok(None);
        }
        let found = self.log.contents(&[event]).await.map_err(ReadError::Log)?;
        Ok(found.into_iter().next().map(|row| String::from_utf8_lossy(&row.bytes).into_owned()))
    }

    /// Activations, oldest first: open ones from the state, closed ones from the store.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no agent of that name.
    pub async fn activations(
        &self,
        filter: &ActivationFilter,
    ) -> Result<ActivationListing, ReadError> {
        let limit = if filter.limit == 0 { Query::LIMIT } else { filter.limit };
        let limit = limit.min(Query::LIMIT_MAX);
        let agent = filter.agent.as_deref().map(|name| agent_no(&self.names, name)).transpose()?;
        let state = self.state();
        let mut listed = Vec::new();
        if filter.outcomes.is_empty() {
            let open = state.activations().filter(|(id, activation)| {
                filter.after.is_none_or(|after| id.0 > after)
                    && agent.is_none_or(|agent| activation.agent == agent)
                    && filter.correlation.is_none_or(|c| activation.correlation == c)
                    && filter.input.is_none_or(|input| activation.inputs.contains(&input))
            });
            let views = open.filter_map(|(id, open)| ActivationView::open(id, open, state));
            listed.extend(views.take(limit as usize + 1));
        }
        if !filter.open {
            let query = ActivationQuery {
                outcomes: filter.outcomes.clone(),
                agents: agent.into_iter().collect(),
                correlation: filter.correlation,
                input: filter.input,
                cursor: filter.after,
                direction: Direction::OldestFirst,
                limit: limit + 1,
            };
            let page = self.log.closed_activations(&query).await.map_err(ReadError::Log)?;
            let views =
                page.items.into_iter().filter_map(|closed| ActivationView::closed(closed, state));
            listed.extend(views);
        }
        listed.sort_by_key(|view| view.id);
        // An activation that closed between the fold and the question is listed once.
        listed.dedup_by_key(|view| view.id);
        let more = listed.len() > limit as usize;
        listed.truncate(limit as usize);
        let next = listed.last().filter(|_| more).map(|view| view.id.0);
        self.veil(&mut listed).await?;
        Ok(ActivationListing { activations: listed, next })
    }

    /// The board's events from a seq on, to the present end of the log.
    #[must_use]
    pub fn tail(&self, from: Seq) -> Events {
        Events::new(Tail::read(self.log.clone(), from), self.log.clone(), self.sight())
    }

    /// Leaves out the keys of work on what may not be seen, and what it died of: they are made of it.
    pub(crate) async fn veil(&self, views: &mut [ActivationView]) -> Result<(), ReadError> {
        let inputs = views.iter().flat_map(|view| view.inputs.iter().copied()).collect();
        let hidden = self.hidden(&inputs).await?;
        for view in views {
            if view.inputs.iter().any(|input| hidden.contains(input)) {
                (view.key, view.death, view.hidden) = (None, None, true);
            }
        }
        Ok(())
    }

    /// Which of some artifacts may not be seen.
    pub(crate) async fn hidden(&self, seqs: &BTreeSet<Seq>) -> Result<BTreeSet<Seq>, ReadError> {
        let seqs: Vec<Seq> = seqs.iter().copied().collect();
        Ok(self.sight().hidden(&*self.log, &seqs).await?.into_iter().collect())
    }

    /// Lets go of files and connections.
    pub async fn close(self) {
        self.log.close().await;
    }
}
