//! Versions of types: a board that an older program wrote, and what newer programs make of it.

use std::sync::{Arc, Mutex};

use artel::{
    ActivationFilter, Board, Context, Error, OperateError, Publication, PublishError, Query,
    ReadAs, ReadError, Reader, Running, StartError, Status, TypeCheck,
};

use super::set_up::{SECOND, end};

/// What the type is in each version, and what each makes of the one before.
mod types {
    use artel::Artifact;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::super::upcaster::review_from_1;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct Shelf<R> {
        pub(super) row: R,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review")]
    pub(super) struct V1 {
        pub(super) title: String,
        pub(super) score: u32,
        pub(super) shelf: Shelf<u32>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review", version = 2, upcast_from = V1)]
    pub(super) struct V2 {
        pub(super) title: String,
        pub(super) points: u32,
        pub(super) labels: Vec<String>,
        pub(super) note: Option<String>,
        pub(super) shelf: Shelf<String>,
    }

    impl TryFrom<V1> for V2 {
        type Error = String;

        fn try_from(old: V1) -> Result<Self, String> {
            assert!(old.score != 666, "nobody scores {}", old.score);
            let points = old.score.checked_mul(10).ok_or("the score is beyond all points")?;
            let (labels, note) = (vec!["old".to_owned()], None);
            let shelf = Shelf { row: old.shelf.row.to_string() };
            Ok(Self { title: old.title, points, labels, note, shelf })
        }
    }

    /// The same schema as [`V2`], by a function that knows no older type.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review", version = 2, upcast(1 = review_from_1))]
    pub(super) struct Filled {
        pub(super) title: String,
        pub(super) points: u32,
        pub(super) labels: Vec<String>,
        pub(super) note: Option<String>,
        pub(super) shelf: Shelf<String>,
    }

    /// Version 2 without an upcaster.
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review", version = 2)]
    pub(super) struct Bare {
        pub(super) title: String,
        pub(super) points: u32,
        pub(super) labels: Vec<String>,
        pub(super) note: Option<String>,
        pub(super) shelf: Shelf<String>,
    }

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review", version = 3, upcast_from = V2)]
    pub(super) struct V3 {
        pub(super) title: String,
        #[schemars(range(max = 50))]
        pub(super) stars: u32,
    }

    impl From<V2> for V3 {
        fn from(old: V2) -> Self {
            Self { title: old.title, stars: old.points }
        }
    }

    /// Says of itself that it is a number, and writes itself as text: its schema does not vouch for it.
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    pub(super) struct Liar {
        #[serde(serialize_with = "as_text")]
        pub(super) number: u32,
    }

    fn as_text<S: serde::Serializer>(number: &u32, to: S) -> Result<S::Ok, S::Error> {
        if *number > 8 { to.collect_str(number) } else { to.serialize_u32(*number) }
    }

    /// What somebody thinks that version 1 was.
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review")]
    pub(super) struct Misremembered {
        pub(super) title: String,
    }

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "shop.Review", version = 2, upcast_from = Misremembered)]
    pub(super) struct OfMisremembered {
        pub(super) title: String,
        pub(super) points: u32,
    }

    impl From<Misremembered> for OfMisremembered {
        fn from(old: Misremembered) -> Self {
            Self { title: old.title, points: 0 }
        }
    }
}

use types::{Bare, Filled, Liar, OfMisremembered, Shelf, V1, V2, V3};

fn review(title: &str, score: u32) -> V1 {
    V1 { title: title.to_owned(), score, shelf: Shelf { row: 4 } }
}

fn upcast(title: &str, points: u32) -> V2 {
    let (labels, note) = (vec!["old".to_owned()], None);
    V2 { title: title.to_owned(), points, labels, note, shelf: Shelf { row: "4".to_owned() } }
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("shop.db").display())
}

