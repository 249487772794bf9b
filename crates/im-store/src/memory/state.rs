//! The content of a [`super::MemoryDisk`] and what each write does to it.
//!
//! A stanza in no archive goes at the end of the batch that took the last queue or offline entry referring to it.

use crate::{
    AccountId, AccountRow, Batch, Content, ItemKind, KeptSession, Recovered, SessionId, StanzaId,
    Write,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use xmpp::jid::BareJid;

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<AccountId, (BareJid, Bytes)>,
    pub(super) addresses: BTreeMap<BareJid, AccountId>,
    pub(super) items: BTreeMap<(AccountId, ItemKind, Box<str>), Bytes>,
    pub(super) stanzas: BTreeMap<StanzaId, Kept>,
    pub(super) archive: BTreeMap<(AccountId, StanzaId), Peer>,
    pub(super) offline: BTreeSet<(AccountId, StanzaId)>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) queue: BTreeMap<(SessionId, u64), Content>,
    last_account: u64,
    last_session: u64,
    last_stanza: u64,
}

/// A stanza and how many entries refer to it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) bytes: Bytes,
    /// Entries of queues, offline stores and archives.
    references: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) bare: BareJid,
    pub(super) resource: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    account: AccountId,
    state: Bytes,
    counters: Bytes,
}

impl State {
    pub(super) fn stanzas(&self) -> usize {
        self.stanzas.len()
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        let mut released = BTreeSet::new();
        for write in &batch.writes {
            self.apply_write(write, &mut released);
        }
        for id in released {
            if self.stanzas.get(&id).is_some_and(|stanza| stanza.references == 0) {
                self.stanzas.remove(&id);
            }
        }
    }

    fn apply_write(&mut self, write: &Write, released: &mut BTreeSet<StanzaId>) {
        match write {
            Write::AccountPut { account, jid, credentials } => {
                self.put_account(*account, jid, credentials)
            }
            Write::AccountRemove { account } => self.remove_account(*account, released),
            Write::ItemPut { account, kind, key, value } => {
                self.items.insert((*account, *kind, key.clone()), value.clone());
            }
            Write::ItemRemove { account, kind, key } => {
                self.items.remove(&(*account, *kind, key.clone()));
            }
            Write::Stanza { id, bytes, .. } => {
                self.last_stanza = self.last_stanza.max(id.0);
                self.stanzas.insert(*id, Kept { bytes: bytes.clone(), references: 0 });
            }
            Write::Archive { account, id, peer, peer_resource } => {
                let peer = Peer { bare: peer.clone(), resource: peer_resource.clone() };
                if self.archive.insert((*account, *id), peer).is_none() {
                    self.refer(*id);
                }
            }
            Write::Offline { account, id } => {
                if self.offline.insert((*account, *id)) {
                    self.refer(*id);
                }
            }
            Write::OfflineTrim { account, up_to } => self.trim_offline(*account, *up_to, released),
            Write::SessionPut { session, account, state } => {
                self.put_session(*session, *account, state)
            }
            Write::SessionCounters { session, counters } => {
                if let Some(found) = self.sessions.get_mut(session) {
                    found.counters = counters.clone();
                }
            }
            Write::SessionRemove { session } => {
                self.sessions.remove(session);
                self.trim_queue(*session, u64::MAX, released);
            }
            Write::QueueAppend { session, seq, content } => {
                if let Content::Stored(id, _) = content {
                    self.refer(*id);
                }
                self.queue.insert((*session, *seq), content.clone());
            }
            Write::QueueTrim { session, up_to } => self.trim_queue(*session, *up_to, released),
        }
    }

    fn put_account(&mut self, account: AccountId, jid: &BareJid, credentials: &Bytes) {
        self.last_account = self.last_account.max(account.0);
        if let Some((before, _)) = self.accounts.insert(account, (jid.clone(), credentials.clone()))
        {
            self.addresses.remove(&before);
        }
        if let Some(other) = self.addresses.insert(jid.clone(), account) {
            self.accounts.remove(&other);
        }
    }

