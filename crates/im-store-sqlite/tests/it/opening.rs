//! What opening refuses, and with which words.

use im_store::{AccountId, Batch, ItemKind, OpenError, Store, Write};
use im_store_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

fn small() -> Options {
    Options { segment_bytes: 64 << 10, ..Options::default() }
}

fn item(n: u64) -> Batch {
    let (account, kind) = (AccountId(1), ItemKind(1));
    Batch {
        writes: vec![Write::ItemPut {
            account,
            kind,
            key: n.to_string().into(),
            value: "v".into(),
        }],
    }
}

fn sql(dir: &Path, text: &str) {
    Connection::open(dir.join("store.db")).unwrap().execute_batch(text).unwrap();
}

#[test]
fn a_folder_in_use_names_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let _held = SqliteStore::open(dir.path(), &small()).unwrap();
    match SqliteStore::open(dir.path(), &small()) {
        Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, std::process::id()),
        other => panic!("opened twice: {other:?}"),
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    SqliteStore::open(dir.path(), &small()).unwrap().close();
    sql(dir.path(), "PRAGMA user_version = 999");
    for _ in 0..2 {
        match SqliteStore::open(dir.path(), &small()) {
            Err(OpenError::TooNew { found: 999, known: 1, .. }) => {}
            other => panic!("opened a newer format: {other:?}"),
        }
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sql(dir.path(), "CREATE TABLE t (x)");
    let error = SqliteStore::open(dir.path(), &small()).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
    fs::write(
        dir.path().join("store.db"),
        "not a database at all, but long enough to have a header".repeat(30),
    )
    .unwrap();
    let error = SqliteStore::open(dir.path(), &small()).unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn the_epoch_goes_on_when_its_file_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = 0;
    for _ in 0..3 {
        let mut store = SqliteStore::open(dir.path(), &small()).unwrap();
        assert!(store.epoch().0 > before);
        before = store.epoch().0;
        store.commit(&item(before)).unwrap();
        drop(store);
        fs::remove_file(dir.path().join("epoch")).unwrap();
    }
}

#[test]
fn a_batch_larger_than_a_segment_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let (account, kind) = (AccountId(1), ItemKind(1));
    let value = bytes::Bytes::from(vec![b'x'; 300 << 10]);
    let write = Write::ItemPut { account, kind, key: "large".into(), value: value.clone() };
    let mut store = SqliteStore::open(dir.path(), &small()).unwrap();
    for n in 0..20 {
        store.commit(&item(n)).unwrap();
        store.commit(&Batch { writes: vec![write.clone()] }).unwrap();
    }
    drop(store);
    let store = SqliteStore::open(dir.path(), &small()).unwrap();
    let query = im_store::Query::Item { account, kind, key: "large".into() };
    let reply = im_store::Reader::read(&mut store.reader().unwrap(), &query).unwrap();
    assert_eq!(reply, im_store::Reply::Item(Some(value)));
}
