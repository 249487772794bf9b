//! The suite of the port, on a folder.

use im_store::conformance::{Harness, behaves_like_the_memory_store};
use im_store_sqlite::{Options, SqliteStore};
use std::time::Duration;
use tempfile::TempDir;

struct InFolder {
    dir: TempDir,
    options: Options,
}

impl InFolder {
    fn new() -> Self {
        let options = Options {
            segment_bytes: 64 << 10,
            wal_pages_max: 16,
            reserve_bytes: 0,
            may_be_shared: true,
            ..Options::default()
        };
        Self { dir: crate::folder(), options }
    }
}

impl Harness for InFolder {
    type Store = SqliteStore;

    fn open(&mut self) -> SqliteStore {
        SqliteStore::open(self.dir.path(), &self.options).unwrap()
    }
}

im_store::conformance_tests!(InFolder::new());

#[test]
fn random_batches_give_the_memory_store_s_answers() {
    for seed in 0..12 {
        let mut harness = InFolder::new();
        // Applied one by one, in groups of a few, and in one group for each read.
        harness.options.apply_interval =
            [Duration::ZERO, Duration::from_secs(3600)][seed as usize % 2];
        behaves_like_the_memory_store(&mut harness, seed);
    }
}
