//! Opening boards on a server: settings, versions, users, and removing them.

use std::io::Write;
use std::time::Duration;

use redis::cmd;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use artel_core::finding::{Code, Severity};
use artel_core::ids::{Epoch, Seq};
use artel_core::log::{Durability, Error};
use artel_core::names::ProgramName;
use artel_persistence::{Mark, OpenOptions, boards, examine, mark, marked, move_aside, remove};
use artel_testkit::VirtualClock;
use artel_testkit::conformance::factory::claim;
use artel_testkit::conformance::{LogPlace, NewBoard, Sample, Scribe};
use artel_testkit::servers::{RedisCluster, RedisServer};

use crate::place::{Place, SERVER, as_user, connect, create, new_name, run, with_replica};

/// REDIS-2: a board is made by one of several who ask at once, and not where it was only to be opened.
#[tokio::test]
async fn a_board_is_made_once() {
    let url = format!("{}?board={}&prefix={}", SERVER.url(), new_name(), new_name());
    for options in [OpenOptions::existing(), OpenOptions::read_only()] {
        let error = artel_persistence::open(&url, options).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    }
    let prefix = url.split("prefix=").nth(1).unwrap();
    let keys: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    assert!(keys.is_empty(), "nothing is made by looking: {keys:?}");
    let boards = [NewBoard::sample(), NewBoard::sample(), NewBoard::sample()];
    let opened = boards.map(|board| artel_persistence::open(&url, create(board)));
    let mut incarnations = Vec::new();
    for opened in futures_util::future::join_all(opened).await {
        incarnations.push(opened.unwrap().head().await.unwrap().incarnation);
    }
    incarnations.dedup();
    assert_eq!(incarnations.len(), 1, "they opened one board");
    let keys: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    assert_eq!(keys.len(), 2, "a name and a head: {keys:?}");
}

/// REDIS-2: keys of a later version are refused with both versions.
#[tokio::test]
async fn later_keys_are_refused() {
    let (place, _) = Place::with_batches(1).await;
    let head = place.key("head").await;
    run::<i64>(cmd("HSET").arg(&head).arg("version").arg(99)).await;
    let error = place.open().await.unwrap_err();
    assert!(matches!(error, Error::Newer { version: 99, known: 1, .. }), "{error:?}");
}

