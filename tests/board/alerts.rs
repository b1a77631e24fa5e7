//! Alerts of dead letters, sent to a real server on this machine. Time goes on by itself here, since
//! time that stands still jumps whenever a test waits for a socket; no test depends on how fast it goes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use artel::event::{AlertEnd, Event};
use artel::ids::{ActivationId, Seq};
use artel::state::State;
use artel::{
    Board, Context, DeadLetterFilter, Error, Group, MemoryStore, Publication, Reader, Running,
    StartError, Status, Webhook,
};
use artel_testkit::{FaultyLog, SeededEntropy, VirtualClock};

use super::prefixes::store;
use super::receiver::{Delivery, Receiver, SECRET};
use super::set_up::{Order, end, memory, order};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);

async fn fails(_: Context, order: Arc<Order>) -> Result<(), Error> {
    Err(Error::permanent(format!("shelf {} is empty", order.size)))
}

async fn fails_in_other_ways(_: Context, order: Arc<Order>) -> Result<(), Error> {
    Err(Error::permanent(format!("there is no {}", order.colour)))
}

/// A webhook that gathers for no time and tries again at once.
fn prompt(url: String) -> Webhook {
    Webhook::new(url, SECRET).gather(Duration::ZERO).backoff(MS, 5 * MS)
}

fn packer(board: &Board, webhook: Webhook) {
    board
        .agent("packer")
        .on::<Order>()
        .dead_letter_queue("orders")
        .alert_webhook(webhook)
        .run(fails);
}

async fn die(running: &Running, publication: impl Into<Publication>) {
    let receipt = running.publish(publication).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
}

/// How alerts ended, of how many dead letters and at which try: waits until none is owed.
async fn ended(running: &Running) -> Vec<(u64, u32, AlertEnd)> {
    while running.look(|state: &State| state.alerts().count()).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    let mut tail = Reader::of(running.log()).await.unwrap().tail(Seq(1));
    let mut ended = Vec::new();
    while let Some(entry) = tail.next().await.unwrap() {
        if let Event::AlertEnded { deaths, tries, end, .. } = entry.event {
            ended.push((deaths, tries, end));
        }
    }
    ended
}

/// Runs a test while a receiver takes whatever comes.
async fn taking<T>(
    receiver: &Receiver,
    taken: &Mutex<Vec<Delivery>>,
    test: impl Future<Output = T>,
) -> T {
    let take = async {
        loop {
            let delivery = receiver.answer("204 No Content").await;
            taken.lock().unwrap().push(delivery);
        }
    };
    tokio::select! {
        done = test => done,
        () = take => unreachable!("it takes for ever"),
    }
}

/// ALERT-1, ALERT-2, ALERT-3: what an alert says, and that it is signed with the secret that was given. Without
/// `alert_webhook` nobody is told.
#[tokio::test]
async fn an_alert_says_what_died_and_is_signed() {
    let receiver = Receiver::bind().await;
    let (board, _) = memory().await;
    packer(&board, prompt(receiver.url()));
    board.agent("silent").on::<Order>().run(fails);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    let delivery = receiver.answer("200 OK").await;
    assert_eq!(delivery.line, "POST /alerts?of=test HTTP/1.1");
    assert_eq!(delivery.headers["host"], receiver.address().to_string());
    assert_eq!(delivery.headers["content-type"], "application/json");
    assert!(delivery.is_signed_with(SECRET));
    assert!(!delivery.is_signed_with("fedcba9876543210fedcba9876543210"));
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(2));
    assert_eq!(ended(&running).await, [(1, 1, AlertEnd::Delivered)]);

    let body = delivery.json();
    let dead = ActivationId(Seq(body["dead_letters"][0].as_u64().unwrap()));
    let dead = running.log().closed(dead).await.unwrap().unwrap();
    let expected = json!({
        "type": "artel.dead-letters", "version": 1, "delivery": delivery.id(), "board": "board",
        "agent": "packer", "queue": "orders", "reason": "not-retryable", "kind": "permanent",
        "fingerprint": dead.death.unwrap().fingerprint.to_string(), "count": 1, "others": 0,
        "dead_letters": [dead.activation.0.get()], "dead_letters_more": 0,
        "first_died_at_ms": dead.at.as_millis(), "last_died_at_ms": dead.at.as_millis(),
        "message": "shelf 7 is empty", "message_withheld": false,
    });
    assert_eq!(body, expected);
    end(running).await;
}

