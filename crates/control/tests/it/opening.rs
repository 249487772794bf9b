//! What opening a file finds, refuses and leaves alone; what a file does while in use.

use crate::embedded::{folder, open, options};
use control::embedded::{EmbeddedStore, Options};
use control::{ControlStore, Entry, Error, Op, Txn, TxnOutcome};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

async fn put(store: &EmbeddedStore, key: &str, size: usize) -> Result<TxnOutcome, Error> {
    let op = Op::Put { key: key.into(), value: vec![b'v'; size], lease: None };
    store.txn(Txn { guards: vec![], ops: vec![op] }).await
}

async fn keys(store: &EmbeddedStore) -> Vec<String> {
    let entries = store.range("").await.unwrap().entries;
    entries.into_iter().map(|entry: Entry| entry.key).collect()
}

fn damage(path: &Path) -> String {
    match EmbeddedStore::open(path, options()) {
        Err(Error::Damaged(why)) => why,
        other => panic!("not called damaged: {other:?}"),
    }
}

/// Names and contents of a folder.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_new_store_is_for_its_user_only_and_leaves_nothing_beside_it() {
    let folder = folder();
    let path = folder.path().join("ünusual name?#%41.db");
    let store = open(&path);
    put(&store, "a", 1).await.unwrap();
    for (name, _) in contents(folder.path()) {
        let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        assert!(!name.contains(".new-"), "{name} is left over");
    }
    assert!(store.describe().await.contains("revision 2, 0 leases"), "{}", store.describe().await);
}

#[tokio::test]
async fn what_was_committed_is_found_after_opening_again() {
    let folder = folder();
    let path = folder.path().join("control.db");
    for round in 0..5 {
        let store = open(&path);
        assert_eq!(keys(&store).await.len(), round);
        put(&store, &round.to_string(), 10).await.unwrap();
    }
}

#[tokio::test]
async fn many_that_make_the_same_store_at_once_share_one() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || open(&path))
        })
        .collect();
    let stores: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for (n, store) in stores.iter().enumerate() {
        put(store, &n.to_string(), 1).await.unwrap();
    }
    for store in &stores {
        assert_eq!(keys(store).await.len(), 8);
    }
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = folder();
    let make = |name: &str, make: &dyn Fn(&Path)| {
        let path = folder.path().join(name);
        make(&path);
        path
    };
    let text =
        make("text", &|path| fs::write(path, "not a database at all\n".repeat(100)).unwrap());
    let empty = make("empty", &|path| fs::write(path, "").unwrap());
    let short = make("short", &|path| fs::write(path, "SQLite format 3\0").unwrap());
    let sub = make("folder", &|path| fs::create_dir(path).unwrap());
    let foreign = make("foreign", &|path| {
        let db = Connection::open(path).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);",
        )
        .unwrap();
    });
    fs::remove_dir(&sub).unwrap();
    let before = contents(folder.path());
    for (path, why) in
        [(&text, "not a database"), (&empty, "empty"), (&short, ""), (&foreign, "another program")]
    {
        let said = damage(path);
        assert!(said.contains(why) && said.contains(&path.display().to_string()), "{said}");
    }
    assert_eq!(contents(folder.path()), before);
    fs::create_dir(&sub).unwrap();
    assert!(damage(&sub).contains("not a regular file"));
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("control.db");
    close(open(&path)).await;
    let db = Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    db.close().unwrap();
    let before = contents(folder.path());
    let said = damage(&path);
    assert!(said.contains("format 2") && said.contains("knows 1"), "{said}");
    assert_eq!(contents(folder.path()), before);
}