/// REDIS-1: a server that may lose what it has acknowledged is refused, with the setting and what to do; where
/// less is asked of it, it will do, and the log says what it promises.
#[tokio::test]
async fn settings_that_break_the_promise_are_refused() {
    let server = RedisServer::with(&["--appendfsync", "everysec"]);
    let url = |more: &str| format!("{}?board=b{more}", server.url());
    let error = artel_persistence::open(&url(""), create(NewBoard::sample())).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("log-unfit", false));
    let said = error.to_string();
    assert!(said.contains("`appendfsync` is `everysec`") && said.contains("durability=process"));
    let weaker = url("&durability=process");
    let log = artel_persistence::open(&weaker, create(NewBoard::sample())).await.unwrap();
    assert_eq!(log.describe().durability, Durability::Process);
    log.close().await;

    let mut connection = connect(&server.url()).await;
    for (settings, problem) in [
        (vec![("appendfsync", "always"), ("no-appendfsync-on-rewrite", "yes")], "on-rewrite"),
        (vec![("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")], "`allkeys-lru`"),
        (vec![("maxmemory", "0"), ("appendonly", "no")], "`appendonly` is `no`"),
    ] {
        for (name, value) in settings {
            let mut set = cmd("CONFIG");
            set.arg("SET").arg(name).arg(value);
            let () = set.query_async(&mut connection).await.unwrap();
        }
        let error = artel_persistence::open(&url(""), OpenOptions::existing()).await.unwrap_err();
        assert!(matches!(error, Error::Unfit { .. }), "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
    let error = artel_persistence::open(&weaker, OpenOptions::existing()).await.unwrap_err();
    assert!(error.to_string().contains("`appendonly` is `no`"), "{error}");
}

/// REDIS-1: a board may lie on any node of a cluster, so the settings of each are looked at; that of the URL may be
/// a replica.
#[tokio::test]
async fn each_node_of_a_cluster_has_to_keep_the_promise() {
    let cluster = RedisCluster::replicated(1);
    let mut connection = connect(&cluster.url()).await;
    let nodes: String = cmd("CLUSTER").arg("NODES").query_async(&mut connection).await.unwrap();
    let addresses = |role: &'static str| {
        let those = nodes.lines().filter(move |line| line.contains(role));
        those.map(|line| line.split([' ', '@']).nth(1).unwrap())
    };
    let replica = format!("redis://{}", addresses("slave").next().unwrap());
    let open = async |server: &str, more: &str| {
        let url = format!("{server}?board=b{more}");
        artel_persistence::open(&url, create(NewBoard::sample())).await
    };
    let log = open(&replica, "").await.unwrap();
    Scribe::own(&log).await.publish(&[Sample::new(1)]).await;
    log.close().await;

    let others: Vec<&str> = addresses("master").filter(|at| !cluster.url().ends_with(at)).collect();
    assert_eq!(others.len(), 2);
    for node in others {
        let mut connection = connect(&format!("redis://{node}")).await;
        let mut change = async |name: &str, value: &str| {
            let mut set = cmd("CONFIG");
            set.arg("SET").arg(name).arg(value);
            let () = set.query_async(&mut connection).await.unwrap();
        };
        for (name, value, well) in [
            ("appendfsync", "everysec", "always"),
            ("no-appendfsync-on-rewrite", "yes", "no"),
            ("appendonly", "no", "yes"),
            ("maxmemory-policy", "allkeys-lru", "noeviction"),
        ] {
            change("maxmemory", "100mb").await;
            change(name, value).await;
            for server in [&cluster.url(), &replica] {
                let Err(error) = open(server, "").await else { panic!("{name} of {node}") };
                assert!(matches!(error, Error::Unfit { .. }), "{error:?}");
                let said = error.to_string();
                assert!(said.contains(&format!("`{name}` is `{value}`")), "{said}");
                assert!(said.contains(node), "{said}");
            }
            let weaker = open(&cluster.url(), "&durability=process").await;
            assert_eq!(weaker.is_ok(), name.contains("fsync"), "{name}");
            change(name, well).await;
        }
    }
    open(&cluster.url(), "").await.unwrap().close().await;
}

/// REDIS-1, REDIS-12: a replica is refused; an append is acknowledged only when as many replicas have it as were
/// asked for.
#[tokio::test]
async fn replicas_have_what_is_acknowledged() {
    let (primary, replica) = with_replica().await;
    let url = |server: &RedisServer, count: u32| format!("{}?replicas={count}", server.url());
    let log = artel_persistence::open(&url(&primary, 1), create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let error = artel_persistence::open(&url(&replica, 0), OpenOptions::existing()).await;
    assert!(error.unwrap_err().to_string().contains("name the primary"));
    log.close().await;

    // What landed on fewer is not taken for acknowledged by whoever owns the board next either.
    let log = artel_persistence::open(&url(&primary, 2), OpenOptions::existing()).await.unwrap();
    let error = log.own(claim(1, "first")).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "1 replicas have it, 2 were asked for");

    // A replica that is lost is noticed by the next append.
    let log = artel_persistence::open(&url(&primary, 1), OpenOptions::existing()).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(2)]).await;
    replica.kill();
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
}

/// REDIS-12, REDIS-15: on a cluster as many replicas as were asked for have to have an append, at each node.
#[tokio::test]
async fn replicas_on_a_cluster_have_what_is_acknowledged() {
    let cluster = RedisCluster::replicated(1);
    let url = |count: u32| format!("{}?board=b{count}&replicas={count}", cluster.url());
    let log = artel_persistence::open(&url(2), create(NewBoard::sample())).await.unwrap();
    let error = log.own(claim(1, "first")).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "1 replicas have it, 2 were asked for");

    let log = artel_persistence::open(&url(1), create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    // A replica that is lost, whichever, is noticed by the next append.
    let mut connection = connect(&cluster.url()).await;
    let nodes: String = cmd("CLUSTER").arg("NODES").query_async(&mut connection).await.unwrap();
    let replica = nodes.lines().find(|line| line.contains("slave")).unwrap();
    let address = replica.split([' ', '@']).nth(1).unwrap();
    let mut lost = connect(&format!("redis://{address}")).await;
    let _: Result<(), _> = cmd("SHUTDOWN").arg("NOSAVE").query_async(&mut lost).await;
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
}

