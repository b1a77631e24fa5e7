//! Other programs that have the file open for a moment, each a process of its own: SQLite's locks
//! belong to the process, so only another one shows whether they are held.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteLockingMode};
use sqlx::{ConnectOptions, Connection, Executor};

use artel_core::ids::Seq;
use artel_core::log::Error;
use artel_persistence::{OpenOptions, move_aside, remove};
use artel_testkit::conformance::{LogPlace, Scribe};

use crate::place::{Place, sample};

/// Behind this argument comes the file.
const MARK: &str = "look-into";

/// What SQLite says when another one has the file.
const SQLITE_BUSY: i32 = 5;

/// Not a test of its own: the other program, which is given a file by an argument that the test
/// harness takes for a filter. It reads a table of the file, if it gets the file for itself. With
/// that wish it relies on the lock on the file alone, as earlier versions of SQLite do always, and
/// who has the file alone takes its write-ahead file away when it closes it.
#[tokio::test]
async fn program_of_these_tests() {
    let Some(path) = std::env::args().skip_while(|argument| argument != MARK).nth(1) else {
        return;
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .locking_mode(SqliteLockingMode::Exclusive)
        .busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await.unwrap();
    let found = connection.fetch_all("SELECT count(*) FROM artifact").await;
    let code = found.err().and_then(|error| error.as_database_error()?.code()?.parse().ok());
    assert!(matches!(code, None | Some(SQLITE_BUSY)), "{code:?}");
    connection.close().await.unwrap();
    println!("looked");
}

/// Runs the other program on a file.
fn stranger(path: &Path) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["stranger::program_of_these_tests", "--exact", "--nocapture", MARK])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("looked"), "{output:?}");
}

/// What the owner's own process may do with the file besides owning it.
async fn look_again(place: &Place, number: u32) {
    match number {
        0 => place.open_with(OpenOptions::read_only()).await.unwrap().close().await,
        1 => place.open_with(OpenOptions::existing()).await.unwrap().close().await,
        2 => place.open().await.unwrap().close().await,
        3 => {
            let error = remove(&place.url()).await.unwrap_err();
            assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        }
        _ => {
            let error = move_aside(&place.url()).await.unwrap_err();
            assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        }
    }
}

/// SQLITE-16, LOG-11: the owner's process may open the file a second time, and let go of it, without
/// losing its hold on it. Otherwise the next program that closes the file would take the write-ahead
/// file away, and a crash everything that is acknowledged after that.
#[tokio::test]
async fn a_second_look_in_the_owners_process_keeps_its_hold_on_the_file() {
    for number in 0..5 {
        let place = Place::empty();
        let log = place.open().await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        scribe.publish(&[sample(1)]).await;
        look_again(&place, number).await;
        stranger(&place.path());
        let wal = place.folder.path().join("board.db-wal");
        assert!(wal.exists(), "way {number}: the write-ahead file was taken away");
        scribe.publish(&[sample(2)]).await;
        let copy = place.as_a_crash_leaves_it();
        let log = copy.open().await.unwrap();
        let read = log.read(Seq(1), usize::MAX).await.unwrap();
        assert_eq!(read, scribe.batches, "way {number}");
    }
}
