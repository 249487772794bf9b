//! What a group of committed batches comes to. Pure.
//!
//! Much of what a batch writes is undone soon after: a queue entry is acknowledged, counters are overwritten. A
//! [`Plan`] takes the writes of many batches in their order and keeps what is left of them, grouped by table and easy
//! to sort. Executed at once it must give the same tables as the writes one by one; where that cannot be kept (an
//! account is removed), [`Plan::take`] says so and the plan is executed before it goes on.

use im_store::codec::{ContentRef, WriteRef};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes ids by one multiplication; they are ours, not a peer's.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0.rotate_left(5) ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

pub(crate) type ById<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// A stanza of this group.
#[derive(Debug)]
pub(crate) struct Stanza<'a> {
    pub(crate) id: u64,
    pub(crate) bytes: &'a [u8],
    /// An archive refers to it.
    pub(crate) archived: bool,
    /// Entries of queues and offline stores that are left.
    references: u32,
    /// An entry that referred to it was removed again.
    released: bool,
}

impl Stanza<'_> {
    /// Whether everything that referred to it is gone again.
    pub(crate) fn is_gone(&self) -> bool {
        !self.archived && self.references == 0 && self.released
    }
}

/// A row of an archive.
#[derive(Debug)]
pub(crate) struct ArchiveRow<'a> {
    pub(crate) account: u64,
    pub(crate) id: u64,
    pub(crate) peer: &'a str,
    pub(crate) resource: Option<&'a str>,
}

/// What is left of the writes to a session.
#[derive(Debug, Default)]
pub(crate) struct Session<'a> {
    /// Remove what is in the tables first.
    pub(crate) remove: bool,
    /// Remove the queue's rows up to here first; 0 for none.
    pub(crate) trim: u64,
    pub(crate) put: Option<(u64, &'a [u8])>,
    pub(crate) counters: Option<&'a [u8]>,
    pub(crate) queue: VecDeque<(u64, ContentRef<'a>)>,
}

/// What is left of the writes to an account's offline store.
#[derive(Debug, Default)]
pub(crate) struct Offline {
    /// Remove rows up to here first; 0 for none.
    pub(crate) trim: u64,
    pub(crate) ids: BTreeSet<u64>,
}

/// A write that needs what was planned before in the tables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// Execute and clear the plan, then remove this account.
    RemoveAccount(u64),
    /// Execute and clear the plan, then take the same write again.
    Again,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    pub(crate) accounts: Vec<(u64, &'a str, &'a [u8])>,
    pub(crate) items: BTreeMap<(u64, u8, &'a str), Option<&'a [u8]>>,
    /// In rising order of id.
    pub(crate) stanzas: Vec<Stanza<'a>>,
    pub(crate) archive: Vec<ArchiveRow<'a>>,
    /// Stanzas of earlier groups that an archive refers to now.
    pub(crate) archived_later: Vec<u64>,
    pub(crate) offline: BTreeMap<u64, Offline>,
    pub(crate) sessions: ById<Session<'a>>,
    /// Stanzas of earlier groups that lost an entry.
    pub(crate) released: Vec<u64>,
    pub(crate) last_account: u64,
    pub(crate) last_session: u64,
    pub(crate) last_stanza: u64,
}

impl<'a> Plan<'a> {
    /// Takes one write, or says what has to be done first.
    pub(crate) fn take(&mut self, write: WriteRef<'a>) -> Result<(), Barrier> {
        match write {
            WriteRef::AccountPut { account, jid, credentials } => {
                self.last_account = self.last_account.max(account.0);
                self.accounts.push((account.0, jid, credentials));
            }
            WriteRef::AccountRemove { account } => return Err(Barrier::RemoveAccount(account.0)),
            WriteRef::ItemPut { account, kind, key, value } => {
                self.items.insert((account.0, kind.0, key), Some(value));
            }
            WriteRef::ItemRemove { account, kind, key } => {
                self.items.insert((account.0, kind.0, key), None);
            }
            WriteRef::Stanza { id, bytes, .. } => return self.take_stanza(id.0, bytes),
            WriteRef::Archive { account, id, peer, peer_resource } => {
                match self.stanza(id.0) {
                    Some(stanza) => stanza.archived = true,
                    None => self.archived_later.push(id.0),
                }
                let (account, id) = (account.0, id.0);
                self.archive.push(ArchiveRow { account, id, peer, resource: peer_resource });
            }
            WriteRef::Offline { account, id } => {
                let offline = self.offline.entry(account.0).or_default();
                if offline.ids.insert(id.0) {
                    self.refer(id.0);
                }
            }
            WriteRef::OfflineTrim { account, up_to } => self.trim_offline(account.0, up_to.0),
            WriteRef::SessionPut { session, account, state } => {
                self.last_session = self.last_session.max(session.0);
                self.session(session.0).put = Some((account.0, state));
            }
            WriteRef::SessionCounters { session, counters } => {
                self.session(session.0).counters = Some(counters);
            }
            WriteRef::SessionRemove { session } => {
                let found = self.session(session.0);
                (found.remove, found.put, found.counters) = (true, None, None);
                self.trim_queue(session.0, u64::MAX);
            }
            WriteRef::QueueAppend { session, seq, content } => {
                if let ContentRef::Stored(id, _) = content {
                    self.refer(id.0);
                }
                self.session(session.0).queue.push_back((seq, content));
            }
            WriteRef::QueueTrim { session, up_to } => self.trim_queue(session.0, up_to),
        }
        Ok(())
    }

    fn take_stanza(&mut self, id: u64, bytes: &'a [u8]) -> Result<(), Barrier> {
        if self.stanzas.last().is_some_and(|last| last.id >= id) {
            return Err(Barrier::Again);
        }
        self.last_stanza = self.last_stanza.max(id);
        self.stanzas.push(Stanza { id, bytes, archived: false, references: 0, released: false });
        Ok(())
    }

    fn session(&mut self, id: u64) -> &mut Session<'a> {
        self.sessions.entry(id).or_default()
    }

    fn stanza(&mut self, id: u64) -> Option<&mut Stanza<'a>> {
        // Most references follow their stanza at once.
        let at = match self.stanzas.last() {
            Some(last) if last.id == id => self.stanzas.len() - 1,
            _ => self.stanzas.binary_search_by_key(&id, |stanza| stanza.id).ok()?,
        };
        self.stanzas.get_mut(at)
    }

    fn refer(&mut self, id: u64) {
        if let Some(stanza) = self.stanza(id) {
            stanza.references += 1;
        }
    }

    fn release(&mut self, id: u64) {
        match self.stanza(id) {
            Some(stanza) => {
                stanza.references = stanza.references.saturating_sub(1);
                stanza.released = true;
            }
            None => self.released.push(id),
        }
    }

    fn trim_queue(&mut self, session: u64, up_to: u64) {
        let found = self.sessions.entry(session).or_default();
        found.trim = found.trim.max(up_to);
        let mut gone = Vec::new();
        while let Some((_, content)) = found.queue.pop_front_if(|(seq, _)| *seq <= up_to) {
            if let ContentRef::Stored(id, _) = content {
                gone.push(id.0);
            }
        }
        for id in gone {
            self.release(id);
        }
    }

    fn trim_offline(&mut self, account: u64, up_to: u64) {
        let offline = self.offline.entry(account).or_default();
        offline.trim = offline.trim.max(up_to);
        let left = offline.ids.split_off(&up_to.saturating_add(1));
        for id in std::mem::replace(&mut offline.ids, left) {
            self.release(id);
        }
    }
}
