//! What may happen between a program and a server: a TCP proxy that refuses connections, drops them, holds
//! their bytes up, swallows them, or cuts one between a request and its answer. It runs on threads of its
//! own, so that nothing which a test does on its runtime holds it up.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes are passed on at a time.
const CHUNK_LEN: usize = 64 * 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the program to the server.
    ToServer,
    /// From the server to the program.
    ToClient,
}

/// A proxy on a free port of this machine, before a server on another. It passes everything on until it is
/// told otherwise, and drops every connection when it is dropped itself.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    orders: Mutex<Orders>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    refuses: bool,
    delay: Duration,
    /// Whether bytes to the server, and to the client, are swallowed.
    swallows: [bool; 2],
    hold: Option<Condition>,
    /// How many requests are held.
    held: u64,
    cut: Option<Condition>,
    cuts: u64,
    links: BTreeMap<u64, Link>,
    /// How many connections there were.
    opened: u64,
    over: bool,
}

/// Whether these are the bytes after which a connection is cut.
struct Condition(Box<Holds>);

type Holds = dyn FnMut(&[u8]) -> bool + Send;

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

/// A connection.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    /// None where the server could not be reached, and nobody is to notice.
    server: Option<TcpStream>,
    /// Whether bytes were swallowed each way: nothing that comes after them would make sense.
    broken: [bool; 2],
    /// Whether the next answer is its end.
    cut: bool,
}

impl Link {
    fn end(&self) {
        for stream in [Some(&self.client), self.server.as_ref()].into_iter().flatten() {
            // One that is closed already is what is wanted.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pass,
    Swallow,
    Cut,
}

impl Proxy {
    /// Starts one before a server on a port of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared { server, orders: Mutex::default(), news: Condvar::new() });
        let accepting = shared.clone();
        start("proxy", move || accept(&accepting, &listener));
        Self { shared, port }
    }

    /// Its own port on 127.0.0.1, which programs are given instead of the server's.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether new connections are closed as soon as they are made. Those that are there stay.
    pub fn refuse(&self, refuses: bool) {
        self.shared.orders().refuses = refuses;
    }

    /// Ends every connection, in both directions.
    pub fn drop_all(&self) {
        for link in std::mem::take(&mut self.shared.orders().links).values() {
            link.end();
        }
    }

    /// Holds all bytes up for so long, each way, from the next that come.
    pub fn delay(&self, delay: Duration) {
        self.shared.orders().delay = delay;
        self.shared.news.notify_all();
    }

    /// Swallows what comes one way, as if the cable had been pulled: neither side notices, not even that the
    /// other one is gone. New connections are accepted, whether there is a server or not.
    pub fn swallow(&self, way: Way) {
        self.shared.orders().swallows[way as usize] = true;
    }

    /// Lets every connection that is there fall silent, each way and for good, as where something between has
    /// forgotten it. New ones are not concerned.
    pub fn silence(&self) {
        for link in self.shared.orders().links.values_mut() {
            link.broken = [true; 2];
        }
    }

    /// Passes everything on again, at once. A connection whose bytes were swallowed stays silent: whoever has
    /// it has to find out.
    pub fn heal(&self) {
        let mut orders = self.shared.orders();
        (orders.refuses, orders.delay, orders.swallows) = (false, Duration::ZERO, [false; 2]);
        self.shared.news.notify_all();
    }

    /// Holds the next bytes to the server for which the condition holds, until [`let_go`](Self::let_go): as long
    /// as they are on their way, whoever sent them may leave.
    pub fn hold(&self, condition: impl FnMut(&[u8]) -> bool + Send + 'static) {
        self.shared.orders().hold = Some(Condition(Box::new(condition)));
    }

    /// How many requests are held.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.shared.orders().held
    }

    /// Lets what is held arrive.
    pub fn let_go(&self) {
        self.shared.orders().held = 0;
        self.shared.news.notify_all();
    }

    /// Cuts one connection between a request and its answer: the next bytes to the server for which the
    /// condition holds (up to 64 KiB are looked at together) are passed on, and when the server answers,
    /// the connection ends instead. So what was asked has been done, and nobody was told.
    pub fn cut_after(&self, condition: impl FnMut(&[u8]) -> bool + Send + 'static) {
        self.shared.orders().cut = Some(Condition(Box::new(condition)));
    }

