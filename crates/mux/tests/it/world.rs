//! A multiplexor on free ports of 127.0.0.1, a scripted server on the link, and clients with ordinary blocking sockets.
//!
//! Nothing here sleeps to wait for something: it polls, with a deadline that only a broken build reaches.

use bytes::Bytes;
use link::{CloseReason, ConnId, Down, TlsPolicy, Up};
use mux::{
    Config, Downlink, ListenerConfig, ListenerKind, Mux, MuxLimits, MuxMetrics, TlsFiles, TlsStore,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Until when something that must happen has happened.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The stream header every client here sends.
pub(crate) const HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/// The stream header the server answers with.
pub(crate) const ANSWER: &str = "<?xml version='1.0'?><stream:stream from='localhost' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) tls: TlsStore,
    runtime: Runtime,
    mux: Option<Mux>,
    up: mpsc::Receiver<Up>,
    downlink: Downlink,
    addresses: Vec<SocketAddr>,
}

/// Limits with short deadlines where a test is not about them.
pub(crate) fn limits() -> MuxLimits {
    MuxLimits { login_deadline: PATIENCE * 3, ..MuxLimits::default() }
}

impl World {
    pub(crate) fn new(limits: MuxLimits) -> Self {
        Self::with_link(limits, 1024)
    }

    /// With room for so many facts on the link.
    pub(crate) fn with_link(limits: MuxLimits, facts: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path(), "ours");
        let tls = TlsStore::open_or_make(files, &["example.org".to_owned()]).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener =
            |kind, tls| ListenerConfig { kind, address: "127.0.0.1:0".parse().unwrap(), tls };
        let config = Config {
            listeners: vec![
                listener(ListenerKind::C2s, TlsPolicy::Required),
                listener(ListenerKind::C2sTls, TlsPolicy::Required),
            ],
            limits,
            tls: Some(tls.clone()),
        };
        let (sender, up) = mpsc::channel(facts);
        let guard = runtime.enter();
        let mux = Mux::start(config, sender).unwrap();
        drop(guard);
        let (downlink, addresses) = (mux.downlink(), mux.local_addresses().to_vec());
        Self { folder, tls, runtime, mux: Some(mux), up, downlink, addresses }
    }

    /// Where STARTTLS is offered.
    pub(crate) fn plain_address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where TLS is spoken at once.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.addresses[1]
    }

    pub(crate) fn metrics(&self) -> MuxMetrics {
        self.mux.as_ref().unwrap().metrics()
    }

    /// The next fact, whatever it is.
    pub(crate) fn fact(&mut self) -> Up {
        let Self { runtime, up, .. } = self;
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, up.recv()).await })
            .expect("a fact comes in time")
            .expect("the multiplexor lives")
    }

    /// The next fact that is not `Written`.
    pub(crate) fn news(&mut self) -> Up {
        loop {
            match self.fact() {
                Up::Written { .. } => {}
                fact => return fact,
            }
        }
    }

    /// What is on the link and nobody took.
    pub(crate) fn facts_now(&mut self) -> Vec<Up> {
        std::iter::from_fn(|| self.up.try_recv().ok()).collect()
    }

    pub(crate) fn order(&self, orders: Vec<Down>) {
        self.downlink.carry_out(orders);
    }

    pub(crate) fn send(&self, conn: ConnId, seq: u64, text: &str) {
        self.order(vec![Down::Send { conn, seq, bytes: Bytes::from(text.to_owned()) }]);
    }

    pub(crate) fn credit(&self, conn: ConnId, elements: u32) {
        self.order(vec![Down::Credit { conn, elements }]);
    }

    pub(crate) fn close(&self, conn: ConnId, text: &str) {
        self.order(vec![Down::Close { conn, bytes: Bytes::from(text.to_owned()) }]);
    }

    /// A plain client whose stream is open in both directions: its number and its socket.
    pub(crate) fn open_plain(&mut self) -> (ConnId, Client<TcpStream>) {
        let mut client = Client::connect(self.plain_address());
        client.say(HEADER);
        let conn = self.expect_opened();
        self.send(conn, 1, ANSWER);
        client.hear(ANSWER);
        (conn, client)
    }

    /// Takes `Opened` and `Header`.
    pub(crate) fn expect_opened(&mut self) -> ConnId {
        let fact = self.news();
        let Up::Opened { conn, .. } = fact else { panic!("expected Opened, got {fact:?}") };
        assert!(matches!(self.news(), Up::Header { .. }));
        conn
    }

    pub(crate) fn expect_element(&mut self, conn: ConnId, text: &str) {
        let fact = self.news();
        let Up::Element { conn: of, bytes } = &fact else {
            panic!("expected {text}, got {fact:?}")
        };
        assert_eq!((*of, &bytes[..]), (conn, text.as_bytes()), "{fact:?}");
    }

    pub(crate) fn expect_closed(&mut self, conn: ConnId, reason: CloseReason) {
        assert_eq!(self.news(), Up::Closed { conn, reason });
    }

    /// Waits until the counters are so.
    pub(crate) fn await_metrics(&self, what: &str, is_so: impl Fn(&MuxMetrics) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.metrics()) {
            assert!(Instant::now() < deadline, "{what} never came: {:?}", self.metrics());
            std::thread::yield_now();
        }
    }

    /// Nothing is open, and the kernel agrees.
    pub(crate) fn await_nothing_open(&self) {
        let sockets = || self.addresses.iter().map(|address| sockets_of(*address)).sum::<usize>();
        self.await_metrics("the end of all connections", |metrics| {
            metrics.connections_open == 0 && sockets() == 0
        });
    }

    /// Stops the multiplexor; gives the facts that went up meanwhile.
    pub(crate) fn stop(mut self, grace: Duration) -> (usize, Vec<Up>) {
        let Self { runtime, mux, up, .. } = &mut self;
        let stop = mux.take().unwrap().stop(grace);
        runtime.block_on(async {
            let mut facts = Vec::new();
            let mut stop = std::pin::pin!(stop);
            let left = loop {
                tokio::select! {
                    biased;
                    fact = up.recv() => facts.extend(fact),
                    left = &mut stop => break left,
                }
            };
            facts.extend(std::iter::from_fn(|| up.try_recv().ok()));
            (left, facts)
        })
    }
}

