//! Power cuts, kills, failed syncs: what was acknowledged is found again (rows 46 and 47 of the attack list).

use crate::disk::SimDisk;
use im_store::conformance::{Universe, random_batch, same_answers};
use im_store::memory::{MemoryDisk, MemoryStore};
use im_store::{AccountId, Batch, CommitError, ItemKind, Query, Reader, Reply, Store, Write};
use im_store_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Owner of the item that tells how many batches a store holds; no random batch touches it.
const MARKED: AccountId = AccountId(99);

fn options(seed: u64) -> Options {
    Options {
        segment_bytes: 64 << 10,
        // Applied at once, when somebody reads, or when much is pending.
        apply_interval: [Duration::ZERO, Duration::from_secs(3600)][seed as usize % 2],
        unapplied_bytes_max: 1 << 20,
        wal_pages_max: [8, 64][seed as usize / 2 % 2],
        reserve_bytes: 0,
        may_be_shared: true,
        ..Options::default()
    }
}

fn mark(number: u64) -> Write {
    let value = number.to_string().into();
    Write::ItemPut { account: MARKED, kind: ItemKind(1), key: "batches".into(), value }
}

fn batches_in(store: &impl Store) -> u64 {
    let query = Query::Item { account: MARKED, kind: ItemKind(1), key: "batches".into() };
    match store.reader().unwrap().read(&query).unwrap() {
        Reply::Item(value) => {
            value.map_or(0, |text| std::str::from_utf8(&text).unwrap().parse().unwrap())
        }
        other => panic!("an item was asked, not {other:?}"),
    }
}

/// A history, what was acknowledged of it, and the machine it runs on.
struct World {
    dir: TempDir,
    disk: SimDisk,
    model: MemoryStore,
    universe: Universe,
    acknowledged: u64,
    seed: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dir: crate::folder(),
            disk: SimDisk::new(seed),
            model: MemoryStore::open(&MemoryDisk::new()).unwrap(),
            universe: Universe::new(seed),
            acknowledged: 0,
            seed,
        }
    }

    fn open(&self) -> Result<SqliteStore, im_store::OpenError> {
        let disk = Arc::new(self.disk.clone());
        SqliteStore::open_on(self.dir.path(), disk, &options(self.seed))
    }

    /// Commits until the machine goes down; gives the batch that was under way.
    fn live(&mut self) -> Option<(Batch, Universe)> {
        let changes = self.universe.below(150);
        self.disk.crash_in(changes);
        let Ok(mut store) = self.open() else { return None };
        // While it is open, closing the store's own connections does not checkpoint: as if they had vanished.
        let holder = Connection::open(self.dir.path().join("store.db")).unwrap();
        holder.query_row("SELECT count(*) FROM meta", [], |_| Ok(())).unwrap();
        let under_way = loop {
            let before = self.universe.clone();
            let mut batch = random_batch(&mut self.universe);
            batch.writes.push(mark(self.acknowledged + 1));
            match store.commit(&batch) {
                Ok(_) => self.acknowledged(&batch),
                Err(CommitError::Broken(_)) => {
                    let after = std::mem::replace(&mut self.universe, before);
                    break (batch, after);
                }
                Err(error) => panic!("neither committed nor broken: {error}"),
            }
            if self.universe.below(6) == 0 {
                assert_eq!(batches_in(&store), self.acknowledged);
            }
        };
        drop(store);
        self.fall(&holder);
        Some(under_way)
    }

    fn acknowledged(&mut self, batch: &Batch) {
        self.model.commit(batch).unwrap();
        self.acknowledged += 1;
    }

    /// The process dies, or the machine does.
    fn fall(&mut self, _holder: &Connection) {
        let power = self.universe.below(3) > 0;
        self.disk = if power { self.disk.after_power_cut() } else { self.disk.after_kill() };
        let copy = crate::folder();
        for name in ["store.db", "store.db-wal", "epoch"] {
            // Nothing of the write-ahead log is synced between checkpoints: all of it may be gone.
            let lost = power && name == "store.db-wal" && self.universe.below(2) == 0;
            let from = self.dir.path().join(name);
            if !lost && from.exists() {
                std::fs::copy(from, copy.path().join(name)).unwrap();
            }
        }
        self.dir = copy;
    }

    /// Opens again and finds all that was acknowledged, and of the rest at most the batch that was under way.
    fn check(&mut self, under_way: Option<(Batch, Universe)>) {
        let store = self.open().unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        let found = batches_in(&store);
        if let Some((batch, after)) = under_way
            && found == self.acknowledged + 1
        {
            self.acknowledged(&batch);
            self.universe = after;
        }
        assert_eq!(found, self.acknowledged, "seed {}", self.seed);
        same_answers(&self.universe, &store, &self.model);
    }
}

#[test]
fn every_acknowledged_batch_survives_power_cuts_and_kills() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        for _ in 0..4 {
            let under_way = world.live();
            if under_way.is_none() {
                world.disk = world.disk.after_power_cut();
            }
            world.check(under_way);
        }
    }
}

#[test]
fn a_failed_sync_breaks_the_store_and_is_not_tried_again() {
    let mut world = World::new(1);
    let mut store = world.open().unwrap();
    for number in 1..=5 {
        let batch = Batch { writes: vec![mark(number)] };
        store.commit(&batch).unwrap();
        world.acknowledged(&batch);
    }
    world.disk.fail_next_sync();
    let batch = Batch { writes: vec![mark(6)] };
    assert!(matches!(store.commit(&batch), Err(CommitError::Broken(_))));
    let writes = world.disk.writes();
    for _ in 0..3 {
        assert!(matches!(store.commit(&batch), Err(CommitError::Broken(_))));
    }
    assert_eq!(world.disk.writes(), writes);
    drop(store);
    world.disk = world.disk.after_power_cut();
    world.check(None);
}

#[test]
fn a_damaged_record_before_later_ones_is_reported_and_not_skipped() {
    let world = World::new(1);
    let mut store = world.open().unwrap();
    for number in 1..=5 {
        store.commit(&Batch { writes: vec![mark(number)] }).unwrap();
    }
    drop(store);
    // The block of the third record.
    world.disk.damage("1-1.log", 3 * 4096, 100);
    let error = world.open().unwrap_err().to_string();
    assert!(error.contains("record 3 of the log is damaged"), "{error}");
    // Nothing was taken away by the attempt.
    assert!(world.disk.names().contains(&"1-1.log".into()));
    assert!(world.open().is_err());
}

#[test]
fn stale_records_of_a_segment_used_again_are_never_taken_for_new_ones() {
    let mut world = World::new(0);
    let mut store = world.open().unwrap();
    // Enough for each segment to be used several times.
    for number in 1..=200 {
        store.commit(&Batch { writes: vec![mark(number)] }).unwrap();
        if number % 10 == 0 {
            assert_eq!(batches_in(&store), number);
        }
    }
    assert!(world.disk.names().len() <= 8, "{:?}", world.disk.names());
    drop(store);
    world.disk = world.disk.after_power_cut();
    let store = world.open().unwrap();
    assert_eq!(batches_in(&store), 200);
    assert!(files_in(world.dir.path()).contains(&"store.db".into()));
}

fn files_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
