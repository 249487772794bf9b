//! Backups of a store in use, checks, and putting them back.

use im_store::conformance::{Universe, random_batch, same_answers};
use im_store::memory::{MemoryDisk, MemoryStore};
use im_store::{Batch, CommitError, Store, Write};
use im_store_sqlite::{BackupError, Options, SqliteStore, restore, verify};
use std::fs;
use std::path::Path;
use std::time::Duration;

fn options() -> Options {
    Options { segment_bytes: 64 << 10, apply_interval: Duration::ZERO, ..Options::default() }
}

fn fill(store: &mut SqliteStore, model: &mut MemoryStore, universe: &mut Universe) {
    for _ in 0..40 {
        let batch = random_batch(universe);
        store.commit(&batch).unwrap();
        model.commit(&batch).unwrap();
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_holds_what_was_committed_before_and_restores_to_it() {
    let dir = crate::folder();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let file = dir.path().join("backup.db");
    let mut universe = Universe::new(3);
    let mut model = MemoryStore::open(&MemoryDisk::new()).unwrap();
    let mut store = SqliteStore::open(&from, &options()).unwrap();
    fill(&mut store, &mut model, &mut universe);
    store.backups().backup(&file, &mut |_| {}).unwrap();
    assert_eq!(names(dir.path()), ["backup.db", "from"]);
    let epoch = store.epoch();
    restore(&file, &to, &mut |_| {}).unwrap();
    let restored = SqliteStore::open(&to, &options()).unwrap();
    assert!(restored.epoch() > epoch);
    same_answers(&universe, &restored, &model);
    // The original goes on.
    fill(&mut store, &mut model, &mut universe);
    same_answers(&universe, &store, &model);
}

#[test]
fn commits_go_on_during_a_backup_and_it_is_whole() {
    let dir = crate::folder();
    let file = dir.path().join("backup.db");
    let mut store = SqliteStore::open(&dir.path().join("from"), &options()).unwrap();
    // Some thousand pages, so that the copy takes several steps.
    for id in 1..=300_u64 {
        let bytes = vec![b'x'; 30_000].into();
        let key = id.to_string().into();
        // No random batch touches this account.
        let (account, kind) = (im_store::AccountId(99), im_store::ItemKind(1));
        store
            .commit(&Batch { writes: vec![Write::ItemPut { account, kind, key, value: bytes }] })
            .unwrap();
    }
    let backups = store.backups();
    let copying = std::thread::spawn(move || {
        let mut steps = 0;
        let verified = backups.backup(&file, &mut |progress| {
            assert!(progress.done <= progress.total);
            steps += 1;
        });
        (verified, steps)
    });
    let mut universe = Universe::new(5);
    let mut model = MemoryStore::open(&MemoryDisk::new()).unwrap();
    while !copying.is_finished() {
        fill(&mut store, &mut model, &mut universe);
    }
    let (verified, steps) = copying.join().unwrap();
    verified.unwrap();
    assert!(steps > 1, "{steps}");
    same_answers(&universe, &store, &model);
}

#[test]
fn nothing_is_ever_written_over() {
    let dir = crate::folder();
    let from = dir.path().join("from");
    let file = dir.path().join("backup.db");
    let store = SqliteStore::open(&from, &options()).unwrap();
    store.backups().backup(&file, &mut |_| {}).unwrap();
    assert!(matches!(store.backups().backup(&file, &mut |_| {}), Err(BackupError::Exists(_))));
    // Into a store that runs, one that does not, and one of which only the log is left.
    assert!(matches!(restore(&file, &from, &mut |_| {}), Err(BackupError::Open(_))));
    drop(store);
    assert!(matches!(restore(&file, &from, &mut |_| {}), Err(BackupError::NotEmpty(_))));
    fs::remove_file(from.join("store.db")).unwrap();
    assert!(matches!(restore(&file, &from, &mut |_| {}), Err(BackupError::NotEmpty(_))));
}

#[test]
fn a_file_that_is_no_whole_backup_is_refused() {
    let dir = crate::folder();
    let file = dir.path().join("backup.db");
    let mut store = SqliteStore::open(&dir.path().join("from"), &options()).unwrap();
    let mut model = MemoryStore::open(&MemoryDisk::new()).unwrap();
    fill(&mut store, &mut model, &mut Universe::new(1));
    let verified = store.backups().backup(&file, &mut |_| {}).unwrap();
    assert_eq!(verify(&file).unwrap(), verified);
    let whole = fs::read(&file).unwrap();
    let to = dir.path().join("to");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..].fill(0x5a);
    for bytes in [&damaged[..], &whole[..whole.len() / 2], b"", b"some text that is no database"] {
        fs::write(&file, bytes).unwrap();
        assert!(verify(&file).is_err(), "{} bytes", bytes.len());
        assert!(restore(&file, &to, &mut |_| {}).is_err(), "{} bytes", bytes.len());
        assert!(!to.join("store.db").exists());
    }
    assert!(verify(&dir.path().join("none")).is_err());
    assert!(!dir.path().join("none").exists());
}

#[test]
fn an_instance_that_still_runs_on_the_restored_folder_is_fenced() {
    let dir = crate::folder();
    let (from, file) = (dir.path().join("from"), dir.path().join("backup.db"));
    let shared = Options { may_be_shared: true, ..options() };
    let mut old = SqliteStore::open(&from, &shared).unwrap();
    old.backups().backup(&file, &mut |_| {}).unwrap();
    // As an operator might: everything but the epoch file is moved away under a server that hangs.
    fs::rename(from.join("store.db"), dir.path().join("moved.db")).unwrap();
    fs::rename(from.join("log"), dir.path().join("moved-log")).unwrap();
    restore(&file, &from, &mut |_| {}).unwrap();
    assert!(matches!(old.commit(&Batch::default()), Err(CommitError::Fenced { .. })));
}

#[test]
fn a_backup_of_a_closed_store_ends_with_that_reason() {
    let dir = crate::folder();
    let backups = SqliteStore::open(&dir.path().join("from"), &options()).unwrap().backups();
    let file = dir.path().join("backup.db");
    assert!(matches!(backups.backup(&file, &mut |_| {}), Err(BackupError::Ended)));
    assert_eq!(names(dir.path()), ["from"]);
}
