//! The committer's inbox. It has two lanes: what the board owes itself (ends of attempts, steps,
//! timers) is always taken; of what is asked from outside, where there is a backlog, only a share: so
//! work that was begun is finished before more is taken in, and neither the agenda nor the cache
//! grows for nothing.

use std::future::poll_fn;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Committer, Status, Submission};

/// How much is taken from a lane at a time: what is decided in one turn, behind which an append under way goes on.
pub(super) const TAKE: usize = 64;

/// How much was taken from each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Submissions.
    pub(super) owed: usize,
    /// Those of them that end an attempt.
    pub(super) ended: usize,
    /// Submissions, a publish as often as it has artifacts.
    pub(super) asked: usize,
}

/// What a committer listens to.
pub(crate) struct Inbox {
    owed: mpsc::Receiver<Submission>,
    asked: mpsc::Receiver<Submission>,
    /// What a submission of that lane counted as lately.
    weight: usize,
    pub(super) status: watch::Sender<Status>,
    /// Cancelled when nobody needs the board any more.
    pub(super) abandoned: CancellationToken,
}

/// A handle, and what the committer that will answer it listens to: two lanes of this length.
pub(crate) fn channel(len_max: usize) -> (Committer, Inbox) {
    let (owed, owed_here) = mpsc::channel(len_max);
    let (asked, asked_here) = mpsc::channel(len_max);
    let (sender, status) = watch::channel(Status::Open);
    let abandoned = CancellationToken::new();
    let inbox = Inbox {
        owed: owed_here,
        asked: asked_here,
        weight: 1,
        status: sender,
        abandoned: abandoned.clone(),
    };
    (Committer { owed, asked, status, abandoned }, inbox)
}

impl Inbox {
    /// Waits for submissions and takes some, of what is asked not much more than `asked_max`; none
    /// when the inbox is closed and empty.
    ///
    /// # Cancel safety
    /// Safe to drop: nothing that was taken is lost.
    pub(super) async fn take(&mut self, taken: &mut Vec<Submission>, asked_max: usize) -> Taken {
        poll_fn(|cx| {
            let first = taken.len();
            let owed = self.owed.poll_recv_many(cx, taken, TAKE);
            let ended = taken[first..].iter().filter(|one| one.ends_attempt()).count();
            let asked = self.poll_asked(cx, taken, asked_max.min(TAKE));
            match (owed, asked) {
                (Poll::Pending, Poll::Pending) => Poll::Pending,
                // The lanes are closed together: this one is only the first to show it.
                (Poll::Ready(0), Poll::Pending) | (Poll::Pending, Poll::Ready(0)) => Poll::Pending,
                (owed, asked) => {
                    let (owed, asked) = (count(owed), count(asked));
                    Poll::Ready(Taken { owed, ended, asked })
                }
            }
        })
        .await
    }

    /// Takes what is asked until it counts as so much: a few at a time, because what one counts as
    /// is seen only when it is taken.
    fn poll_asked(
        &mut self,
        cx: &mut Context<'_>,
        taken: &mut Vec<Submission>,
        max: usize,
    ) -> Poll<usize> {
        let mut sum = 0;
        while sum < max {
            let first = taken.len();
            let few = ((max - sum) / self.weight).max(1);
            match self.asked.poll_recv_many(cx, taken, few) {
                Poll::Pending | Poll::Ready(0) if sum > 0 => break,
                Poll::Ready(count) if count > 0 => {
                    let weight: usize = taken[first..].iter().map(Submission::weight).sum();
                    self.weight = (weight / count).max(1);
                    sum += weight;
                }
                nothing => return nothing,
            }
        }
        if sum == 0 { Poll::Pending } else { Poll::Ready(sum) }
    }

    /// What waits of what the board owes itself.
    pub(super) fn try_take_owed(&mut self) -> Option<Submission> {
        self.owed.try_recv().ok()
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

const fn count(taken: Poll<usize>) -> usize {
    match taken {
        Poll::Ready(count) => count,
        Poll::Pending => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use artel_core::policy::limits;

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
    async fn what_is_owed_is_taken_and_what_is_asked_as_far_as_it_may() {
        let (committer, mut inbox) = channel(limits::INBOX_LEN_MAX);
        fill(&committer, 40, 100);
        let mut taken = Vec::new();
        assert_eq!(inbox.take(&mut taken, 10).await, Taken { owed: 40, ended: 0, asked: 10 });
        assert_eq!(asked(&taken), 10);
        fill(&committer, 1, 0);
        let owed = tokio::time::timeout(Duration::from_secs(1), inbox.take(&mut taken, 0)).await;
        assert_eq!(owed, Ok(Taken { owed: 1, ended: 0, asked: 0 }));
        assert_eq!(inbox.take(&mut taken, 1_000).await, Taken { owed: 0, ended: 0, asked: TAKE });
        let rest = Taken { owed: 0, ended: 0, asked: 90 - TAKE };
        assert_eq!(inbox.take(&mut taken, 1_000).await, rest);
        assert!(inbox.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_inbox_gives_what_it_has_and_then_nothing() {
        let (committer, mut inbox) = channel(limits::INBOX_LEN_MAX);
        fill(&committer, 1, 3);
        inbox.close();
        assert!(committer.asked.is_closed() && committer.owed.is_closed());
        let mut taken = Vec::new();
        while inbox.take(&mut taken, 2).await != Taken::default() {}
        assert_eq!((taken.len(), asked(&taken)), (4, 3));
        let late = Submission::StopLeasing(oneshot::channel().0);
        assert!(committer.owed.try_send(late).is_err());
        assert!(inbox.try_take().is_none());
    }
}
