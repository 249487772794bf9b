//! The control store against real etcd: the suite of the port, members that die, pause and lose each other, certificates, passwords.
//!
//! Every test has a cluster of its own. Without etcd they fail with a line that says what to install; none is skipped in silence. What is
//! measured is printed (`--no-capture`), and asserted only against bounds that a busy machine keeps.

#![expect(clippy::unwrap_used, reason = "a failed call is a failed test")]
#![expect(clippy::print_stdout, reason = "what was measured is for whoever runs them")]

mod access;
mod answers;
mod conformance;
mod faults;
mod leases;
mod watches;

use control::{ControlStore, Error, Guard, Op, Revision, Txn, TxnOutcome};
use control_etcd::rig::{Cluster, Settings};
use control_etcd::{EtcdOptions, EtcdStore};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a test waits for what must come some time.
const PATIENCE: Duration = Duration::from_secs(30);

async fn cluster(settings: Settings) -> Cluster {
    match Cluster::start(settings).await {
        Ok(cluster) => cluster,
        Err(error) => panic!("{error}"),
    }
}

fn store(options: EtcdOptions) -> EtcdStore {
    EtcdStore::new(options).unwrap()
}

/// A store that has answered.
async fn settled(options: EtcdOptions) -> EtcdStore {
    let store = store(options);
    until_ok(|| store.range("")).await;
    store
}

/// The options of a cluster with this endpoint first.
fn first(cluster: &Cluster, at: usize) -> EtcdOptions {
    let mut options = cluster.options();
    options.endpoints.rotate_left(at);
    options
}

/// The same with the time-outs of the product, for tests of what they do. A busy machine may break these: what is asked is asked until it works.
fn quick(cluster: &Cluster, at: usize) -> EtcdOptions {
    let EtcdOptions { call_timeout, attempt_timeout, .. } = EtcdOptions::default();
    EtcdOptions { call_timeout, attempt_timeout, ..first(cluster, at) }
}

fn put(key: &str, value: &str) -> Op {
    Op::Put { key: key.to_owned(), value: value.into(), lease: None }
}

async fn commit(store: &EtcdStore, op: Op) -> Result<Revision, Error> {
    match store.txn(Txn { guards: vec![], ops: vec![op] }).await? {
        TxnOutcome::Committed(revision) => Ok(revision),
        TxnOutcome::Refused(revision) => panic!("refused without guards at {revision}"),
    }
}

async fn value(store: &EtcdStore, key: &str) -> Result<String, Error> {
    let range = store.range(key).await?;
    let entry = range.entries.into_iter().find(|entry| entry.key == key);
    Ok(entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).unwrap_or_default())
}

/// Tries until it works; how long that took.
async fn until_ok<T, F: Future<Output = Result<T, Error>>>(
    mut f: impl FnMut() -> F,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match f().await {
            Ok(value) => return (value, start.elapsed()),
            Err(Error::Unavailable(why)) => assert!(start.elapsed() < PATIENCE, "{why}"),
            Err(error) => panic!("{error}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_cluster_that_is_dropped_leaves_nothing() {
    let cluster = cluster(Settings::members(3)).await;
    let pids: Vec<_> = (0..3).filter_map(|at| cluster.pid(at)).collect();
    let dir = cluster.dir().to_owned();
    cluster.pause(1).unwrap();
    drop(cluster);
    assert_eq!(pids.len(), 3);
    for pid in pids {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives");
    }
    assert!(!dir.exists());
}

/// Adds one to a number, guarded, and says whether it was certainly done.
async fn increment(store: &EtcdStore, key: &str) -> Result<bool, Error> {
    let range = store.range(key).await?;
    let (guard, next) = match range.entries.first() {
        None => (Guard::Absent(key.to_owned()), 1),
        Some(entry) => {
            let number: u64 = String::from_utf8_lossy(&entry.value).parse().unwrap();
            (Guard::ChangedAt(key.to_owned(), entry.mod_revision), number + 1)
        }
    };
    let ops = vec![put(key, &next.to_string())];
    let outcome = store.txn(Txn { guards: vec![guard], ops }).await?;
    Ok(matches!(outcome, TxnOutcome::Committed(_)))
}