    /// How many connections were cut so.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.orders().cuts
    }

    /// How many connections were made, those that are over included.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.shared.orders().opened
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.orders().over = true;
        self.shared.news.notify_all();
        self.drop_all();
        // It waits for a connection, and looks up when there is one.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request until it is let go of, if it is the one to be held.
    fn hold(&self, bytes: &[u8]) {
        let mut orders = self.orders();
        if orders.hold.take_if(|condition| (condition.0)(bytes)).is_none() {
            return;
        }
        orders.held += 1;
        let held = |orders: &mut Orders| !orders.over && orders.held > 0;
        drop(self.news.wait_while(orders, held));
    }

    /// Holds bytes up for as long as it is told to.
    fn hold_up(&self) {
        let orders = self.orders();
        let delay = orders.delay;
        let held = |orders: &mut Orders| !orders.over && orders.delay == delay;
        if !delay.is_zero() {
            drop(self.news.wait_timeout_while(orders, delay, held));
        }
    }

    fn fate(&self, id: u64, way: Way, bytes: &[u8]) -> Fate {
        let mut orders = self.orders();
        let Orders { links, swallows, cut, cuts, .. } = &mut *orders;
        let Some(link) = links.get_mut(&id) else { return Fate::Swallow };
        let broken = &mut link.broken[way as usize];
        *broken |= swallows[way as usize];
        if *broken {
            return Fate::Swallow;
        }
        match way {
            Way::ToServer => {
                link.cut |= cut.take_if(|condition| (condition.0)(bytes)).is_some();
                Fate::Pass
            }
            Way::ToClient if link.cut => {
                *cuts += 1;
                Fate::Cut
            }
            Way::ToClient => Fate::Pass,
        }
    }

    /// One side has ended; the other is told, unless nothing gets there.
    fn ended(&self, id: u64, way: Way) {
        let mut orders = self.orders();
        let swallows = orders.swallows[way as usize];
        let broken = |link: &mut Link| swallows || link.broken[way as usize];
        if orders.links.get_mut(&id).is_some_and(|link| !broken(link))
            && let Some(link) = orders.links.remove(&id)
        {
            link.end();
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for client in listener.incoming() {
        if shared.orders().over {
            return;
        }
        // A client that has left again needs nothing.
        let Ok(client) = client else { continue };
        let (refuses, swallows) = {
            let orders = shared.orders();
            (orders.refuses, orders.swallows[Way::ToServer as usize])
        };
        if !refuses {
            // It is closed when it is dropped; so is one without a server.
            let _ = link(shared, client, swallows);
        }
    }
}

fn link(shared: &Arc<Shared>, client: TcpStream, swallows: bool) -> std::io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, shared.server));
    let server = match TcpStream::connect(address) {
        Ok(server) => Some(server),
        Err(error) if !swallows => return Err(error),
        Err(_) => None,
    };
    for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
        stream.set_nodelay(true)?;
    }
    let copy = |stream: &Option<TcpStream>| stream.as_ref().map(TcpStream::try_clone).transpose();
    let (from_client, from_server) = (client.try_clone()?, copy(&server)?);
    let (to_client, to_server) = (client.try_clone()?, copy(&server)?);
    let id = {
        let mut orders = shared.orders();
        orders.opened += 1;
        let id = orders.opened;
        orders.links.insert(id, Link { client, server, broken: [false; 2], cut: false });
        id
    };
    let here = shared.clone();
    start("to-server", move || pump(&here, (id, Way::ToServer), from_client, to_server));
    if let Some(from_server) = from_server {
        let here = shared.clone();
        start("to-client", move || pump(&here, (id, Way::ToClient), from_server, Some(to_client)));
    }
    Ok(())
}

