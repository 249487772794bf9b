//! A core on a memory store with connections that speak XML, through the public interface of `im` alone.
//!
//! Everything happens at once and in order; both clocks move only when told. Every password is right: hashing is not what
//! is attacked here. It never reaches behind the interface, so that what holds here holds for any shell.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use im::{AdminRequest, Core, Effect, Input, Now, Options, Ticket};
use im_store::memory::{MemoryDisk, MemoryReader, MemoryStore};
use im_store::{Batch, Reader as _, Store as _};
use link::{CloseReason, ConnFacts, ConnId, Down, TlsPolicy, Up};
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;
use xmpp::credentials::Credentials;
use xmpp::jid::BareJid;
use xmpp::xml::StreamHeader;

/// The domain of every world.
pub const DOMAIN: &str = "localhost";

/// What a client was told.
#[derive(Debug, Default)]
struct Ear {
    heard: Vec<u8>,
    total: usize,
    closed: bool,
}

/// A service without a shell.
#[derive(Debug)]
pub struct World {
    disk: MemoryDisk,
    store: MemoryStore,
    reader: MemoryReader,
    core: Core,
    now: Now,
    ears: BTreeMap<ConnId, Ear>,
    facts: VecDeque<Input>,
    last_conn: u64,
    instances: u8,
}

impl World {
    /// The domain [`DOMAIN`] with these accounts.
    pub fn new(accounts: &[&str]) -> Self {
        let disk = MemoryDisk::new();
        let now = Now { mono: Duration::ZERO, wall_us: 1_700_000_000_000_000 };
        let (store, reader, core) = open(&disk, now, 0);
        let mut world = Self {
            disk,
            store,
            reader,
            core,
            now,
            ears: BTreeMap::new(),
            facts: VecDeque::new(),
            last_conn: 0,
            instances: 0,
        };
        world.settle();
        for name in accounts {
            let jid = BareJid::parse(&format!("{name}@{DOMAIN}")).expect("a test names accounts");
            let request = AdminRequest::AccountAdd { jid, credentials: credentials() };
            world.tell(Input::AdminAsked { ticket: Ticket(0), request });
        }
        world
    }

