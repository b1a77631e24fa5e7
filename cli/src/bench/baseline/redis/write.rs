//! The loop that is measured.

use redis::{Pipeline, cmd};

use artel::Board;
use artel::record::BatchHeader;

use super::compare::{compare, scan};
use super::place::Place;
use super::read::Reader;
use crate::bench::Progress;
use crate::bench::baseline::Baseline;
use crate::bench::baseline::source::{Chunk, Part, Source, Watch};
use crate::bench::error::Error;

/// Writes what a board wrote to keys beside it, and says what that of the part took; none in a cluster.
pub(crate) async fn write(
    url: &str,
    part: Part,
    progress: &dyn Progress,
) -> Result<Option<Baseline>, Error> {
    let place = Place::of(url)?;
    let mut writer = place.connect().await?;
    let Some(keys) = place.keys(&mut writer).await? else { return Ok(None) };
    let opened = |error| Error::Reopen(Box::new(error));
    let log = Board::open(url).await.map_err(opened)?.log();
    progress.begin("baseline", log.head().await?.seq.get());
    let mut reader = Reader::new(place.connect().await?, keys.clone());
    let mut source = Source::new(&*log, true);
    let mut watch = Watch::default();
    while let Some(chunk) = source.next().await? {
        for (header, batch) in transactions(&mut reader, &chunk).await? {
            watch.batch(part, header.last);
            batch.exec_async(&mut writer).await?;
            progress.reach(header.last.get());
        }
        watch.pause();
    }
    let rows = compare(&mut writer, &keys).await?;
    log.close().await;
    Ok(Some(Baseline { took: watch.took, batches: watch.batches, rows }))
}

/// A transaction for each batch of a chunk.
async fn transactions(
    reader: &mut Reader,
    chunk: &Chunk,
) -> Result<Vec<(BatchHeader, Pipeline)>, Error> {
    let (mut artifacts, mut closed) = (&chunk.artifacts[..], &chunk.closed[..]);
    let mut transactions = Vec::with_capacity(chunk.batches.len());
    for batch in &chunk.batches {
        let header = batch.header;
        let of_batch = artifacts.partition_point(|one| one.seq <= header.last);
        let (new, rest) = artifacts.split_at(of_batch);
        artifacts = rest;
        let of_batch = closed.partition_point(|one| one.ended <= header.last);
        let (over, rest) = closed.split_at(of_batch);
        closed = rest;
        transactions.push((header, reader.batch(&header, new, over).await?));
    }
    Ok(transactions)
}

/// Removes what the baseline wrote.
pub(crate) async fn remove(url: &str) -> Result<(), Error> {
    let place = Place::of(url)?;
    let mut connection = place.connect().await?;
    let Some(keys) = place.keys(&mut connection).await? else { return Ok(()) };
    let mut cursor = 0;
    loop {
        let (next, found) = scan(&mut connection, &keys.baseline, cursor).await?;
        if !found.is_empty() {
            cmd("UNLINK").arg(found).exec_async(&mut connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
