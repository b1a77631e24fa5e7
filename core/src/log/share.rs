//! The port to the spreading of boards over the live processes of a server, as one board of one process takes
//! part in it.

use async_trait::async_trait;

/// A board that this process shares with other live ones: it owns it when it is its turn, and gives it over
/// when it owns too many.
///
/// Whose turn it is is a hint. Whether a board is owned, [`own`](super::Log::own) alone decides.
#[async_trait]
pub trait Share: Send + Sync + std::fmt::Debug {
    /// Waits until nobody owns the board, as far as the live processes tell, and it is this one's turn to own
    /// it. Returns at once where that is so already.
    ///
    /// # Cancel safety
    /// Safe to drop.
    async fn turn(&self);

    /// Waits until this process is to give the board over, which it owns, because another one that wants it
    /// owns fewer. It gives over one at a time: whoever drops this after it returned gives up the board
    /// all the same.
    ///
    /// # Cancel safety
    /// Safe to drop.
    async fn surplus(&self);

    /// Wants the board no longer, though it may own it for a while yet: nobody gives it over to this process.
    fn retire(&self);

    /// Shares the board no longer. The last board of a process that goes takes the process from the live ones.
    /// Where the server cannot be told, the process counts until its time is over.
    ///
    /// # Cancel safety
    /// Safe to drop: then the process counts until its time is over, too.
    async fn leave(&self);
}
