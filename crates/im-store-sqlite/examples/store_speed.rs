//! Measures what a 1:1 chat costs the store: rows and CPU time per message, the applier included.
//!
//! `cargo run --release -p im-store-sqlite --example store_speed -- [DIR] [SECONDS] [ACCOUNTS] [PACE] [INTERVAL_MS] [WAL_PAGES]`
//!
//! A message is one stanza of 400 bytes, an archive row for each side, a queue entry for the recipient, which a later
//! batch trims, and the counters of both sessions. One thread commits as fast as it can, or at a pace of so many messages a
//! second: then groups are smaller and a message costs more. CPU time is what counts, the rate depends on the disk's sync.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use bytes::Bytes;
use im_store::{
    AccountId, Batch, Content, ItemKind, Query, Reader, Render, SessionId, StanzaId, Store, Write,
};
use im_store_sqlite::{Options, SqliteStore};
use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xmpp::jid::BareJid;

/// Messages between a queue entry and its acknowledgement.
const UNACKED: usize = 500;
const STANZA_BYTES: usize = 400;

struct Chat {
    jids: Vec<BareJid>,
    next_seq: Vec<u64>,
    unacked: VecDeque<(usize, u64)>,
    id: u64,
    random: u64,
    bytes: Bytes,
}

impl Chat {
    fn new(accounts: usize) -> Self {
        let jids = (0..accounts).map(|n| BareJid::parse(&format!("user{n}@example.org")).unwrap());
        Self {
            jids: jids.collect(),
            next_seq: vec![1; accounts],
            unacked: VecDeque::new(),
            id: 1_790_000_000_000_000,
            random: 1,
            bytes: Bytes::from(vec![b'x'; STANZA_BYTES]),
        }
    }

    fn begin(&self, store: &mut SqliteStore) {
        let mut writes = Vec::new();
        for (n, jid) in self.jids.iter().enumerate() {
            let account = AccountId(n as u64 + 1);
            let secret = Bytes::from_static(&[7; 150]);
            writes.push(Write::AccountPut { account, jid: jid.clone(), credentials: secret });
            let value = Bytes::from_static(b"both");
            writes.push(Write::ItemPut { account, kind: ItemKind(1), key: "x@y".into(), value });
            let (session, state) = (SessionId(n as u64 + 1), Bytes::from_static(&[7; 200]));
            writes.push(Write::SessionPut { session, account, state });
        }
        store.commit(&Batch { writes }).unwrap();
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % bound as u64) as usize
    }

    fn batch(&mut self, messages: usize) -> Batch {
        let mut writes = Vec::with_capacity(messages * 7);
        let mut counted = HashSet::new();
        for _ in 0..messages {
            self.id += 37;
            let id = StanzaId(self.id);
            let (from, to) = (self.below(self.jids.len()), self.below(self.jids.len()));
            writes.push(Write::Stanza { id, bytes: self.bytes.clone(), archived: true });
            for (owner, peer) in [(from, to), (to, from)] {
                writes.push(Write::Archive {
                    account: AccountId(owner as u64 + 1),
                    id,
                    peer: self.jids[peer].clone(),
                    peer_resource: Some("Phone.a1b2c3".into()),
                });
            }
            let seq = self.next_seq[to];
            self.next_seq[to] += 1;
            let render = Render { stanza_id: true, ..Render::default() };
            let content = Content::Stored(id, render);
            writes.push(Write::QueueAppend { session: SessionId(to as u64 + 1), seq, content });
            self.unacked.push_back((to, seq));
            if self.unacked.len() > UNACKED {
                let (session, up_to) = self.unacked.pop_front().unwrap();
                writes.push(Write::QueueTrim { session: SessionId(session as u64 + 1), up_to });
            }
            counted.extend([from, to]);
        }
        for session in counted {
            let counters = Bytes::copy_from_slice(&self.id.to_le_bytes().repeat(3));
            writes
                .push(Write::SessionCounters { session: SessionId(session as u64 + 1), counters });
        }
        Batch { writes }
    }
}

fn cpu() -> Duration {
    let fields = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    // The main thread alone; the others are added by the caller.
    Duration::from_nanos(fields.split(' ').next().unwrap().parse().unwrap())
}

