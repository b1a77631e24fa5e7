//! A webhook as it is declared, and as it is once it was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::uri::Scheme;
use smol_str::SmolStr;

use artel_core::names::{AgentName, Label, TenantId};
use artel_core::policy::Retry;
use artel_core::visibility::Viewer;

use crate::program::Program;
use crate::webhook::sign::Secret;

/// Who is told over HTTP of an agent's dead letters, given with
/// [`alert_webhook`](crate::Subscribed::alert_webhook). Each alert is signed with the secret; the page
/// `docs/reference/alerts.md` says what is sent and how to check it.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use artel::{Board, Context, Webhook};
/// # #[derive(artel::Artifact, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Order { id: u64 }
/// # async fn ship(_: Context, _: Arc<Order>) -> Result<(), artel::Error> { Ok(()) }
/// # fn declare(board: &Board, secret: String) {
/// let webhook = Webhook::new("https://alerts.example/artel", secret)
///     .gather(Duration::from_secs(30));
/// board.agent("ship").on::<Order>().alert_webhook(webhook).run(ship);
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a webhook is given to an agent or a board"]
pub struct Webhook {
    url: String,
    secret: Secret,
    gather: Duration,
    timeout: Duration,
    attempts: u32,
    backoff: (Duration, Duration),
    labels: Vec<SmolStr>,
    tenants: Vec<SmolStr>,
}

/// The path of a URL may be a secret too, so only where it leads is shown.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Place::of(&self.url).map(|place| place.origin);
        f.debug_struct("Webhook")
            .field("to", &place.as_deref().unwrap_or("a URL that cannot be used"))
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// For how long dead letters of one kind are gathered into one alert.
    pub const GATHER: Duration = Duration::from_mins(1);
    /// The longest time for which they may be.
    pub const GATHER_MAX: Duration = Duration::from_hours(1);
    /// How long one try may take.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// The longest time that one try may be given.
    pub const TIMEOUT_MAX: Duration = Duration::from_mins(1);
    /// How often an alert is sent before it is given up: with the delays between, about half a day.
    pub const ATTEMPTS: u32 = 300;
    /// The longest delay after the first try, and after any.
    pub const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

    /// Alerts go to this `http:` or `https:` URL, signed with this secret of at least 32 bytes. Make it
    /// of random bytes, and keep it where your other secrets are. Whether both can be used is said by
    /// [`Board::start`](crate::Board::start).
    pub fn new(url: impl Into<String>, secret: impl Into<Vec<u8>>) -> Self {
        Self {
            url: url.into(),
            secret: Secret::new(secret.into().into()),
            gather: Self::GATHER,
            timeout: Self::TIMEOUT,
            attempts: Self::ATTEMPTS,
            backoff: Self::BACKOFF,
            labels: Vec::new(),
            tenants: Vec::new(),
        }
    }

    /// For how long dead letters that died of the same are gathered into one alert, counted from the
    /// first of them: 1 min unless it is set, and at most 1 h. The alert is sent after that time.
    pub const fn gather(mut self, time: Duration) -> Self {
        self.gather = time;
        self
    }

    /// How long one try may take, from looking its name up to the answer: 10 s unless it is set, and at
    /// most 1 min.
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How often an alert is sent until it is given up, at least once: 300 times unless it is set. A
    /// program that is started again begins to count anew.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long to wait after a try that failed: at most `first` after the first one, twice as long
    /// after each further one, and never more than `max`. Unless it is set, from 1 s to 5 min. Chance
    /// draws each delay evenly from nothing to that.
    pub const fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = (first, max);
        self
    }

    /// Tells whoever gets the alerts also the errors of work on artifacts that ask for this label, and
    /// for every other one that is named. Otherwise only errors of work on what everybody may see.
    pub fn label(mut self, label: impl Into<SmolStr>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Tells whoever gets the alerts also the errors of work on artifacts of this tenant, and of every
    /// other one that is named.
    pub fn tenant(mut self, tenant: impl Into<SmolStr>) -> Self {
        self.tenants.push(tenant.into());
        self
    }

    /// Checks what was declared. What is wrong is told without the secret and the URL.
    pub(crate) fn check(&self) -> Result<Arc<Receiver>, String> {
        let place = Place::of(&self.url)
            .map_err(|problem| format!("the URL of its alert webhook cannot be used: {problem}"))?;
        if self.secret.len() < Secret::LEN_MIN {
            return Err(format!(
                "the secret of its alert webhook has {} bytes, at least {} are needed",
                self.secret.len(),
                Secret::LEN_MIN
            ));
        }
        let within = |what: &str, is: Duration, max: Duration| {
            let fits = is <= max && !(is.is_zero() && what == "time-out");
            let says =
                || format!("the {what} of its alert webhook is {is:?}, allowed is up to {max:?}");
            fits.then_some(()).ok_or_else(says)
        };
        within("time for gathering", self.gather, Self::GATHER_MAX)?;
        within("time-out", self.timeout, Self::TIMEOUT_MAX)?;
        if self.backoff.0.is_zero() || self.backoff.1.is_zero() {
            return Err(
                "the back-off of its alert webhook is zero, so that all tries would be over \
                        at once; use at least 1 ms"
                    .to_owned(),
            );
        }
        if self.attempts == 0 {
            return Err("its alert webhook is never tried; use at least 1 attempt".to_owned());
        }
        let mut viewer = Viewer::anybody();
        for label in &self.labels {
            let label = Label::new(label.clone()).map_err(|error| error.to_string())?;
            viewer = viewer.with_label(label);
        }
        for tenant in &self.tenants {
            let tenant = TenantId::new(tenant.clone()).map_err(|error| error.to_string())?;
            viewer = viewer.of_tenant(tenant);
        }
        let (first, max) = self.backoff;
        Ok(Arc::new(Receiver {
            place,
            secret: self.secret.clone(),
            gather: self.gather,
            timeout: self.timeout,
            retry: Retry::exponential(first).max_delay(max).max_attempts(self.attempts),
            viewer: Arc::new(viewer),
        }))
    }
}