    fn put_session(&mut self, session: SessionId, account: AccountId, state: &Bytes) {
        self.last_session = self.last_session.max(session.0);
        let counters =
            self.sessions.remove(&session).map(|before| before.counters).unwrap_or_default();
        self.sessions.insert(session, Session { account, state: state.clone(), counters });
    }

    fn remove_account(&mut self, account: AccountId, released: &mut BTreeSet<StanzaId>) {
        if let Some((jid, _)) = self.accounts.remove(&account) {
            self.addresses.remove(&jid);
        }
        self.items.retain(|(owner, _, _), _| *owner != account);
        self.trim_offline(account, StanzaId(u64::MAX), released);
        let archive = (account, StanzaId(0))..=(account, StanzaId(u64::MAX));
        let ids: Vec<_> = self.archive.range(archive).map(|(&(_, id), _)| id).collect();
        for id in ids {
            self.archive.remove(&(account, id));
            self.release(id, released);
        }
        let of_account = |session: &Session| session.account == account;
        let sessions: Vec<_> =
            self.sessions.iter().filter(|(_, s)| of_account(s)).map(|(&id, _)| id).collect();
        for session in sessions {
            self.sessions.remove(&session);
            self.trim_queue(session, u64::MAX, released);
        }
    }

    fn trim_offline(
        &mut self,
        account: AccountId,
        up_to: StanzaId,
        released: &mut BTreeSet<StanzaId>,
    ) {
        let gone: Vec<_> =
            self.offline.range((account, StanzaId(0))..=(account, up_to)).copied().collect();
        for entry in gone {
            self.offline.remove(&entry);
            self.release(entry.1, released);
        }
    }

    fn trim_queue(&mut self, session: SessionId, up_to: u64, released: &mut BTreeSet<StanzaId>) {
        let gone: Vec<_> =
            self.queue.range((session, 0)..=(session, up_to)).map(|(&key, _)| key).collect();
        for key in gone {
            if let Some(Content::Stored(id, _)) = self.queue.remove(&key) {
                self.release(id, released);
            }
        }
    }

    fn refer(&mut self, id: StanzaId) {
        if let Some(stanza) = self.stanzas.get_mut(&id) {
            stanza.references += 1;
        }
    }

    fn release(&mut self, id: StanzaId, released: &mut BTreeSet<StanzaId>) {
        if let Some(stanza) = self.stanzas.get_mut(&id) {
            stanza.references = stanza.references.saturating_sub(1);
            released.insert(id);
        }
    }

    pub(super) fn account_row(&self, account: AccountId) -> Option<AccountRow> {
        let (jid, credentials) = self.accounts.get(&account)?;
        let from = (account, ItemKind(0), Box::from(""));
        let items = self
            .items
            .range(from..)
            .take_while(|((owner, kind, _), _)| *owner == account && kind.is_hot())
            .map(|((_, kind, key), value)| (*kind, key.clone(), value.clone()))
            .collect();
        let offline =
            self.offline.range((account, StanzaId(0))..=(account, StanzaId(u64::MAX))).count()
                as u64;
        Some(AccountRow {
            account,
            jid: jid.clone(),
            credentials: credentials.clone(),
            items,
            offline,
        })
    }

    pub(super) fn recovered(&self) -> Recovered {
        let sessions: Vec<_> =
            self.sessions.iter().map(|(&id, session)| self.kept(id, session)).collect();
        let owners: BTreeSet<_> = sessions.iter().map(|kept| kept.account).collect();
        Recovered {
            sessions,
            accounts: owners.into_iter().filter_map(|account| self.account_row(account)).collect(),
            last_account: self.last_account,
            last_session: self.last_session,
            last_stanza: self.last_stanza,
        }
    }

    fn kept(&self, id: SessionId, session: &Session) -> KeptSession {
        let mut entries = self.queue.range((id, 0)..=(id, u64::MAX)).map(|(&(_, seq), _)| seq);
        let first = entries.next();
        let queue = first.map(|first| (first, entries.next_back().unwrap_or(first)));
        KeptSession {
            session: id,
            account: session.account,
            state: session.state.clone(),
            counters: session.counters.clone(),
            queue,
        }
    }
}
