//! A full disk: refused, nothing lost, and over as soon as there is room (row 46 of the attack list).

use crate::disk::SimDisk;
use im_store::{AccountId, ArchiveFilter};
use im_store::{Batch, CommitError, Query, Reader, Reply, Room, StanzaId, Store, Write};
use im_store_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::Duration;
use xmpp::jid::BareJid;

const SEGMENT: u64 = 64 << 10;

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT,
        apply_interval: Duration::from_secs(3600),
        unapplied_bytes_max: 64 << 20,
        reserve_bytes: 0,
        ..Options::default()
    }
}

fn message(id: u64) -> Batch {
    let (account, id) = (AccountId(1), StanzaId(id));
    let peer = BareJid::parse("juliet@example.org").unwrap();
    Batch {
        writes: vec![
            Write::Stanza { id, bytes: vec![b'x'; 3000].into(), archived: true },
            Write::Archive { account, id, peer, peer_resource: None },
        ],
    }
}

/// Number of stanzas found. A read fails until the applier has made its next attempt.
fn archived(store: &SqliteStore) -> u64 {
    let (account, filter) = (AccountId(1), ArchiveFilter::default());
    let query = Query::Archive { account, filter, max: 0, from_end: false, count: true };
    let mut reader = store.reader().unwrap();
    loop {
        match reader.read(&query) {
            Ok(Reply::Archive(page)) => return page.total.unwrap(),
            Ok(other) => panic!("an archive was asked, not {other:?}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// Commits until the store refuses; gives how many were committed.
fn fill(store: &mut SqliteStore, from: u64) -> u64 {
    for id in from..from + 1000 {
        match store.commit(&message(id)) {
            Ok(_) => {}
            Err(CommitError::Full(_)) => return id - from,
            Err(error) => panic!("neither committed nor full: {error}"),
        }
    }
    panic!("the disk never fills up");
}

#[test]
fn a_log_that_cannot_grow_warns_then_refuses_and_goes_on_when_there_is_room() {
    let dir = crate::folder();
    let disk = SimDisk::new(1);
    disk.set_capacity(5 * SEGMENT);
    let mut store = SqliteStore::open_on(dir.path(), Arc::new(disk.clone()), &options()).unwrap();
    // As long as SQLite is kept from writing, no segment can be given back.
    let holder = Connection::open(dir.path().join("store.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Five segments of fifteen records. In the last one no other can be kept ready.
    for id in 1..=62 {
        store.commit(&message(id)).unwrap();
    }
    while store.commit(&Batch::default()).unwrap().room == Room::Plenty {}
    let committed = 62 + fill(&mut store, 63);
    assert_eq!(committed, 75);
    assert!(matches!(store.commit(&message(1000)), Err(CommitError::Full(_))));
    holder.execute_batch("COMMIT").unwrap();
    // The refused batch left nothing behind: the same id is taken.
    while let Err(error) = store.commit(&message(committed + 1)) {
        assert!(matches!(error, CommitError::Full(_)), "{error}");
    }
    assert_eq!(archived(&store), committed + 1);
    drop(store);
    let store = SqliteStore::open_on(dir.path(), Arc::new(disk), &options()).unwrap();
    assert_eq!(archived(&store), committed + 1);
}

#[test]
fn segments_that_only_wait_for_the_applier_are_no_reason_to_refuse() {
    let dir = crate::folder();
    let disk = SimDisk::new(1);
    disk.set_capacity(3 * SEGMENT);
    let mut store = SqliteStore::open_on(dir.path(), Arc::new(disk), &options()).unwrap();
    for id in 1..=300 {
        store.commit(&message(id)).unwrap();
    }
    assert_eq!(archived(&store), 300);
}

#[test]
fn little_free_space_is_reported_and_its_end_too() {
    let dir = crate::folder();
    let disk = SimDisk::new(1);
    disk.set_capacity(20 * SEGMENT);
    let options = Options { reserve_bytes: 10 * SEGMENT, ..options() };
    let mut store = SqliteStore::open_on(dir.path(), Arc::new(disk.clone()), &options).unwrap();
    store.commit(&message(1)).unwrap();
    assert_eq!(archived(&store), 1);
    disk.set_capacity(11 * SEGMENT);
    let mut id = 1;
    let mut commit_until = |room| {
        while store.commit(&message(id + 1)).unwrap().room != room {
            id += 1;
            assert_eq!(archived(&store), id);
        }
        id += 1;
    };
    commit_until(Room::Scarce);
    disk.set_capacity(20 * SEGMENT);
    commit_until(Room::Plenty);
}

/// On a real file system: `STEADFAST_SMALL_FS` names an empty folder on one of about 64 MiB (a tmpfs
/// will do).
#[test]
fn a_real_file_system_that_is_full_refuses_and_recovers() {
    let Some(folder) = std::env::var_os("STEADFAST_SMALL_FS").map(std::path::PathBuf::from) else {
        return;
    };
    let dir = folder.join("store");
    let filler = folder.join("filler");
    std::fs::write(&filler, vec![1; 28 << 20]).unwrap();
    let options = Options { segment_bytes: 1 << 20, reserve_bytes: 4 << 20, ..Options::default() };
    let mut store = SqliteStore::open(&dir, &options).unwrap();
    let (mut committed, mut warned) = (0, 0);
    loop {
        match store.commit(&message(committed + 1)) {
            Ok(found) => warned += u64::from(found.room == Room::Scarce),
            Err(CommitError::Full(_)) => break,
            Err(error) => panic!("neither committed nor full: {error}"),
        }
        committed += 1;
    }
    assert!(warned > 0 && warned < committed, "{warned} of {committed}");
    std::fs::remove_file(&filler).unwrap();
    while let Err(error) = store.commit(&message(committed + 1)) {
        assert!(matches!(error, CommitError::Full(_)), "{error}");
    }
    assert_eq!(archived(&store), committed + 1);
    drop(store);
    let store = SqliteStore::open(&dir, &options).unwrap();
    assert_eq!(archived(&store), committed + 1);
}
