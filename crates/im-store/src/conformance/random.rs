//! Random histories, compared answer by answer with the memory store.
//!
//! The generator keeps to what the port asks of a writer: stanza ids rise, queue numbers are contiguous, nothing refers
//! to a stanza that may be gone. It is a small generator of its own so that a seed means the same history for ever.

use super::{Harness, account, archive, bytes, counters, item, jid, offline, own, session};
use crate::memory::{MemoryDisk, MemoryStore};
use crate::{
    AccountId, ArchiveFilter, Batch, Content, ItemKind, Query, Reader, Render, SessionId, StanzaId,
    Store, Write,
};

const ACCOUNTS: u64 = 5;
const PEERS: [&str; 3] = ["nurse@example.org", "tybalt@example.org", "example.net"];
const BATCHES: u64 = 60;

/// What a random history may refer to.
#[derive(Clone, Debug)]
pub struct Universe {
    random: u64,
    next_stanza: u64,
    next_session: u64,
    /// Session, account, next number of its queue.
    sessions: Vec<(u64, u64, u64)>,
    accounts: Vec<u64>,
}

impl Universe {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        Self { random, next_stanza: 1, next_session: 1, sessions: Vec::new(), accounts: Vec::new() }
    }

    /// A number below `bound` (SplitMix64).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    fn some_account(&mut self) -> u64 {
        let n = self.below(self.accounts.len() as u64);
        self.accounts[n as usize]
    }
}

/// The next batch of a history.
pub fn random_batch(universe: &mut Universe) -> Batch {
    let mut writes = Vec::new();
    let mut counted = Vec::new();
    for _ in 0..=universe.below(12) {
        if universe.accounts.is_empty() {
            put_account(universe, &mut writes);
        }
        match universe.below(20) {
            0 => put_account(universe, &mut writes),
            1 if universe.below(4) == 0 => remove_account(universe, &mut writes),
            1..=3 => change_item(universe, &mut writes),
            4 | 5 => open_session(universe, &mut writes),
            6 if universe.below(2) == 0 => close_session(universe, &mut writes),
            6..=12 => route(universe, &mut writes),
            13 | 14 => append_own(universe, &mut writes),
            15..=17 => trim_queue(universe, &mut writes),
            18 => trim_offline(universe, &mut writes),
            _ => count(universe, &mut counted, &mut writes),
        }
    }
    Batch { writes }
}

fn put_account(u: &mut Universe, writes: &mut Vec<Write>) {
    let id = u.below(ACCOUNTS) + 1;
    writes.push(account(id, &format!("user{id}@example.org")));
    if !u.accounts.contains(&id) {
        u.accounts.push(id);
    }
}

fn remove_account(u: &mut Universe, writes: &mut Vec<Write>) {
    let id = u.some_account();
    u.accounts.retain(|other| *other != id);
    u.sessions.retain(|(_, owner, _)| *owner != id);
    writes.push(Write::AccountRemove { account: AccountId(id) });
}

fn change_item(u: &mut Universe, writes: &mut Vec<Write>) {
    let owner = u.some_account();
    let kind = [1, 2, 127, 128, 200][u.below(5) as usize];
    let key = format!("key{}", u.below(4));
    if u.below(3) == 0 {
        let (account, kind) = (AccountId(owner), ItemKind(kind));
        writes.push(Write::ItemRemove { account, kind, key: key.into() });
    } else {
        let value = u.below(1000).to_string();
        writes.push(item(owner, kind, &key, &value));
    }
}

fn open_session(u: &mut Universe, writes: &mut Vec<Write>) {
    let owner = u.some_account();
    if u.below(3) == 0 && !u.sessions.is_empty() {
        let n = u.below(u.sessions.len() as u64);
        let (id, owner, _) = u.sessions[n as usize];
        writes.push(session(id, owner, "again"));
        return;
    }
    let id = u.next_session;
    u.next_session += 1;
    u.sessions.push((id, owner, 1));
    writes.push(session(id, owner, "first"));
}

fn close_session(u: &mut Universe, writes: &mut Vec<Write>) {
    if u.sessions.is_empty() {
        return;
    }
    let n = u.below(u.sessions.len() as u64);
    let (id, _, _) = u.sessions.swap_remove(n as usize);
    writes.push(Write::SessionRemove { session: SessionId(id) });
}

/// A stanza for some archives, some queues, perhaps for somebody offline.
fn route(u: &mut Universe, writes: &mut Vec<Write>) {
    u.next_stanza += 1 + u.below(5);
    let id = u.next_stanza;
    let archived = u.below(3) > 0;
    let text = format!("<message id='{id}'>{}</message>", "x".repeat(u.below(300) as usize));
    writes.push(Write::Stanza { id: StanzaId(id), bytes: bytes(&text), archived });
    if archived {
        for owner in u.accounts.clone() {
            let peer = PEERS[u.below(3) as usize];
            let resource = [None, Some("a"), Some("b")][u.below(3) as usize];
            if u.below(3) == 0 {
                writes.push(archive(owner, id, peer, resource));
            }
            if u.below(5) == 0 {
                writes.push(offline(owner, id));
            }
        }
    }
    for n in 0..u.sessions.len() {
        if u.below(3) == 0 {
            append(u, n, StanzaId(id), writes);
        }
    }
}

