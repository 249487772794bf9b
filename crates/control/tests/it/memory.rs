//! The memory store and the suite.

use control::ControlStore;
use control::conformance::Subject;
use control::memory::{MemoryStore, Options};
use std::sync::Arc;
use std::time::Duration;

mod conformance {
    control::conformance_tests!(super::subject);
}

async fn subject(name: &'static str) -> Subject {
    // Nothing here waits for anything real.
    tokio::time::pause();
    let ttl = Duration::from_secs(2);
    let options = Options { ttl_step: Duration::from_secs(1), ..Options::default() };
    let store = MemoryStore::new(options);
    let compacted = store.clone();
    let compact = move |revision| {
        let result = compacted.compact(revision);
        Box::pin(async { result }) as control::BoxFuture<'static, _>
    };
    Subject {
        store: Arc::new(store.clone()),
        other: Arc::new(store),
        prefix: format!("/{name}/"),
        ttl,
        ttl_step: Duration::from_secs(1),
        compact: Some(Box::new(compact)),
    }
}

#[tokio::test]
async fn the_suite_as_one_call_passes_too() {
    let store: Arc<dyn ControlStore> = Arc::new(MemoryStore::default());
    tokio::time::pause();
    control::conformance::suite(|name| {
        let (store, other) = (Arc::clone(&store), Arc::clone(&store));
        let (ttl, ttl_step) = (Duration::from_secs(2), Duration::from_secs(1));
        let prefix = format!("/{name}/");
        async move { Subject { store, other, prefix, ttl, ttl_step, compact: None } }
    })
    .await;
}
