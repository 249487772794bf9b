//! The world of a simulation: clients, connections, one instance of the server at a time, a disk, and time.

use crate::actor::{Actor, Learned, Stage, bare};
use crate::dice::Dice;
use crate::faults::{Fault, ShellFault};
use crate::instance::{Instance, NoStart, Outcome, Step};
use crate::ledger::Ledger;
use crate::pipe::{Pipe, Said};
use bytes::Bytes;
use im::{AdminRequest, Input, Now, Options};
use im_store::memory::MemoryDisk;
use link::{CloseReason, ConnFacts, ConnId, TlsPolicy, Up};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;
use xmpp::credentials::Credentials;
use xmpp::jid::BareJid;

/// Wall clock at the beginning, microseconds.
const BEGINNING_US: u64 = 1_700_000_000_000_000;

/// Something that can happen next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// The instance makes a step.
    Server(Step),
    /// Something a client said reaches the server.
    Pass(ConnId),
    /// Something the server ordered reaches a client's socket.
    Write(ConnId),
    /// A client reads from its socket.
    Hear(ConnId),
    /// The multiplexor closes a connection as ordered.
    Close(ConnId),
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) disk: MemoryDisk,
    options: Options,
    fault: Option<ShellFault>,
    pub(crate) server: Option<Instance>,
    started: Duration,
    pub(crate) time: Duration,
    /// Added to the wall clock; jumps.
    pub(crate) clock_error_us: i64,
    pub(crate) actors: Vec<Actor>,
    pub(crate) pipes: BTreeMap<ConnId, Pipe>,
    last_conn: u64,
    last_session: u64,
    pub(crate) ledger: Ledger,
    /// Full JIDs of sessions that may have ended; all others must not be seen leaving.
    pub(crate) may_end: BTreeSet<String>,
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Fault>, trace: bool) -> Result<Self, NoStart> {
        let mut dice = Dice::new(seed);
        let accounts = 2 + dice.below(3);
        let mut actors = Vec::new();
        for account in 0..accounts {
            for _ in 0..=dice.below(2) {
                let (manages, carbons) = (dice.permille(700), dice.permille(500));
                actors.push(Actor::new(actors.len(), account, manages, carbons));
            }
        }
        let domain = BareJid::parse("localhost")
            .map_err(|e| NoStart::from(im_store::ReadError(e.to_string())))?;
        let mut options = Options::for_domains(vec![domain]);
        options.resume_for = Duration::from_secs(60);
        options.accounts_cached_max = dice.below(3);
        if let Some(Fault::Core(planted)) = fault {
            options.planted = Some(planted);
        }
        let shell = match fault {
            Some(Fault::Shell(shell)) => Some(shell),
            _ => None,
        };
        let mut world = Self {
            dice,
            disk: MemoryDisk::new(),
            options,
            fault: shell,
            server: None,
            started: Duration::ZERO,
            time: Duration::ZERO,
            clock_error_us: 0,
            actors,
            pipes: BTreeMap::new(),
            last_conn: 0,
            last_session: 0,
            ledger: Ledger::default(),
            may_end: BTreeSet::new(),
            trace: trace.then(Vec::new),
        };
        world.start_server()?;
        for account in 0..accounts {
            world.create_account(account);
        }
        Ok(world)
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", self.time.as_secs_f64(), line()));
        }
    }

    fn create_account(&mut self, account: usize) {
        let Ok(jid) = BareJid::parse(&bare(account)) else { return };
        let Ok(credentials) = Credentials::from_password("secret", [1; 16], NonZeroU32::MIN) else {
            return;
        };
        let request = AdminRequest::AccountAdd { jid, credentials: credentials.encode() };
        self.tell(Input::AdminAsked { ticket: im::Ticket(0), request });
        self.settle();
    }

    // ---- time and server ------------------------------------------------------------------------------------------

    pub(crate) fn now(&self) -> Now {
        let wall = BEGINNING_US as i64 + self.time.as_micros() as i64 + self.clock_error_us;
        Now { mono: self.time - self.started, wall_us: wall.max(0) as u64 }
    }

    pub(crate) fn start_server(&mut self) -> Result<(), NoStart> {
        self.started = self.time;
        let (now, options) = (self.now(), self.options.clone());
        let server = Instance::start(&self.disk, options, now, &mut self.dice, self.fault)?;
        self.server = Some(server);
        self.note(|| "server starts".to_owned());
        Ok(())
    }

    /// The process dies; of what it had sent, clients may still read a part.
    pub(crate) fn crash(&mut self) {
        self.note(|| "server is killed".to_owned());
        self.ledger.crashes += 1;
        self.server = None;
        let conns: Vec<_> = self.pipes.keys().copied().collect();
        for conn in conns {
            while self.dice.permille(500) && self.hear(conn) {}
            self.client_lost(conn);
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if let Some(server) = &mut self.server {
            server.facts.push_back(input);
        }
    }

    // ---- moves ----------------------------------------------------------------------------------------------------

    /// Everything that can happen next.
    pub(crate) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        if let Some(server) = &self.server {
            moves.extend(server.steps().into_iter().map(Move::Server));
        }
        for (conn, pipe) in &self.pipes {
            if pipe.may_pass() {
                moves.push(Move::Pass(*conn));
            }
            if pipe.may_write() {
                moves.push(Move::Write(*conn));
            }
            if !pipe.socket.is_empty() && !pipe.stalled {
                moves.push(Move::Hear(*conn));
            }
            if pipe.may_close() {
                moves.push(Move::Close(*conn));
            }
        }
        moves
    }

    pub(crate) fn make(&mut self, next: Move) {
        match next {
            Move::Server(step) => self.server_step(step),
            Move::Pass(conn) => {
                if let Some(up) = self.pipes.get_mut(&conn).and_then(Pipe::pass) {
                    self.tell(Input::Link(up));
                }
            }
            Move::Write(conn) => self.write(conn),
            Move::Hear(conn) => {
                self.hear(conn);
            }
            Move::Close(conn) => {
                while self.hear(conn) {}
                if let Some(pipe) = self.pipes.get(&conn) {
                    let closed = pipe.closed(CloseReason::Ordered);
                    self.tell(Input::Link(closed));
                }
                self.client_lost(conn);
            }
        }
    }

    fn server_step(&mut self, step: Step) {
        let now = self.now();
        if matches!(step, Step::Commit | Step::Read) {
            let line = self.server.as_ref().map(|s| s.describe(step)).unwrap_or_default();
            self.note(|| line);
        }
        let Some(server) = &mut self.server else { return };
        match server.step(step, now, &mut self.dice) {
            Outcome::Nothing => {}
            Outcome::Fenced => self.crash(),
            Outcome::Order(down) => {
                self.note(|| format!("order {down:?}"));
                if let Some(pipe) = self.pipes.get_mut(&down.conn()) {
                    pipe.order(down);
                }
            }
        }
    }

    fn write(&mut self, conn: ConnId) {
        let Some(pipe) = self.pipes.get_mut(&conn) else { return };
        let actor = pipe.actor;
        if let Some(written) = pipe.write() {
            self.tell(Input::Link(written));
        }
        // Without stream management a client has what its socket has: nothing in the protocol can tell them apart.
        if !self.actors[actor].manages {
            while self.hear(conn) {}
        }
    }

    /// A client reads one thing; false when there is none.
    pub(crate) fn hear(&mut self, conn: ConnId) -> bool {
        let Some(pipe) = self.pipes.get_mut(&conn) else { return false };
        let index = pipe.actor;
        let Some(bytes) = pipe.socket.pop_front() else { return false };
        self.note(|| format!("a{index} hears {}", String::from_utf8_lossy(&bytes)));
        let reaction = self.actors[index].hear(&bytes);
        for learned in reaction.learned {
            self.learn(index, learned);
        }
        for said in reaction.say {
            self.say(index, said);
        }
        true
    }

    fn learn(&mut self, index: usize, learned: Learned) {
        let actor = &self.actors[index];
        let (session, account) = (actor.session, actor.account);
        match learned {
            Learned::Bound => {}
            Learned::Resumed => self.ledger.resumed += 1,
            Learned::NotResumed => self.not_resumed(index),
            Learned::Message(id, dress) => self.ledger.receive(session, account, id, dress),
            Learned::Bounced(id) => self.ledger.bounce(id),
            Learned::Accepted(id) => self.ledger.accept(id),
            Learned::Left(jid) => {
                if !self.may_end.contains(&jid) && jid.contains("/a") {
                    self.ledger.violate("P3", format!("a{index} saw {jid} leave, which did not"));
                }
            }
            Learned::WrongCount(what) => self.ledger.violate("P2", format!("a{index}: {what}")),
            Learned::StreamError(what) => {
                self.ledger.violate("stream", format!("a{index} did nothing wrong: {what}"));
            }
        }
    }

    /// A session that nobody gave up must still be there (P3).
    fn not_resumed(&mut self, index: usize) {
        let jid = &self.actors[index].jid;
        if !self.may_end.contains(jid) {
            let what = format!("a{index} could not resume {jid}, which had not ended");
            self.ledger.violate("P3", what);
        }
        self.session_over(index);
    }

    // ---- clients ----------------------------------------------------------------------------------------------------

    pub(crate) fn say(&mut self, index: usize, said: Said) {
        self.note(|| match &said {
            Said::Element(bytes) => format!("a{index} says {}", String::from_utf8_lossy(bytes)),
            other => format!("a{index} says {other:?}"),
        });
        let conn = self.actors[index].conn;
        if let Some(pipe) = conn.and_then(|conn| self.pipes.get_mut(&conn)) {
            pipe.up.push_back(said);
        }
    }

    /// A client connects; it will resume if it has something to resume, unless it has forgotten.
    pub(crate) fn connect(&mut self, index: usize, forget: bool) {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        if forget && self.actors[index].managed.take().is_some() {
            self.session_over(index);
        }
        if self.actors[index].managed.is_none() {
            self.last_session += 1;
            self.actors[index].session = self.last_session;
            self.actors[index].unconfirmed.clear();
        }
        let actor = &mut self.actors[index];
        actor.conn = Some(conn);
        actor.stage = Stage::LoggingIn;
        self.pipes.insert(conn, Pipe::new(conn, index));
        let Ok(peer) = "192.0.2.1:5222".parse() else { return };
        let facts = ConnFacts { peer, tls_policy: TlsPolicy::Off, tls: None };
        self.tell(Input::Link(Up::Opened { conn, facts }));
        self.say(index, Said::Header);
    }

    /// The client's connection breaks; of what it had said, the server may still get a part.
    pub(crate) fn disconnect(&mut self, conn: ConnId) {
        let Some(pipe) = self.pipes.get_mut(&conn) else { return };
        let closed = pipe.closed(CloseReason::PeerGone);
        while self.dice.permille(500)
            && let Some(pipe) = self.pipes.get_mut(&conn)
            && pipe.may_pass()
            && let Some(up) = pipe.pass()
        {
            self.tell(Input::Link(up));
        }
        self.tell(Input::Link(closed));
        self.client_lost(conn);
    }

    /// A client notices that its connection is gone.
    fn client_lost(&mut self, conn: ConnId) {
        let Some(pipe) = self.pipes.remove(&conn) else { return };
        let index = pipe.actor;
        self.note(|| format!("a{index} is disconnected"));
        let actor = &mut self.actors[index];
        actor.conn = None;
        actor.stage = Stage::Off;
        if std::mem::take(&mut actor.leaves) {
            let account = actor.account;
            self.ledger.session_left(account);
        }
        if self.actors[index].managed.is_none() {
            self.session_over(index);
        }
    }

    /// The client's present session may be over, and others may see it leave.
    pub(crate) fn session_over(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        self.ledger.session_ended(actor.account);
        let jid = std::mem::take(&mut actor.jid);
        self.may_end.insert(jid);
        self.last_session += 1;
        self.actors[index].session = self.last_session;
    }

    /// Sessions that nobody remembers have ended: what they did not take comes late, to whomever it was for.
    pub(crate) fn everybody_may_be_late(&mut self) {
        for actor in &self.actors {
            self.ledger.session_ended(actor.account);
        }
    }

    /// Lets everything under way come to its end.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            for pipe in self.pipes.values_mut() {
                pipe.stalled = false;
            }
            let moves = self.moves();
            if moves.is_empty() {
                return;
            }
            let next = moves[self.dice.below(moves.len())];
            self.make(next);
        }
        self.ledger.violate("rest", "the world does not come to rest".to_owned());
    }

    /// Time passes; the core is told when it asked to be.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.time += time;
        let now = self.now();
        let due = self.server.as_ref().and_then(|s| s.core().next_timeout());
        if due.is_some_and(|due| due <= now.mono) {
            self.tell(Input::TimeoutDue);
        }
    }

    /// Says a stanza of an actor that is bound.
    pub(crate) fn say_stanza(&mut self, index: usize, xml: String) {
        let said = self.actors[index].stanza(xml, None);
        self.say(index, said);
    }

    /// Raw bytes of an actor that is bound.
    pub(crate) fn say_raw(&mut self, index: usize, xml: &'static [u8]) {
        self.say(index, Said::Element(Bytes::from_static(xml)));
    }
}