/// All that is done to a board, on a server or a cluster that has replicas as well.
async fn use_all(url: &str) {
    let log = artel_persistence::open(url, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    log.disown(scribe.epoch).await.unwrap();
    // What processes that share boards tell each other needs no more than that.
    let share = log.share(&ProgramName::new("test").unwrap()).unwrap();
    timeout(Duration::from_secs(30), share.turn()).await.unwrap();
    log.close().await;
    for finding in examine(url, &VirtualClock::default()).await.unwrap() {
        let timed = finding.code != Code::CommitLatency || finding.found.contains(", of 20");
        assert!(finding.severity < Severity::Problem && timed, "{finding:?}");
    }
    let to = Mark::Moved { to: "redis://elsewhere".to_owned() };
    for of in [Some(to), None] {
        mark(url, scribe.epoch, of.clone()).await.unwrap();
        assert_eq!(marked(url).await.unwrap(), of);
    }
    remove(url).await.unwrap();
}

/// All boards under a prefix are listed, on a cluster those of every node, however many other keys there are.
#[tokio::test]
async fn boards_are_listed() {
    let cluster = RedisCluster::start();
    for place in [SERVER.url(), cluster.url()] {
        let prefix = new_name();
        let others = if place == SERVER.url() { "other" } else { "{other}" };
        let mut set = cmd("MSET");
        for number in 0..3_000 {
            set.arg(format!("{others}:{number}")).arg("nothing");
        }
        let url = |board: &str| format!("{place}?prefix={prefix}&board={board}");
        assert_eq!(boards(&url("any")).await.unwrap(), []);
        let mut logs = Vec::new();
        for board in ["d", "b", "a", "c"] {
            let log = artel_persistence::open(&url(board), create(NewBoard::sample())).await;
            logs.push(log.unwrap());
        }
        let mut scribe = Scribe::own(&logs[1]).await;
        scribe.publish(&[Sample::new(1)]).await;
        let to = Mark::Moved { to: "redis://elsewhere".to_owned() };
        mark(&url("c"), Epoch(0), Some(to.clone())).await.unwrap();
        let client = redis::cluster::ClusterClient::new([cluster.url()]).unwrap();
        if place == SERVER.url() {
            set.exec_async(&mut connect(&place).await).await.unwrap();
        } else {
            set.exec_async(&mut client.get_async_connection().await.unwrap()).await.unwrap();
        }
        let found = boards(&url("any")).await.unwrap();
        let names: Vec<_> = found.iter().map(|board| &*board.board).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert_eq!((found[1].seq, found[0].seq), (scribe.seq, Seq(0)));
        let owners = found.iter().map(|board| board.owner.as_ref().map(|owner| &*owner.program));
        assert!(owners.eq([None, Some("suite"), None, None]), "{found:?}");
        assert_eq!(found[2].mark, Some(to));
    }
}

/// REDIS-11: with the rights of the documentation, which those of the conformance suite have, there is nothing that
/// a user of a server or of a cluster with replicas may not do.
#[tokio::test]
async fn users_need_the_rights_of_the_documentation() {
    let (primary, _replica) = with_replica().await;
    let url = as_user(&primary.url());
    use_all(&format!("{url}?replicas=1")).await;
    use_all(&format!("{}?replicas=1", url.replace("/0", "/3"))).await;
    let cluster = RedisCluster::replicated(1);
    use_all(&format!("{}?replicas=1", as_user(&cluster.url()))).await;
}

/// REDIS-11: users of an access list; passwords in the URL and in a file; none of them in an error.
#[tokio::test]
async fn users_need_their_keys_and_commands() {
    let server = RedisServer::with(&["--requirepass", "master"]);
    as_user(&format!("redis://:master@127.0.0.1:{}/0", server.port()));
    let url = |login: &str, more: &str| {
        format!("redis://{login}127.0.0.1:{}/0?board=b{more}", server.port())
    };
    let log = artel_persistence::open(&url("artel:secret@", ""), create(NewBoard::sample())).await;
    log.unwrap().close().await;

    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "secret").unwrap();
    let with_file = url("artel@", &format!("&passfile={}", file.path().display()));
    artel_persistence::open(&with_file, OpenOptions::existing()).await.unwrap().close().await;

    for (login, more) in [("", ""), ("artel:wr0ng@", ""), ("artel:secret@", "&prefix=other")] {
        let error = artel_persistence::open(&url(login, more), create(NewBoard::sample())).await;
        let error = error.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let said = format!("{error}: {source:?}");
        let told = ["NOAUTH", "WRONGPASS", "NoPerm", "no permissions"]
            .iter()
            .any(|code| said.contains(code))
            || said.contains("uthentication");
        assert!(told && !said.contains("secret") && !said.contains("wr0ng"), "{said}");
    }
    let missing = url("artel@", "&passfile=/nowhere/secret");
    let error = artel_persistence::open(&missing, OpenOptions::existing()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("cannot read `/nowhere/secret`"), "{source}");
}