/// Who is told, checked.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(super) place: Place,
    pub(super) secret: Secret,
    pub(crate) gather: Duration,
    pub(super) timeout: Duration,
    /// How often, and when.
    pub(super) retry: Retry,
    /// As whom an alert looks at what it is about.
    pub(super) viewer: Arc<Viewer>,
}

impl Receiver {
    pub(super) const fn is_encrypted(&self) -> bool {
        self.place.encrypted
    }
}

/// Where an alert goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Scheme, host and port, for people: the rest may be a secret.
    pub(super) origin: String,
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What stands behind the host.
    pub(super) path: String,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl Place {
    fn of(url: &str) -> Result<Self, String> {
        let begins = "it begins with neither `https://` nor `http://`";
        if !url.contains("://") {
            return Err(begins.to_owned());
        }
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let encrypted = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(begins.to_owned()),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a user or a password; the signature says who sends".to_owned());
        }
        let host = authority.host();
        if host.is_empty() {
            return Err("it names no host".to_owned());
        }
        let port = uri.port_u16();
        if port.is_none() && authority.as_str() != host {
            return Err("its port is no number from 0 to 65535".to_owned());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            origin: format!("{}://{authority}", if encrypted { "https" } else { "http" }),
            encrypted,
            // An address of IPv6 stands in brackets in a URL, and in none where it is looked up.
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: port.unwrap_or(if encrypted { 443 } else { 80 }),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        })
    }
}

