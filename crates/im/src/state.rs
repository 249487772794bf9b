//! What the core remembers, and the verbs every pipeline and feature uses on it: look up, write, send.

use crate::account::{Account, Slot};
use crate::connection::Connection;
use crate::entropy::Entropy;
use crate::gather::Gathering;
use crate::input::{Now, Ticket};
use crate::options::Options;
use crate::output::{Counters, Effect, Output, Report};
use crate::session::{Dirty, Session};
use crate::throttle::Throttle;
use crate::timers::Timers;
use crate::unused::Unused;
use bytes::Bytes;
use hashbrown::HashMap;
use im_store::{AccountId, ItemKind, Query, Room, SessionId, StanzaId, Write};
use link::{ConnId, Down};
use std::collections::VecDeque;
use std::time::Duration;
use xmpp::jid::{BareJid, Jid};

/// The core's memory.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) now: Now,
    /// When this instance started, for XEP-0012 of the server.
    pub(crate) started_at: Duration,
    pub(crate) entropy: Entropy,
    /// Never leaves the process; makes decoys and tokens.
    pub(crate) server_secret: [u8; 32],
    pub(crate) out: Output,
    pub(crate) counters: Counters,
    pub(crate) conns: HashMap<ConnId, Connection>,
    pub(crate) sessions: HashMap<SessionId, Box<Session>>,
    pub(crate) accounts: HashMap<BareJid, Slot>,
    /// Accounts that may be without sessions.
    pub(crate) unused: Unused,
    pub(crate) gathering: Gathering,
    pub(crate) timers: Timers,
    pub(crate) throttle: Throttle,
    pub(crate) room: Room,
    /// Sessions to be written with this batch.
    pub(crate) changed: Vec<SessionId>,
    /// Sessions whose inbox may be worked on again.
    pub(crate) awake: VecDeque<SessionId>,
    pub(crate) stopping: bool,
    /// Connections whose password is being verified.
    pub(crate) verifying: HashMap<Ticket, ConnId>,
    /// Children of `<stream:features/>` after login.
    pub(crate) stream_features: Vec<u8>,
    last_account: u64,
    last_session: u64,
    last_stanza: u64,
    last_ticket: u64,
    /// Order number of the last session that ended.
    pub(crate) last_end: u64,
}

/// Whose business an address is (the one place that decides it; later also: which shard's).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A domain served here.
    Server,
    /// An account of a domain served here, existing or not.
    Account,
    /// Somebody else's.
    Remote,
}

/// Greatest numbers given so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastIds {
    pub(crate) account: u64,
    pub(crate) session: u64,
    pub(crate) stanza: u64,
}

impl State {
    pub(crate) fn new(
        options: Options,
        seed: [u8; 32],
        server_secret: [u8; 32],
        ids: LastIds,
    ) -> Self {
        let throttle = Throttle::new(
            options.failures_per_address_max,
            options.failures_per_account_max,
            options.failure_forgiven_after,
        );
        Self {
            options,
            now: Now { mono: Duration::ZERO, wall_us: 0 },
            started_at: Duration::ZERO,
            entropy: Entropy::new(seed),
            server_secret,
            out: Output::default(),
            counters: Counters::default(),
            conns: HashMap::new(),
            sessions: HashMap::new(),
            accounts: HashMap::new(),
            unused: Unused::default(),
            gathering: Gathering::default(),
            timers: Timers::default(),
            throttle,
            room: Room::Plenty,
            changed: Vec::new(),
            awake: VecDeque::new(),
            stopping: false,
            verifying: HashMap::new(),
            stream_features: Vec::new(),
            last_account: ids.account,
            last_session: ids.session,
            last_stanza: ids.stanza,
            last_ticket: 0,
            last_end: 0,
        }
    }

    // ---- identity -------------------------------------------------------------------------------------------------

    pub(crate) fn next_account_id(&mut self) -> AccountId {
        self.last_account += 1;
        AccountId(self.last_account)
    }

    pub(crate) fn next_session_id(&mut self) -> SessionId {
        self.last_session += 1;
        SessionId(self.last_session)
    }

    /// The time, made unique and rising; also after the machine's clock went back.
    pub(crate) fn next_stanza_id(&mut self) -> StanzaId {
        self.last_stanza = self.now.wall_us.max(self.last_stanza + 1);
        StanzaId(self.last_stanza)
    }

    /// The greatest id given so far: what was stored before has no greater one, what comes has.
    pub(crate) fn last_stanza_id(&self) -> StanzaId {
        StanzaId(self.last_stanza)
    }

    pub(crate) fn next_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// Whose business an address is.
    pub(crate) fn owner_of(&self, jid: &BareJid) -> Owner {
        match (self.options.serves(jid.domain()), jid.local()) {
            (false, _) => Owner::Remote,
            (true, None) => Owner::Server,
            (true, Some(_)) => Owner::Account,
        }
    }

