//! Where finished work is found through its input: whether it belongs to its input's tree of work is stored with
//! it, and known from what the owner appended last, or looked up.

use sqlx::Row;

use artel_core::ids::{CorrelationId, Seq};
use artel_core::log::ClosedActivation;
use artel_testkit::conformance::sketch::{closed, correlation};
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};

use crate::place::Place;

/// Closes an activation that worked on an input, for a tree of work.
async fn close(scribe: &mut Scribe, input: Seq, tree: CorrelationId) -> ClosedActivation {
    let mut sketch = scribe.sketch();
    let activation = sketch.activation(&[input], tree);
    let row = closed(activation, &[input], tree);
    sketch.close(&row);
    scribe.append(sketch).await;
    row
}

/// POSTGRES-19: it is the same whether the owner remembers the input, has forgotten it, or there is none.
#[tokio::test]
async fn it_is_known_whose_tree_finished_work_belongs_to() {
    let place = Place::new(NewBoard::sample()).await;
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let inputs = scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    let (own, other) = (scribe.artifacts[0].envelope.correlation, correlation(77));
    let mut rows = Vec::new();
    for again in [false, true] {
        if again {
            // What it remembered is not taken for the log's from here on.
            scribe.own_again().await;
        }
        rows.push((close(&mut scribe, inputs[0], own).await, false));
        rows.push((close(&mut scribe, inputs[0], other).await, true));
        rows.push((close(&mut scribe, inputs[1], own).await, true));
        rows.push((close(&mut scribe, Seq(0), own).await, true));
    }
    let found =
        place.sql("SELECT activation, apart FROM artel.closed WHERE board_no = BOARD").await;
    let mut found: Vec<(i64, bool)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    found.sort_unstable();
    let expected = rows.iter().map(|(row, apart)| (row.activation.0.get().cast_signed(), *apart));
    assert_eq!(found, expected.collect::<Vec<_>>());
    log.close().await;
}