/// Gives the agents and groups that have a webhook whom they alert, and all others whom the board does.
/// Says what is wrong.
pub(crate) fn give(
    program: &mut Program,
    own: Vec<(SmolStr, Webhook)>,
    of_board: Option<&Webhook>,
) -> Vec<String> {
    let (mut receivers, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, webhook) in own {
        match (webhook.check(), AgentName::new(name.clone())) {
            (Ok(receiver), Ok(name)) => drop(receivers.insert(name, receiver)),
            (Err(problem), Ok(known)) if program.groups.contains_key(&known) => {
                problems.push(format!("group `{name}`: {problem}"));
            }
            (Err(problem), _) => problems.push(format!("agent `{name}`: {problem}")),
            // Said where it was declared.
            (Ok(_), Err(_)) => {}
        }
    }
    let of_board = of_board.map(Webhook::check).transpose();
    let of_board = of_board.unwrap_or_else(|problem| {
        problems.push(format!("the board: {problem}"));
        None
    });
    let agents = program
        .agents
        .iter_mut()
        .filter_map(|(name, agent)| Arc::get_mut(agent).map(|agent| (name, &mut agent.definition)));
    for (name, definition) in agents.chain(&mut program.groups) {
        let receiver = receivers.get(name).or(of_board.as_ref());
        if let Some(receiver) = receiver {
            Arc::make_mut(definition).alert_after = Some(receiver.gather);
            program.receivers.insert(name.clone(), receiver.clone());
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret that nobody is to be shown";

    /// ALERT-1: what cannot be used is said, without the secret and without the path of the URL.
    #[test]
    fn what_cannot_be_used_is_said() {
        let refused = |webhook: Webhook| webhook.check().unwrap_err();
        let of = |url: &str| Webhook::new(url, SECRET);
        for (url, why) in [
            ("", "begins with neither"),
            ("hooks.example/path", "begins with neither"),
            ("ftp://hooks.example/", "begins with neither"),
            ("/only/a/path", "begins with neither"),
            ("https://ann:pass@hooks.example/", "a user or a password"),
            ("https://hooks.example:99999/", "port"),
            ("https://hooks example/", "invalid"),
        ] {
            let said = refused(of(url));
            assert!(said.contains(why), "{url}: {said}");
            assert!(!said.contains("pass@"), "{said}");
        }
        let short = refused(Webhook::new("https://hooks.example", "short"));
        assert_eq!(short, "the secret of its alert webhook has 5 bytes, at least 32 are needed");
        let long = of("https://h").gather(Duration::from_secs(3_601));
        assert!(refused(long).contains("time for gathering"));
        assert!(refused(of("https://h").timeout(Duration::ZERO)).contains("time-out"));
        assert!(refused(of("https://h").attempts(0)).contains("at least 1"));
        let hasty = of("https://h").backoff(Duration::ZERO, Duration::from_secs(1));
        assert!(refused(hasty).contains("the back-off"));
        assert!(refused(of("https://h").label("")).contains("empty"));
    }

    #[test]
    fn a_url_says_where_an_alert_goes() {
        let place = Place::of("https://hooks.example/services/T0/token?x=1").unwrap();
        assert_eq!((place.host.as_str(), place.port), ("hooks.example", 443));
        assert_eq!(place.path, "/services/T0/token?x=1");
        let place = Place::of("http://[::1]:8080").unwrap();
        assert_eq!((place.host.as_str(), place.port, place.path.as_str()), ("::1", 8080, "/"));
    }

    /// ALERT-4: neither the secret nor the path of the URL, which may be one, is shown.
    #[test]
    fn a_secret_is_shown_nowhere() {
        let webhook = Webhook::new("https://hooks.example/services/token", SECRET);
        let receiver = webhook.check().unwrap();
        for shown in [format!("{webhook:?}"), format!("{receiver:?}"), format!("{receiver:#?}")] {
            assert!(shown.contains("https://hooks.example"), "{shown}");
            let bytes = format!("{:?}", SECRET.as_bytes());
            assert!(!shown.contains(SECRET) && !shown.contains(&bytes), "{shown}");
            assert!(!shown.contains("token"), "{shown}");
        }
    }
}