/// A pair of files with this name.
pub(crate) fn files(folder: &Path, name: &str) -> TlsFiles {
    TlsFiles {
        certificate: folder.join(format!("{name}.cert")),
        key: folder.join(format!("{name}.key")),
    }
}

/// Our ends of established and half-closed connections at a listener's address, as the kernel counts them.
fn sockets_of(address: SocketAddr) -> usize {
    const ESTABLISHED: &str = "01";
    const CLOSE_WAIT: &str = "08";
    let local = format!("0100007F:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    table
        .lines()
        .filter(|line| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next() == Some(&local)
                && fields.nth(1).is_some_and(|state| [ESTABLISHED, CLOSE_WAIT].contains(&state))
        })
        .count()
}

/// A client's end, plain or TLS.
pub(crate) struct Client<S>(pub(crate) S);

pub(crate) type TlsClient<S = TcpStream> = Client<StreamOwned<ClientConnection, S>>;

/// A socket that sends so few bytes at a time that nothing arrives whole.
pub(crate) struct Dribble(pub(crate) TcpStream);

impl Read for Dribble {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(3)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Shakes hands and checks the certificate.
    pub(crate) fn secure(
        self,
        world: &World,
        version: &'static SupportedProtocolVersion,
    ) -> TlsClient {
        self.secure_with(&files(world.folder.path(), "ours").certificate, version)
    }

    pub(crate) fn secure_with(
        self,
        trusted: &Path,
        version: &'static SupportedProtocolVersion,
    ) -> TlsClient {
        Client(shake_hands(self.0, trusted, version))
    }
}

/// The client's side of a handshake over any kind of stream.
pub(crate) fn shake_hands<S: Read + Write>(
    socket: S,
    trusted: &Path,
    version: &'static SupportedProtocolVersion,
) -> StreamOwned<ClientConnection, S> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("example.org").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.flush().unwrap();
    }

    /// Reads exactly this.
    pub(crate) fn hear(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.0.read_exact(&mut heard).unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// Reads until the end, however it comes.
    pub(crate) fn hear_end(&mut self) -> String {
        let mut heard = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        let mut piece = [0; 4096];
        loop {
            match self.0.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => heard.extend_from_slice(&piece[..len]),
                Err(error) => {
                    let is_late = Instant::now() >= deadline;
                    assert!(!is_late, "no end in time: {error}");
                    break;
                }
            }
        }
        String::from_utf8_lossy(&heard).into_owned()
    }
}
