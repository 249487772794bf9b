//! Gather, then decide (`docs/decisions/0001`): work waits until everything it needs is in memory, then is done at once.

use crate::account::{Account, Slot};
use crate::admin::AdminRequest;
use crate::features::{register, roster};
use crate::input::Ticket;
use crate::output::{Effect, Report};
use crate::stanza::Stanza;
use crate::state::{Owner, State};
use bytes::Bytes;
use hashbrown::HashMap;
use im_store::{Query, ReadError, Reply, SessionId};
use link::ConnId;
use xmpp::jid::BareJid;
use xmpp::xml::Element;

/// Something to be done once everything it needs is in memory.
#[derive(Debug)]
pub(crate) enum Work {
    /// Handle a stanza of a session.
    Stanza { session: SessionId, stanza: Box<Stanza> },
    /// Handle a stanza that the server made on an account's behalf.
    Made { stanza: Box<Stanza> },
    /// Go on with the login of a connection: its account's credentials are wanted.
    Login { conn: ConnId, jid: BareJid },
    /// Bind a resource.
    Bind { conn: ConnId, jid: BareJid, request: crate::connection::BindRequest },
    /// Route again what is left in the queue of a session that has ended.
    End { session: SessionId, account: BareJid },
    /// Hand a page of offline messages to a session that has just become available.
    Offline { session: SessionId, account: BareJid },
    /// Answer a registration request on a stream that has not logged in (XEP-0077).
    Register { conn: ConnId, domain: BareJid, iq: Element },
    /// Answer an administrator.
    Admin { ticket: Ticket, request: AdminRequest },
}

/// Something a piece of work needs besides accounts.
#[derive(Clone, Debug)]
pub(crate) enum Need {
    /// Read this.
    Read(Query),
    /// Make verifiers of this password (expensive, so done outside).
    Hash(String),
}

/// A need that was met.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// What was read.
    Read(Reply),
    /// `xmpp::credentials::Credentials`, encoded; `None` when this cannot be a password.
    Hashed(Option<Bytes>),
}

/// Needs that were met, in the order they were named.
pub(crate) type Gathered = Vec<Found>;

/// Number of a piece of work that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkId(u64);

#[derive(Debug)]
struct Waiting {
    work: Work,
    /// Reads not finished yet.
    open: usize,
    /// Whether the work's own queries have been issued.
    asked: bool,
    gathered: Vec<Option<Found>>,
    failed: bool,
    /// Accounts that must stay in memory until it is done: two that are needed together must not drive each other out.
    pinned: Vec<BareJid>,
}

#[derive(Debug)]
enum Purpose {
    Account(BareJid),
    Need(WorkId, usize),
    Refill(SessionId),
}

/// Work that waits, and reads under way.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    last: u64,
    waiting: HashMap<WorkId, Waiting>,
    /// Who waits for an account that is being read.
    accounts: HashMap<BareJid, Vec<WorkId>>,
    reads: HashMap<Ticket, Purpose>,
    /// How much waiting work needs each account.
    pins: HashMap<BareJid, u32>,
    /// Accounts that have sessions whose queues are being routed again, and how many: they stay in memory.
    pub(crate) ending: HashMap<BareJid, u32>,
}

impl Gathering {
    /// Whether waiting work needs this account.
    pub(crate) fn is_pinned(&self, jid: &BareJid) -> bool {
        self.pins.contains_key(jid)
    }

    /// Whether no work waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl State {
    /// Does the work as soon as everything it needs is here; that may be now.
    pub(crate) fn submit(&mut self, work: Work) {
        if let Work::Offline { session, account } = &work
            && !self.hand_over_begins(*session, account)
        {
            return;
        }
        let pinned = Vec::new();
        let gathered = Vec::new();
        self.advance(Waiting { work, open: 0, asked: false, gathered, failed: false, pinned });
    }

