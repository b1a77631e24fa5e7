//! Tags are sorted into their index many at a time; whoever asks meanwhile sees all of them.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use artel_core::ids::Seq;
use artel_core::log::{ArtifactQuery, Direction, Log};
use artel_core::names::Tag;
use artel_testkit::conformance::{LogPlace, Sample, Scribe};

use crate::place::Place;

fn tag(text: &str) -> Tag {
    Tag::new(text).unwrap()
}

/// The seqs that a listing by tags has, page after page.
async fn listed(log: &dyn Log, tags: &[Tag], direction: Direction) -> Vec<u64> {
    let mut query =
        ArtifactQuery { tags: tags.to_vec(), direction, limit: 999, ..ArtifactQuery::default() };
    let mut seqs = Vec::new();
    loop {
        let page = log.artifacts(&query).await.unwrap();
        seqs.extend(page.items.iter().map(|item| item.seq.get()));
        let Some(next) = page.next else { return seqs };
        query.cursor = Some(next);
    }
}

async fn count(place: &Place, table: &str) -> i64 {
    let options = SqliteConnectOptions::new().filename(place.path()).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    row.get(0)
}

/// SQLITE-19: a listing by tag has every artifact with that tag, whether its tags were sorted in or not.
#[tokio::test]
async fn a_listing_by_tag_has_new_tags_and_old_ones() {
    let place = Place::empty();
    let log = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let (mut all, mut sevenths) = (Vec::new(), Vec::new());
    for batch in 0..20 {
        let numbers: Vec<u32> = (batch * 500..batch * 500 + 500).collect();
        let samples: Vec<Sample> = numbers
            .iter()
            .map(|&number| Sample {
                tags: vec![tag("all"), tag(&format!("n{}", number % 7))],
                ..Sample::new(number)
            })
            .collect();
        scribe.publish(&samples).await;
        let Seq(last) = log.head().await.unwrap().seq;
        let seqs = (last - 499..=last).zip(&numbers);
        all.extend(seqs.clone().map(|(seq, _)| seq));
        sevenths.extend(seqs.filter(|(_, number)| *number % 7 == 3).map(|(seq, _)| seq));
    }
    let (sorted, new) = (count(&place, "tag").await, count(&place, "new_tag").await);
    assert_eq!(sorted + new, 20_000);
    assert!(sorted > 0 && new > 0, "{sorted} are sorted in, {new} are new");
    for (tags, mut expected) in [
        (vec![tag("all")], all),
        (vec![tag("n3")], sevenths.clone()),
        (vec![tag("all"), tag("n3")], sevenths),
        (vec![tag("n3"), tag("n4")], Vec::new()),
    ] {
        assert_eq!(listed(&*log, &tags, Direction::OldestFirst).await, expected, "{tags:?}");
        expected.reverse();
        assert_eq!(listed(&*log, &tags, Direction::NewestFirst).await, expected, "{tags:?}");
    }
}
