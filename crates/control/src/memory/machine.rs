//! etcd's semantics as a pure state machine: keys with revisions, guarded transactions, leases, a bounded log.
//!
//! Every call that depends on the time takes it as `now`, counted from any origin; a time before the latest one seen counts as the latest. Leases
//! that are due end before anything else is looked at. A lease's end is a revision of its own, which deletes all its keys. It must never
//! copy the whole state: the simulation calls it millions of times.

use super::log::Log;
use crate::lease::granted_ttl;
use crate::{Entry, Error, Event, Granted, LeaseId, Op, Range, Revision, Txn, TxnOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

/// How the store behaves where engines differ.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Lease times are rounded up to a multiple of this (etcd: 1 s).
    pub ttl_step: Duration,
    /// No lease is shorter.
    pub ttl_min: Duration,
    /// Changes kept for watches. The last revision is always kept.
    pub log_events_max: usize,
    /// Keys and values of the changes kept, in bytes.
    pub log_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        let millisecond = Duration::from_millis(1);
        Self {
            ttl_step: millisecond,
            ttl_min: millisecond,
            log_events_max: 10_000,
            log_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// The store.
#[derive(Clone, Debug)]
pub struct Machine {
    options: Options,
    now: Duration,
    revision: Revision,
    entries: BTreeMap<String, Entry>,
    leases: BTreeMap<LeaseId, Lease>,
    /// The leases by when they end.
    due: BTreeSet<(Duration, LeaseId)>,
    last_lease: i64,
    log: Log,
}

#[derive(Clone, Debug)]
struct Lease {
    ttl: Duration,
    ends: Duration,
    keys: BTreeSet<String>,
}

impl Machine {
    /// An empty store at revision 1, as etcd's.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            now: Duration::ZERO,
            revision: 1,
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            due: BTreeSet::new(),
            last_lease: 0,
            log: Log::new(1, options.log_events_max, options.log_bytes_max),
        }
    }

    /// The latest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What is under a key, without looking whether a lease is due.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// What is under a prefix, in key order, without looking whether a lease is due.
    pub fn entries<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let within = move |(key, _): &(&String, &Entry)| key.starts_with(prefix);
        self.entries.range::<str, _>(from).take_while(within).map(|(_, entry)| entry)
    }

    /// When the next lease ends, if it is not renewed.
    #[must_use]
    pub fn next_end(&self) -> Option<Duration> {
        self.due.first().map(|(ends, _)| *ends)
    }

    /// Whether a lease is alive at that time.
    #[must_use]
    pub fn is_alive(&self, now: Duration, lease: LeaseId) -> bool {
        self.leases.get(&lease).is_some_and(|found| found.ends > now)
    }

    /// Ends every lease that is due; what that deleted. The other calls do the same first, so a watch must read [`Self::events_since`].
    pub fn advance(&mut self, now: Duration) -> Vec<Event> {
        let before = self.revision;
        self.end_due(now);
        if self.revision == before {
            return Vec::new();
        }
        self.log.since("", before + 1).unwrap_or_default()
    }

    /// Everything under a prefix.
    pub fn range(&mut self, now: Duration, prefix: &str) -> Range {
        self.end_due(now);
        Range { revision: self.revision, entries: self.entries(prefix).cloned().collect() }
    }

    /// A guarded transaction.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond the port's limits; [`Error::LeaseGone`] when the guards hold and an op names a lease that has ended.
    pub fn txn(&mut self, now: Duration, txn: Txn) -> Result<TxnOutcome, Error> {
        txn.check()?;
        self.end_due(now);
        if !txn.guards.iter().all(|guard| guard.holds(self.entries.get(guard.key()))) {
            return Ok(TxnOutcome::Refused(self.revision));
        }
        let gone = |op: &Op| matches!(op, Op::Put { lease: Some(id), .. } if !self.leases.contains_key(id));
        if txn.ops.iter().any(gone) {
            return Err(Error::LeaseGone);
        }
        let next = self.revision + 1;
        let mut changed = false;
        for op in txn.ops {
            changed |= match op {
                Op::Put { key, value, lease } => self.put(key, value, lease, next),
                Op::Delete { key } => self.delete(&key, next),
            };
        }
        if changed {
            self.revision = next;
            self.log.trim();
        }
        Ok(TxnOutcome::Committed(self.revision))
    }

    /// A new lease.
    ///
    /// # Errors
    /// [`Error::Invalid`] beyond [`Granted::TTL_MAX`].
    pub fn grant(&mut self, now: Duration, ttl: Duration) -> Result<Granted, Error> {
        self.end_due(now);
        let ttl = granted_ttl(ttl, self.options.ttl_step, self.options.ttl_min)?;
        self.last_lease += 1;
        let id = LeaseId(self.last_lease);
        let ends = self.now + ttl;
        self.leases.insert(id, Lease { ttl, ends, keys: BTreeSet::new() });
        self.due.insert((ends, id));
        Ok(Granted { id, ttl })
    }

    /// Renews a lease for its whole time.
    ///
    /// # Errors
    /// [`Error::LeaseGone`] when it has ended.
    pub fn keep_alive(&mut self, now: Duration, id: LeaseId) -> Result<Granted, Error> {
        self.end_due(now);
        let lease = self.leases.get_mut(&id).ok_or(Error::LeaseGone)?;
        self.due.remove(&(lease.ends, id));
        lease.ends = self.now + lease.ttl;
        self.due.insert((lease.ends, id));
        Ok(Granted { id, ttl: lease.ttl })
    }

    /// Ends a lease; nothing happens when it has ended already.
    pub fn revoke(&mut self, now: Duration, id: LeaseId) {
        self.end_due(now);
        self.end(id);
    }

    /// What happened under a prefix since (and at) a revision, and the revision this is complete up to.
    ///
    /// # Errors
    /// [`Error::Compacted`] when the log begins later.
    pub fn events_since(
        &self,
        prefix: &str,
        from: Revision,
    ) -> Result<(Revision, Vec<Event>), Error> {
        Ok((self.revision, self.log.since(prefix, from)?))
    }

    /// Forgets what happened before a revision.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a revision that has not come yet.
    pub fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        if revision > self.revision {
            let latest = self.revision;
            return Err(Error::Invalid(format!(
                "cannot compact at {revision}, only {latest} is reached"
            )));
        }
        self.log.forget_before(revision);
        Ok(())
    }

    fn end_due(&mut self, now: Duration) {
        self.now = self.now.max(now);
        while let Some((ends, id)) = self.due.first().copied() {
            if ends > self.now {
                return;
            }
            self.end(id);
        }
    }

    fn end(&mut self, id: LeaseId) {
        let Some(lease) = self.leases.remove(&id) else { return };
        self.due.remove(&(lease.ends, id));
        if lease.keys.is_empty() {
            return;
        }
        self.revision += 1;
        for key in lease.keys {
            self.entries.remove(&key);
            self.log.push(Event::Deleted { key, revision: self.revision });
        }
        self.log.trim();
    }

    /// Whether anything changed: always.
    fn put(&mut self, key: String, value: Vec<u8>, lease: Option<LeaseId>, at: Revision) -> bool {
        let old = self.entries.get(&key);
        let create_revision = old.map_or(at, |old| old.create_revision);
        let old_lease = old.and_then(|old| old.lease);
        if old_lease != lease {
            self.detach(old_lease, &key);
            if let Some(lease) = lease.and_then(|id| self.leases.get_mut(&id)) {
                lease.keys.insert(key.clone());
            }
        }
        let entry = Entry { key: key.clone(), value, create_revision, mod_revision: at, lease };
        self.log.push(Event::Put(entry.clone()));
        self.entries.insert(key, entry);
        true
    }

    /// Whether there was something to delete.
    fn delete(&mut self, key: &str, at: Revision) -> bool {
        let Some(old) = self.entries.remove(key) else { return false };
        self.detach(old.lease, key);
        self.log.push(Event::Deleted { key: old.key, revision: at });
        true
    }

    fn detach(&mut self, lease: Option<LeaseId>, key: &str) {
        if let Some(lease) = lease.and_then(|id| self.leases.get_mut(&id)) {
            lease.keys.remove(key);
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new(Options::default())
    }
}