/// ALERT-2: dead letters that died of the same within the time that is set with `gather` make one alert,
/// which names the first of them; what died of something else makes another.
#[tokio::test]
async fn a_flood_makes_one_alert() {
    let receiver = Receiver::bind().await;
    let (board, _) = memory().await;
    let webhook = || Webhook::new(receiver.url(), SECRET).gather(HOUR);
    packer(&board, webhook());
    let painter = board.agent("painter").on::<Order>().alert_webhook(webhook());
    painter.run(fails_in_other_ways);
    let running = board.start().await.unwrap();
    for size in 0..30 {
        let receipt = running.publish(order(size)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
    }
    let gathered = running.look(|state: &State| {
        state.alerts().map(|(_, _, alert)| (alert.deaths, alert.named.len())).collect::<Vec<_>>()
    });
    assert_eq!(gathered.await.unwrap(), [(30, 10), (30, 10)]);
    tokio::time::pause();
    tokio::time::advance(HOUR).await;
    tokio::time::resume();
    let taken = Mutex::default();
    let ended = taking(&receiver, &taken, ended(&running)).await;
    assert_eq!(ended, [(30, 1, AlertEnd::Delivered), (30, 1, AlertEnd::Delivered)]);
    let bodies = taken.lock().unwrap().iter().map(Delivery::json).collect::<Vec<_>>();
    for body in &bodies {
        assert_eq!((&body["count"], &body["dead_letters_more"]), (&json!(30), &json!(20)));
        assert_eq!(body["dead_letters"].as_array().unwrap().len(), 10);
    }
    assert_ne!(bodies[0]["agent"], bodies[1]["agent"]);
    end(running).await;
}

async fn process(store: &MemoryStore, number: u64) -> (Board, Arc<FaultyLog>) {
    let log = Arc::new(FaultyLog::new(store.open()));
    let entropy = Arc::new(SeededEntropy::new(number));
    let builder = Board::builder("memory:").log(log.clone()).entropy(entropy);
    let builder = builder.clock(Arc::new(VirtualClock::default()));
    (builder.open().await.unwrap(), log)
}

/// ALERT-5, I1: the process dies at each append in turn, before or behind it. The next one sends what is
/// owed; what is sent twice has one id.
#[tokio::test]
async fn an_alert_outlives_its_process() {
    let mut twice = 0;
    for append in 1..9 {
        for landed in [false, true] {
            let receiver = Receiver::bind().await;
            let taken = Mutex::default();
            let store = store();
            let (board, log) = process(&store, 1).await;
            packer(&board, prompt(receiver.url()));
            let running = board.start().await.unwrap();
            log.crash_at(append, landed);
            let first = async {
                let _ = running.publish(order(7)).await;
                // Until the process is dead, or nothing is left that could kill it.
                while let Ok(1..) = running
                    .look(|state: &State| state.activations().count() + state.alerts().count())
                    .await
                {}
            };
            taking(&receiver, &taken, first).await;
            log.crash();
            drop(running);

            let (board, _) = process(&store, 2).await;
            packer(&board, prompt(receiver.url()));
            let running = board.start().await.unwrap();
            let second = async {
                running.idle().await.unwrap();
                ended(&running).await
            };
            let ended = taking(&receiver, &taken, second).await;
            let taken = taken.into_inner().unwrap();
            let died = Reader::of(running.log()).await.unwrap();
            let died = died.dead_letters(&DeadLetterFilter::default(), 9).await.unwrap();
            assert_eq!(ended.len(), died.activations.len(), "dies at {append}, {landed}");
            assert!(taken.len() >= ended.len(), "dies at {append}, {landed}: nobody was told");
            assert!(taken.windows(2).all(|two| two[0].id() == two[1].id()));
            assert!(taken.windows(2).all(|two| two[0].body == two[1].body));
            twice += u32::from(taken.len() > 1);
            end(running).await;
        }
    }
    assert!(twice > 0, "no process died between the sending and its record");
}

/// ALERT-5: an alert goes to a file, and is sent by the process that opens it next.
#[tokio::test]
async fn an_alert_is_kept_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let receiver = Receiver::bind().await;
    let (address, to) = (receiver.address(), receiver.url());
    drop(receiver);
    let board = Board::open(url.clone()).await.unwrap();
    packer(&board, prompt(to.clone()));
    let running = board.start().await.unwrap();
    die(&running, order(7)).await;
    running.shutdown().await;

    let reader = Reader::open(url.clone()).await.unwrap();
    let owed: Vec<u64> = reader.state().alerts().map(|(_, _, alert)| alert.deaths).collect();
    assert_eq!(owed, [1], "nobody was there to be told");
    let receiver = Receiver::at(address).await;
    let board = Board::open(url).await.unwrap();
    packer(&board, prompt(to));
    let running = board.start().await.unwrap();
    assert_eq!(receiver.answer("200 OK").await.json()["message"], "shelf 7 is empty");
    assert_eq!(ended(&running).await, [(1, 1, AlertEnd::Delivered)]);
    end(running).await;
}

