//! `artel board ls`: the boards at a place.

use artel::{BoardThere, Mark};

use super::board::owner_text;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::{Whole, Wrapped};
use crate::table::Table;
use crate::{times, wire};

pub(super) async fn ls(config: &Config, out: &mut Output) -> Result<(), Error> {
    let found = artel::boards(&config.board).await.map_err(Error::List)?;
    let place = artel::without_secrets(&config.board);
    let boards = wire::Boards { place, boards: found.iter().map(board).collect() };
    if out.json {
        return Ok(out.json(&boards)?);
    }
    if found.is_empty() {
        return Ok(out.line("no boards")?);
    }
    let mut table = Table::new([
        Wrapped("BOARD"),
        Whole("LAST EVENT"),
        Whole("COMMITTED"),
        Wrapped("OWNER"),
        Wrapped("STATE"),
    ]);
    for (found, board) in found.iter().zip(boards.boards) {
        let committed = board.committed_at.map(|_| times::seconds(found.at));
        table.row([
            board.board,
            board.seq.to_string(),
            committed.unwrap_or_default(),
            board.owner.as_ref().map_or_else(|| "none now".to_owned(), owner_text),
            found.mark.as_ref().map(state).unwrap_or_default(),
        ]);
    }
    Ok(out.table(&table)?)
}

fn board(found: &BoardThere) -> wire::BoardThere {
    let (mut moved_to, mut comes_from, mut regressed) = (None, None, None);
    match &found.mark {
        Some(Mark::Moved { to }) => moved_to = Some(to.clone()),
        Some(Mark::Arriving { from }) => comes_from = Some(from.clone()),
        Some(Mark::Regressed { known }) => regressed = Some(known.get()),
        None => {}
    }
    wire::BoardThere {
        board: found.board.clone(),
        seq: found.seq.get(),
        committed_at: (found.seq.get() > 0).then(|| times::millis(found.at)),
        owner: found.owner.clone().map(wire::Owner::from),
        moved_to,
        comes_from,
        regressed,
    }
}

fn state(mark: &Mark) -> String {
    match mark {
        Mark::Moved { to } => format!("moved to {to}"),
        Mark::Arriving { from } => format!("not whole yet, comes from {from}"),
        Mark::Regressed { known } => format!("log regressed, it went up to seq {known}"),
    }
}
