//! What a run wrote, counted by reading the log again from where the run began.

use artel::ids::Seq;
use artel::log::Log;

use super::error::Error;

/// How many bytes of batches are read at once.
const READ_LEN: usize = 8 * 1024 * 1024;

/// How many appends lie behind this seq.
pub(super) async fn appends(log: &dyn Log, after: Seq) -> Result<u64, Error> {
    let mut appends = 0;
    let mut from = after.next();
    loop {
        let batches = log.read(from, READ_LEN).await?;
        let Some(last) = batches.last() else { return Ok(appends) };
        appends += batches.len() as u64;
        from = last.header.last.next();
    }
}
