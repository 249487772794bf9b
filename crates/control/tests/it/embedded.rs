//! The embedded store and the suite: two connections to one file, and real time, but only as long as the shortest leases.

use control::conformance::Subject;
use control::embedded::{EmbeddedStore, Options};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

mod conformance {
    control::conformance_tests!(super::subject);
}

/// A folder in memory where there is one: a busy real disk only slows these tests.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

pub(crate) fn options() -> Options {
    Options::of_this_machine().unwrap()
}

pub(crate) fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path, options()).unwrap()
}

async fn subject(name: &'static str) -> Subject {
    let folder = folder();
    let path = folder.path().join("control.db");
    let store = open(&path);
    let other = open(&path);
    let compacted = other.clone();
    let compact = move |revision| {
        // Removed together with this.
        let _folder = &folder;
        let store = compacted.clone();
        Box::pin(async move { store.compact(revision).await }) as control::BoxFuture<'static, _>
    };
    Subject {
        store: Arc::new(store),
        other: Arc::new(other),
        prefix: format!("/{name}/"),
        ttl: Duration::from_millis(300),
        ttl_step: Duration::from_millis(1),
        compact: Some(Box::new(compact)),
    }
}
