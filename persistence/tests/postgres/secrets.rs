//! The way to a server: encrypted and to the right one, and with a password that nobody reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use artel_core::log::Error;
use artel_persistence::OpenOptions;
use artel_testkit::conformance::{NewBoard, Sample, Scribe};
use artel_testkit::servers::PostgresServer;

use crate::place::{SERVER, create, new_name};

/// The URL that a process of its own is to open.
const URL: &str = "ARTEL_TEST_POSTGRES_URL";
const PASSWORD: &str = "an unguessable word";

/// A server that encrypts, and asks one user for encryption and another one for a password. It has a
/// certificate for `localhost`, and not for its address.
struct Guarded {
    server: PostgresServer,
    folder: tempfile::TempDir,
}

impl Guarded {
    async fn new() -> Self {
        let server = PostgresServer::start();
        let mut connection = PgConnection::connect(&server.url()).await.unwrap();
        let data: String =
            connection.fetch_one("SELECT current_setting('data_directory')").await.unwrap().get(0);
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        // As the user whom the server runs as, who alone may read its key.
        for command in [
            format!("openssl req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=ca"),
            format!(
                "openssl req -x509 {key} -keyout other.key -out other.crt -days 2 -subj /CN=ca"
            ),
            format!("openssl req {key} -keyout server.key -out server.csr -subj /CN=localhost"),
            "printf subjectAltName=DNS:localhost > server.ext".to_owned(),
            "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
             -out server.crt -days 2 -extfile server.ext"
                .to_owned(),
            "chmod 600 server.key".to_owned(),
        ] {
            let sql =
                format!("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; cd {data}; {command} 2>&1'");
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        for sql in [
            format!(
                "COPY (VALUES ('local all all trust'), ('host all postgres all trust'), \
                 ('hostssl all encrypted all trust'), ('host all secret all scram-sha-256')) \
                 TO '{data}/pg_hba.conf'"
            ),
            "ALTER SYSTEM SET ssl_cert_file = 'server.crt'".to_owned(),
            "ALTER SYSTEM SET ssl_key_file = 'server.key'".to_owned(),
            "ALTER SYSTEM SET ssl = on".to_owned(),
            "CREATE ROLE encrypted LOGIN SUPERUSER".to_owned(),
            format!("CREATE ROLE secret LOGIN SUPERUSER PASSWORD '{PASSWORD}'"),
            "SELECT pg_reload_conf()".to_owned(),
        ] {
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        for name in ["ca.crt", "other.crt"] {
            let sql = format!("SELECT pg_read_file('{name}')");
            let text: String = connection.fetch_one(AssertSqlSafe(sql)).await.unwrap().get(0);
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let guarded = Self { server, folder };
        guarded.wait_until_it_encrypts().await;
        guarded
    }

    /// The server reads its settings anew a moment after it was told to.
    async fn wait_until_it_encrypts(&self) {
        while PgConnection::connect(&self.url("encrypted", "localhost", "sslmode=require"))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    }

    fn url(&self, user: &str, host: &str, parameters: &str) -> String {
        format!("postgres://{user}@{host}:{}/postgres?{parameters}", self.server.port())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self, name: &str) -> String {
        format!("sslrootcert={}", self.file(name).display())
    }
}

/// What an error says, with its causes.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(one) = cause {
        text.push_str(&format!(": {one}"));
        cause = one.source();
    }
    text
}

/// POSTGRES-15: a log is as it is without encryption; who asks for it gets it, and is connected to nobody
/// who cannot show a certificate of the authority that was named, or of the host that was asked for.
#[tokio::test]
async fn the_way_to_a_server_is_encrypted() {
    let guarded = Guarded::new().await;
    let (right, wrong) = (guarded.root("ca.crt"), guarded.root("other.crt"));
    let plain = guarded.url("encrypted", "localhost", "sslmode=disable&board=tls");
    let refused = artel_persistence::open(&plain, create(NewBoard::sample())).await.unwrap_err();
    assert!(whole(&refused).contains("no encryption"), "{}", whole(&refused));
    for (host, parameters) in [
        ("localhost", "sslmode=require".to_owned()),
        ("localhost", format!("sslmode=verify-full&{right}")),
        ("127.0.0.1", format!("sslmode=verify-ca&{right}")),
    ] {
        let url = guarded.url("encrypted", host, &format!("{parameters}&board=tls"));
        let log = artel_persistence::open(&url, create(NewBoard::sample())).await.unwrap();
        let mut scribe = Scribe::own(&log).await;
        let number = u32::try_from(scribe.seq.get()).unwrap();
        scribe.publish(&[Sample::new(number)]).await;
        log.close().await;
    }
    for (host, parameters) in [
        ("localhost", format!("sslmode=verify-full&{wrong}")),
        ("127.0.0.1", format!("sslmode=verify-ca&{wrong}")),
        ("127.0.0.1", format!("sslmode=verify-full&{right}")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={}", guarded.file("none").display())),
    ] {
        let url = guarded.url("encrypted", host, &format!("{parameters}&board=tls"));
        let refused = artel_persistence::open(&url, OpenOptions::existing()).await.unwrap_err();
        let said = whole(&refused);
        assert_eq!(refused.code(), "log-unavailable", "{parameters}: {said}");
        let certificate = said.to_lowercase();
        let told = ["certificate", "no such file"].iter().any(|word| certificate.contains(word));
        assert!(told, "{parameters}: {said}");
    }
}

/// What a process of its own says, which opens the board of a URL with passwords in its environment.
fn opened(url: &str, environment: &[(&str, &Path)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "secrets::opens_what_its_parent_says", "--nocapture"]);
    command.env_remove("PGPASSWORD").env_remove("PGPASSFILE").env("HOME", "/nowhere").env(URL, url);
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// POSTGRES-16: who needs no password gives none. The test below runs this one in a process of its own, whose
/// environment names another server that asks for one.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the environment of a test's own process")]
async fn opens_what_its_parent_says() {
    let named = std::env::var_os(URL).map(|url| url.into_string().unwrap());
    let url = named.unwrap_or_else(|| format!("{}?board={}", SERVER.url(), new_name()));
    match artel_persistence::open(&url, create(NewBoard::sample())).await {
        Ok(log) => log.close().await,
        Err(error) => panic!("{} {} {error:?}", error.code(), whole(&error)),
    }
}

/// POSTGRES-16: a password comes from the URL, the environment or a password file; a wrong one, and none, is told
/// without it.
#[tokio::test]
async fn a_password_comes_from_where_nobody_reads_it() {
    let guarded = Guarded::new().await;
    let url = guarded.url("secret", "localhost", "board=passwords");
    let with = |password: &str| url.replace("secret@", &format!("secret:{password}@"));
    let spaced = PASSWORD.replace(' ', "%20");
    let file = |name: &str, password: &str| {
        let line = format!("localhost:*:postgres:secret:{password}\n");
        std::fs::write(guarded.file(name), line).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(guarded.file(name), mode).unwrap();
        guarded.file(name)
    };
    let (right, wrong) = (file("right", PASSWORD), file("wrong", "hunter2"));
    let word = Path::new(PASSWORD);
    for (url, environment) in [
        (with(&spaced), vec![]),
        (url.clone(), vec![("PGPASSWORD", word)]),
        (url.clone(), vec![("PGPASSFILE", &*right)]),
        (with(&spaced), vec![("PGPASSWORD", Path::new("hunter2"))]),
    ] {
        let (opened, said) = opened(&url, &environment);
        assert!(opened, "{environment:?}: {said}");
    }
    for (url, environment) in [
        (with("hunter2"), vec![]),
        (url.clone(), vec![("PGPASSWORD", Path::new("hunter2"))]),
        (url.clone(), vec![("PGPASSFILE", &*wrong)]),
        (url.clone(), vec![]),
    ] {
        let (opened, said) = opened(&url, &environment);
        assert!(!opened && said.contains("log-unavailable"), "{said}");
        assert!(said.contains("password"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