async fn open(folder: &tempfile::TempDir) -> Board {
    Board::builder(url(folder)).wind_down(SECOND / 100).open().await.unwrap()
}

/// A board that a program with version 1 wrote: what its agent works on is left unfinished.
async fn written(reviews: &[V1]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let board = open(&folder).await;
    board
        .agent("reader")
        .on::<V1>()
        .run(async |_: Context, _: Arc<V1>| -> Result<(), Error> { std::future::pending().await });
    let running = board.start().await.unwrap();
    for review in reviews {
        let key = review.title.clone();
        running.publish(Publication::new(review.clone()).idempotency_key(key)).await.unwrap();
    }
    let _ = running.shutdown().await;
    folder
}

/// What a handler was given.
type Seen<T> = Arc<Mutex<Vec<T>>>;

fn reads<T: artel::Artifact + Clone>(board: &Board, seen: &Seen<T>) {
    let read = async |_: Context, review: Arc<T>, seen: Arc<Mutex<Vec<T>>>| -> Result<(), Error> {
        seen.lock().unwrap().push((*review).clone());
        Ok(())
    };
    board.agent("reader").on::<T>().shared_state(seen.clone()).run(read);
}

async fn refused(folder: &tempfile::TempDir, declare: impl FnOnce(&Board)) -> StartError {
    let board = open(folder).await;
    declare(&board);
    let log = board.log();
    let refused = board.start().await.expect_err("the program must be refused");
    log.close().await;
    refused
}

/// The reasons for which what waits died.
async fn dead(running: &Running) -> Vec<Vec<String>> {
    let reader = Reader::of(running.log()).await.unwrap();
    let all = reader.activations(&ActivationFilter::default()).await.unwrap().activations;
    let mut reasons = Vec::new();
    for view in all {
        assert_eq!(view.attempts, 2, "the first was released, the second failed for good");
        reasons.push(reader.last_report(&view).await.unwrap().unwrap().error);
    }
    reasons
}