/// REDIS-12: something else that listens at the address is no damaged board.
#[tokio::test]
async fn what_is_no_redis_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}?board=b", listener.local_addr().unwrap());
    let answers = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Whoever asked may have left.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    };
    let opened = tokio::select! {
        opened = artel_persistence::open(&url, OpenOptions::existing()) => opened,
        () = answers => unreachable!("it answers for ever"),
    };
    let error = opened.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("does not speak the protocol of Redis"), "{source}");
}

/// REDIS-8: what nobody owns is removed with all its keys; what was made in development mode is moved aside.
#[tokio::test]
async fn a_board_is_removed_with_all_its_keys() {
    let prefix = new_name();
    let url = |board: &str| format!("{}?board={board}&prefix={prefix}", SERVER.url());
    for (board, dev) in [("gone", false), ("kept", false), ("dev", true)] {
        let new = NewBoard { dev, ..NewBoard::sample() };
        let log = artel_persistence::open(&url(board), create(new)).await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        for number in 0..3 {
            scribe.publish(&[Sample::new(number)]).await;
        }
        let error = remove(&url(board)).await.unwrap_err();
        assert!(matches!(error, Error::Owned { .. }), "{error:?}");
        log.close().await;
    }
    assert!(matches!(move_aside(&url("kept")).await, Err(Error::NotDev { .. })));
    let before: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    remove(&url("gone")).await.unwrap();
    let after: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    assert!(before.len() > after.len(), "{before:?}");
    assert!(matches!(remove(&url("gone")).await, Err(Error::Missing { .. })));
    let aside = move_aside(&url("dev")).await.unwrap();
    assert!(aside.ends_with(&format!("board=dev.aside-1&prefix={prefix}")), "{aside}");
    let there = artel_persistence::open(&url("dev"), OpenOptions::existing()).await;
    assert!(matches!(there, Err(Error::Missing { .. })));
    for board in ["kept", "dev.aside-1"] {
        let log = artel_persistence::open(&url(board), OpenOptions::existing()).await.unwrap();
        assert!(log.head().await.unwrap().seq.get() > 0);
        log.close().await;
        remove(&url(board)).await.unwrap();
    }
    let left: Vec<String> = run(cmd("KEYS").arg(format!("{prefix}:*"))).await;
    assert!(left.is_empty(), "{left:?}");
}

/// REDIS-11: an encrypted connection needs a certificate of the authority that was named, for the host that was
/// named; any other is refused.
#[tokio::test]
async fn certificates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let script = format!(
        "openssl req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=ca && \
         openssl req -x509 {key} -keyout other.key -out other.crt -days 2 -subj /CN=ca && \
         openssl req {key} -keyout server.key -out server.csr -subj /CN=localhost && \
         printf subjectAltName=DNS:localhost >server.ext && \
         openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
         -extfile server.ext"
    );
    let made = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _server = RedisServer::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.crt"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        "no",
    ]);
    let url = |host: &str, more: &str| format!("rediss://{host}:{port}/0?board=b{more}");
    let trusted = format!("&cacert={}", file("ca.crt"));
    let good = url("localhost", &trusted);
    let log = artel_persistence::open(&good, create(NewBoard::sample())).await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    log.close().await;
    let other = format!("&cacert={}", file("other.crt"));
    for (host, more) in [("localhost", other.as_str()), ("127.0.0.1", &trusted), ("localhost", "")]
    {
        let error = artel_persistence::open(&url(host, more), OpenOptions::existing()).await;
        let error = error.unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("log-unavailable", true), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("certificate"), "{host}{more}: {source}");
    }
}