    fn advance(&mut self, mut waiting: Waiting) {
        let missing: Vec<BareJid> = self
            .accounts_needed(&waiting.work)
            .into_iter()
            .filter(|jid| !matches!(self.accounts.get(jid), Some(Slot::Absent | Slot::Loaded(_))))
            .collect();
        if !missing.is_empty() && !waiting.failed {
            waiting.open = missing.len();
            let id = self.park(waiting);
            for jid in missing {
                self.want_account(jid, id);
            }
            return;
        }
        if !waiting.asked && !waiting.failed {
            waiting.asked = true;
            let needs = self.needs_of(&waiting.work);
            if !needs.is_empty() {
                waiting.open = needs.len();
                waiting.gathered = vec![None; needs.len()];
                let id = self.park(waiting);
                for (index, need) in needs.into_iter().enumerate() {
                    let ticket = self.order_need(need);
                    self.gathering.reads.insert(ticket, Purpose::Need(id, index));
                }
                return;
            }
        }
        self.unpin(&waiting.pinned);
        let failed = waiting.failed;
        let gathered: Option<Gathered> = waiting.gathered.into_iter().collect();
        self.perform(waiting.work, gathered.filter(|_| !failed));
    }

    fn order_need(&mut self, need: Need) -> Ticket {
        match need {
            Need::Read(query) => self.read(query),
            Need::Hash(password) => {
                let ticket = self.next_ticket();
                let salt = self.entropy.bytes();
                let iterations = self.options.scram_iterations;
                self.effect(Effect::HashPassword { ticket, password, salt, iterations });
                ticket
            }
        }
    }

    fn park(&mut self, mut waiting: Waiting) -> WorkId {
        if waiting.pinned.is_empty() {
            waiting.pinned = self.accounts_needed(&waiting.work);
            for jid in &waiting.pinned {
                *self.gathering.pins.entry(jid.clone()).or_default() += 1;
            }
        }
        self.gathering.last += 1;
        let id = WorkId(self.gathering.last);
        self.gathering.waiting.insert(id, waiting);
        id
    }

    fn unpin(&mut self, pinned: &[BareJid]) {
        for jid in pinned {
            if let Some(pins) = self.gathering.pins.get_mut(jid) {
                *pins -= 1;
                if *pins == 0 {
                    self.gathering.pins.remove(jid);
                }
            }
        }
    }

    fn want_account(&mut self, jid: BareJid, work: WorkId) {
        self.gathering.accounts.entry(jid.clone()).or_default().push(work);
        if matches!(self.accounts.get(&jid), Some(Slot::Loading)) {
            return;
        }
        self.accounts.insert(jid.clone(), Slot::Loading);
        let ticket = self.read(Query::Account(jid.clone()));
        self.gathering.reads.insert(ticket, Purpose::Account(jid));
    }

    /// Reads a session's queue back.
    pub(crate) fn read_for_refill(&mut self, session: SessionId, query: Query) {
        let ticket = self.read(query);
        self.gathering.reads.insert(ticket, Purpose::Refill(session));
    }

    /// A read has finished: whoever waited for it goes on.
    pub(crate) fn read_finished(&mut self, ticket: Ticket, result: Result<Reply, ReadError>) {
        let Some(purpose) = self.gathering.reads.remove(&ticket) else { return };
        if let Err(error) = &result {
            self.report(Report::ReadFailed { why: error.to_string() });
        }
        match purpose {
            Purpose::Account(jid) => self.account_read(jid, result.ok()),
            Purpose::Need(id, index) => self.need_met(id, index, result.ok().map(Found::Read)),
            Purpose::Refill(session) => match result {
                Ok(Reply::Queue(entries)) => self.refill_read(session, entries),
                Ok(_) | Err(_) => self.refill_failed(session),
            },
        }
    }

    /// Verifiers of a password are ready.
    pub(crate) fn password_hashed(&mut self, ticket: Ticket, credentials: Option<Bytes>) {
        if let Some(Purpose::Need(id, index)) = self.gathering.reads.remove(&ticket) {
            self.need_met(id, index, Some(Found::Hashed(credentials)));
        }
    }