    /// A connection that has logged in and bound a resource; what it heard on the way is forgotten.
    pub fn login(&mut self, account: &str, resource: &str) -> ConnId {
        let conn = self.authenticate(account);
        self.say(
            conn,
            &format!(
                "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            ),
        );
        let heard = String::from_utf8_lossy(&self.take(conn)).into_owned();
        assert!(heard.contains(&format!("{account}@{DOMAIN}/{resource}")), "{heard}");
        conn
    }

    /// A connection that has logged in and neither bound nor resumed.
    pub fn authenticate(&mut self, account: &str) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        self.ears.insert(conn, Ear::default());
        let peer = ([192, 0, 2, 1], 50_000).into();
        let facts = ConnFacts { peer, tls_policy: TlsPolicy::Off, tls: None };
        self.tell(Input::Link(Up::Opened { conn, facts }));
        self.header(conn);
        let auth = STANDARD.encode(format!("\0{account}\0any"));
        self.say(
            conn,
            &format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
            ),
        );
        self.header(conn);
        let heard = String::from_utf8_lossy(&self.take(conn)).into_owned();
        assert!(heard.contains("<success"), "{account} logs in: {heard}");
        conn
    }

    fn header(&mut self, conn: ConnId) {
        let header = StreamHeader {
            to: Some(DOMAIN.to_owned()),
            version: Some((1, 0)),
            content_ns: xmpp::ns::CLIENT.to_owned(),
            ..StreamHeader::default()
        };
        self.tell(Input::Link(Up::Header { conn, header }));
    }

    /// A client sends one element.
    pub fn say(&mut self, conn: ConnId, xml: &str) {
        self.up(Up::Element { conn, bytes: Bytes::copy_from_slice(xml.as_bytes()) });
    }

    /// The multiplexor reports something.
    pub fn up(&mut self, up: Up) {
        self.tell(Input::Link(up));
    }

    /// A connection breaks.
    pub fn lose(&mut self, conn: ConnId) {
        self.up(Up::Closed { conn, reason: CloseReason::PeerGone });
    }

    /// Everything a client was sent since this was asked last.
    pub fn take(&mut self, conn: ConnId) -> Vec<u8> {
        self.ears.get_mut(&conn).map(|ear| std::mem::take(&mut ear.heard)).unwrap_or_default()
    }

    /// Bytes sent to all clients so far.
    pub fn sent_bytes(&self) -> usize {
        self.ears.values().map(|ear| ear.total).sum()
    }

    /// Whether the server has closed a connection.
    pub fn is_closed(&self, conn: ConnId) -> bool {
        self.ears.get(&conn).is_none_or(|ear| ear.closed)
    }

    /// Sessions now.
    pub fn sessions(&self) -> u64 {
        self.core.counters().sessions
    }

    /// Time passes on the monotonic clock, and the wall clock is set to anything.
    pub fn pass(&mut self, mono: Duration, wall_us: u64) {
        self.now = Now { mono: self.now.mono + mono, wall_us };
        self.tell(Input::TimeoutDue);
    }

    /// What the wall clock shows, microseconds since the epoch.
    pub fn wall_us(&self) -> u64 {
        self.now.wall_us
    }

    /// The instance is killed, and the next one opens the same disk.
    pub fn crash(&mut self) {
        self.ears.clear();
        self.facts.clear();
        self.instances += 1;
        (self.store, self.reader, self.core) = open(&self.disk, self.now, self.instances);
        self.settle();
    }

    fn tell(&mut self, fact: Input) {
        self.facts.push_back(fact);
        self.settle();
    }

    /// Handles facts and carries out what follows until nothing follows.
    fn settle(&mut self) {
        loop {
            if let Some(fact) = self.facts.pop_front() {
                self.core.handle(self.now, fact);
            }
            let output = self.core.take_output();
            let batch = Batch { writes: output.writes };
            if !batch.writes.is_empty() {
                self.store.commit(&batch).expect("the memory store commits");
            }
            let is_quiet = output.effects.is_empty();
            output.effects.into_iter().for_each(|effect| self.carry_out(effect));
            if is_quiet && self.facts.is_empty() {
                return;
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Link(down) => self.carry_down(down),
            Effect::Read { ticket, query } => {
                let result = self.reader.read(&query);
                self.facts.push_back(Input::ReadFinished { ticket, result });
            }
            Effect::VerifyPassword { ticket, .. } => {
                self.facts.push_back(Input::PasswordVerified { ticket, matches: Some(true) });
            }
            Effect::HashPassword { ticket, .. } => {
                let credentials = Some(credentials());
                self.facts.push_back(Input::PasswordHashed { ticket, credentials });
            }
            Effect::AdminAnswered { .. } | Effect::Report(_) => {}
        }
    }

    fn carry_down(&mut self, down: Down) {
        let conn = down.conn();
        let Some(ear) = self.ears.get_mut(&conn) else { return };
        match down {
            Down::Send { seq, bytes, .. } => {
                assert!(!ear.closed, "something is sent after the close");
                ear.total += bytes.len();
                ear.heard.extend_from_slice(&bytes);
                self.facts.push_back(Input::Link(Up::Written { conn, seq }));
            }
            Down::Close { bytes, .. } => {
                assert!(!ear.closed, "a connection is closed twice");
                ear.total += bytes.len();
                ear.heard.extend_from_slice(&bytes);
                ear.closed = true;
                let reason = CloseReason::Ordered;
                self.facts.push_back(Input::Link(Up::Closed { conn, reason }));
            }
            Down::StartTls { .. }
            | Down::Restart { .. }
            | Down::Raise { .. }
            | Down::Credit { .. } => {}
        }
    }
}

fn open(disk: &MemoryDisk, now: Now, seed: u8) -> (MemoryStore, MemoryReader, Core) {
    let domain = BareJid::parse(DOMAIN).expect("the domain of the tests");
    let mut store = MemoryStore::open(disk).expect("a memory disk opens");
    let reader = store.reader().expect("a memory store is read");
    let recovered = store.take_recovered();
    let options = Options::for_domains(vec![domain]);
    let core = Core::start(options, now, [seed; 32], [9; 32], recovered);
    (store, reader, core)
}

/// Made once: nobody checks them.
fn credentials() -> Bytes {
    static MADE: OnceLock<Bytes> = OnceLock::new();
    let make = || {
        let made = Credentials::from_password("any", [7; 16], NonZeroU32::MIN);
        made.expect("a password").encode()
    };
    MADE.get_or_init(make).clone()
}
