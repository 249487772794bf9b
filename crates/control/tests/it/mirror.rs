//! The mirror over a memory store that fails in every way it can.

use control::memory::{MemoryStore, Options};
use control::{
    BoxFuture, ControlStore, Error, Granted, LeaseId, Mirror, MirrorView, Op, Range, Revision, Txn,
    TxnOutcome, Watch,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::timeout;

async fn commit(store: &MemoryStore, ops: Vec<Op>) -> Revision {
    match store.txn(Txn { guards: vec![], ops }).await.unwrap() {
        TxnOutcome::Committed(revision) => revision,
        refused => panic!("{refused:?}"),
    }
}

fn put(key: &str, value: &str) -> Op {
    Op::Put { key: key.into(), value: value.into(), lease: None }
}

fn delete(key: &str) -> Op {
    Op::Delete { key: key.into() }
}

fn mirror(store: &MemoryStore) -> Mirror {
    Mirror::follow(Arc::new(store.clone()), "/c/")
}

fn keys(view: &MirrorView) -> Vec<&str> {
    view.entries.keys().map(String::as_str).collect()
}

fn changed(view: &MirrorView) -> Vec<&str> {
    view.changed.iter().map(String::as_str).collect()
}

/// Awaits the mirror until the view is as wanted.
async fn until(mirror: &mut Mirror, wanted: impl Fn(&MirrorView) -> bool) -> MirrorView {
    let search = async {
        loop {
            let view = mirror.changed().await;
            if wanted(view) {
                return view.clone();
            }
        }
    };
    timeout(Duration::from_secs(3600), search).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_mirror_has_all_there_is_and_then_what_changes() {
    let store = MemoryStore::default();
    let at = commit(&store, vec![put("/c/a", "1"), put("/c/b", "1"), put("/other", "")]).await;
    let mut mirror = mirror(&store);
    assert!(mirror.view().as_of.is_none());
    let view = mirror.changed().await;
    assert_eq!(
        (view.revision, keys(view), changed(view)),
        (at, vec!["/c/a", "/c/b"], vec!["/c/a", "/c/b"])
    );
    assert!(view.as_of.is_some() && view.error.is_none());
    let at = commit(&store, vec![put("/c/c", ""), delete("/c/a"), put("/other", "2")]).await;
    let view = mirror.changed().await;
    assert_eq!(
        (view.revision, keys(view), changed(view)),
        (at, vec!["/c/b", "/c/c"], vec!["/c/a", "/c/c"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_moves_as_of_and_changes_nothing() {
    let store = MemoryStore::default();
    commit(&store, vec![put("/c/a", "1")]).await;
    let mut mirror = mirror(&store);
    let first = mirror.changed().await.clone();
    let second = mirror.changed().await;
    assert!(second.as_of > first.as_of);
    assert_eq!((changed(second), &second.entries), (vec![], &first.entries));
}

#[tokio::test(start_paused = true)]
async fn a_wait_given_up_at_any_point_loses_nothing() {
    let store = MemoryStore::default();
    let mut mirror = mirror(&store);
    for n in 0..200 {
        commit(&store, vec![put("/c/n", &n.to_string())]).await;
        if n % 17 == 0 {
            store.break_watches();
        }
        for _ in 0..n % 5 {
            // Polled once and dropped.
            let _ = timeout(Duration::ZERO, mirror.changed()).await;
        }
    }
    let view = until(&mut mirror, |view| view.error.is_none() && view.revision == 201).await;
    assert_eq!(view.entries["/c/n"].value, b"199");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_and_what_happened_meanwhile_is_made_up_for() {
    let store = MemoryStore::default();
    commit(&store, vec![put("/c/a", "1"), put("/c/b", "1"), put("/c/c", "1")]).await;
    let mut mirror = mirror(&store);
    mirror.changed().await;
    store.set_down(Some("the quorum is lost".into()));
    let view = until(&mut mirror, |view| view.error.is_some()).await;
    assert!(view.error.unwrap().contains("the quorum is lost"));
    assert_eq!(view.entries.len(), 3, "what was known stays known");
    for _ in 0..5 {
        assert!(mirror.changed().await.error.is_some());
    }
    store.with_machine(|machine, now| {
        let ops = vec![put("/c/a", "2"), delete("/c/b"), put("/c/d", "1")];
        machine.txn(now, Txn { guards: vec![], ops }).unwrap();
    });
    store.set_down(None);
    let view = until(&mut mirror, |view| view.error.is_none()).await;
    assert_eq!(keys(&view), ["/c/a", "/c/c", "/c/d"]);
    assert_eq!(changed(&view), ["/c/a", "/c/b", "/c/d"]);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_fell_behind_the_log_reads_all_again() {
    let store = MemoryStore::new(Options { log_events_max: 3, ..Options::default() });
    let mut mirror = mirror(&store);
    mirror.changed().await;
    // Opens the watch, and leaves it there.
    let _ = timeout(Duration::ZERO, mirror.changed()).await;
    for n in 0..20 {
        commit(&store, vec![put(&format!("/c/{n:02}"), "")]).await;
    }
    let view = until(&mut mirror, |view| view.error.is_none() && !view.changed.is_empty()).await;
    assert_eq!((view.entries.len(), view.changed.len(), view.revision), (20, 20, 21));
}

/// A store that can be mute or answer with old revisions, and counts how often everything was read.
struct Odd {
    store: MemoryStore,
    lists: AtomicU32,
    /// Subtracted from the revision of a range.
    behind: AtomicI64,
    /// Watches never answer.
    mute: bool,
}

struct Mute;

impl Watch for Mute {
    fn next(&mut self) -> BoxFuture<'_, Result<(Revision, Vec<control::Event>), Error>> {
        Box::pin(std::future::pending())
    }
}

impl ControlStore for Odd {
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, Error>> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let mut range = self.store.range(prefix).await?;
            range.revision -= self.behind.load(Ordering::Relaxed);
            Ok(range)
        })
    }
    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, Error>> {
        self.store.txn(txn)
    }
    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<Box<dyn Watch>, Error>> {
        if self.mute {
            return Box::pin(async { Ok(Box::new(Mute) as Box<dyn Watch>) });
        }
        self.store.watch(prefix, from)
    }
    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<Granted, Error>> {
        self.store.grant(ttl)
    }
    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<Granted, Error>> {
        self.store.keep_alive(lease)
    }
    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), Error>> {
        self.store.revoke(lease)
    }
    fn describe(&self) -> BoxFuture<'_, String> {
        self.store.describe()
    }
}

fn odd(mute: bool) -> Arc<Odd> {
    let (lists, behind) = (AtomicU32::new(0), AtomicI64::new(0));
    Arc::new(Odd { store: MemoryStore::default(), lists, behind, mute })
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_signs_of_life_is_replaced() {
    let odd = odd(true);
    let mut mirror = Mirror::follow(Arc::clone(&odd) as _, "/c/");
    mirror.changed().await;
    commit(&odd.store, vec![put("/c/a", "")]).await;
    let view = until(&mut mirror, |view| view.error.is_some()).await;
    assert!(view.error.unwrap().contains("nothing was heard"));
    let view = until(&mut mirror, |view| view.error.is_none()).await;
    assert_eq!(keys(&view), ["/c/a"]);
}

#[tokio::test(start_paused = true)]
async fn the_view_never_goes_back_to_an_older_revision() {
    let odd = odd(false);
    commit(&odd.store, vec![put("/c/a", "")]).await;
    let mut mirror = Mirror::follow(Arc::clone(&odd) as _, "/c/");
    // Until the watch is open.
    let at = until(&mut mirror, |view| view.changed.is_empty()).await.revision;
    odd.behind.store(1, Ordering::Relaxed);
    odd.store.break_watches();
    for _ in 0..10 {
        assert_eq!(mirror.changed().await.revision, at);
    }
    let error = mirror.view().error.clone().unwrap();
    assert!(error.contains("revision 1 after 2"), "{error}");
    assert_eq!(mirror.view().went_back, Some((1, at)));
    odd.behind.store(0, Ordering::Relaxed);
    let view = until(&mut mirror, |view| view.error.is_none()).await;
    assert_eq!(view.revision, at);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_not_stormed() {
    let odd = odd(false);
    let mut mirror = Mirror::follow(Arc::clone(&odd) as _, "/c/");
    odd.store.set_down(Some("gone".into()));
    let minute = async {
        loop {
            mirror.changed().await;
        }
    };
    let _ = timeout(Duration::from_secs(60), minute).await;
    let lists = odd.lists.load(Ordering::Relaxed);
    // Pauses of 1 to 2 s, after six shorter ones.
    assert!((30..=68).contains(&lists), "{lists} in a minute");
}