    fn account_read(&mut self, jid: BareJid, reply: Option<Reply>) {
        let slot = match reply {
            Some(Reply::Account(Some(row))) => Some(Slot::Loaded(Box::new(Account::from_row(row)))),
            Some(Reply::Account(None)) => Some(Slot::Absent),
            _ => None,
        };
        let failed = slot.is_none();
        match slot {
            Some(slot) => {
                self.accounts.insert(jid.clone(), slot);
                self.unused.put(&jid);
            }
            None => {
                self.accounts.remove(&jid);
            }
        }
        for id in self.gathering.accounts.remove(&jid).unwrap_or_default() {
            self.one_read_less(id, failed);
        }
    }

    fn need_met(&mut self, id: WorkId, index: usize, found: Option<Found>) {
        let failed = found.is_none();
        if let Some(waiting) = self.gathering.waiting.get_mut(&id) {
            waiting.gathered[index] = found;
        }
        self.one_read_less(id, failed);
    }

    fn one_read_less(&mut self, id: WorkId, failed: bool) {
        let Some(waiting) = self.gathering.waiting.get_mut(&id) else { return };
        waiting.open -= 1;
        waiting.failed |= failed;
        if waiting.open == 0
            && let Some(waiting) = self.gathering.waiting.remove(&id)
        {
            self.advance(waiting);
        }
    }

    fn accounts_needed(&self, work: &Work) -> Vec<BareJid> {
        match work {
            Work::Stanza { stanza, .. } | Work::Made { stanza } => self.accounts_of_stanza(stanza),
            Work::Login { jid, .. } | Work::Bind { jid, .. } => vec![jid.clone()],
            Work::Register { domain, iq, .. } => register::accounts(domain, iq),
            Work::End { account, .. } | Work::Offline { account, .. } => vec![account.clone()],
            Work::Admin { request, .. } => match request {
                AdminRequest::AccountAdd { jid, .. }
                | AdminRequest::AccountRemove { jid }
                | AdminRequest::AccountPassword { jid, .. } => vec![jid.clone()],
                AdminRequest::AccountList { .. }
                | AdminRequest::SessionList
                | AdminRequest::Ping => Vec::new(),
            },
        }
    }

    /// Sender and recipient, and the contact a roster set is about.
    fn accounts_of_stanza(&self, stanza: &Stanza) -> Vec<BareJid> {
        let sender = stanza.from.bare();
        let recipient = stanza.to.as_ref().map(|to| to.bare());
        [Some(sender), recipient]
            .into_iter()
            .flatten()
            .cloned()
            .chain(roster::accounts(stanza))
            .filter(|jid| self.owner_of(jid) == Owner::Account)
            .collect()
    }

    fn needs_of(&self, work: &Work) -> Vec<Need> {
        match work {
            Work::Stanza { session, stanza } => self.needs_of_stanza(*session, stanza),
            Work::End { session, .. } => self.needs_of_ending(*session),
            Work::Admin { request: AdminRequest::AccountList { after, max }, .. } => {
                vec![Need::Read(Query::Accounts { after: after.as_str().into(), max: *max })]
            }
            Work::Offline { account, .. } => self.needs_of_offline(account),
            Work::Register { domain, iq, .. } => register::needs(self, domain, iq),
            Work::Made { .. } | Work::Login { .. } | Work::Bind { .. } | Work::Admin { .. } => {
                Vec::new()
            }
        }
    }

    /// Everything is here (or a read failed: `None`): decide.
    fn perform(&mut self, work: Work, gathered: Option<Gathered>) {
        match work {
            Work::Stanza { session, stanza } => self.stanza_gathered(session, &stanza, gathered),
            Work::Made { stanza } => self.made_gathered(&stanza),
            Work::Login { conn, jid } => self.credentials_gathered(conn, &jid, gathered.is_some()),
            Work::Bind { conn, jid, request } => {
                self.bind_gathered(conn, &jid, request, gathered.is_some())
            }
            Work::End { session, account } => self.ending_gathered(session, &account, gathered),
            Work::Offline { session, account } => {
                self.offline_gathered(session, &account, gathered);
            }
            Work::Register { conn, domain, iq } => {
                self.registration_gathered(conn, &domain, &iq, gathered);
            }
            Work::Admin { ticket, request } => self.admin_gathered(ticket, request, gathered),
        }
    }
}
