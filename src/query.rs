//! Queries: which artifacts to list, by name, as a person or a program would say it.

use smol_str::SmolStr;

use artel_core::artifact::Artifact;
use artel_core::catalogue::Catalogue;
use artel_core::ids::{CorrelationId, Seq};
use artel_core::log::{ArtifactQuery, Direction, Log};
use artel_core::names::{AgentName, Tag};
use artel_core::time::Timestamp;

use crate::error::ReadError;
use crate::sight::Sight;
use crate::stored::Stored;

/// Which artifacts to list. All conditions hold together; without any, every artifact is listed,
/// oldest first, 100 at a time.
#[derive(Clone, Debug, Default)]
#[must_use = "a query does nothing until it is asked"]
pub struct Query {
    types: Vec<SmolStr>,
    agents: Vec<SmolStr>,
    correlation: Option<CorrelationId>,
    tags: Vec<SmolStr>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    cursor: Option<Seq>,
    newest_first: bool,
    bare: bool,
    limit: Option<u32>,
}

/// Some of the artifacts that a query lists.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The artifacts, in the order asked for.
    pub artifacts: Vec<Stored>,
    /// Where the next page begins, for [`Query::after`]; none when this is the last one.
    pub next: Option<Seq>,
    /// How many artifacts the page leaves out because they may not be seen. Where the query names tags
    /// this is 0: nobody learns the tags of what they may not see by counting.
    pub hidden: u64,
    /// The seq that this answer is complete to.
    pub as_of: Seq,
}

/// How many stored artifacts are gone through for one page. Where none of so many may be seen the page
/// ends with fewer than it could have.
const LOOKED_THROUGH_MAX: usize = 10_000;
/// How many are looked through at a time for the next one that may be seen, once a page is full.
const LOOKED_AHEAD: u32 = 100;

impl Query {
    /// How many artifacts a page has, unless the query says otherwise.
    pub const LIMIT: u32 = 100;
    /// How many artifacts a page may have.
    pub const LIMIT_MAX: u32 = 10_000;

    /// Artifacts of this type, of whichever version.
    pub fn of<T: Artifact>() -> Self {
        Self::default().type_name(T::NAME)
    }

    /// Artifacts of this type, of whichever version, or of another one that was named.
    pub fn type_name(mut self, name: impl Into<SmolStr>) -> Self {
        self.types.push(name.into());
        self
    }

    /// Artifacts that this agent made, or another one that was named.
    pub fn agent(mut self, name: impl Into<SmolStr>) -> Self {
        self.agents.push(name.into());
        self
    }

    /// Artifacts of this tree of work.
    pub const fn correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Artifacts with this tag, and every other one that was named.
    pub fn tag(mut self, tag: impl Into<SmolStr>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Artifacts committed at or after this moment.
    pub const fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }

    /// Artifacts committed before this moment.
    pub const fn until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// The page that begins behind this seq, which [`Listing::next`] gave.
    pub const fn after(mut self, cursor: Seq) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Descending seq.
    pub const fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }

    /// At most this many a page, 1 to [`Self::LIMIT_MAX`]. A page whose payloads come to 16 MiB ends
    /// there, with fewer.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit.clamp(1, Self::LIMIT_MAX));
        self
    }

    /// Without payloads: for listings that do not show them. [`Stored::payload`] has none then.
    pub const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    pub(crate) const fn names_correlation(&self) -> bool {
        self.correlation.is_some()
    }

    fn resolve(&self, names: &Catalogue, up_to: Seq) -> Result<ArtifactQuery, ReadError> {
        let unknown = |what, name: &str| ReadError::Unknown { what, name: name.to_owned() };
        // Every version of a type that is named.
        let types = self.types.iter().map(|name| match names.type_nos(name) {
            [] => Err(unknown("type", name)),
            versions => Ok(versions),
        });
        let types = types.collect::<Result<Vec<_>, _>>()?.concat();
        let agents = self.agents.iter().map(|name| {
            let agent = AgentName::new(name.clone()).ok().and_then(|name| names.agent_no(&name));
            agent.ok_or_else(|| unknown("agent", name))
        });
        let tags = self
            .tags
            .iter()
            .map(|tag| Tag::new(tag.clone()).map_err(|_| unknown("artifact with the tag", tag)));
        Ok(ArtifactQuery {
            types,
            agents: agents.collect::<Result<_, _>>()?,
            correlation: self.correlation,
            tags: tags.collect::<Result<_, _>>()?,
            since: self.since,
            until: self.until,
            cursor: self.cursor,
            up_to,
            direction: if self.newest_first {
                Direction::NewestFirst
            } else {
                Direction::OldestFirst
            },
            limit: self.limit.unwrap_or(Self::LIMIT),
            payloads: !self.bare,
        })
    }

    /// Asks a log for somebody, who sees nothing that was committed after `up_to`. What they may not see
    /// takes no place on the page: reading goes on until it is full, and there are more only where
    /// one follows that they may see.
    pub(crate) async fn ask(
        &self,
        log: &dyn Log,
        (names, sight): (&Catalogue, &Sight),
        up_to: Seq,
    ) -> Result<Listing, ReadError> {
        let mut query = self.resolve(names, up_to)?;
        let limit = query.limit as usize;
        let mut listing = Listing { artifacts: Vec::new(), next: None, hidden: 0, as_of: up_to };
        let (mut looked_through, mut hidden, mut payloads_len) = (0, 0, 0);
        loop {
            let page = log.artifacts(&query).await.map_err(ReadError::Log)?;
            if looked_through == 0 {
                listing.as_of = page.as_of;
                query.up_to = up_to.min(page.as_of);
            }
            looked_through += page.items.len();
            for item in page.items {
                match sight.show(item, names) {
                    None => hidden += 1,
                    Some(_) if listing.artifacts.len() == limit => {
                        listing.next = listing.artifacts.last().map(Stored::seq);
                        return Ok(listing);
                    }
                    Some(stored) => {
                        listing.hidden += self.told(std::mem::take(&mut hidden));
                        payloads_len += stored.payload().map_or(0, |payload| payload.len() as u64);
                        listing.artifacts.push(stored);
                    }
                }
            }
            let full = listing.artifacts.len() == limit;
            let enough = sight.sees_everything()
                || looked_through >= LOOKED_THROUGH_MAX
                || payloads_len >= ArtifactQuery::PAYLOADS_LEN_MAX;
            if page.next.is_none() || enough {
                listing.next = page.next;
                listing.hidden += self.told(hidden);
                return Ok(listing);
            }
            query.cursor = page.next;
            query.limit = if full { LOOKED_AHEAD } else { self.limit.unwrap_or(Self::LIMIT) };
            query.payloads = !full && !self.bare;
        }
    }

    /// How much of what is hidden is told of.
    const fn told(&self, hidden: u64) -> u64 {
        if self.tags.is_empty() { hidden } else { 0 }
    }
}