fn pump(shared: &Shared, (id, way): (u64, Way), mut from: TcpStream, mut to: Option<TcpStream>) {
    let mut bytes = vec![0; CHUNK_LEN];
    loop {
        let len = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        shared.hold_up();
        if way == Way::ToServer {
            shared.hold(&bytes[..len]);
        }
        let fate = shared.fate(id, way, &bytes[..len]);
        let passed = match (fate, &mut to) {
            (Fate::Pass, Some(to)) => to.write_all(&bytes[..len]),
            (Fate::Pass | Fate::Swallow, _) => Ok(()),
            (Fate::Cut, _) => break,
        };
        if passed.is_err() {
            break;
        }
    }
    shared.ended(id, way);
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) {
    let named = thread::Builder::new().name(name.to_owned());
    named.spawn(work).expect("there is room for a thread");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// How long nothing comes until it is believed that nothing will.
    const SILENCE: Duration = Duration::from_millis(200);

    /// A server that gives back what it gets, until its connection ends.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        start("echo", move || {
            while let Ok((mut stream, _)) = listener.accept() {
                start("echoes", move || {
                    let mut bytes = [0; 100];
                    while let Ok(len @ 1..) = stream.read(&mut bytes) {
                        stream.write_all(&bytes[..len]).unwrap();
                    }
                });
            }
        });
        port
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.set_read_timeout(Some(SILENCE)).unwrap();
        client
    }

    /// What comes back of a word: itself, nothing because the connection is over, or silence.
    fn said(client: &mut TcpStream, word: &str) -> String {
        if client.write_all(word.as_bytes()).is_err() {
            return "over".to_owned();
        }
        heard(client)
    }

    fn heard(client: &mut TcpStream) -> String {
        let mut bytes = [0; 100];
        match client.read(&mut bytes) {
            Ok(len @ 1..) => String::from_utf8_lossy(&bytes[..len]).into_owned(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => "silence".to_owned(),
            Ok(_) | Err(_) => "over".to_owned(),
        }
    }

    #[test]
    fn what_is_refused_or_dropped_is_over_and_the_rest_passes() {
        let proxy = Proxy::before(echo());
        let mut first = client(&proxy);
        assert_eq!(said(&mut first, "one"), "one");
        proxy.refuse(true);
        assert_eq!(said(&mut client(&proxy), "two"), "over");
        assert_eq!(said(&mut first, "three"), "three", "it was there before");
        proxy.heal();
        proxy.drop_all();
        assert_eq!(said(&mut first, "four"), "over");
        assert_eq!(said(&mut client(&proxy), "five"), "five");
        assert_eq!(proxy.opened(), 2);
        let mut last = client(&proxy);
        assert_eq!(said(&mut last, "six"), "six");
        drop(proxy);
        assert_eq!(said(&mut last, "seven"), "over");
    }

    #[test]
    fn bytes_are_held_up_until_it_heals() {
        let proxy = Proxy::before(echo());
        let mut client = client(&proxy);
        proxy.delay(SILENCE / 4);
        let began = Instant::now();
        assert_eq!(said(&mut client, "one"), "one");
        assert!(began.elapsed() >= SILENCE / 2, "once each way: {:?}", began.elapsed());
        proxy.delay(Duration::from_mins(5));
        assert_eq!(said(&mut client, "two"), "silence");
        proxy.heal();
        assert_eq!(heard(&mut client), "two");
    }

    #[test]
    fn what_was_swallowed_leaves_its_connection_silent_for_good() {
        for way in [Way::ToServer, Way::ToClient] {
            let proxy = Proxy::before(echo());
            let mut first = client(&proxy);
            assert_eq!(said(&mut first, "one"), "one");
            proxy.swallow(way);
            assert_eq!(said(&mut first, "two"), "silence", "{way:?}");
            let mut second = client(&proxy);
            assert_eq!(said(&mut second, "three"), "silence", "{way:?}");
            proxy.heal();
            assert_eq!(said(&mut first, "four"), "silence", "{way:?}");
            assert_eq!(said(&mut client(&proxy), "five"), "five");
        }
    }

    #[test]
    fn only_connections_that_are_there_fall_silent() {
        let proxy = Proxy::before(echo());
        let mut first = client(&proxy);
        assert_eq!(said(&mut first, "one"), "one");
        proxy.silence();
        assert_eq!(said(&mut client(&proxy), "two"), "two");
        assert_eq!(said(&mut first, "three"), "silence");
    }

    #[test]
    fn nobody_notices_behind_a_pulled_cable_that_there_is_no_server() {
        let nobody = super::super::supervised::free_port();
        let proxy = Proxy::before(nobody);
        assert_eq!(said(&mut client(&proxy), "one"), "over");
        proxy.swallow(Way::ToServer);
        assert_eq!(said(&mut client(&proxy), "two"), "silence");
    }

    #[test]
    fn what_is_held_arrives_when_it_is_let_go() {
        let proxy = Proxy::before(echo());
        let (mut first, mut second) = (client(&proxy), client(&proxy));
        proxy.hold(|bytes| bytes == b"late");
        assert_eq!(said(&mut first, "one"), "one");
        assert_eq!(said(&mut first, "late"), "silence");
        assert_eq!(said(&mut second, "late"), "late", "only the first time");
        assert_eq!(proxy.held(), 1);
        proxy.let_go();
        assert_eq!(heard(&mut first), "late");
    }

    #[test]
    fn a_connection_is_cut_between_a_request_and_its_answer() {
        let proxy = Proxy::before(echo());
        let (mut first, mut second) = (client(&proxy), client(&proxy));
        proxy.cut_after(|bytes| bytes.windows(3).any(|window| window == b"two"));
        assert_eq!(said(&mut first, "one"), "one");
        assert_eq!(said(&mut second, "it is two"), "over");
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(said(&mut first, "two"), "two", "only the first time");
    }
}
