//! Watches whose member dies, pauses, has no leader, or has forgotten; and the mirror over them.

use crate::{PATIENCE, cluster, commit, first, put, quick, settled, store};
use control::{ControlStore, Error, Mirror, Txn, Watch};
use control_etcd::EtcdStore;
use control_etcd::rig::{Cluster, Settings};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

async fn ended(watch: &mut Box<dyn Watch>) -> Error {
    let end = async {
        loop {
            if let Err(error) = watch.next().await {
                return error;
            }
        }
    };
    timeout(PATIENCE, end).await.unwrap()
}

/// Waits until the mirror has a value.
async fn mirrored(mirror: &mut Mirror, key: &str, value: &str) {
    let wanted = async {
        while mirror.view().entries.get(key).is_none_or(|entry| entry.value != value.as_bytes()) {
            mirror.changed().await;
        }
    };
    timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("{key} is not {value}"));
}

#[tokio::test]
async fn a_watch_ends_when_its_member_dies_and_the_mirror_goes_on() {
    let mut cluster = cluster(Settings::members(3)).await;
    let at = (cluster.leader().await.unwrap() + 1) % 3;
    let client = Arc::new(EtcdStore::connect(first(&cluster, at)).await.unwrap());
    let writer = store(first(&cluster, (at + 1) % 3));
    let mut mirror = Mirror::follow(Arc::<EtcdStore>::clone(&client), "");
    let mut watch = client.watch("", 1).await.unwrap();
    commit(&writer, put("a", "1")).await.unwrap();
    mirrored(&mut mirror, "a", "1").await;
    cluster.kill(at);
    let start = Instant::now();
    assert!(matches!(ended(&mut watch).await, Error::Unavailable(_)));
    let watch_ended = start.elapsed();
    commit(&writer, put("a", "2")).await.unwrap();
    mirrored(&mut mirror, "a", "2").await;
    println!(
        "killed member: watch ended after {watch_ended:?}, mirror current after {:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_watch_ends_when_its_member_is_paused_and_the_mirror_goes_on() {
    let cluster = cluster(Settings::members(3)).await;
    let at = (cluster.leader().await.unwrap() + 1) % 3;
    let client = Arc::new(settled(quick(&cluster, at)).await);
    let writer = store(first(&cluster, (at + 1) % 3));
    let mut mirror = Mirror::follow(Arc::<EtcdStore>::clone(&client), "");
    let mut watch = client.watch("", 1).await.unwrap();
    commit(&writer, put("a", "1")).await.unwrap();
    mirrored(&mut mirror, "a", "1").await;
    cluster.pause(at).unwrap();
    commit(&writer, put("a", "2")).await.unwrap();
    let start = Instant::now();
    assert!(matches!(ended(&mut watch).await, Error::Unavailable(_)));
    println!("paused member: watch ended after {:?}", start.elapsed());
    mirrored(&mut mirror, "a", "2").await;
    println!("paused member: mirror current after {:?}", start.elapsed());
}

#[tokio::test]
async fn a_watch_on_a_member_without_a_leader_ends() {
    let mut cluster = cluster(Settings::members(3)).await;
    let client = EtcdStore::connect(cluster.options_of(0)).await.unwrap();
    let mut watch = client.watch("", 1).await.unwrap();
    cluster.kill(1);
    cluster.kill(2);
    let start = Instant::now();
    assert!(matches!(ended(&mut watch).await, Error::Unavailable(_)));
    println!("member without a leader: watch ended after {:?}", start.elapsed());
}

/// Writes and then forgets what was before, so that whoever slept is behind.
async fn write_and_forget(cluster: &Cluster, client: &EtcdStore, value: &str) {
    for _ in 0..10 {
        commit(client, put("a", "between")).await.unwrap();
    }
    let at = commit(client, put("a", value)).await.unwrap();
    cluster.compact(at).await.unwrap();
}

#[tokio::test]
async fn what_was_forgotten_is_said_so_and_the_mirror_reads_all_again() {
    let mut cluster = cluster(Settings::members(3)).await;
    let at = (cluster.leader().await.unwrap() + 1) % 3;
    let client = Arc::new(EtcdStore::connect(first(&cluster, at)).await.unwrap());
    let writer = store(first(&cluster, (at + 1) % 3));
    let mut mirror = Mirror::follow(Arc::<EtcdStore>::clone(&client), "");
    let from = commit(&writer, put("a", "1")).await.unwrap();
    commit(&writer, put("gone", "1")).await.unwrap();
    mirrored(&mut mirror, "a", "1").await;

    let ops = vec![control::Op::Delete { key: "gone".to_owned() }];
    cluster.pause(at).unwrap();
    writer.txn(Txn { guards: vec![], ops }).await.unwrap();
    write_and_forget(&cluster, &writer, "2").await;
    cluster.kill(at);
    mirrored(&mut mirror, "a", "2").await;
    assert!(!mirror.view().entries.contains_key("gone"), "a deletion was missed");
    assert_eq!(mirror.view().error, None);

    let error = match client.watch("", from).await {
        Err(error) => error,
        Ok(mut watch) => ended(&mut watch).await,
    };
    assert!(
        matches!(error, Error::Compacted { asked, oldest } if asked == from && oldest > from),
        "{error}"
    );
}

#[tokio::test]
async fn a_batch_larger_than_a_message_comes_whole() {
    let cluster = cluster(Settings::members(1)).await;
    let client = EtcdStore::connect(cluster.options()).await.unwrap();
    let start = commit(&client, put("start", "")).await.unwrap();
    let large = "x".repeat(120_000);
    let mut revisions = Vec::new();
    for _ in 0..6 {
        let ops = (0..10).map(|n| put(&format!("k{n}"), &large)).collect();
        let control::TxnOutcome::Committed(at) =
            client.txn(Txn { guards: vec![], ops }).await.unwrap()
        else {
            panic!("refused");
        };
        revisions.push(at);
    }
    let mut watch = client.watch("", start + 1).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 60 {
        let (_, events) = timeout(PATIENCE, watch.next()).await.unwrap().unwrap();
        assert_eq!(events.len() % 10, 0, "a revision was split");
        seen.extend(events.iter().map(control::Event::revision));
    }
    assert!(seen.is_sorted());
    seen.dedup();
    assert_eq!(seen, revisions);
}

#[tokio::test]
async fn a_holder_that_was_busy_does_not_take_its_own_delay_for_silence() {
    let cluster = cluster(Settings::members(1)).await;
    let mut options = cluster.options();
    options.watch_interval = Duration::from_millis(20);
    options.attempt_timeout = Duration::from_millis(500);
    let client = EtcdStore::connect(options).await.unwrap();
    let mut watch = client.watch("", 1).await.unwrap();
    for _ in 0..2 {
        // Asks for a sign of life, and is then not looked at for longer than any silence.
        _ = timeout(Duration::from_millis(25), watch.next()).await;
        tokio::time::sleep(Duration::from_millis(1100)).await;
        watch.next().await.unwrap();
    }
}
