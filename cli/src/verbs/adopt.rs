//! `artel board adopt`: a board goes on although its log has lost its end.

use artel::ids::Seq;

use super::operate::by;
use crate::args::BoardAdopt;
use crate::config::Config;
use crate::error::Error;
use crate::output::{Output, Paint};
use crate::wire;
use crate::words::count;

pub(super) async fn adopt(
    args: &BoardAdopt,
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let operator = by(&args.said.by)?;
    let above = args.above.map(Seq);
    let adopted = artel::adopt_board(&config.board, above, &operator, &args.said.reason).await;
    let adopted = adopted.map_err(|error| Error::Adopt(Box::new(error)))?;
    let answer = wire::Adopted {
        kept: adopted.kept.get(),
        known: adopted.known.get(),
        last: adopted.last.get(),
        incarnation: adopted.incarnation.to_string(),
    };
    if out.json {
        return Ok(out.json(&answer)?);
    }
    out.part(Some(Paint::Green), "adopted")?;
    out.line(": the board goes on with what is there")?;
    let lost = answer.known.saturating_sub(answer.kept);
    out.fields(&[
        ("kept", format!("all up to seq {}", answer.kept)),
        ("lost", format!("{} up to seq {}", count(lost, "event", "events"), answer.known)),
        ("next", format!("what comes has seqs behind {}", answer.last)),
        ("incarnation", answer.incarnation),
        ("programs", "start them anew; readers that follow the board open it anew".to_owned()),
    ])?;
    Ok(())
}