/// Waits until the store's thread has let go of the file.
async fn close(store: EmbeddedStore) {
    let shown = store.describe().await;
    let path = shown.split(' ').nth(1).unwrap().to_owned();
    drop(store);
    // The last to close removes the log.
    let gone = async {
        while Path::new(&format!("{path}-wal")).exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_called_damaged() {
    for (from, to) in [(4096, 8192), (4096, 40000), (100, 140)] {
        let folder = folder();
        let path = folder.path().join("control.db");
        let store = open(&path);
        for n in 0..50 {
            put(&store, &n.to_string(), 500).await.unwrap();
        }
        close(store).await;
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len().min(to);
        bytes[from..end].fill(0x5a);
        fs::write(&path, bytes).unwrap();
        assert!(damage(&path).contains("backup"), "{from}..{to}");
    }
}

#[tokio::test]
async fn missing_tables_are_damage_and_not_a_panic() {
    let folder = folder();
    for table in ["meta", "entry", "lease", "event"] {
        let path = folder.path().join(table);
        close(open(&path)).await;
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&format!("DROP TABLE {table}")).unwrap();
        db.close().unwrap();
        let error = match EmbeddedStore::open(&path, options()) {
            Err(error) => error,
            Ok(store) => put(&store, "a", 1).await.unwrap_err(),
        };
        assert!(matches!(error, Error::Damaged(_)), "{table}: {error:?}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_unavailable() {
    let folder = folder();
    let opened = EmbeddedStore::open(&folder.path().join("none/control.db"), options());
    assert!(matches!(&opened, Err(Error::Unavailable(why)) if why.contains("none")), "{opened:?}");
}

#[tokio::test]
async fn a_file_deleted_or_replaced_while_in_use_is_damage_and_takes_nothing() {
    for (suffix, replace) in [("", false), ("", true), ("-wal", false), ("-shm", false)] {
        let folder = folder();
        let path = folder.path().join("control.db");
        let store = open(&path);
        put(&store, "a", 1).await.unwrap();
        let mut watch = store.watch("", 3).await.unwrap();
        let victim = folder.path().join(format!("control.db{suffix}"));
        if replace {
            fs::copy(&victim, folder.path().join("copy")).unwrap();
            fs::rename(folder.path().join("copy"), &victim).unwrap();
        } else {
            fs::remove_file(&victim).unwrap();
        }
        // The watch is told without anybody asking.
        let told = timeout(PATIENCE, async {
            loop {
                if let Err(error) = watch.next().await {
                    return error;
                }
            }
        });
        let told = told.await.unwrap();
        let refused = put(&store, "b", 1).await.unwrap_err();
        for error in [told, refused] {
            assert!(
                matches!(&error, Error::Damaged(why) if why.contains("deleted or replaced")),
                "{suffix}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_full_file_refuses_to_grow_and_still_ends_leases_and_deletes() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let small = Options { file_bytes_max: 1 << 20, log_events_max: 4, ..options() };
    let clock = small.clock.clone();
    let store = EmbeddedStore::open(&path, small).unwrap();
    let lease = store.grant(Duration::from_secs(60)).await.unwrap().id;
    let op = Op::Put { key: "leased".into(), value: vec![], lease: Some(lease) };
    store.txn(Txn { guards: vec![], ops: vec![op] }).await.unwrap();
    let mut count = 0;
    let error = loop {
        match put(&store, &count.to_string(), 50_000).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
        assert!(count < 100, "the file grows for ever");
    };
    assert!(matches!(&error, Error::Unavailable(why) if why.contains("full")), "{error:?}");
    assert_eq!(keys(&store).await.len(), count + 1);
    store.keep_alive(lease).await.unwrap();
    clock.pretend_passed(Duration::from_secs(61));
    assert_eq!(keys(&store).await.len(), count);
    let ops = (0..count).map(|n| Op::Delete { key: n.to_string() }).collect();
    store.txn(Txn { guards: vec![], ops }).await.unwrap();
    put(&store, "again", 50_000).await.unwrap();
    assert_eq!(keys(&store).await, ["again"]);
}

#[tokio::test]
async fn leases_end_with_the_boot_they_were_granted_in() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let before = open(&path);
    let lease = before.grant(Duration::from_secs(3600)).await.unwrap();
    let op = |key: &str, lease| Op::Put { key: key.into(), value: vec![], lease };
    let ops = vec![op("leased", Some(lease.id)), op("for good", None)];
    before.txn(Txn { guards: vec![], ops }).await.unwrap();
    let again = open(&path);
    assert_eq!(keys(&again).await.len(), 2, "the same boot, the same leases");
    let clock = options().clock.pretend_boot("another");
    let after = EmbeddedStore::open(&path, Options { clock, ..options() }).unwrap();
    assert_eq!(keys(&after).await, ["for good"]);
    assert_eq!(after.keep_alive(lease.id).await, Err(Error::LeaseGone));
    let (_, events) = after.watch("", 3).await.unwrap().next().await.unwrap();
    assert_eq!(events.len(), 1, "the deletion is an event: {events:?}");
    // Whoever goes on in the old boot has no place here.
    let refused = put(&before, "late", 1).await.unwrap_err();
    assert!(matches!(&refused, Error::Damaged(why) if why.contains("another boot")), "{refused:?}");
    assert_eq!(keys(&after).await, ["for good"]);
}

#[tokio::test]
async fn the_log_is_bounded_and_the_last_revision_is_kept() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let bounded = Options { log_events_max: 3, log_bytes_max: 1000, ..options() };
    let store = EmbeddedStore::open(&path, bounded).unwrap();
    for key in ["a", "b", "c", "d"] {
        put(&store, key, 1).await.unwrap();
    }
    let oldest = async || match store.watch("", 1).await.unwrap().next().await {
        Err(Error::Compacted { asked: 1, oldest }) => oldest,
        other => panic!("{other:?}"),
    };
    assert_eq!(oldest().await, 3);
    put(&store, "e", 998).await.unwrap();
    assert_eq!(oldest().await, 6);
    put(&store, "f", 5000).await.unwrap();
    assert_eq!(oldest().await, 7);
    let (_, events) = store.watch("", 7).await.unwrap().next().await.unwrap();
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_long_past_is_given_in_several_batches_of_whole_revisions() {
    const EACH: usize = 120;
    let folder = folder();
    let store = open(&folder.path().join("control.db"));
    for _ in 0..30 {
        let put = |n: usize| Op::Put { key: n.to_string(), value: vec![0; 2000], lease: None };
        store.txn(Txn { guards: vec![], ops: (0..EACH).map(put).collect() }).await.unwrap();
    }
    let mut watch = store.watch("", 2).await.unwrap();
    let (mut seen, mut batches) = (0, 0);
    while seen < 30 * EACH {
        let (revision, events) = watch.next().await.unwrap();
        assert_eq!(events.len() % EACH, 0, "half a revision");
        seen += events.len();
        batches += 1;
        assert_eq!(revision, 1 + (seen / EACH) as i64);
    }
    assert!(batches > 1);
}

#[tokio::test]
async fn a_lease_that_became_due_while_nobody_ran_is_over_before_anything_is_seen() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let options = options();
    let clock = options.clock.clone();
    let store = EmbeddedStore::open(&path, options).unwrap();
    for _ in 0..20 {
        let lease = store.grant(Duration::from_secs(10)).await.unwrap();
        let op = Op::Put { key: "k".into(), value: vec![], lease: Some(lease.id) };
        store.txn(Txn { guards: vec![], ops: vec![op] }).await.unwrap();
        clock.pretend_passed(Duration::from_secs(10));
        assert_eq!(keys(&store).await, Vec::<String>::new());
        assert_eq!(store.keep_alive(lease.id).await, Err(Error::LeaseGone));
    }
}

/// On a real file system: `STEADFAST_SMALL_FS_CONTROL` names an empty folder on one of a few MiB (a tmpfs will do).
#[tokio::test]
async fn a_real_file_system_that_is_full_refuses_and_recovers() {
    let Some(folder) = std::env::var_os("STEADFAST_SMALL_FS_CONTROL").map(std::path::PathBuf::from)
    else {
        return;
    };
    let path = folder.join("control.db");
    let store = open(&path);
    let lease = store.grant(Duration::from_secs(3600)).await.unwrap().id;
    let mut count = 0;
    let error = loop {
        match put(&store, &count.to_string(), 100_000).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::Unavailable(why) if why.contains("free space")), "{error:?}");
    assert!(count > 5, "{count}");
    assert_eq!(keys(&store).await.len(), count);
    // The next write may or may not fit; nothing that was acknowledged is lost either way.
    let renewed = store.keep_alive(lease).await;
    println!("{count} values; a renewal on the full disk: {renewed:?}");
    // Also for who opens it now, although the log could not be copied into the file.
    for _ in 0..2 {
        let other = open(&path);
        assert_eq!(keys(&other).await.len(), count);
    }
    let ops = (0..count).map(|n| Op::Delete { key: n.to_string() }).collect();
    let deleted = store.txn(Txn { guards: vec![], ops }).await;
    println!("deleting everything on the full disk: {deleted:?}");
}

#[tokio::test]
async fn a_file_that_is_whole_only_with_its_log_is_opened() {
    let folder = folder();
    let path = folder.path().join("control.db");
    let store = open(&path);
    for n in 0..10 {
        put(&store, &n.to_string(), 20_000).await.unwrap();
    }
    // As after a checkpoint that wrote the first page and no other: page 1 of the log names more pages than there are.
    let length = fs::metadata(&path).unwrap().len();
    let log = fs::read(folder.path().join("control.db-wal")).unwrap();
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::write(folder.path().join("copy.db-wal"), &log).unwrap();
    let mut frames = log[32..].chunks_exact(24 + 4096);
    let first = frames.rfind(|frame| frame[..4] == [0, 0, 0, 1]).unwrap();
    let mut bytes = fs::read(&copy).unwrap();
    bytes[..4096].copy_from_slice(&first[24..]);
    fs::write(&copy, bytes).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().len(), length);
    assert_eq!(keys(&open(&copy)).await.len(), 10);
}
