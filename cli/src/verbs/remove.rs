//! `artel board rm`: asks, and removes a board that nobody owns.

use std::io::{BufRead, IsTerminal, Write};

use artel::{OpenError, Reader, log};

use crate::args::BoardRm;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::wire;
use crate::words::count;

pub(super) async fn rm(args: &BoardRm, config: &Config, out: &mut Output) -> Result<(), Error> {
    if !args.yes {
        let what = what_is_lost(config).await?;
        if !std::io::stdin().is_terminal() {
            return Err(Error::Unconfirmed);
        }
        let mut asked = std::io::stderr();
        write!(asked, "Remove {what}? Nothing brings it back. [y/N] ")?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !is_yes(&answer) {
            return Err(Error::Kept);
        }
    }
    artel::remove(&config.board).await.map_err(Error::Remove)?;
    if out.json {
        return Ok(out.json(&wire::Removed { removed: artel::without_secrets(&config.board) })?);
    }
    Ok(out.line(&format!("removed {}", artel::without_secrets(&config.board)))?)
}

/// The board in words, for whoever is asked; a refusal when a process owns it.
async fn what_is_lost(config: &Config) -> Result<String, Error> {
    let reader = match Reader::open(&config.board).await {
        Ok(reader) => reader,
        // A damaged board may be removed, too.
        Err(OpenError::Load { .. }) => {
            return Ok(format!("what is left of {}", artel::without_secrets(&config.board)));
        }
        Err(OpenError::Log { source: log::Error::Damaged { .. }, .. }) => {
            return Ok(format!("what is left of {}", artel::without_secrets(&config.board)));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(owner) = reader.owner().await? {
        return Err(Error::Remove(log::Error::Owned {
            place: artel::without_secrets(&config.board),
            owner,
        }));
    }
    let name = reader.head().await?.board;
    let (artifacts, seq) = (reader.state().artifacts(), reader.state().seq().get());
    reader.close().await;
    let artifacts = count(artifacts, "artifact", "artifacts");
    let events = count(seq, "event", "events");
    let place = artel::without_secrets(&config.board);
    Ok(format!("the board `{name}` at {place} with {artifacts} and {events}"))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_removes() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("n\n") && !is_yes("yeah\n"));
    }
}