/// CPU time of every thread, by name.
fn cpu_by_thread() -> Vec<(String, Duration)> {
    let mut found = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).unwrap().trim().to_owned();
        let fields = std::fs::read_to_string(path.join("schedstat")).unwrap();
        let nanos = fields.split(' ').next().unwrap().parse().unwrap();
        found.push((name, Duration::from_nanos(nanos)));
    }
    found
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn measure(
    store: &mut SqliteStore,
    chat: &mut Chat,
    messages: usize,
    (time, pace): (Duration, u64),
) {
    // The work of the measurement itself is taken off.
    let begun = cpu();
    let made: usize = (0..64).map(|_| chat.batch(messages).writes.len()).sum();
    let making = (cpu() - begun) / 64;
    let before = cpu_by_thread();
    let begun = Instant::now();
    let mut batches = 0_u32;
    let mut took = Vec::new();
    while begun.elapsed() < time {
        let batch = chat.batch(messages);
        let asked = Instant::now();
        store.commit(&batch).unwrap();
        took.push(asked.elapsed());
        batches += 1;
        if pace > 0 {
            let due = Duration::from_secs_f64(f64::from(batches) * messages as f64 / pace as f64);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    // Everything committed is also applied when this is measured.
    let jid = chat.jids[0].clone();
    store.reader().unwrap().read(&Query::Account(jid)).unwrap();
    let elapsed = begun.elapsed();
    let total = f64::from(batches) * messages as f64;
    let mut sum = 0.0;
    print!(
        "{messages:5} a batch: {:8.0} messages/s, {:.0} writes/s;",
        total / elapsed.as_secs_f64(),
        total / elapsed.as_secs_f64() * made as f64 / 64.0 / messages as f64
    );
    for ((name, after), (_, before)) in cpu_by_thread().into_iter().zip(before) {
        let mut used = after - before;
        if !name.starts_with("store-") {
            used = used.saturating_sub(making * batches);
        }
        let each = used.as_secs_f64() * 1e6 / total;
        sum += each;
        print!(" {name} {each:.2},");
    }
    took.sort_unstable();
    let part = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(" total {sum:.2} us CPU/message; resident {} KiB", resident_kib());
    println!(
        "      commits: p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
        part(0.5),
        part(0.99),
        part(1.0)
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir =
        arguments.next().map_or_else(|| std::env::temp_dir().join("store_speed"), PathBuf::from);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let accounts = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let mut options = Options::default();
    let pace = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Some(interval) = arguments.next().and_then(|text| text.parse().ok()) {
        options.apply_interval = Duration::from_millis(interval);
    }
    if let Some(pages) = arguments.next().and_then(|text| text.parse().ok()) {
        options.wal_pages_max = pages;
    }
    if dir.exists() {
        std::fs::remove_dir_all(&dir).unwrap();
    }
    let mut store = SqliteStore::open(&dir, &options).unwrap();
    println!("{} accounts in {}, at rest {} KiB", accounts, dir.display(), resident_kib());
    let mut chat = Chat::new(accounts);
    chat.begin(&mut store);
    for messages in [64, 1024, 64] {
        measure(&mut store, &mut chat, messages, (Duration::from_secs(seconds), pace));
    }
    reopen(store, &dir);
}

fn reopen(store: SqliteStore, dir: &Path) {
    drop(store);
    let begun = Instant::now();
    let mut store = SqliteStore::open(dir, &Options::default()).unwrap();
    let sessions = store.take_recovered().sessions.len();
    println!("reopened after a crash in {:?}: {sessions} sessions", begun.elapsed());
    store.close();
    let begun = Instant::now();
    let store = SqliteStore::open(dir, &Options::default()).unwrap();
    println!("reopened after closing in {:?}; resident {} KiB", begun.elapsed(), resident_kib());
    drop(store);
    for name in ["store.db", "store.db-wal"] {
        let size = std::fs::metadata(dir.join(name)).map_or(0, |found| found.len());
        println!("{name}: {:.1} MiB", size as f64 / 1048576.0);
    }
}
