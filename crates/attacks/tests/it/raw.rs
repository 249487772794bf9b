//! A client that sends what it likes: bytes over TCP or TLS, no rules kept, everything heard remembered.

use crate::service::{Door, PASSWORD, PATIENCE, Service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A stream header.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// How long one read waits before the deadline is looked at.
const READ: Duration = Duration::from_millis(100);

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A connection.
pub(crate) struct Raw {
    wire: Box<dyn Wire>,
    heard: Vec<u8>,
    ended: bool,
}

impl Raw {
    /// Connects, with TLS where the door begins with it.
    pub(crate) fn connect(service: &Service, door: Door) -> Self {
        Self::connect_from(service, door, Ipv4Addr::LOCALHOST)
    }

    /// The same from another address of the loopback network.
    pub(crate) fn connect_from(service: &Service, door: Door, source: Ipv4Addr) -> Self {
        let mut tcp = tcp(service.address(door), source);
        let wire: Box<dyn Wire> = if door == Door::Direct {
            let name = ServerName::try_from("localhost").unwrap();
            let config = testkit::transport::client_config();
            let mut tls = ClientConnection::new(config, name).unwrap();
            tcp.set_read_timeout(Some(PATIENCE)).unwrap();
            while tls.is_handshaking() {
                tls.complete_io(&mut tcp).unwrap();
            }
            tcp.set_read_timeout(Some(READ)).unwrap();
            Box::new(StreamOwned::new(tls, tcp))
        } else {
            Box::new(tcp)
        };
        Self { wire, heard: Vec::new(), ended: false }
    }

    /// Logged in with PLAIN, with a resource bound.
    pub(crate) fn login(service: &Service, door: Door, user: &str, resource: &str) -> Self {
        let mut raw = Self::connect(service, door);
        raw.open();
        let answer = raw.plain("", user, PASSWORD);
        assert!(answer.contains("<success"), "{answer}");
        raw.open();
        raw.bind(resource);
        raw
    }

    /// The same, and online. What came until then is not kept: whoever waits for offline messages says its presence itself.
    pub(crate) fn online(service: &Service, door: Door, user: &str, resource: &str) -> Self {
        let mut raw = Self::login(service, door, user, resource);
        raw.say("<presence/>");
        raw.sync();
        raw
    }

    /// Sends. A connection that is closed already takes nothing, which is heard as its end.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.write_all(bytes.as_ref()).and_then(|()| self.wire.flush()).is_ok()
    }

    /// Sends byte by byte.
    pub(crate) fn trickle(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let _ = self.say([*byte]);
        }
    }

    /// Hears up to and with a text; gives all of it.
    #[track_caller]
    pub(crate) fn hear(&mut self, mark: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            let news = &self.heard[looked_at..];
            let found = news.windows(mark.len()).position(|w| w == mark.as_bytes());
            if let Some(at) = found.map(|at| looked_at + at) {
                let rest = self.heard.split_off(at + mark.len());
                let heard = std::mem::replace(&mut self.heard, rest);
                return String::from_utf8_lossy(&heard).into_owned();
            }
            let shown =
                || String::from_utf8_lossy(&self.heard).chars().take(2000).collect::<String>();
            assert!(!self.ended, "the stream ended before {mark}: {}", shown());
            assert!(Instant::now() < deadline, "{mark} never came, but: {}", shown());
            looked_at = self.heard.len().saturating_sub(mark.len());
            self.listen();
        }
    }

    /// Hears up to and with a text, or to the end when that comes first.
    pub(crate) fn hear_or_end(&mut self, mark: &str) -> String {
        let is_there = |heard: &[u8]| heard.windows(mark.len()).any(|w| w == mark.as_bytes());
        let deadline = Instant::now() + PATIENCE;
        while !self.ended && !is_there(&self.heard) {
            assert!(Instant::now() < deadline, "neither {mark} nor an end");
            self.listen();
        }
        if self.ended { self.hear_end() } else { self.hear(mark) }
    }

    /// Hears until the server ends the connection.
    #[track_caller]
    pub(crate) fn hear_end(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.ended {
            let shown = String::from_utf8_lossy(&self.heard);
            assert!(Instant::now() < deadline, "the server does not end: {shown:.500}");
            self.listen();
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned()
    }

    fn listen(&mut self) {
        let mut piece = [0; 16 * 1024];
        match self.wire.read(&mut piece) {
            Ok(0) => self.ended = true,
            Ok(len) => self.heard.extend_from_slice(&piece[..len]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.ended = true,
        }
    }

    /// Opens a stream; gives header and features.
    pub(crate) fn open(&mut self) -> String {
        self.say(HEADER);
        self.hear("</stream:features>")
    }

    /// Tries PLAIN; gives the verdict.
    pub(crate) fn plain(&mut self, authzid: &str, user: &str, password: &str) -> String {
        self.auth("PLAIN", format!("{authzid}\0{user}\0{password}").as_bytes())
    }

    /// Begins SASL; gives the answer.
    pub(crate) fn auth(&mut self, mechanism: &str, initial: &[u8]) -> String {
        let data = STANDARD.encode(initial);
        self.say(format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{data}</auth>"
        ));
        self.sasl_answer()
    }

    /// Goes on with SASL; gives the answer.
    pub(crate) fn respond(&mut self, data: &[u8]) -> String {
        let data = STANDARD.encode(data);
        self.say(format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{data}</response>"));
        self.sasl_answer()
    }

    fn sasl_answer(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for end in ["</challenge>", "</success>", "</failure>"] {
                if self.heard.windows(end.len()).any(|w| w == end.as_bytes()) {
                    return self.hear(end);
                }
            }
            let short = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
            if self.heard.windows(short.len()).any(|w| w == short) {
                return self.hear("'/>");
            }
            assert!(!self.ended && Instant::now() < deadline, "no answer to SASL");
            self.listen();
        }
    }

    /// Binds a resource; gives the answer.
    pub(crate) fn bind(&mut self, resource: &str) -> String {
        self.say(format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ));
        self.hear("</iq>")
    }

    /// Waits until the server has handled everything; gives what was heard before.
    #[track_caller]
    pub(crate) fn sync(&mut self) -> String {
        self.say("<iq type='get' id='sync-iq'><ping xmlns='urn:xmpp:ping'/></iq>");
        let heard = self.hear("sync-iq");
        let rest = self.hear(">");
        heard + &rest
    }
}

/// Data of a challenge or success, decoded.
pub(crate) fn sasl_data(answer: &str) -> Vec<u8> {
    let inner = answer.rsplit_once("</").unwrap().0.rsplit_once('>').unwrap().1;
    STANDARD.decode(inner).unwrap()
}

/// A TCP connection whose reads come back often and whose writes do not wait for ever.
pub(crate) fn tcp(address: SocketAddr, source: Ipv4Addr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if source != Ipv4Addr::LOCALHOST {
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    }
    socket.connect_timeout(&address.into(), PATIENCE).unwrap();
    let tcp = TcpStream::from(socket);
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(READ)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    tcp
}
