//! Reads beside commits, from several threads: none misses what was committed before it began.

use crate::disk::SimDisk;
use im_store::{
    AccountId, Batch, Content, ItemKind, Query, Reader, Reply, SessionId, Store, Write,
};
use im_store_sqlite::{Options, SqliteReader, SqliteStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use xmpp::jid::BareJid;

const COMMITS: u64 = 1500;

fn jid() -> BareJid {
    BareJid::parse("romeo@example.org").unwrap()
}

fn step(n: u64) -> Batch {
    let (account, session) = (AccountId(1), SessionId(1));
    let (kind, value) = (ItemKind(1), n.to_string().into());
    Batch {
        writes: vec![
            Write::ItemPut { account, kind, key: "n".into(), value },
            Write::QueueAppend { session, seq: n, content: Content::Own("x".into()) },
            Write::QueueTrim { session, up_to: n - 1 },
        ],
    }
}

/// The step that a reader finds in the account's item.
fn in_account(reader: &mut SqliteReader) -> u64 {
    match reader.read(&Query::Account(jid())).unwrap() {
        Reply::Account(Some(row)) => {
            row.items.first().map_or(0, |item| String::from_utf8_lossy(&item.2).parse().unwrap())
        }
        other => panic!("no account: {other:?}"),
    }
}

/// The step that a reader finds in the queue.
fn in_queue(reader: &mut SqliteReader) -> u64 {
    let query = Query::Queue { session: SessionId(1), from_seq: 0, max: 9, bytes_max: 100 };
    match reader.read(&query).unwrap() {
        Reply::Queue(entries) => {
            assert!(entries.len() <= 1, "half a batch was seen: {entries:?}");
            entries.first().map_or(0, |entry| entry.seq)
        }
        other => panic!("a queue was asked, not {other:?}"),
    }
}

#[test]
fn a_read_sees_every_batch_committed_before_it_began() {
    for interval in [Duration::ZERO, Duration::from_secs(3600)] {
        let dir = crate::folder();
        let options = Options { apply_interval: interval, wal_pages_max: 64, ..Options::default() };
        let disk = Arc::new(SimDisk::new(1));
        let mut store = SqliteStore::open_on(dir.path(), disk, &options).unwrap();
        let account = AccountId(1);
        let put = Write::AccountPut { account, jid: jid(), credentials: "c".into() };
        store.commit(&Batch { writes: vec![put] }).unwrap();
        let (committed, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for look in [in_account, in_queue] {
                let mut reader = store.reader().unwrap();
                let (committed, ended) = (&committed, &ended);
                scope.spawn(move || {
                    while !ended.load(Ordering::Acquire) {
                        let before = committed.load(Ordering::Acquire);
                        let found = look(&mut reader);
                        assert!(found >= before, "{found} was read after {before} was committed");
                    }
                });
            }
            for n in 1..=COMMITS {
                store.commit(&step(n)).unwrap();
                committed.store(n, Ordering::Release);
            }
            ended.store(true, Ordering::Release);
        });
    }
}
