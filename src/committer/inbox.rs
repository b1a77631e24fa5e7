//! The committer's inbox. It has two lanes: what the board owes itself (ends of attempts, steps,
//! timers) goes before what is asked from outside, so that work that was begun is finished before
//! more is taken in, and neither the agenda nor the cache grows for nothing.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use artel_core::policy::limits;

use super::{Committer, Status, Submission};

/// How many submissions are taken from a lane at a time.
pub(super) const TAKE: usize = 256;
/// Whoever asks gets one turn for so many turns of what is owed, so that they never starve.
const ASKED_EVERY: usize = 4;

/// What a committer listens to.
pub(crate) struct Inbox {
    owed: mpsc::Receiver<Submission>,
    asked: mpsc::Receiver<Submission>,
    pub(super) status: watch::Sender<Status>,
    /// Cancelled when nobody needs the board any more.
    pub(super) abandoned: CancellationToken,
}

/// A handle, and what the committer that will answer it listens to.
pub(crate) fn channel() -> (Committer, Inbox) {
    let (owed, owed_here) = mpsc::channel(limits::INBOX_LEN_MAX);
    let (asked, asked_here) = mpsc::channel(limits::INBOX_LEN_MAX);
    let (sender, status) = watch::channel(Status::Recovering);
    let abandoned = CancellationToken::new();
    let inbox =
        Inbox { owed: owed_here, asked: asked_here, status: sender, abandoned: abandoned.clone() };
    (Committer { owed, asked, status, abandoned }, inbox)
}

impl Inbox {
    /// Waits for submissions and takes some; none when every handle is gone or the inbox is closed
    /// and empty.
    ///
    /// # Cancel safety
    /// Safe to drop: nothing that was taken is lost.
    pub(super) async fn take(&mut self, taken: &mut Vec<Submission>) -> usize {
        poll_fn(|cx| {
            let owed = self.owed.poll_recv_many(cx, taken, TAKE);
            let count = match owed {
                Poll::Ready(count) => count,
                Poll::Pending => 0,
            };
            let turns = if count == 0 { TAKE } else { (count / ASKED_EVERY).max(1) };
            match self.asked.poll_recv_many(cx, taken, turns) {
                Poll::Ready(asked) if count + asked > 0 => Poll::Ready(count + asked),
                // The lanes are closed together: this one may only be the first to show it.
                Poll::Ready(_) => owed,
                Poll::Pending if count > 0 => Poll::Ready(count),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// What is left, once nothing more comes in.
    pub(super) fn try_take(&mut self) -> Option<Submission> {
        self.owed.try_recv().or_else(|_| self.asked.try_recv()).ok()
    }

    /// Takes nothing further in; what is there stays.
    pub(super) fn close(&mut self) {
        self.owed.close();
        self.asked.close();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.asked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// How many of these were asked; the others were owed.
    fn asked(taken: &[Submission]) -> usize {
        taken.iter().filter(|one| matches!(one, Submission::WhenIdle(_))).count()
    }

    fn fill(committer: &Committer, owed: usize, asked: usize) {
        for _ in 0..owed {
            committer.owed.try_send(Submission::StopLeasing(oneshot::channel().0)).unwrap();
        }
        for _ in 0..asked {
            committer.asked.try_send(Submission::WhenIdle(oneshot::channel().0)).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_owed_goes_first_and_what_is_asked_has_its_share() {
        let (committer, mut inbox) = channel();
        fill(&committer, 40, 100);
        let mut taken = Vec::new();
        assert_eq!((inbox.take(&mut taken).await, asked(&taken)), (50, 10));
        fill(&committer, 1, 0);
        taken.clear();
        assert_eq!((inbox.take(&mut taken).await, asked(&taken)), (2, 1));
        taken.clear();
        assert_eq!((inbox.take(&mut taken).await, asked(&taken)), (89, 89));
        assert!(inbox.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_inbox_gives_what_it_has_and_then_nothing() {
        let (committer, mut inbox) = channel();
        fill(&committer, 1, 3);
        inbox.close();
        assert!(committer.asked.is_closed() && committer.owed.is_closed());
        let mut taken = Vec::new();
        while inbox.take(&mut taken).await > 0 {}
        assert_eq!((taken.len(), asked(&taken)), (4, 3));
        let late = Submission::StopLeasing(oneshot::channel().0);
        assert!(committer.owed.try_send(late).is_err());
        assert!(inbox.try_take().is_none());
    }
}