    // ---- output ---------------------------------------------------------------------------------------------------

    pub(crate) fn write(&mut self, write: Write) {
        self.out.writes.push(write);
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.effect(Effect::Report(report));
    }

    pub(crate) fn order(&mut self, down: Down) {
        self.effect(Effect::Link(down));
    }

    pub(crate) fn read(&mut self, query: Query) -> Ticket {
        let ticket = self.next_ticket();
        self.effect(Effect::Read { ticket, query });
        ticket
    }

    pub(crate) fn put_item(&mut self, account: AccountId, kind: ItemKind, key: &str, value: Bytes) {
        self.write(Write::ItemPut { account, kind, key: key.into(), value });
    }

    pub(crate) fn remove_item(&mut self, account: AccountId, kind: ItemKind, key: &str) {
        self.write(Write::ItemRemove { account, kind, key: key.into() });
    }

    /// Whether something new may be stored (attack row 46).
    pub(crate) fn has_room(&self) -> bool {
        self.room == Room::Plenty
    }

    // ---- accounts and sessions ------------------------------------------------------------------------------------

    /// An account in memory.
    pub(crate) fn account(&self, jid: &BareJid) -> Option<&Account> {
        match self.accounts.get(jid) {
            Some(Slot::Loaded(account)) => Some(account),
            _ => None,
        }
    }

    /// An account in memory, to change it.
    pub(crate) fn account_mut(&mut self, jid: &BareJid) -> Option<&mut Account> {
        match self.accounts.get_mut(jid) {
            Some(Slot::Loaded(account)) => Some(account),
            _ => None,
        }
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).map(|s| &**s)
    }

    pub(crate) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id).map(|s| &mut **s)
    }

    /// Sessions of an account in memory, ending ones not included.
    pub(crate) fn sessions_of(&self, jid: &BareJid) -> &[SessionId] {
        self.account(jid).map_or(&[], |a| &a.sessions)
    }

    /// The session with this full JID.
    pub(crate) fn session_at(&self, jid: &Jid) -> Option<SessionId> {
        self.sessions_of(jid.bare())
            .iter()
            .copied()
            .find(|id| self.session(*id).is_some_and(|s| s.jid == *jid))
    }

    /// Marks a session to be written with this batch.
    pub(crate) fn touch(&mut self, id: SessionId, mark: impl FnOnce(&mut Dirty)) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        mark(&mut session.dirty);
        if !session.dirty.listed {
            session.dirty.listed = true;
            self.changed.push(id);
        }
    }

    /// Changes what seldom changes of a session, and has it written.
    pub(crate) fn change_session(&mut self, id: SessionId, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.session_mut(id) {
            change(session);
            self.touch(id, |dirty| dirty.state = true);
        }
    }

    /// Adds the rows of changed sessions to the batch, each at most once.
    pub(crate) fn write_changed_sessions(&mut self) {
        for id in std::mem::take(&mut self.changed) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let dirty = std::mem::take(&mut session.dirty);
            let account = match self.accounts.get(session.jid.bare()) {
                Some(Slot::Loaded(account)) => account.id,
                _ => continue,
            };
            if dirty.state {
                session.stored = true;
                let state = session.encode_state();
                self.out.writes.push(Write::SessionPut { session: id, account, state });
            }
            if dirty.trim {
                let up_to = session.queue.acked();
                self.out.writes.push(Write::QueueTrim { session: id, up_to });
            }
            if dirty.counters || dirty.trim {
                let counters = session.encode_counters();
                self.out.writes.push(Write::SessionCounters { session: id, counters });
            }
        }
    }

    /// Keeps the memory of accounts without sessions bounded.
    pub(crate) fn forget_unused_accounts(&mut self) {
        let excess = self.unused.len().saturating_sub(self.options.accounts_cached_max);
        for _ in 0..excess {
            let Some(jid) = self.unused.take() else { break };
            let is_unused = match self.accounts.get(&jid) {
                Some(Slot::Absent) => true,
                Some(Slot::Loaded(account)) => account.sessions.is_empty(),
                Some(Slot::Loading) | None => false,
            };
            if is_unused && (self.gathering.is_pinned(&jid) || self.has_ending_session(&jid)) {
                self.unused.put(&jid);
            } else if is_unused {
                self.accounts.remove(&jid);
            }
        }
    }

    fn has_ending_session(&self, jid: &BareJid) -> bool {
        self.gathering.ending.contains_key(jid)
    }

    /// Current sizes and totals.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            connections: self.conns.len() as u64,
            sessions: self.sessions.len() as u64,
            accounts_loaded: self.accounts.len() as u64,
            ..self.counters
        }
    }
}
