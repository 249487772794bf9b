//! Measures how long a store with many accounts takes from nothing to its first answer.
//!
//! `cargo run --release -p im-store-sqlite --example store_start -- [DIR] [ACCOUNTS]`
//!
//! A folder that exists is used as it is, so that a second run measures a start after the first one's files have left
//! the page cache (`echo 3 > /proc/sys/vm/drop_caches`).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use bytes::Bytes;
use im_store::{AccountId, Batch, ItemKind, Query, Reader, SessionId, Store, Write};
use im_store_sqlite::{Options, SqliteStore};
use std::path::{Path, PathBuf};
use std::time::Instant;
use xmpp::jid::BareJid;

const BATCH: u64 = 5000;
/// One account in so many has a session that can be resumed.
const KEPT: u64 = 1000;

fn jid(n: u64) -> BareJid {
    BareJid::parse(&format!("user{n}@example.org")).unwrap()
}

fn fill(dir: &Path, accounts: u64) {
    let begun = Instant::now();
    let mut store = SqliteStore::open(dir, &Options::default()).unwrap();
    for first in (1..=accounts).step_by(BATCH as usize) {
        let mut writes = Vec::new();
        for n in first..(first + BATCH).min(accounts + 1) {
            let account = AccountId(n);
            let credentials = Bytes::from_static(&[7; 150]);
            writes.push(Write::AccountPut { account, jid: jid(n), credentials });
            for key in ["a@example.org", "b@example.org"] {
                let value = Bytes::from_static(b"subscribed to both");
                writes.push(Write::ItemPut { account, kind: ItemKind(1), key: key.into(), value });
            }
            if n % KEPT == 0 {
                let state = Bytes::from_static(&[7; 200]);
                writes.push(Write::SessionPut { session: SessionId(n), account, state });
            }
        }
        store.commit(&Batch { writes }).unwrap();
    }
    store.close();
    println!("{accounts} accounts written in {:?}", begun.elapsed());
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir =
        arguments.next().map_or_else(|| std::env::temp_dir().join("store_start"), PathBuf::from);
    let accounts = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    if !dir.exists() {
        fill(&dir, accounts);
    }
    let begun = Instant::now();
    let mut store = SqliteStore::open(&dir, &Options::default()).unwrap();
    let recovered = store.take_recovered();
    let opened = begun.elapsed();
    let reply = store.reader().unwrap().read(&Query::Account(jid(accounts / 2))).unwrap();
    println!(
        "open {opened:?}, first account read {:?}: {} sessions, {} accounts recovered; {}",
        begun.elapsed(),
        recovered.sessions.len(),
        recovered.accounts.len(),
        if matches!(reply, im_store::Reply::Account(Some(_))) { "found" } else { "not found" },
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap());
}
