//! The verbs of `artel board`, about a board as a whole.

use clap::{Args, Subcommand};

use super::turn::Said;

#[derive(Debug, Subcommand)]
pub(crate) enum BoardVerb {
    /// Lists the boards at a place
    ///
    /// Those of a server's schema, or under its prefix, whichever of them the URL names; in a file, the one that
    /// is there. With the last event of each, who owns it, and whether it was moved or has lost its end. On Redis
    /// every key of the server is looked at, some at a time.
    #[command(after_help = "\
Examples:
  artel board ls --board 'postgres://me@db.example/shop'
  artel board ls --board 'redis://me@cache.example?prefix=shop' --json | jq '.boards[] | select(.owner == null)'")]
    Ls,
    /// Says what the board is, who owns it, and how its agents stand
    #[command(after_help = "\
Examples:
  artel board show
  artel board show --board review.artel.db
  artel board show --json | jq '.agents[] | select(.dead > 0)'")]
    Show,
    /// Reads the whole log and checks every hash, event, snapshot and payload
    ///
    /// Folds the log from its first event, checks each batch's hash and the chain of them, compares
    /// the newest snapshot with the fold, and reads every artifact, whose payload must have its
    /// recorded hash. Exit code 1 when something is not what it should be.
    #[command(after_help = "\
Examples:
  artel board verify
  artel board verify --board backup.db && echo the backup is whole")]
    Verify,
    /// Prints the last seq and the hash of the state at it
    ///
    /// Two boards with the same line have had the same history.
    #[command(after_help = "\
Examples:
  artel board hash
  diff <(artel board hash) <(artel board hash --board copy.db)")]
    Hash,
    /// Leases nothing more until the board is resumed; what runs goes on, what is published waits
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    /// It stays paused when the board's program starts.
    #[command(after_help = "\
Examples:
  artel board pause --reason 'the disk is nearly full'")]
    Pause(Said),
    /// Leases work again
    ///
    /// For a board that no process owns: the program becomes the owner for a moment and records it.
    #[command(after_help = "\
Examples:
  artel board resume --reason 'there is room again'")]
    Resume(Said),
    /// Moves the board to another log, where none may be yet
    ///
    /// Between any two of a file, a PostgreSQL server and a Redis server, as far as a build has them. The board keeps its
    /// identity, its seqs and everything that lies beside its log; snapshots are made anew. Nobody may
    /// own it, and nobody can meanwhile. A move that was cut off is given again, and goes on where it
    /// stopped. When all is there and the hashes are the same, the board goes on at TO, and at FROM it
    /// can only be read, and removed with `board rm`.
    #[command(after_help = "\
Examples:
  artel board move artel.db 'postgres://me@db.example/shop?board=orders'
  artel board move 'postgres://me@db.example/shop?board=orders' orders.db --json")]
    Move(BoardMove),
    /// Lets a board go on although its log has lost its end
    ///
    /// A server that was restarted, or failed over to another one, may have lost the newest events of a log
    /// although they were acknowledged. The board's owner notices, writes down how far the log went, and stops:
    /// `log regressed`. Put the newest copy of the log back if there is one. Otherwise this verb takes what is
    /// left for all that there is, under another identity and with seqs far above the last one that is known. It
    /// is recorded as an event. Nobody may own the board.
    #[command(after_help = "\
Examples:
  artel board adopt --reason 'the server lost its last second'
  artel board adopt --above 4711 --reason 'a reader has seen seq 4711'")]
    Adopt(BoardAdopt),
    /// Removes the board with everything in it
    #[command(after_help = "\
Examples:
  artel board rm --board review.artel.db
  artel board rm --board review.artel.db --yes")]
    Rm(BoardRm),
}

#[derive(Args, Debug)]
pub(crate) struct BoardMove {
    /// The board as it is: a URL, or the path of a file
    #[arg(value_name = "FROM", conflicts_with = "board")]
    pub(crate) from: String,
    /// Where it is to go on: a URL, or the path of a file
    #[arg(value_name = "TO")]
    pub(crate) to: String,
}

#[derive(Args, Debug)]
pub(crate) struct BoardAdopt {
    /// The last seq that somebody has seen, where no owner was there to write it down, or a higher one
    /// than it did
    #[arg(long, value_name = "SEQ")]
    pub(crate) above: Option<u64>,
    #[command(flatten)]
    pub(crate) said: Said,
}

#[derive(Args, Debug)]
pub(crate) struct BoardRm {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