/// TYPE-7, TYPE-8: what an old program published and left waiting reaches a new handler in the new
/// version; a query by the type's name finds both; what is stored stays as it was.
#[tokio::test]
async fn old_artifacts_are_upcast_where_they_are_read() {
    let folder = written(&[review("a", 1), review("b", 2)]).await;
    let seen = Seen::default();
    let board = open(&folder).await;
    reads::<V2>(&board, &seen);
    let running = board.start().await.unwrap();
    running.idle().await.unwrap();
    seen.lock().unwrap().sort_by_key(|review| review.points);
    assert_eq!(*seen.lock().unwrap(), [upcast("a", 10), upcast("b", 20)]);

    let new = V2 { labels: Vec::new(), ..upcast("c", 7) };
    running.publish(new.clone()).await.unwrap();
    running.idle().await.unwrap();
    let all = running.all::<V2>(Query::default()).await.unwrap();
    assert_eq!(all, [upcast("a", 10), upcast("b", 20), new.clone()]);
    let listed = running.artifacts(&Query::of::<V2>()).await.unwrap().artifacts;
    assert_eq!(listed.iter().map(artel::Stored::version).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(listed[0].payload().unwrap(), r#"{"score":1,"shelf":{"row":4},"title":"a"}"#);
    let newer = listed[2].decode::<V1>().unwrap_err();
    assert_eq!(newer.code(), "newer-version");
    end(running).await;

    // The next version takes two steps for what is oldest.
    let board = open(&folder).await;
    board.type_of::<V3>();
    let running = board.start().await.unwrap();
    let stars = |all: Vec<V3>| all.iter().map(|review| review.stars).collect::<Vec<_>>();
    assert_eq!(stars(running.all::<V3>(Query::default()).await.unwrap()), [10, 20, 7]);
    end(running).await;
}

/// TYPE-8: a handler's own reads of the board are upcast as well.
#[tokio::test]
async fn a_handler_reads_old_artifacts_in_its_own_version() {
    let folder = written(&[review("a", 1), review("b", 2)]).await;
    let board = open(&folder).await;
    let seen: Seen<V2> = Seen::default();
    let read = async |cx: Context, _: Arc<V2>, seen: Arc<Mutex<Vec<V2>>>| -> Result<(), Error> {
        *seen.lock().unwrap() = cx.board().whole().all::<V2>(Query::default()).await?;
        Ok(())
    };
    board.agent("reader").on::<V2>().shared_state(seen.clone()).run(read);
    let running = board.start().await.unwrap();
    running.idle().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [upcast("a", 10), upcast("b", 20)]);
    end(running).await;
}

/// TYPE-9: an upcaster that fails or panics, or whose result is refused, fails the attempt for good,
/// and the report names artifact, type and versions.
#[tokio::test]
async fn a_failing_upcaster_is_a_permanent_error() {
    let folder = written(&[review("much", u32::MAX), review("panic", 666)]).await;
    let board = open(&folder).await;
    reads::<V2>(&board, &Seen::default());
    let running = board.start().await.unwrap();
    running.idle().await.unwrap();
    let listed = running.artifacts(&Query::of::<V2>()).await.unwrap().artifacts;
    let reasons = dead(&running).await;
    assert_eq!(reasons.len(), 2);
    for (stored, reason) in listed.iter().zip(&reasons) {
        let seq = stored.seq();
        assert_eq!(reason[0], format!("artifact {} (seq {seq}) cannot be read", stored.id()));
        assert_eq!(reason[1], "a payload of `shop.Review` version 1 cannot be read as version 2");
    }
    assert_eq!(reasons[0][2], "the upcaster from version 1 to 2 failed");
    assert_eq!(reasons[0][3], "the score is beyond all points");
    assert_eq!(reasons[1][2], "the upcaster from version 1 to 2 panicked: nobody scores 666");
    let code = |index: usize| listed[index].decode::<V2>().unwrap_err().code();
    assert_eq!([code(0), code(1)], ["upcast-failed", "upcast-panicked"]);
    end(running).await;
}

/// TYPE-9: what upcasters make is checked against the current schema.
#[tokio::test]
async fn what_an_upcaster_makes_is_checked() {
    let folder = written(&[review("a", 9)]).await;
    let board = open(&folder).await;
    let seen = Seen::default();
    reads::<V3>(&board, &seen);
    let running = board.start().await.unwrap();
    running.idle().await.unwrap();
    assert!(seen.lock().unwrap().is_empty(), "90 stars are too many");
    let reason = dead(&running).await.remove(0);
    assert_eq!(reason[2], "what the upcasters made is no payload of the type");
    assert_eq!(
        reason[3],
        "a payload of `shop.Review` version 3 is refused at `/stars`: 90 is greater than the \
         maximum of 50"
    );
    let error = running.all::<V3>(Query::default()).await.unwrap_err();
    assert!(matches!(error, ReadError::Upcast { .. }), "{error}");
    assert!(!error.retryable());
    end(running).await;
}

/// TYPE-8: a dead letter of the old program is redriven with the new version.
#[tokio::test]
async fn a_dead_letter_is_redriven_in_the_new_version() -> Result<(), OperateError> {
    let folder = tempfile::tempdir().unwrap();
    let board = open(&folder).await;
    let fails = async |_: Context, _: Arc<V1>| Err::<(), _>(Error::permanent("not today"));
    board.agent("reader").on::<V1>().run(fails);
    let running = board.start().await.unwrap();
    let receipt = running.publish(review("a", 3)).await.unwrap();
    let status = running.settled(receipt.correlation).await.unwrap();
    assert_eq!(status, Status::DeadLetters(1));
    end(running).await;

    let seen = Seen::default();
    let board = open(&folder).await;
    reads::<V2>(&board, &seen);
    let running = board.start().await.unwrap();
    let reader = Reader::of(running.log()).await.unwrap();
    let dead = reader.activations(&ActivationFilter::default()).await.unwrap().activations;
    running.operator("ann", "the new program reads it")?.redrive(&[dead[0].id]).await?;
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(*seen.lock().unwrap(), [upcast("a", 30)]);
    end(running).await;
    Ok(())
}

/// TYPE-7: a new version without an upcaster is refused with one begun, which, filled in, is one.
#[tokio::test]
async fn a_missing_upcaster_is_refused_with_a_skeleton() {
    let folder = written(&[review("a", 1)]).await;
    let error = refused(&folder, |board| board.type_of::<Bare>()).await;
    let StartError::NoUpcaster(missing) = &error else { panic!("{error}") };
    assert_eq!((missing.recorded, missing.offered, missing.code()), (1, 2, "no-upcaster"));
    let report = error.to_string();
    for part in ["`score`: field removed", "upcast_from = Old", "artel board rm", "ARTEL_DEV=1"] {
        assert!(report.contains(part), "{part:?} is not in {report}");
    }
    let skeleton = missing.skeleton();
    let head = "#[artifact(name = \"shop.Review\", version = 2, upcast(1 = review_from_1))]\n\n";
    let function = skeleton.strip_prefix(head).expect(&skeleton);
    let gaps = [
        ("/* list of string */", "[\"old\"]"),
        ("/* integer (uint32) */", "7"),
        ("/* made of old */", "old.to_string()"),
        ("\nfn ", "\npub(crate) fn "),
    ];
    let filled = gaps.iter().fold(function.to_owned(), |code, (gap, by)| {
        assert_eq!(code.matches(gap).count(), 1, "{gap} in {code}");
        code.replace(gap, by)
    });
    let (_, compiled) = include_str!("upcaster.rs").split_once("\n\n").unwrap();
    assert_eq!(filled, compiled);

    // Nothing was changed by the refusal, and the function that was printed does its work.
    let seen = Seen::default();
    let board = open(&folder).await;
    reads::<Filled>(&board, &seen);
    let running = board.start().await.unwrap();
    running.idle().await.unwrap();
    let (labels, note) = (vec!["old".to_owned()], None);
    let shelf = Shelf { row: "4".to_owned() };
    assert_eq!(
        *seen.lock().unwrap(),
        [Filled { title: "a".to_owned(), points: 7, labels, note, shelf }]
    );
    end(running).await;
}

/// TYPE-7: the chain has to begin at every version that the board has, also once the newest one is
/// there.
#[tokio::test]
async fn every_version_on_the_board_needs_an_upcaster() {
    let folder = written(&[review("a", 1)]).await;
    let board = open(&folder).await;
    board.type_of::<V2>();
    end(board.start().await.unwrap()).await;
    let error = refused(&folder, |board| board.type_of::<Bare>()).await;
    assert!(matches!(error, StartError::NoUpcaster(_)), "{error}");
}

/// TYPE-7: a program whose version is older than the board's is refused.
#[tokio::test]
async fn an_older_program_is_refused() {
    let folder = written(&[]).await;
    let board = open(&folder).await;
    board.type_of::<V2>();
    end(board.start().await.unwrap()).await;
    let error = refused(&folder, |board| board.type_of::<V1>()).await;
    let StartError::Refused(rejection) = error else { panic!("{error}") };
    assert_eq!(rejection.code(), "older-version");
    assert_eq!(
        rejection.to_string(),
        "type `shop.Review` is on the board in version 2, the program has 1; run the program that \
         has version 2"
    );
}

/// TYPE-7: a Rust type that stands for an older version must be what the board has of that.
#[tokio::test]
async fn an_older_type_must_be_what_it_was() {
    let folder = written(&[]).await;
    let error = refused(&folder, |board| board.type_of::<OfMisremembered>()).await;
    let StartError::SchemaChanged(changed) = &error else { panic!("{error}") };
    assert_eq!((changed.version, changed.older), (1, true));
    let report = error.to_string();
    assert!(report.contains("`score`: field removed"), "{report}");
    assert!(report.contains("give the type that `upcast_from` names the fields again"), "{report}");
}

/// TYPE-10: only the newest version is published.
#[tokio::test]
async fn an_older_version_is_not_published() {
    let folder = written(&[]).await;
    let board = open(&folder).await;
    board.type_of::<V2>();
    let running = board.start().await.unwrap();
    let error = running.publish(review("a", 1)).await.unwrap_err();
    assert!(matches!(error, PublishError::OtherVersion { version: 1, current: 2, .. }), "{error}");
    assert_eq!((error.code(), error.retryable()), ("other-version", false));
    end(running).await;
}

/// TYPE-11: a key stands for the payload that was published with it, byte for byte, whichever
/// version that was of: its upcast is another payload.
#[tokio::test]
async fn a_key_stands_for_the_stored_payload() {
    let folder = written(&[review("a", 1)]).await;
    let board = open(&folder).await;
    board.type_of::<V2>();
    let running = board.start().await.unwrap();
    let again = Publication::new(upcast("a", 10)).idempotency_key("a");
    let error = running.publish(again).await.unwrap_err();
    assert_eq!(error.code(), "key-reused");
    end(running).await;
}

/// TYPE-13: stored payloads are held to the schema that they were published under, and read as the
/// program reads them, where it has the type: as they are, by upcasters, or not at all where the
/// program is older.
#[tokio::test]
async fn stored_payloads_are_checked() {
    let folder = written(&[review("a", 1), review("b", u32::MAX)]).await;
    let board = open(&folder).await;
    board.type_of::<V2>();
    board.type_of::<Liar>();
    let types = board.types();
    let running = board.start().await.unwrap();
    running.publish(upcast("c", 7)).await.unwrap();
    for number in [7, 8, 9] {
        running.publish(Liar { number }).await.unwrap();
    }
    let reader = Reader::of(running.log()).await.unwrap();
    let newest = reader.check_types(&TypeCheck::default(), &types, |_| {}).await.unwrap();
    let counts = |checked: &artel::TypesChecked| {
        let told = checked.versions.iter().map(|one| (one.version, one.checked, one.failed));
        told.collect::<Vec<_>>()
    };
    assert_eq!(counts(&newest), [(1, 3, 1), (1, 2, 1), (2, 1, 0)]);
    let read: Vec<ReadAs> = newest.versions.iter().map(|one| one.read).collect();
    assert_eq!(read, [ReadAs::Value, ReadAs::Upcast(2), ReadAs::Value]);
    assert_eq!((newest.checked(), newest.failed(), newest.failures.len()), (6, 2, 2));
    assert_eq!(
        newest.failures[0].error,
        ["a payload of `Liar` version 1 is refused at `/number`: \"9\" is not of type \"integer\""]
    );
    assert_eq!(newest.failures[1].error.last().unwrap(), "the score is beyond all points");

    // The schema alone sees what it says, and an older program reads nothing of a newer version.
    let only = TypeCheck { types: vec!["shop.Review".to_owned()], ..TypeCheck::default() };
    let older = [artel::descriptor::<V1>()];
    let mut through = 0;
    let older = reader.check_types(&only, &older, |count| through = count).await.unwrap();
    assert_eq!(counts(&older), [(1, 2, 0), (2, 1, 0)]);
    let read: Vec<ReadAs> = older.versions.iter().map(|one| one.read).collect();
    assert_eq!((read, through), (vec![ReadAs::Value, ReadAs::Newer(1)], 3));
    let nobody = reader.check_types(&TypeCheck::default(), &[], |_| {}).await.unwrap();
    assert_eq!(counts(&nobody), [(1, 3, 1), (1, 2, 0), (2, 1, 0)]);
    end(running).await;
}
