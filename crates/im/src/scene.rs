//! Scenes for tests: a core on a memory store, clients that speak XML, crashes. Everything happens at once and in order;
//! time passes only when told.
//!
//! ```ignore
//! let mut s = Scene::new();
//! s.account("romeo@localhost");
//! s.connect("romeo", "romeo@localhost/orchard");
//! s.sends("romeo", "<presence/>");
//! s.receives("romeo", &["<presence", "from='romeo@localhost/orchard'"]);
//! s.receives_nothing("romeo");
//! ```

use crate::admin::{AdminRefused, AdminReply, AdminRequest};
use crate::core::Core;
use crate::input::{Input, Now, Ticket};
use crate::options::Options;
use crate::output::{Counters, Effect, Report};
use base64::Engine as _;
use bytes::Bytes;
use im_store::memory::{MemoryDisk, MemoryReader, MemoryStore};
use im_store::{Batch, CommitError, Reader as _, Room, Store as _};
use link::{CloseReason, ConnFacts, ConnId, Down, TlsPolicy, Up};
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;
use xmpp::credentials::Credentials;
use xmpp::jid::BareJid;
use xmpp::xml::{Element, StreamHeader};

/// The password of every account.
const PASSWORD: &str = "secret";

/// One connected client.
#[derive(Debug)]
struct Client {
    conn: ConnId,
    received: VecDeque<String>,
    /// Sends not reported as written, when the client does not read.
    reads: bool,
    unread: u64,
    closed: bool,
    credit: i64,
}

/// A service in a test.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) disk: MemoryDisk,
    pub(crate) options: Options,
    store: MemoryStore,
    reader: MemoryReader,
    core: Core,
    now: Now,
    clients: BTreeMap<String, Client>,
    last_conn: u64,
    instances: u8,
    queue: VecDeque<Input>,
    answers: VecDeque<Result<AdminReply, AdminRefused>>,
    pub(crate) reports: Vec<Report>,
    /// While set, commits wait: nothing the core orders leaves.
    pub(crate) hold_commits: bool,
}