/// ALERT-5: a receiver that is not there is tried again, after delays that are set with `backoff`, and
/// gets what it missed when it is back.
#[tokio::test]
async fn a_receiver_that_was_down_is_told() {
    let receiver = Receiver::bind().await;
    let (address, url) = (receiver.address(), receiver.url());
    drop(receiver);
    let (board, _) = memory().await;
    packer(&board, prompt(url).backoff(MS, 2 * MS));
    let running = board.start().await.unwrap();
    die(&running, order(7)).await;
    let receiver = Receiver::at(address).await;
    let refused = tokio::select! {
        refused = receiver.answer("500 Internal Server Error") => refused,
        ended = ended(&running) => panic!("given up while nobody was there: {ended:?}"),
    };
    let again = receiver.answer("200 OK").await;
    assert_eq!((refused.id(), &refused.body), (again.id(), &again.body));
    let ended = ended(&running).await;
    assert!(matches!(ended[..], [(1, 2.., AlertEnd::Delivered)]), "{ended:?}");
    end(running).await;
}

/// ALERT-6: an alert is given up after as many tries as are set with `attempts`, and the board says so.
#[tokio::test]
async fn an_alert_is_given_up() {
    let receiver = Receiver::bind().await;
    let (board, _) = memory().await;
    packer(&board, prompt(receiver.url()).attempts(3));
    let running = board.start().await.unwrap();
    die(&running, order(7)).await;
    for status in ["503 Service Unavailable", "302 Found", "403 Forbidden"] {
        receiver.answer(status).await;
    }
    assert_eq!(ended(&running).await, [(1, 3, AlertEnd::GivenUp)]);
    end(running).await;
}

/// ALERT-5: a receiver that says nothing holds up nothing, and is tried again after the time that is set
/// with `timeout`.
#[tokio::test]
async fn a_receiver_that_hangs_is_left() {
    let receiver = Receiver::bind().await;
    let (board, _) = memory().await;
    packer(&board, prompt(receiver.url()).timeout(50 * MS));
    let running = board.start().await.unwrap();
    die(&running, order(7)).await;
    let (hangs, _open) = receiver.take().await;
    die(&running, order(8)).await;
    let taken = Mutex::default();
    assert_eq!(taking(&receiver, &taken, ended(&running)).await.len(), 2);
    let taken = taken.into_inner().unwrap();
    assert!(taken.iter().any(|taken| taken.id() == hangs.id()), "it is tried again");
    end(running).await;
}

/// ALERT-4, I12: an alert tells the error of what everybody may see, and of more only where its webhook
/// has the `label` or is of the `tenant`.
#[tokio::test]
async fn an_alert_tells_no_secret() {
    type Cleared = fn(Webhook) -> Webhook;
    let secret = || Publication::new(order(7)).labelled("pii");
    let acme = || Publication::new(order(7)).tenant("acme");
    let cases: [(Publication, Cleared, bool); 5] = [
        (secret(), |it| it, false),
        (secret(), |it| it.tenant("acme"), false),
        (secret(), |it| it.label("pii"), true),
        (acme(), |it| it.label("pii"), false),
        (acme(), |it| it.tenant("acme"), true),
    ];
    for (index, (publication, cleared, told)) in cases.into_iter().enumerate() {
        let receiver = Receiver::bind().await;
        let (board, _) = memory().await;
        let packer = board.agent("packer").on::<Order>().label("pii").tenant("acme");
        packer.alert_webhook(cleared(prompt(receiver.url()))).run(fails);
        let running = board.start().await.unwrap();
        die(&running, publication).await;
        let delivery = receiver.answer("200 OK").await;
        let text = String::from_utf8(delivery.body.clone()).unwrap();
        assert_eq!(text.contains("shelf"), told, "case {index}: {text}");
        assert_eq!(delivery.json()["message_withheld"], !told, "case {index}");
        let fingerprint = &delivery.json()["fingerprint"];
        assert_eq!(fingerprint.is_string(), told, "case {index}: it is made of the error");
        ended(&running).await;
        end(running).await;
    }
}

/// ALERT-4, I12: nor does it tell the fingerprint of what has been redriven meanwhile and is no dead letter
/// any more.
#[tokio::test]
async fn an_alert_of_what_is_redriven_tells_no_secret() {
    for label in [None, Some("pii")] {
        let receiver = Receiver::bind().await;
        let (board, _) = memory().await;
        let webhook = label.into_iter().fold(prompt(receiver.url()), Webhook::label);
        board.agent("packer").on::<Order>().label("pii").alert_webhook(webhook).run(fails);
        let running = board.start().await.unwrap();
        die(&running, Publication::new(order(7)).labelled("pii")).await;
        let told = receiver.answer("503 Service Unavailable").await.json();
        let operator = running.operator("ops", "a test").unwrap();
        operator.pause_agent("packer").await.unwrap();
        let dead = ActivationId(Seq(told["dead_letters"][0].as_u64().unwrap()));
        operator.redrive(&[dead]).await.unwrap();
        // This try may have begun before, the one behind it has not.
        receiver.answer("503 Service Unavailable").await;
        let told = receiver.answer("204 No Content").await.json();
        assert_eq!(told["message"], json!(null), "it is no dead letter");
        assert_eq!(told["message_withheld"], label.is_none());
        assert_eq!(told["fingerprint"].is_string(), label.is_some());
        ended(&running).await;
        operator.cancel_activations(&[dead]).await.unwrap();
        operator.resume_agent("packer").await.unwrap();
        end(running).await;
    }
}

