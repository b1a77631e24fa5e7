//! Cases on the bytes that lie beside the log: step results and reports.

use bytes::Bytes;

use artel_core::ids::Seq;

use super::factory::{LogFactory, LogPlace, fresh};
use super::sketch::{Scribe, salt};

/// LOG-35: bytes are found by the seq of their event, in the order asked for, with their salt.
pub async fn contents_are_found_by_the_seq_of_their_event<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let all: [Bytes; 3] = ["{}".into(), Bytes::new(), (0..=255).collect::<Vec<u8>>().into()];
    let mut sketch = scribe.sketch();
    let first = sketch.content(all[0].clone());
    sketch.filler();
    let second = sketch.content(all[1].clone());
    scribe.append(sketch).await;
    let mut sketch = scribe.sketch();
    let third = sketch.content(all[2].clone());
    scribe.append(sketch).await;
    for log in [&log, &place.open().await.unwrap()] {
        let asked = [third, Seq(2), first, second, Seq(99), first];
        let found = log.contents(&asked).await.unwrap();
        let seqs: Vec<Seq> = found.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, [third, first, second, first]);
        let bytes: Vec<&Bytes> = found.iter().map(|row| &row.bytes).collect();
        assert_eq!(bytes, [&all[2], &all[0], &all[1], &all[0]]);
        for row in &found {
            assert_eq!(row.salt, salt(row.seq.get()));
        }
        assert_eq!(log.contents(&[]).await.unwrap(), []);
    }
}