impl Scene {
    /// The domain `localhost` without accounts.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with other options.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let domain = BareJid::parse("localhost").unwrap();
        let mut options = Options::for_domains(vec![domain]);
        options.scram_iterations = 1;
        change(&mut options);
        let disk = MemoryDisk::new();
        let now = Now { mono: Duration::ZERO, wall_us: 1_700_000_000_000_000 };
        let (store, core) = open(&disk, &options, now, 0);
        let reader = store.reader().unwrap();
        let mut scene = Self {
            disk,
            options,
            store,
            reader,
            core,
            now,
            clients: BTreeMap::new(),
            last_conn: 0,
            instances: 0,
            queue: VecDeque::new(),
            answers: VecDeque::new(),
            reports: Vec::new(),
            hold_commits: false,
        };
        scene.settle();
        scene
    }

    /// Creates an account.
    pub(crate) fn account(&mut self, jid: &str) {
        let jid = BareJid::parse(jid).unwrap();
        let credentials =
            Credentials::from_password(PASSWORD, [7; 16], NonZeroU32::MIN).unwrap().encode();
        let reply = self.admin(AdminRequest::AccountAdd { jid, credentials });
        assert_eq!(reply, Ok(AdminReply::Done));
    }

    /// Asks as an administrator.
    pub(crate) fn admin(&mut self, request: AdminRequest) -> Result<AdminReply, AdminRefused> {
        self.tell(Input::AdminAsked { ticket: Ticket(0), request });
        self.answers.pop_front().expect("an administrator's request is answered")
    }

    /// Opens a connection without saying anything.
    pub(crate) fn open(&mut self, name: &str) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let client = Client {
            conn,
            received: VecDeque::new(),
            reads: true,
            unread: 0,
            closed: false,
            credit: 1,
        };
        self.clients.insert(name.to_owned(), client);
        let peer = "192.0.2.1:50000".parse().unwrap();
        let facts = ConnFacts { peer, tls_policy: TlsPolicy::Off, tls: None };
        self.tell(Input::Link(Up::Opened { conn, facts }));
    }

    /// Sends a stream header.
    pub(crate) fn header(&mut self, name: &str, to: &str) {
        let header = StreamHeader {
            to: Some(to.to_owned()),
            version: Some((1, 0)),
            content_ns: xmpp::ns::CLIENT.to_owned(),
            ..StreamHeader::default()
        };
        let conn = self.conn(name);
        self.spend_credit(name);
        self.tell(Input::Link(Up::Header { conn, header }));
    }

    /// Connects and logs in, up to the stream features after login, which it gives.
    pub(crate) fn login(&mut self, name: &str, jid: &str) -> String {
        let bare = BareJid::parse(jid.split('/').next().unwrap()).unwrap();
        self.open(name);
        self.header(name, bare.domain());
        let message = format!("\0{}\0{PASSWORD}", bare.local().unwrap());
        let auth = base64::engine::general_purpose::STANDARD.encode(message);
        self.sends(
            name,
            &format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
            ),
        );
        self.header(name, bare.domain());
        let mut said = self.take(name);
        assert!(said.iter().any(|x| x.starts_with("<success")), "{name} logs in: {said:?}");
        said.pop().unwrap_or_default()
    }

    /// Connects, logs in and binds the resource of `jid`.
    pub(crate) fn connect(&mut self, name: &str, jid: &str) {
        self.login(name, jid);
        let resource = jid.split_once('/').unwrap().1;
        self.sends(
            name,
            &format!(
                "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            ),
        );
        self.receives(name, &["<iq", "type='result'", jid]);
    }

    /// Connects and announces presence; what follows from that is thrown away.
    pub(crate) fn online(&mut self, name: &str, jid: &str) {
        self.connect(name, jid);
        self.sends(name, "<presence/>");
        self.take(name);
    }

    /// Enables stream management; gives the id for resumption.
    pub(crate) fn manage(&mut self, name: &str) -> String {
        self.sends(name, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        let enabled = self.receives(name, &["<enabled", "resume='true'"]);
        attr(&enabled, "id")
    }

    /// Connects, logs in and resumes; gives `h` of `<resumed/>`.
    pub(crate) fn resume(&mut self, name: &str, jid: &str, previd: &str, h: u32) -> u32 {
        self.login(name, jid);
        self.sends(name, &format!("<resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='{h}'/>"));
        attr(&self.receives(name, &["<resumed", previd]), "h").parse().unwrap()
    }

    /// Sends top-level elements, one after the other.
    pub(crate) fn sends(&mut self, name: &str, xml: &str) {
        let conn = self.conn(name);
        self.spend_credit(name);
        let bytes = Bytes::copy_from_slice(xml.as_bytes());
        assert!(Element::parse(bytes.clone()).is_ok(), "the test sends one element: {xml}");
        self.tell(Input::Link(Up::Element { conn, bytes }));
    }

    /// Takes the next thing a client received and checks that it contains all parts.
    #[track_caller]
    pub(crate) fn receives(&mut self, name: &str, parts: &[&str]) -> String {
        let client = self.clients.get_mut(name).expect("a client of that name");
        let Some(xml) = client.received.pop_front() else {
            panic!("{name} receives {parts:?}, but there is nothing");
        };
        for part in parts {
            assert!(xml.contains(part), "{name} receives {parts:?}, but this came: {xml}");
        }
        xml
    }

    /// Checks that there is nothing to receive.
    #[track_caller]
    pub(crate) fn receives_nothing(&mut self, name: &str) {
        let said = self.take(name);
        assert!(said.is_empty(), "{name} receives nothing, but this came: {said:?}");
    }

    /// Takes everything a client received.
    pub(crate) fn take(&mut self, name: &str) -> Vec<String> {
        self.clients.get_mut(name).expect("a client of that name").received.drain(..).collect()
    }

    /// From now on the client does not read: its socket is full.
    pub(crate) fn stops_reading(&mut self, name: &str) {
        self.clients.get_mut(name).expect("a client of that name").reads = false;
    }

    /// The client reads again, and what waited in the socket is gone.
    pub(crate) fn reads_again(&mut self, name: &str) {
        let client = self.clients.get_mut(name).expect("a client of that name");
        client.reads = true;
        let (conn, seq) = (client.conn, std::mem::take(&mut client.unread));
        if seq > 0 {
            self.tell(Input::Link(Up::Written { conn, seq }));
        }
    }

    /// The client's connection breaks.
    pub(crate) fn loses(&mut self, name: &str) {
        let conn = self.conn(name);
        self.clients.remove(name);
        self.tell(Input::Link(Up::Closed { conn, reason: CloseReason::PeerGone }));
    }

    /// The client ends its stream.
    pub(crate) fn ends(&mut self, name: &str) {
        let conn = self.conn(name);
        self.tell(Input::Link(Up::Ended { conn }));
    }

    /// Whether the server closed the client's connection.
    pub(crate) fn is_closed(&self, name: &str) -> bool {
        self.clients[name].closed
    }

    /// The server is killed and started again on the same disk; every connection is gone.
    pub(crate) fn crash(&mut self) {
        self.clients.clear();
        self.queue.clear();
        self.instances += 1;
        let (store, core) = open(&self.disk, &self.options, self.now, self.instances);
        self.reader = store.reader().unwrap();
        (self.store, self.core) = (store, core);
        self.settle();
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.now.wall_us += time.as_micros() as u64;
        self.tell(Input::TimeoutDue);
    }

    /// The store's room changes.
    pub(crate) fn room(&mut self, room: Room) {
        self.tell(Input::RoomChanged(room));
    }

    /// Totals and sizes.
    pub(crate) fn counters(&self) -> Counters {
        self.core.counters()
    }

    /// Hands a fact to the core and carries out what follows.
    pub(crate) fn tell(&mut self, input: Input) {
        self.queue.push_back(input);
        self.settle();
    }

    fn conn(&self, name: &str) -> ConnId {
        self.clients.get(name).unwrap_or_else(|| panic!("there is a client {name}")).conn
    }

    fn spend_credit(&mut self, name: &str) {
        let client = self.clients.get_mut(name).expect("a client of that name");
        client.credit -= 1;
    }

    /// Credit the client has; negative when a test sent more than a multiplexor would have passed on.
    pub(crate) fn credit(&self, name: &str) -> i64 {
        self.clients[name].credit
    }

    /// Commits and carries out until nothing more follows.
    pub(crate) fn settle(&mut self) {
        loop {
            while let Some(input) = self.queue.pop_front() {
                self.now.wall_us += 1;
                self.core.handle(self.now, input);
            }
            if self.hold_commits {
                return;
            }
            let output = self.core.take_output();
            if output.writes.is_empty() && output.effects.is_empty() {
                return;
            }
            match self.store.commit(&Batch { writes: output.writes }) {
                Ok(_) => {}
                Err(CommitError::Fenced { .. }) => return,
                Err(error) => panic!("commit: {error}"),
            }
            for effect in output.effects {
                self.carry_out(effect);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Link(down) => self.carry_down(down),
            Effect::Read { ticket, query } => {
                let result = self.reader.read(&query);
                self.queue.push_back(Input::ReadFinished { ticket, result });
            }
            Effect::VerifyPassword { ticket, check } => {
                let matches = Some(check.is_right());
                self.queue.push_back(Input::PasswordVerified { ticket, matches });
            }
            Effect::HashPassword { ticket, password, salt, iterations } => {
                let iterations = NonZeroU32::new(iterations).unwrap();
                let made = Credentials::from_password(&password, salt, iterations);
                let credentials = made.ok().map(|c| c.encode());
                self.queue.push_back(Input::PasswordHashed { ticket, credentials });
            }
            Effect::AdminAnswered { reply, .. } => self.answers.push_back(reply),
            Effect::Report(report) => self.reports.push(report),
        }
    }

    fn carry_down(&mut self, down: Down) {
        let conn = down.conn();
        let Some(client) = self.clients.values_mut().find(|c| c.conn == conn) else { return };
        match down {
            Down::Send { seq, bytes, .. } => {
                client.received.push_back(String::from_utf8(bytes.to_vec()).unwrap());
                if client.reads {
                    self.queue.push_back(Input::Link(Up::Written { conn, seq }));
                } else {
                    client.unread = seq;
                }
            }
            Down::Credit { elements, .. } => client.credit += i64::from(elements),
            Down::Close { bytes, .. } => {
                if !bytes.is_empty() {
                    client.received.push_back(String::from_utf8(bytes.to_vec()).unwrap());
                }
                client.closed = true;
                self.queue
                    .push_back(Input::Link(Up::Closed { conn, reason: CloseReason::Ordered }));
            }
            Down::StartTls { .. } | Down::Restart { .. } | Down::Raise { .. } => {}
        }
    }
}

fn open(disk: &MemoryDisk, options: &Options, now: Now, seed: u8) -> (MemoryStore, Core) {
    let mut store = MemoryStore::open(disk).unwrap();
    let recovered = store.take_recovered();
    let core = Core::start(options.clone(), now, [seed; 32], [9; 32], recovered);
    (store, core)
}

/// Value of an attribute of the first tag that has it.
pub(crate) fn attr(xml: &str, name: &str) -> String {
    let after =
        xml.split_once(&format!(" {name}='")).unwrap_or_else(|| panic!("{name} in {xml}")).1;
    after.split_once('\'').unwrap().0.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_binds_pings_itself_and_resumes_after_a_crash() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        let previd = s.manage("romeo");
        s.sends("romeo", "<iq type='get' id='1' to='romeo@localhost/orchard'><x xmlns='y'/></iq>");
        s.receives("romeo", &["<iq", "id='1'", "from='romeo@localhost/orchard'", "xmlns='y'"]);
        s.sends("romeo", "<r xmlns='urn:xmpp:sm:3'/>");
        s.receives("romeo", &["<a ", "h='1'"]);
        s.crash();
        assert_eq!(s.resume("romeo", "romeo@localhost/orchard", &previd, 0), 1);
        s.receives("romeo", &["<iq", "id='1'", "xmlns='y'"]);
        s.receives_nothing("romeo");
        assert!(s.credit("romeo") > 0);
    }

    #[test]
    fn a_session_that_did_not_ask_to_be_resumable_ends_with_its_connection() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.loses("romeo");
        assert_eq!(s.counters().sessions, 0);
    }

    #[test]
    fn a_session_resumed_by_somebody_else_is_not_found() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.account("mallory@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        let previd = s.manage("romeo");
        s.login("mallory", "mallory@localhost");
        s.sends("mallory", &format!("<resume xmlns='urn:xmpp:sm:3' previd='{previd}' h='0'/>"));
        s.receives("mallory", &["<failed", "item-not-found"]);
        assert!(!s.is_closed("romeo"));
    }

    #[test]
    fn the_same_resource_bound_again_takes_the_place_of_the_first() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("old", "romeo@localhost/orchard");
        s.connect("new", "romeo@localhost/orchard");
        s.receives("old", &["<stream:error>", "conflict"]);
        assert!(s.is_closed("old"));
        assert_eq!(s.counters().sessions, 1);
    }

    #[test]
    fn what_a_client_said_before_it_left_is_heard_to_the_end() {
        for leaves in [Scene::ends, Scene::loses] {
            let mut s = Scene::with(|options| options.accounts_cached_max = 0);
            s.account("romeo@localhost");
            s.account("juliet@localhost");
            s.connect("romeo", "romeo@localhost/orchard");
            s.hold_commits = true;
            for body in ["one", "two"] {
                let xml = format!(
                    "<message to='juliet@localhost' type='chat'><body>{body}</body></message>"
                );
                s.sends("romeo", &xml);
            }
            leaves(&mut s, "romeo");
            s.hold_commits = false;
            s.settle();
            s.connect("juliet", "juliet@localhost/balcony");
            s.sends("juliet", "<presence/>");
            s.receives("juliet", &["<presence"]);
            s.receives("juliet", &["<body>one</body>"]);
            s.receives("juliet", &["<body>two</body>"]);
            assert_eq!(s.counters().sessions, 1);
        }
    }

    #[test]
    fn a_client_that_does_not_read_is_not_heard_either() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.stops_reading("romeo");
        let before = s.counters().stanzas_in;
        for n in 0..600 {
            let ping = format!("<iq type='get' id='{n}'><ping xmlns='urn:xmpp:ping'/></iq>");
            s.sends("romeo", &ping);
        }
        let heard = s.counters().stanzas_in - before;
        assert!(heard < 600, "{heard} requests were answered to a full socket");
        s.reads_again("romeo");
        assert_eq!(s.counters().stanzas_in - before, 600);
    }
}
