//! How long the disk takes to keep something: whoever compares figures of two machines compares
//! this first.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::place::beside;

/// How often it is tried.
const TIMES: u32 = 50;
/// Bytes of each write: a page.
const LEN: usize = 4_096;

/// The mean time of a page's way to the disk, beside this file; none where it cannot be written.
pub(super) fn sync_time(board: &Path) -> Option<Duration> {
    let path = beside(board, "-sync");
    let time = measure(&path).ok();
    // What cannot be removed was not made either.
    let _ = fs::remove_file(&path);
    time
}

fn measure(path: &Path) -> std::io::Result<Duration> {
    let mut file = File::create_new(path)?;
    let page = [0x5a; LEN];
    let began = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&page)?;
        file.sync_data()?;
    }
    Ok(began.elapsed() / TIMES)
}