/// ALERT-1: `alert_webhook` of a board holds for every agent that has none of its own.
#[tokio::test]
async fn a_board_has_a_webhook_for_all() {
    let (all, own) = (Receiver::bind().await, Receiver::bind().await);
    let builder = Board::builder("memory:").alert_webhook(prompt(all.url()));
    let board = builder.open().await.unwrap();
    packer(&board, prompt(own.url()));
    board.agent("painter").on::<Order>().run(fails_in_other_ways);
    let running = board.start().await.unwrap();
    running.publish(order(7)).await.unwrap();
    assert_eq!(all.answer("200 OK").await.json()["agent"], "painter");
    assert_eq!(own.answer("200 OK").await.json()["agent"], "packer");
    ended(&running).await;
    end(running).await;
}

/// ALERT-1, GROUP-3: the `alert_webhook` of a group is told of what dies whichever member ran it. It is the
/// group's to say: a member that names one is refused.
#[tokio::test]
async fn a_group_has_a_webhook() {
    let receiver = Receiver::bind().await;
    let (board, _) = memory().await;
    board.group(Group::new("crew").alert_webhook(prompt(receiver.url())));
    board.agent("packer").on::<Order>().exclusive("crew").run(fails);
    let running = board.start().await.unwrap();
    running.publish(order(7)).await.unwrap();
    assert_eq!(receiver.answer("200 OK").await.json()["agent"], "crew");
    assert_eq!(ended(&running).await, [(1, 1, AlertEnd::Delivered)]);
    end(running).await;

    let (board, _) = memory().await;
    board.group(Group::new("crew").alert_webhook(Webhook::new("http://a.example", "short")));
    let packer = board.agent("packer").on::<Order>().exclusive("crew");
    packer.alert_webhook(prompt(receiver.url())).run(fails);
    board.agent("painter").on::<Order>().exclusive("crew").run(fails);
    let refused = board.start().await.unwrap_err().to_string();
    for expected in ["to which `alert_webhook` is left", "group `crew`: the secret of its alert"] {
        assert!(refused.contains(expected), "{refused}");
    }
}

/// ALERT-1, ALERT-4: a webhook that cannot work is refused at the start, by name of its agent and without
/// its secret, which no dump of a board shows either.
#[tokio::test]
async fn a_webhook_that_cannot_work_is_refused() {
    let board = Board::builder("memory:");
    let board = board.alert_webhook(Webhook::new("ftp://a.example/token", SECRET));
    let board = board.open().await.unwrap();
    packer(&board, Webhook::new("https://a.example/token", "a short secret"));
    assert!(!format!("{board:?}").contains("token"));
    let refused = board.start().await.unwrap_err();
    let StartError::Agents { problems } = &refused else { panic!("{refused}") };
    let short =
        "agent `packer`: the secret of its alert webhook has 14 bytes, at least 32 are needed";
    assert_eq!(problems[0], short);
    assert!(
        problems[1]
            .starts_with("the board: the URL of its alert webhook cannot be used: it begins")
    );
    let shown = format!("{refused} {refused:?}");
    assert!(!shown.contains("short secret") && !shown.contains("token") && !shown.contains(SECRET));
}

/// ALERT-7: nobody can be told for an agent that has no webhook any more, so what was owed is forgotten.
#[tokio::test]
async fn a_webhook_that_is_gone_is_owed_nothing() {
    let receiver = Receiver::bind().await;
    let store = store();
    let (board, _) = process(&store, 1).await;
    packer(&board, Webhook::new(receiver.url(), SECRET).gather(HOUR));
    let running = board.start().await.unwrap();
    die(&running, order(7)).await;
    let owed = || running.look(|state: &State| state.alerts().count());
    assert_eq!(owed().await.unwrap(), 1);
    running.shutdown().await;

    let (board, _) = process(&store, 2).await;
    board.agent("packer").on::<Order>().dead_letter_queue("orders").run(fails);
    let running = board.start().await.unwrap();
    assert_eq!(running.look(|state: &State| state.alerts().count()).await.unwrap(), 0);
    end(running).await;
}
