//! The figures of a board on a Redis server: one that the figure starts, on the same cores.

use crate::error::Error;
use crate::list::Run;
use crate::load::{hops, memory};
use crate::options::How;
use crate::server::{Server, beside_server};

/// Whole hops a second, with what is acknowledged on the disk within a second, beside a bare loop
/// that writes the same entries.
pub(crate) fn everysec(how: &How) -> Result<Run, Error> {
    run(how, "everysec", "&durability=process")
}

/// Whole hops a second, with what is acknowledged on the disk.
pub(crate) fn always(how: &How) -> Result<Run, Error> {
    run(how, "always", "")
}

fn run(how: &How, fsync: &str, durability: &str) -> Result<Run, Error> {
    let server = Server::redis(fsync)?;
    let mut arguments = memory(how, 200_000, &["--payload", "500"]);
    arguments.extend(beside_server());
    arguments.extend(["--log".to_owned(), format!("{}?board=bench{durability}", server.url())]);
    hops(&arguments)
}