fn append(u: &mut Universe, n: usize, id: StanzaId, writes: &mut Vec<Write>) {
    let delay = u.below(2) == 0;
    let to = (u.below(2) == 0).then(|| Box::from("user@example.org/there"));
    let render = Render { delay, to, ..Render::default() };
    let (session, _, next) = &mut u.sessions[n];
    let (session, seq) = (SessionId(*session), *next);
    *next += 1;
    writes.push(Write::QueueAppend { session, seq, content: Content::Stored(id, render) });
}

fn append_own(u: &mut Universe, writes: &mut Vec<Write>) {
    if u.sessions.is_empty() {
        return;
    }
    let n = u.below(u.sessions.len() as u64) as usize;
    let (session, _, next) = &mut u.sessions[n];
    writes.push(own(*session, *next, "<presence/>"));
    *next += 1;
}

fn trim_queue(u: &mut Universe, writes: &mut Vec<Write>) {
    if u.sessions.is_empty() {
        return;
    }
    let n = u.below(u.sessions.len() as u64) as usize;
    let (session, _, next) = u.sessions[n];
    let up_to = next.saturating_sub(1 + u.below(4));
    writes.push(Write::QueueTrim { session: SessionId(session), up_to });
}

fn trim_offline(u: &mut Universe, writes: &mut Vec<Write>) {
    let account = AccountId(u.some_account());
    let up_to = StanzaId(u.next_stanza.saturating_sub(u.below(20)));
    writes.push(Write::OfflineTrim { account, up_to });
}

fn count(u: &mut Universe, counted: &mut Vec<u64>, writes: &mut Vec<Write>) {
    let n = u.below(u.sessions.len() as u64) as usize;
    if let Some(&(id, _, _)) = u.sessions.get(n)
        && !counted.contains(&id)
    {
        counted.push(id);
        let value = u.below(1_000_000).to_string();
        writes.push(counters(id, &value));
    }
}

/// Runs one random history on the back end, reopening it now and then, and compares every answer with the memory
/// store's.
pub fn behaves_like_the_memory_store(h: &mut impl Harness, seed: u64) {
    let disk = MemoryDisk::new();
    let mut model = MemoryStore::open(&disk).unwrap();
    let mut store = h.open();
    let mut universe = Universe::new(seed);
    for _ in 0..BATCHES {
        let batch = random_batch(&mut universe);
        store.commit(&batch).unwrap();
        model.commit(&batch).unwrap();
        match universe.below(8) {
            0 => same_answers(&universe, &store, &model),
            1 => {
                drop(store);
                store = h.open();
                model = MemoryStore::open(&disk).unwrap();
                let (mut found, mut expect) = (store.take_recovered(), model.take_recovered());
                for recovered in [&mut found, &mut expect] {
                    recovered.sessions.sort_by_key(|kept| kept.session);
                    recovered.accounts.sort_by_key(|row| row.account);
                }
                assert_eq!(found, expect, "seed {seed}");
            }
            _ => {}
        }
    }
    same_answers(&universe, &store, &model);
}

/// Asks both everything a history may have written.
pub fn same_answers(universe: &Universe, one: &impl Store, other: &impl Store) {
    let (mut one, mut other) = (one.reader().unwrap(), other.reader().unwrap());
    for query in questions(universe) {
        assert_eq!(one.read(&query).unwrap(), other.read(&query).unwrap(), "{query:?}");
    }
}

fn questions(universe: &Universe) -> Vec<Query> {
    let mut queries = vec![Query::Accounts { after: "".into(), max: 100 }];
    for id in 1..=ACCOUNTS {
        let owner = AccountId(id);
        queries.push(Query::Account(jid(&format!("user{id}@example.org"))));
        queries.push(Query::Item { account: owner, kind: ItemKind(200), key: "key1".into() });
        queries.push(Query::Offline { account: owner, after: StanzaId(0), max: 1000 });
        let middle = universe.next_stanza / 2;
        let filters = [
            ArchiveFilter::default(),
            ArchiveFilter { with: Some(jid(PEERS[0])), ..ArchiveFilter::default() },
            ArchiveFilter {
                with: Some(jid(PEERS[1])),
                with_resource: Some("a".into()),
                start_us: Some(middle),
                ..ArchiveFilter::default()
            },
            ArchiveFilter { end_us: Some(middle), ..ArchiveFilter::default() },
            ArchiveFilter { after: Some(StanzaId(middle)), ..ArchiveFilter::default() },
        ];
        for filter in filters {
            for (max, from_end) in [(1000, false), (2, true)] {
                queries.push(Query::Archive {
                    account: owner,
                    filter: filter.clone(),
                    max,
                    from_end,
                    count: true,
                });
            }
        }
    }
    for id in 1..universe.next_session {
        queries.push(Query::Queue {
            session: SessionId(id),
            from_seq: 0,
            max: 1000,
            bytes_max: 1 << 20,
        });
    }
    queries
}
