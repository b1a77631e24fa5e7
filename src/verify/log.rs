//! The check of the log: every hash, every event, its head, and the snapshots beside it.

use artel_core::board::State;
use artel_core::ids::Seq;
use artel_core::log::{Head, Snapshot};
use artel_core::record;

use super::{Verified, VerifyError};
use crate::committer::{Loaded, fold};
use crate::reader::Reader;

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 1 << 20;

impl Reader {
    /// Folds the whole log from its beginning: every hash, every event, and the newest snapshot.
    /// `progress` is told the seq it has come to.
    ///
    /// # Errors
    /// When a batch is damaged, the chain is broken, an event does not fit, the head contradicts the
    /// events, a snapshot cannot be read, or the newest one is not the fold.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(Seq) + Send,
    ) -> Result<Verified, VerifyError> {
        let head = self.log().head().await.map_err(VerifyError::Read)?;
        let (snapshot, unreadable) = self.newest_snapshot(head.seq).await?;
        let mut loaded = Loaded {
            state: State::default(),
            hash: record::genesis(head.incarnation),
            snapshot: Seq(0),
        };
        let mut batches = 0;
        let mut compared = None;
        loop {
            let from = loaded.state.seq().next();
            let read = self.log().read(from, READ_LEN).await.map_err(VerifyError::Read)?;
            let Some(last) = read.last() else { break };
            batches += read.len() as u64;
            let until = last.header.last;
            if let Some(snapshot) = &snapshot
                && snapshot.seq >= from
                && snapshot.seq <= until
            {
                self.fold_to(&mut loaded, snapshot.seq).await?;
                let folded = loaded.state.hash();
                if folded != snapshot.state_hash {
                    let (seq, recorded) = (snapshot.seq, snapshot.state_hash);
                    return Err(VerifyError::Snapshot { seq, recorded, folded });
                }
                compared = Some(snapshot.seq);
            }
            self.fold_to(&mut loaded, until).await?;
            progress(until);
        }
        check_head(&head, &loaded.state)?;
        // Only a cache: what is worse is said first.
        if let Some(seq) = unreadable {
            return Err(VerifyError::SnapshotUnreadable { seq });
        }
        let state_hash = loaded.state.hash();
        Ok(Verified { batches, seq: loaded.state.seq(), state_hash, snapshot: compared })
    }

    /// The newest snapshot that can be read, and the newest that cannot. A board passes over one
    /// that cannot; whoever checks it wants to know.
    async fn newest_snapshot(
        &self,
        until: Seq,
    ) -> Result<(Option<Snapshot>, Option<Seq>), VerifyError> {
        let (mut newest, mut unreadable) = (None, None);
        for seq in self.log().snapshots().await.map_err(VerifyError::Read)? {
            if seq > until {
                continue;
            }
            let found = self.log().snapshot(seq).await.map_err(VerifyError::Read)?;
            match found.filter(|found| found.seq == seq) {
                Some(snapshot) => newest = Some(snapshot),
                // Whoever owns the board may have replaced it meanwhile.
                None if self.keeps(seq).await? => unreadable = Some(seq),
                None => {}
            }
        }
        Ok((newest, unreadable))
    }

    async fn keeps(&self, snapshot: Seq) -> Result<bool, VerifyError> {
        Ok(self.log().snapshots().await.map_err(VerifyError::Read)?.contains(&snapshot))
    }

    async fn fold_to(&self, loaded: &mut Loaded, until: Seq) -> Result<(), VerifyError> {
        fold(&**self.log(), loaded, until, &mut |_, _| {}).await.map_err(VerifyError::Fold)
    }
}

/// Whether the head that was read before the events, and so is not newer, agrees with them.
fn check_head(head: &Head, state: &State) -> Result<(), VerifyError> {
    let header = state.header();
    let (Some(board), Some(incarnation)) = (&header.board, header.origin) else {
        return Ok(());
    };
    let differs =
        |what, head: String, events: String| Err(VerifyError::Head { what, head, events });
    if head.board != *board {
        return differs("board", format!("`{}`", head.board), format!("`{board}`"));
    }
    if head.incarnation != incarnation {
        return differs("incarnation", head.incarnation.to_string(), incarnation.to_string());
    }
    if head.dev != header.dev {
        return differs("development mode", head.dev.to_string(), header.dev.to_string());
    }
    if head.seq > state.seq() {
        return differs("seq", head.seq.to_string(), state.seq().to_string());
    }
    Ok(())
}
