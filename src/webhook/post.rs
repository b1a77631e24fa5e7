//! One request over HTTP/1.1, on a connection of its own: alerts are rare. It starts no task, follows no
//! redirect, reads no more of an answer than its head, and knows nothing of boards.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use artel_core::policy::ErrorKind;
use artel_core::time::Timestamp;

use super::options::{Place, Receiver};
use super::sign::{self, DELIVERY, SIGNATURE, TIMESTAMP};

/// The longest wait that a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// Bytes of an answer's head that are kept.
const ANSWER_LEN_MAX: usize = 16 * 1024;

/// Why an alert did not arrive. Names nothing of the URL but where it leads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undelivered {
    /// There is no connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// The other side is not who it should be.
    #[error("cannot make the connection safe")]
    Encrypt(#[source] io::Error),
    /// There is no answer in HTTP.
    #[error("no answer came")]
    Exchange(#[source] hyper::Error),
    /// What is to be sent is no request.
    #[error("cannot make the request")]
    Request(#[source] hyper::http::Error),
    /// The answer is another one than `2xx`.
    #[error("the answer was {status}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// How long not to ask again.
        wait: Option<Duration>,
    },
    /// It took too long.
    #[error("no answer came within {0:?}")]
    Timeout(Duration),
}

impl Undelivered {
    /// What decides when it is sent again.
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { wait: Some(wait), .. } => {
                let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                ErrorKind::RateLimited { retry_after_ms: Some(ms) }
            }
            Self::Timeout(_) => ErrorKind::Timeout,
            Self::Connect(_)
            | Self::Encrypt(_)
            | Self::Exchange(_)
            | Self::Request(_)
            | Self::Refused { wait: None, .. } => ErrorKind::Transient,
        }
    }
}

/// What alerts are sent with.
#[derive(Clone)]
pub(crate) struct Client {
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("encrypts", &self.tls.is_some()).finish()
    }
}

impl Client {
    /// A client for these receivers. The certificates that the machine trusts are read only where one
    /// of them needs any.
    pub(crate) fn of<'a>(
        mut receivers: impl Iterator<Item = &'a Arc<Receiver>>,
    ) -> Result<Self, String> {
        if !receivers.any(|receiver| receiver.is_encrypted()) {
            return Ok(Self { tls: None });
        }
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(format!(
                "an alert webhook is `https:`, and this machine trusts no certificate authority; \
                 install ca-certificates, or name a file in SSL_CERT_FILE{why}"
            ));
        }
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| format!("cannot use TLS: {error}"))?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// Sends a signed body, once.
    pub(super) async fn post(
        &self,
        to: &Receiver,
        (delivery, body): (&str, Vec<u8>),
        at: Timestamp,
    ) -> Result<(), Undelivered> {
        let request = request(to, (delivery, body), at).map_err(Undelivered::Request)?;
        let sent = tokio::time::timeout(to.timeout, self.send(&to.place, request)).await;
        sent.unwrap_or(Err(Undelivered::Timeout(to.timeout)))
    }

    async fn send(&self, place: &Place, request: Request<Full<Bytes>>) -> Result<(), Undelivered> {
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
        let stream = stream.map_err(Undelivered::Connect)?;
        let Some(tls) = self.tls.as_ref().filter(|_| place.encrypted) else {
            return exchange(stream, request).await;
        };
        let name = ServerName::try_from(place.host.clone())
            .map_err(|error| Undelivered::Encrypt(io::Error::other(error)))?;
        let stream = tls.connect(name, stream).await.map_err(Undelivered::Encrypt)?;
        exchange(stream, request).await
    }
}

fn request(
    to: &Receiver,
    (delivery, body): (&str, Vec<u8>),
    at: Timestamp,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let seconds = sign::seconds(at);
    let host = to.place.origin.split_once("://").map_or("", |(_, host)| host);
    Request::post(&to.place.path)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("artel/", env!("CARGO_PKG_VERSION")))
        .header(DELIVERY, delivery)
        .header(TIMESTAMP, seconds)
        .header(SIGNATURE, to.secret.sign(seconds, &body))
        .body(Full::new(body.into()))
}

async fn exchange<S: AsyncRead + AsyncWrite + Send + Unpin>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(), Undelivered> {
    let mut http = http1::Builder::new();
    http.max_buf_size(ANSWER_LEN_MAX);
    let (mut sender, connection) =
        http.handshake(TokioIo::new(stream)).await.map_err(Undelivered::Exchange)?;
    let mut answer = pin!(sender.send_request(request));
    let mut connection = pin!(connection);
    let answer = tokio::select! {
        // A connection that ends may have brought the answer with it.
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    };
    judge(&answer.map_err(Undelivered::Exchange)?)
}

/// Takes every `2xx` for a yes.
fn judge<B>(answer: &Response<B>) -> Result<(), Undelivered> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let wait = wait.map(|wait| wait.min(RETRY_AFTER_MAX));
    Err(Undelivered::Refused { status, wait })
}
