//! A handler's reads of the board: all of them see it at the seq at which the attempt began, and
//! its own tree of work unless they ask for more.

use artel_core::artifact::Artifact;
use artel_core::ids::ArtifactId;

use super::cx::Inner;
use crate::error::ReadError;
use crate::patience::patiently;
use crate::query::{Listing, Query};
use crate::stored::Stored;

/// The board as it was when an attempt began.
#[derive(Clone, Copy)]
pub struct BoardView<'a> {
    inner: &'a Inner,
    whole: bool,
}

impl std::fmt::Debug for BoardView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoardView")
            .field("pin", &self.inner.lease.seq)
            .field("whole", &self.whole)
            .finish_non_exhaustive()
    }
}

impl<'a> BoardView<'a> {
    pub(super) const fn new(inner: &'a Inner) -> Self {
        Self { inner, whole: false }
    }

    /// The whole board, and not only the attempt's own tree of work.
    #[must_use]
    pub const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// An artifact by id; none when it was not there when the attempt began, or the agent may not see
    /// it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get(&self, id: ArtifactId) -> Result<Option<Stored>, ReadError> {
        let submitter = &self.inner.host.submitter;
        let ask = || async { submitter.log.artifact(id).await.map_err(ReadError::Log) };
        let found = patiently(submitter.patience, ask).await?;
        let mine = |correlation| self.whole || correlation == self.inner.lease.correlation;
        let seen = found
            .filter(|found| found.seq <= self.inner.lease.seq && mine(found.envelope.correlation));
        let sight = self.inner.sight();
        Ok(seen.and_then(|seen| sight.show(seen, &submitter.catalogue.borrow())))
    }

    /// Artifacts by what they are, those that the agent may see. A query that names a correlation is asked as it is; any other
    /// is asked within the attempt's own.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type or agent of a name in the query.
    pub async fn artifacts(&self, query: &Query) -> Result<Listing, ReadError> {
        let submitter = &self.inner.host.submitter;
        let names = submitter.catalogue.borrow().clone();
        let mut query = query.clone();
        if !self.whole && !query.names_correlation() {
            query = query.correlation(self.inner.lease.correlation);
        }
        let sight = self.inner.sight();
        let ask = || query.ask(&*submitter.log, (&names, &sight), self.inner.lease.seq);
        patiently(submitter.patience, ask).await
    }

    /// All artifacts of a type that a query lists, decoded, page after page.
    ///
    /// # Errors
    /// When the log cannot be read, or an artifact cannot be decoded.
    pub async fn all<T: Artifact>(&self, query: Query) -> Result<Vec<T>, ReadError> {
        let mut query = query.type_name(T::NAME).limit(1_000);
        let mut all = Vec::new();
        loop {
            let listing = self.artifacts(&query).await?;
            for stored in &listing.artifacts {
                all.push(stored.decode()?);
            }
            match listing.next {
                Some(next) => query = query.after(next),
                None => return Ok(all),
            }
        }
    }
}
